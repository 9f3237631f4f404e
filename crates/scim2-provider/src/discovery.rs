//! The endpoints by which clients find out what they talk to (RFC 7644 §4).

use http::StatusCode;
use http::request::Parts;
use scim2_core::discovery::service_provider_schemas;
use scim2_core::list::ListResponse;
use scim2_core::schema::Schema;
use scim2_core::{Error, Resource, ResourceType};
use serde_json::json;

use crate::auth::Authenticator;
use crate::base::Base;
use crate::config::Offer;
use crate::provider::ServiceProvider;
use crate::query::parameters;
use crate::respond::{Answer, Failure};
use crate::route::Route;
use crate::store::Store;

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Answers at `/ServiceProviderConfig`, `/Schemas` and `/ResourceTypes`. A filter is
    /// forbidden, all other parameters are ignored (ruling Q17).
    pub(crate) fn discover(&self, parts: &Parts, route: &Route<'_>) -> Result<Answer, Failure> {
        let query = parts.uri.query().unwrap_or_default();
        if parameters(query, &["filter"]).next().is_some() {
            return Err(Error::new(StatusCode::FORBIDDEN)
                .detail("discovery endpoints do not filter")
                .into());
        }
        let base = self.base(parts)?;
        let found = match route {
            Route::ServiceProviderConfig => Some(self.service_document(&base)?),
            Route::Schemas => return Ok(list(self.schemas(&base))),
            Route::ResourceTypes => return Ok(list(self.resource_types(&base))),
            Route::Schema(id) => self
                .schemas(&base)
                .into_iter()
                .find(|schema| schema.id().is_some_and(|known| known.eq_ignore_ascii_case(id))),
            Route::ResourceType(name) => self
                .resource_types(&base)
                .into_iter()
                .find(|ty| ty.get("name").is_some_and(|known| known == name)),
            _ => None,
        };
        match found {
            Some(resource) => {
                let location = resource.get("meta").and_then(|meta| meta.get("location"));
                Ok(Answer::json(StatusCode::OK, &resource)
                    .location(location.and_then(|location| location.as_str())))
            }
            None => Err(Error::not_found("there is no such resource").into()),
        }
    }

    fn service_document(&self, base: &Base) -> Result<Resource, Error> {
        let mut document = Resource::from_typed(&self.service)?;
        if document.get("meta").is_none() {
            let location = format!("{}/ServiceProviderConfig", base.as_str());
            document.insert(
                "meta",
                json!({ "resourceType": "ServiceProviderConfig", "location": location }),
            );
        }
        Ok(document)
    }

    /// The schemas of all resource types, and those of the discovery endpoints themselves
    /// (ruling Q18).
    fn schemas(&self, base: &Base) -> Vec<Resource> {
        let own = match self.config.service_schemas {
            Offer::Yes => service_provider_schemas(),
            Offer::No => &[],
        };
        let schemas = self.catalog.schemas().chain(own);
        schemas.map(|schema| schema.description_resource(base.url())).collect()
    }

    /// The resource types, and those of the discovery endpoints themselves where that is wanted
    /// (ruling Q18).
    fn resource_types(&self, base: &Base) -> Vec<Resource> {
        let own = match self.config.service_resource_types {
            Offer::Yes => service_provider_schemas(),
            Offer::No => &[],
        };
        let own = own.iter().map(|schema| {
            // The URN ends in the name of the type (RFC 7643 §8.7.2).
            let name = schema.id.as_str().rsplit(':').next().unwrap_or_default();
            let endpoint = if name == "ServiceProviderConfig" { name } else { &format!("{name}s") };
            ResourceType::new(name, endpoint, Schema::clone(schema))
        });
        let types = self.catalog.iter().cloned().chain(own);
        types.map(|ty| ty.description_resource(base.url())).collect()
    }
}

fn list(resources: Vec<Resource>) -> Answer {
    Answer::json(StatusCode::OK, &ListResponse::complete(resources))
}
