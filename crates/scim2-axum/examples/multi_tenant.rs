//! Tenants by path, as AWS IAM Identity Center has them: `/{tenant}/scim/v2/Users`.
//!
//! Each tenant has a token of its own. The token decides the tenant; the path must agree. Another
//! tenant's users are not there, whatever is asked for by whichever id, and a tenant that does not
//! exist looks like one whose token is wrong.
//!
//! ```sh
//! cargo run -p scim2-axum --example multi_tenant
//! curl -H 'Authorization: Bearer secret-of-acme' http://127.0.0.1:8080/acme/scim/v2/Users
//! ```

use axum::Router;
use http::request::Parts;
use scim2_core::config::AuthenticationScheme;
use scim2_provider::auth::{AuthError, BearerToken, BearerTokens, Principal};
use scim2_provider::{
    Authenticator, BaseUrl, MemoryStore, MountPath, ProviderConfig, Scope, ServiceProvider,
    TenantId,
};

type AnyError = Box<dyn std::error::Error>;

/// Bearer tokens that are good on their own tenant's path alone.
struct TokensByPath(BearerTokens);

impl Authenticator for TokensByPath {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        let principal = self.0.authenticate(parts).await?;
        let mount = parts.extensions.get::<MountPath>().ok_or(AuthError::Invalid)?;
        match mount.segments().next() {
            Some(tenant) if tenant == principal.scope.tenant.as_str() => Ok(principal),
            _ => Err(AuthError::Invalid),
        }
    }

    fn schemes(&self) -> Vec<AuthenticationScheme> {
        self.0.schemes()
    }
}

/// One service provider and one store for all tenants.
pub(crate) fn app(tenants: &[(&str, &str)]) -> Result<Router, AnyError> {
    let mut tokens = Vec::new();
    for (tenant, secret) in tenants {
        let scope = Scope::tenant(TenantId::new(*tenant)?);
        tokens.push(BearerToken::new(tenant, &(*secret).into(), scope)?);
    }
    let mut config = ProviderConfig::default();
    // `/ServiceProviderConfig` would tell strangers nothing about tenants, but why answer them.
    config.discovery = scim2_provider::Discovery::Authenticated;
    let provider = ServiceProvider::builder(MemoryStore::default())
        // Locations begin with the path at which the request came in.
        .base_url(BaseUrl::Mounted { origin: "http://127.0.0.1:8080".parse()? })
        .authenticator(TokensByPath(BearerTokens::new(tokens)))
        .config(config)
        .build()?;
    Ok(scim2_axum::mount("/{tenant}/scim/v2", provider))
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let app = app(&[("acme", "secret-of-acme"), ("globex", "secret-of-globex")])?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    eprintln!("serving http://127.0.0.1:8080/acme/scim/v2");
    scim2_axum::serve(listener, app, std::future::pending()).await?;
    Ok(())
}
