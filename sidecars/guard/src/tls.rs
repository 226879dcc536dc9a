//! Whom guard's HTTPS connections trust.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Settings of a client: the certificates of a file, or the public web's.
///
/// # Errors
/// If the file cannot be used.
pub(crate) fn config(ca_file: Option<&Path>) -> anyhow::Result<TlsConfig> {
    let roots = match ca_file {
        None => RootCerts::WebPki,
        Some(path) => certificates(path)?
            .iter()
            .map(|der| Certificate::from_der(der.as_ref()).to_owned())
            .collect::<Vec<_>>()
            .into(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build())
}

/// The certificates in a PEM file.
///
/// # Errors
/// If it cannot be read or holds none.
pub(crate) fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .with_context(|| format!("cannot read certificates from {}", path.display()))?;
    anyhow::ensure!(!found.is_empty(), "{} holds no certificate", path.display());
    Ok(found)
}
