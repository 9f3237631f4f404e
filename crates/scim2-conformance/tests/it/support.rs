//! Endpoints to be checked.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use scim2_client::{InProcess, Transport};
use scim2_conformance::{Group, Options, Report, run};
use scim2_core::rules::{EndpointRules, NoRules};
use scim2_core::{Catalog, Policy};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::{ProviderConfig, RootSearch, Scope, ServiceProvider, Store, TenantId};
use url::Url;

pub(crate) const TOKEN: &str = "t0ken";
pub(crate) const BASE: &str = "http://localhost";

/// Whose dialect an endpoint takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Dialect {
    Strict,
    Entra,
    Okta,
}

impl Dialect {
    pub(crate) const ALL: [Self; 3] = [Self::Strict, Self::Entra, Self::Okta];

    fn policy(self) -> Policy {
        match self {
            Self::Strict => Policy::strict(),
            Self::Entra => scim2_vendor::entra::policy(),
            Self::Okta => scim2_vendor::okta::policy(),
        }
    }

    fn catalog(self) -> Catalog {
        match self {
            Self::Entra => scim2_vendor::entra::catalog(),
            Self::Strict | Self::Okta => Catalog::standard(),
        }
    }

    fn rules(self) -> Arc<dyn EndpointRules> {
        match self {
            Self::Entra => Arc::new(scim2_vendor::entra::Rules),
            Self::Strict | Self::Okta => Arc::new(NoRules),
        }
    }

    /// The groups of checks that an endpoint with this dialect passes.
    pub(crate) fn groups(self) -> Vec<Group> {
        match self {
            Self::Strict | Self::Okta => vec![Group::Rfc, Group::Okta],
            Self::Entra => Group::ALL.to_vec(),
        }
    }
}

pub(crate) type Provider<S> = ServiceProvider<S, BearerTokens>;

pub(crate) fn provider<S: Store>(store: S, dialect: Dialect, base: &Url) -> Provider<S> {
    provider_of(dialect.catalog(), store, dialect, base)
}

/// An endpoint of these types.
pub(crate) fn provider_of<S: Store>(
    catalog: Catalog,
    store: S,
    dialect: Dialect,
    base: &Url,
) -> Provider<S> {
    let scope = Scope::tenant(TenantId::new("acme").unwrap());
    let token = BearerToken::new("suite", &TOKEN.into(), scope).unwrap();
    let mut config = ProviderConfig::default();
    config.root_search = Some(RootSearch::default());
    ServiceProvider::builder(store)
        .config(config)
        .catalog(catalog)
        .base_url(base.clone())
        .authenticator(BearerTokens::new([token]))
        .policy(dialect.policy())
        .rules(dialect.rules())
        .build()
        .unwrap()
}

/// A transport that calls a provider in this process.
pub(crate) fn in_process<S: Store>(provider: Provider<S>) -> impl Transport {
    let provider = Arc::new(provider);
    InProcess::new(move |request: Request<Bytes>| {
        let provider = provider.clone();
        async move { provider.handle(request).await }
    })
}

/// The same, with something done to each request, and to the answer to it.
pub(crate) fn altered<S: Store>(
    provider: Provider<S>,
    before: fn(Request<Bytes>) -> Request<Bytes>,
    after: fn(&Request<Bytes>, Response<Bytes>) -> Response<Bytes>,
) -> impl Transport {
    let provider = Arc::new(provider);
    InProcess::new(move |request: Request<Bytes>| {
        let provider = provider.clone();
        async move {
            let response = provider.handle(before(request.clone())).await;
            after(&request, response)
        }
    })
}

pub(crate) fn options(base: &Url, dialect: Dialect) -> Options {
    Options::new(base.clone()).bearer(TOKEN.into()).groups(dialect.groups())
}

pub(crate) fn base() -> Url {
    Url::parse(BASE).unwrap()
}

pub(crate) async fn check_in_process<S: Store>(store: S, dialect: Dialect) -> Report {
    let base = base();
    run(&in_process(provider(store, dialect, &base)), &options(&base, dialect)).await
}
