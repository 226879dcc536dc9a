//! The venue's own certificate authority, made at every start.
//!
//! Clients are given the authority's PEM and check the whole chain, as they do on production; there
//! is no switch to turn verification off. The authority's key lives only in this process. On
//! request the venue shows a certificate no client may accept.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// Who signs: subject and key of an authority.
type Issuer = CertifiedIssuer<'static, KeyPair>;

/// What the TLS listener needs and what clients are given.
pub(crate) struct Authority {
    /// The authority's certificate, for clients.
    pub(crate) ca_pem: String,
    /// Server configuration with a certificate for 127.0.0.1 and localhost.
    pub(crate) server: Arc<rustls::ServerConfig>,
    issuer: Issuer,
}

impl Authority {
    /// Makes an authority and a server certificate signed by it.
    pub(crate) fn make() -> anyhow::Result<Self> {
        let issuer = issuer("Shrike local venue authority")?;
        let server = server(local()?, &issuer)?;
        Ok(Self { ca_pem: issuer.pem(), server, issuer })
    }

    /// Server configuration with a certificate that is `expired`, of a `wrong_host`, or of an
    /// `unknown_authority` (also when nothing is named).
    pub(crate) fn flawed(&self, flaw: Option<&str>) -> anyhow::Result<Arc<rustls::ServerConfig>> {
        match flaw {
            Some("expired") => {
                let mut params = local()?;
                params.not_before = date_time_ymd(2020, 1, 1);
                params.not_after = date_time_ymd(2020, 2, 1);
                server(params, &self.issuer)
            }
            Some("wrong_host") => {
                let params = CertificateParams::new(vec!["example.com".to_owned()])?;
                server(named(params, "example.com"), &self.issuer)
            }
            _ => server(local()?, &issuer("Somebody else")?),
        }
    }
}

fn issuer(name: &str) -> anyhow::Result<Issuer> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
        .context("cannot make the certificate authority")
}

/// A certificate for this machine; its subject differs from its issuer's, or OpenSSL takes it for
/// self-signed.
fn local() -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    Ok(named(params, "localhost"))
}

fn named(mut params: CertificateParams, name: &str) -> CertificateParams {
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn server(params: CertificateParams, issuer: &Issuer) -> anyhow::Result<Arc<rustls::ServerConfig>> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer).context("cannot sign a certificate")?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )?;
    Ok(Arc::new(server))
}
