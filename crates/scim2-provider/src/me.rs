//! `/Me`: the resource that the client itself is (RFC 7644 §3.11, ruling H06).

use std::future::Future;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, StatusCode};
use scim2_core::Error;

use crate::auth::{Authenticator, Principal};
use crate::config::Me;
use crate::provider::{Exchange, ServiceProvider};
use crate::respond::{Answer, Failure};
use crate::route::Route;
use crate::store::Store;

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Any method at `/Me`.
    pub(crate) async fn me<F, Fut>(
        &self,
        cx: &Exchange<'_>,
        parts: &Parts,
        body: F,
    ) -> Result<Answer, Failure>
    where
        F: FnOnce() -> Fut + Send,
        Fut: Future<Output = Result<Bytes, Error>> + Send,
    {
        if self.config.me == Me::Off {
            return Err(self.not_offered("`/Me` is not offered"));
        }
        let route = self.behind_me(cx.principal, &parts.method)?;
        let location = match &route {
            Route::Resource(ty, id) => Some(cx.base.location(ty.endpoint(), id.as_str())),
            _ => None,
        };
        if self.config.me == Me::Direct {
            let answer = self.operate(cx, &route, &parts.method, body).await?;
            return Ok(answer.or_location(location.as_deref()));
        }
        let endpoint = route.resource_type().map_or("", |ty| ty.endpoint());
        let mut location = location.unwrap_or_else(|| format!("{}{endpoint}", cx.base.as_str()));
        if !cx.query.is_empty() {
            location.push('?');
            location.push_str(cx.query);
        }
        Ok(Answer::empty(StatusCode::PERMANENT_REDIRECT).location(Some(&location)))
    }

    /// What the client means by `/Me`: a resource, or for POST the endpoint that makes one.
    fn behind_me(&self, principal: &Principal, method: &Method) -> Result<Route<'_>, Failure> {
        let type_of = |name: &str| {
            self.catalog.by_name(name).ok_or_else(|| Error::not_found("the client is no resource"))
        };
        match (&principal.subject, *method == Method::POST) {
            (Some(subject), false) => {
                Ok(Route::Resource(type_of(&subject.resource_type)?, subject.id.clone()))
            }
            (None, false) => Err(Error::not_found("the client is no resource").into()),
            (Some(_), true) => Err(Error::new(StatusCode::CONFLICT)
                .detail("the client is a resource already")
                .into()),
            (None, true) => match self.authenticator.self_registration(principal) {
                Some(name) => Ok(Route::Endpoint(type_of(name)?)),
                None => Err(self.not_offered("POST to `/Me` is not offered")),
            },
        }
    }
}
