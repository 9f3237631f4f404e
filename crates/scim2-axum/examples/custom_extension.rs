//! An extension of users and a resource type of one's own, each declared once: the declaration is
//! the schema that clients discover, the check of what they send, and the Rust type that the
//! application works with.
//!
//! ```sh
//! cargo run -p scim2-axum --example custom_extension
//! curl -H 'Authorization: Bearer s3cret' http://127.0.0.1:8080/scim/v2/Schemas
//! ```

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use scim2_axum::{Scim, ScimError};
use scim2_core::schema::Uniqueness;
use scim2_core::syntax::Filter;
use scim2_core::{Catalog, Error, Policy, ResourceType, TypedResource, User};
use scim2_provider::auth::{BearerToken, BearerTokens};
use scim2_provider::store::{Page, Query};
use scim2_provider::{MemoryStore, Scope, ServiceProvider, Store, TenantId};

type AnyError = Box<dyn std::error::Error>;
type Provider = ServiceProvider<MemoryStore, BearerTokens>;

scim2_core::extension! {
    /// The badge that a user opens doors with.
    #[derive(PartialEq)]
    pub struct Badge = "urn:example:params:scim:schemas:extension:badge:2.0:User" {
        /// The number printed on it.
        pub number: Option<String> = "number" { required, case_exact, uniqueness(Uniqueness::Server) },
        /// The doors that it opens.
        pub doors: Vec<DoorRef> = "doors",
    }

    /// A door that a badge opens.
    #[derive(PartialEq)]
    pub struct DoorRef {
        /// Its label.
        pub value: Option<String> = "value",
        /// Whether it opens at night as well.
        pub night: Option<bool> = "night",
    }

    /// A door of the building.
    #[derive(PartialEq)]
    pub struct Door = "urn:example:params:scim:schemas:core:2.0:Door" {
        /// What is written on it.
        pub label: Option<String> = "label" { required, uniqueness(Uniqueness::Server) },
        /// The floor that it is on.
        pub floor: Option<i64> = "floor",
    }
}

impl TypedResource for Door {
    const RESOURCE_TYPE: &'static str = "Door";
    const SCHEMA: &'static str = Self::SCHEMA;
    const ENDPOINT: &'static str = "/Doors";
}

/// Users with badges, and doors.
fn catalog() -> Result<Catalog, AnyError> {
    let mut catalog = Catalog::default();
    catalog.register(ResourceType::user().with_extension(Badge::schema()))?;
    catalog.register(ResourceType::of::<Door>(Door::schema()))?;
    Ok(catalog)
}

/// The application's own question, asked of the same store: who has this badge?
async fn badge_holder(
    State(provider): State<Arc<Provider>>,
    Path(number): Path<String>,
) -> Result<Scim<Badge>, ScimError> {
    let users = provider.catalog().by_name("User").ok_or_else(Error::internal)?;
    let path = "urn:example:params:scim:schemas:extension:badge:2.0:User:number";
    let filter = Filter::eq(path, number.as_str());
    let filter = users.bind(&filter, &Policy::strict())?;
    let query = Query::page(Page::first(1)).with_filter(filter);
    let scope = scope().map_err(|_| Error::internal())?;
    let found = provider.store().query(&scope, users, &query).await;
    let found = found.map_err(|_| Error::internal())?.resources;
    let user = found.first().ok_or_else(|| Error::not_found("nobody has this badge"))?;
    let badge = user.resource.to_typed::<User>()?.extension::<Badge>(Badge::SCHEMA)?;
    Ok(Scim(badge.unwrap_or_default()))
}

fn scope() -> Result<Scope, AnyError> {
    Ok(Scope::tenant(TenantId::new("acme")?))
}

pub(crate) fn app() -> Result<Router, AnyError> {
    let token = BearerToken::new("entra", &"s3cret".into(), scope()?)?;
    let provider: Arc<Provider> = Arc::new(
        ServiceProvider::builder(MemoryStore::default())
            .catalog(catalog()?)
            .base_url("http://127.0.0.1:8080/scim/v2".parse::<url::Url>()?)
            .authenticator(BearerTokens::new([token]))
            .build()?,
    );
    Ok(Router::new()
        .route("/badges/{number}", get(badge_holder))
        .with_state(Arc::clone(&provider))
        .merge(scim2_axum::mount("/scim/v2", provider)))
}

#[tokio::main]
async fn main() -> Result<(), AnyError> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    eprintln!("serving http://127.0.0.1:8080/scim/v2");
    scim2_axum::serve(listener, app()?, std::future::pending()).await?;
    Ok(())
}
