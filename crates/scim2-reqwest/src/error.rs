//! Why there is no answer.

use std::error::Error;

use scim2_client::Delivery;

use crate::resolve::ForbiddenAddress;

/// Why there is no usable answer. No message holds a URL: its query may hold data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// No connection came about.
    #[error("no connection to the service provider")]
    Connect(#[source] reqwest::Error),
    /// The service provider's certificate does not check.
    #[error("the certificate of the service provider is not valid")]
    Certificate(#[source] reqwest::Error),
    /// The host stands for addresses that are not allowed.
    #[error("the host has no address that is allowed")]
    Address(#[source] ForbiddenAddress),
    /// The request cannot be written as HTTP.
    #[error("the request cannot be sent")]
    Request(#[source] reqwest::Error),
    /// A deadline passed after the request was, or may have been, sent.
    #[error("no answer within the time allowed")]
    Timeout(#[source] reqwest::Error),
    /// The connection broke after the request was, or may have been, sent.
    #[error("the connection was lost")]
    Interrupted(#[source] reqwest::Error),
    /// The answer is larger than allowed.
    #[error("the answer has more than {limit} bytes")]
    TooLarge {
        /// How many bytes are allowed.
        limit: usize,
    },
}

impl TransportError {
    pub(crate) fn from_reqwest(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(forbidden) = cause::<ForbiddenAddress>(&error) {
            return Self::Address(forbidden.clone());
        }
        if error.is_builder() {
            return Self::Request(error);
        }
        if error.is_connect() {
            let certificate = cause::<rustls::Error>(&error)
                .is_some_and(|tls| matches!(tls, rustls::Error::InvalidCertificate(_)));
            return if certificate { Self::Certificate(error) } else { Self::Connect(error) };
        }
        if error.is_timeout() { Self::Timeout(error) } else { Self::Interrupted(error) }
    }

    /// What became of the request.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match self {
            Self::Connect(_) => Delivery::Unsent,
            Self::Certificate(_) | Self::Address(_) | Self::Request(_) => Delivery::Refused,
            Self::Timeout(_) | Self::Interrupted(_) => Delivery::Lost,
            Self::TooLarge { .. } => Delivery::Unusable,
        }
    }
}

/// Why a transport could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A root certificate is none, or cannot be one.
    #[error("the root certificate cannot be used")]
    Root(#[source] Box<dyn Error + Send + Sync>),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn Error + Send + Sync>),
    /// reqwest could not be set up.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

/// The error of this type among an error's causes. `std::io::Error` hides what it wraps from
/// `source`, so it is looked into.
fn cause<'e, E: Error + 'static>(error: &'e (dyn Error + 'static)) -> Option<&'e E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        let wrapped = error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .map(|inner| -> &(dyn Error + 'static) { inner });
        next = wrapped.or_else(|| error.source());
    }
    None
}
