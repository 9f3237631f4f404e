//! TLS to the database.

use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::ConnectError;

/// The certificates in a PEM text, of which there is at least one.
pub(super) fn read_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match read {
        Ok(certificates) if certificates.is_empty() => {
            Err(ConnectError::Root("there is no certificate in the text".into()))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(ConnectError::Root(error.into())),
    }
}

/// How to speak TLS to this database, and nothing else, if that is asked for: by
/// `sslmode=require`, or by roots that were added.
pub(super) fn asked_for(
    config: &Config,
    added: &[CertificateDer<'static>],
) -> Result<Option<(Config, MakeRustlsConnect)>, ConnectError> {
    match config.get_ssl_mode() {
        SslMode::Disable => return Ok(None),
        SslMode::Prefer if added.is_empty() => return Ok(None),
        _ => {}
    }
    let mut config = config.clone();
    config.ssl_mode(SslMode::Require);
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    for certificate in added {
        roots.add(certificate.clone()).map_err(|error| ConnectError::Root(error.into()))?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Database(Box::new(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Some((config, MakeRustlsConnect::new(tls))))
}
