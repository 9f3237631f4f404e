//! The transport.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::redirect;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use scim2_client::{Addresses, Delivery, Timer, Transport};

use crate::error::{BuildError, TransportError};
use crate::resolve::{Checked, ForbiddenAddress};

/// A [`Transport`] over reqwest, and a [`Timer`] over tokio.
///
/// It keeps a pool of connections; cloning shares it.
#[derive(Clone)]
pub struct ReqwestTransport {
    /// Through the proxy, where there is one.
    outside: reqwest::Client,
    /// For requests to this machine, which no proxy can reach.
    inside: reqwest::Client,
    addresses: Addresses,
    max_response: usize,
}

impl ReqwestTransport {
    /// A transport with the defaults of [`builder`](Self::builder).
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// Sets up a transport.
    #[must_use]
    pub fn builder() -> ReqwestTransportBuilder {
        ReqwestTransportBuilder::default()
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let literal = host.parse::<IpAddr>().ok();
        // Names are checked when they are resolved; addresses are not resolved.
        if literal.is_some_and(|address| !self.addresses.permits_literal(address)) {
            return Err(TransportError::Address(ForbiddenAddress { host }));
        }
        let inside = match literal {
            Some(address) => address.to_canonical().is_loopback(),
            None => Addresses::is_localhost(&host),
        };
        let client = if inside { &self.inside } else { &self.outside };
        let request = reqwest::Request::try_from(request).map_err(TransportError::from_reqwest)?;
        let response = client.execute(request).await.map_err(TransportError::from_reqwest)?;
        self.collect(response).await
    }

    /// Takes the body in as long as it is not too large.
    async fn collect(
        &self,
        mut response: reqwest::Response,
    ) -> Result<Response<Bytes>, TransportError> {
        let limit = self.max_response;
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |length| length > limit) {
            return Err(TransportError::TooLarge { limit });
        }
        let mut answer = Response::new(Bytes::new());
        *answer.status_mut() = response.status();
        *answer.version_mut() = response.version();
        *answer.headers_mut() = response.headers().clone();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(TransportError::from_reqwest)? {
            if chunk.len() > limit.saturating_sub(body.len()) {
                return Err(TransportError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        *answer.body_mut() = body.freeze();
        Ok(answer)
    }
}

impl Transport for ReqwestTransport {
    type Error = TransportError;

    fn send(
        &self,
        request: Request<Bytes>,
    ) -> impl Future<Output = Result<Response<Bytes>, TransportError>> + Send {
        self.exchange(request)
    }

    fn delivery(&self, error: &TransportError) -> Delivery {
        error.delivery()
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self)
    }
}

impl Timer for ReqwestTransport {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(duration))
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport")
            .field("addresses", &self.addresses)
            .field("max_response", &self.max_response)
            .finish_non_exhaustive()
    }
}

/// Whose word is taken for a service provider's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// The certification authorities of Mozilla's list, and the roots that were added.
    #[default]
    Mozilla,
    /// Only the roots that were added.
    Added,
}

/// Whether requests to other machines go through a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// Through the one that the environment names (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
    /// less `NO_PROXY`). Names are then resolved by the proxy, which
    /// [`addresses`](ReqwestTransportBuilder::addresses) cannot check.
    #[default]
    Environment,
    /// Never.
    None,
}

/// Sets up a [`ReqwestTransport`].
#[derive(Clone, Debug)]
pub struct ReqwestTransportBuilder {
    connect_timeout: Duration,
    read_timeout: Duration,
    timeout: Duration,
    max_response: usize,
    addresses: Addresses,
    proxy: Proxy,
    roots: Roots,
    added: Vec<CertificateDer<'static>>,
}

impl ReqwestTransportBuilder {
    /// How long connecting may take, unless the builder says otherwise.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
    /// How long nothing may arrive, unless the builder says otherwise.
    pub const READ_TIMEOUT: Duration = Duration::from_secs(30);
    /// How long a request and its answer may take, unless the builder says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(60);
    /// How many bytes an answer may have, unless the builder says otherwise: 10 MiB.
    pub const MAX_RESPONSE: usize = 10 * 1024 * 1024;

    /// How long connecting may take, TLS included.
    #[must_use]
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: timeout, ..self }
    }

    /// How long nothing may arrive.
    #[must_use]
    pub fn read_timeout(self, timeout: Duration) -> Self {
        Self { read_timeout: timeout, ..self }
    }

    /// How long a request and its answer may take, from connecting to the last byte.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// How many bytes the body of an answer may have.
    #[must_use]
    pub fn max_response(self, bytes: usize) -> Self {
        Self { max_response: bytes, ..self }
    }

    /// Which addresses may be connected to.
    #[must_use]
    pub fn addresses(self, addresses: Addresses) -> Self {
        Self { addresses, ..self }
    }

    /// Whether requests to other machines go through a proxy.
    #[must_use]
    pub fn proxy(self, proxy: Proxy) -> Self {
        Self { proxy, ..self }
    }

    /// Whose word is taken for a certificate.
    #[must_use]
    pub fn roots(self, roots: Roots) -> Self {
        Self { roots, ..self }
    }

    /// Adds the certificates of a PEM text to the roots: those of a company's own authority.
    ///
    /// # Errors
    /// [`BuildError::Root`] when the text holds no certificate, or one that is broken.
    pub fn add_root_pem(mut self, pem: &[u8]) -> Result<Self, BuildError> {
        let before = self.added.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            self.added.push(certificate.map_err(|error| BuildError::Root(error.into()))?);
        }
        if self.added.len() == before {
            return Err(BuildError::Root("there is no certificate in the text".into()));
        }
        Ok(self)
    }

    /// The transport.
    ///
    /// # Errors
    /// When a root certificate cannot be one, or TLS cannot be set up.
    pub fn build(self) -> Result<ReqwestTransport, BuildError> {
        let tls = self.tls()?;
        let inside = self.client(tls.clone()).no_proxy().build().map_err(BuildError::Http)?;
        let outside = self.client(tls);
        let outside = match self.proxy {
            Proxy::Environment => outside,
            Proxy::None => outside.no_proxy(),
        };
        Ok(ReqwestTransport {
            outside: outside.build().map_err(BuildError::Http)?,
            inside,
            addresses: self.addresses,
            max_response: self.max_response,
        })
    }

    fn client(&self, tls: ClientConfig) -> reqwest::ClientBuilder {
        reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            // Another crate of the same build may have turned these on.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .dns_resolver(Checked(self.addresses))
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .timeout(self.timeout)
    }

    fn tls(&self) -> Result<ClientConfig, BuildError> {
        let mut roots = RootCertStore::empty();
        if self.roots == Roots::Mozilla {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for certificate in &self.added {
            roots.add(certificate.clone()).map_err(|error| BuildError::Root(error.into()))?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| BuildError::Tls(error.into()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(config)
    }
}

impl Default for ReqwestTransportBuilder {
    fn default() -> Self {
        Self {
            connect_timeout: Self::CONNECT_TIMEOUT,
            read_timeout: Self::READ_TIMEOUT,
            timeout: Self::TIMEOUT,
            max_response: Self::MAX_RESPONSE,
            addresses: Addresses::default(),
            proxy: Proxy::default(),
            roots: Roots::default(),
            added: Vec::new(),
        }
    }
}
