//! How a connection is kept from being read or answered by others.
//!
//! The modes are those of other clients of PostgreSQL. `prefer`, which holds unless another is named, and `require`
//! encrypt without asking who answers, because most servers inside of a house have certificates that nobody signed;
//! with `sslrootcert` both do ask. `verify-ca` and `verify-full` always ask, and both hold the name against the
//! certificate.

use std::path::Path;
use std::sync::Arc;

use ::postgres::config::SslMode;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::store::{ErrorKind, StoreError};

/// What the mode of an address asks for.
pub(super) fn chosen(
    name: &str,
    mode: Option<&str>,
    root: Option<&Path>,
) -> Result<(SslMode, Option<MakeRustlsConnect>), StoreError> {
    let (ssl, asks) = match mode.unwrap_or("prefer") {
        "disable" => return Ok((SslMode::Disable, None)),
        "prefer" => (SslMode::Prefer, false),
        "require" => (SslMode::Require, false),
        "verify-ca" | "verify-full" => (SslMode::Require, true),
        other => {
            return Err(StoreError::new(
                ErrorKind::Missing,
                format!("there is no sslmode `{other}`"),
                "the modes are disable, prefer, require, verify-ca and verify-full",
            ));
        }
    };
    let provider = Arc::new(ring::default_provider());
    let unusable = |why: String| {
        StoreError::new(
            ErrorKind::Denied,
            format!("the connection to `{name}` cannot be encrypted: {why}"),
            "look at `sslmode` and `sslrootcert` in its address",
        )
    };
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    let config = if asks || root.is_some() {
        let mut roots = RootCertStore::empty();
        match root {
            Some(file) => {
                let shown = file.display();
                let all = CertificateDer::pem_file_iter(file).map_err(|error| unusable(format!("{shown}: {error}")))?;
                for certificate in all {
                    let certificate = certificate.map_err(|error| unusable(format!("{shown}: {error}")))?;
                    roots.add(certificate).map_err(|error| unusable(format!("{shown}: {error}")))?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(unusable("no certificate is known that could vouch for the server".to_owned()));
        }
        builder.with_root_certificates(roots).with_no_client_auth()
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider))).with_no_client_auth()
    };
    Ok((ssl, Some(MakeRustlsConnect::new(config))))
}

/// Takes every certificate, as `prefer` and `require` say: against those who listen, not against those who pretend.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
