//! TLS client settings: the `ring` provider, the public web's roots or one file of them.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Certificates of a PEM file.
///
/// # Errors
/// If the file cannot be read or holds none.
pub fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_file_iter(path)
        .with_context(|| format!("cannot read certificates of {}", path.display()))?
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{} is not a PEM file of certificates", path.display()))?;
    anyhow::ensure!(!certificates.is_empty(), "{} holds no certificate", path.display());
    Ok(certificates)
}

/// Settings of every connection of this process.
///
/// `ca_file` replaces the web's roots: a venue of one's own is trusted, and nothing else.
///
/// # Errors
/// If the file holds no usable certificate.
pub fn client_config(ca_file: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).with_context(|| {
                    format!("{} holds a certificate that is no authority", path.display())
                })?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("the TLS provider has no protocol version")?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // Session tickets arrive after the handshake, on the hot thread, and storing them allocates.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}
