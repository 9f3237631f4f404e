//! What is counted and measured, through the `metrics` facade. Without the feature `metrics` all
//! of this is nothing.
//!
//! The values of labels come from closed sets: methods, the routes and resource types of the
//! catalog, statuses, verbs, reasons. No id, no name of a client, tenant or person, no filter.

use http::{Method, StatusCode};

use crate::auth::AuthError;
use crate::route::Route;

/// A request that is being answered: counted from when it comes until this is dropped.
pub(crate) struct Meter {
    #[cfg(feature = "metrics")]
    begin: std::time::Instant,
}

/// A call of the store.
pub(crate) struct StoreCall {
    #[cfg(feature = "metrics")]
    begin: std::time::Instant,
    #[cfg(feature = "metrics")]
    operation: &'static str,
}

#[cfg(not(feature = "metrics"))]
impl StoreCall {
    pub(crate) fn begin(_: &'static str) -> Self {
        Self {}
    }

    pub(crate) fn end(self) {}
}

#[cfg(not(feature = "metrics"))]
impl Meter {
    pub(crate) fn begin() -> Self {
        Self {}
    }

    pub(crate) fn end(self, _: &Method, _: &Route<'_>, _: StatusCode) {}
}

#[cfg(not(feature = "metrics"))]
pub(crate) fn body(_: &Method, _: &Route<'_>, _: usize) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn operation(_: &Method, _: &Route<'_>, _: StatusCode) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn bulk_operations(_: u32) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn auth_failure(_: &AuthError) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn store_retries(_: u32) {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn guard_tripped() {}

#[cfg(not(feature = "metrics"))]
pub(crate) fn filter_pushed_down(_: &'static str) {}

#[cfg(feature = "metrics")]
pub(crate) use self::on::{
    auth_failure, body, bulk_operations, filter_pushed_down, guard_tripped, operation,
    store_retries,
};

#[cfg(feature = "metrics")]
mod on {
    use std::time::Instant;

    use metrics::{SharedString, counter, gauge, histogram};

    use super::{AuthError, Meter, Method, Route, StatusCode, StoreCall};

    const ACTIVE: &str = "http.server.active_requests";
    const DURATION: &str = "http.server.request.duration";
    const BODY_SIZE: &str = "http.server.request.body.size";
    const STORE_DURATION: &str = "db.client.operation.duration";
    const OPERATIONS: &str = "scim.server.operations";
    const BULK_OPERATIONS: &str = "scim.bulk.operations";
    const AUTH_FAILURES: &str = "scim.auth.failures";
    const RETRIES: &str = "scim.store.retries";
    const GUARD: &str = "scim.guard.tripped";
    const PUSHDOWN: &str = "scim.filter.pushdown";

    impl StoreCall {
        pub(crate) fn begin(operation: &'static str) -> Self {
            Self { begin: Instant::now(), operation }
        }

        pub(crate) fn end(self) {
            histogram!(STORE_DURATION, "db.operation.name" => self.operation)
                .record(self.begin.elapsed());
        }
    }

    impl Meter {
        pub(crate) fn begin() -> Self {
            gauge!(ACTIVE).increment(1);
            Self { begin: Instant::now() }
        }

        pub(crate) fn end(self, method: &Method, route: &Route<'_>, status: StatusCode) {
            histogram!(
                DURATION,
                "http.request.method" => name(method),
                "http.route" => SharedString::from(route.template()),
                "http.response.status_code" => status.as_str().to_owned(),
            )
            .record(self.begin.elapsed());
            operation(method, route, status);
        }
    }

    impl Drop for Meter {
        fn drop(&mut self) {
            gauge!(ACTIVE).decrement(1);
        }
    }

    /// An operation on resources: a request, or an entry of a bulk request.
    pub(crate) fn operation(method: &Method, route: &Route<'_>, status: StatusCode) {
        let Some((ty, verb)) = route.operation(method) else { return };
        let result = match status {
            status if status.is_server_error() => "failed",
            status if status.is_client_error() => "refused",
            _ => "ok",
        };
        counter!(
            OPERATIONS,
            "operation" => verb.as_str(),
            "resource_type" => ty.name().to_owned(),
            "result" => result,
        )
        .increment(1);
    }

    pub(crate) fn body(method: &Method, route: &Route<'_>, bytes: usize) {
        // Bodies have a limit far below what a double counts exactly.
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        histogram!(
            BODY_SIZE,
            "http.request.method" => name(method),
            "http.route" => SharedString::from(route.template()),
        )
        .record(bytes);
    }

    pub(crate) fn auth_failure(error: &AuthError) {
        let reason = match error {
            AuthError::Missing => "missing",
            AuthError::Invalid => "invalid",
            AuthError::Unavailable => "unavailable",
            AuthError::TooManyAttempts { .. } => "too_many_attempts",
        };
        counter!(AUTH_FAILURES, "reason" => reason).increment(1);
    }

    /// A write that was computed so many times.
    pub(crate) fn store_retries(attempts: u32) {
        if attempts > 1 {
            counter!(RETRIES, "reason" => "lost_race").increment(u64::from(attempts - 1));
        }
    }

    pub(crate) fn guard_tripped() {
        counter!(GUARD).increment(1);
    }

    /// A filter that was handed over, and what became of it.
    pub(crate) fn filter_pushed_down(by: &'static str) {
        counter!(PUSHDOWN, "by" => by).increment(1);
    }

    pub(crate) fn bulk_operations(number: u32) {
        counter!(BULK_OPERATIONS).increment(number.into());
    }

    /// Methods are for clients to invent; the ones that are known have names.
    fn name(method: &Method) -> &'static str {
        match *method {
            Method::GET => "GET",
            Method::HEAD => "HEAD",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            Method::OPTIONS => "OPTIONS",
            _ => "_OTHER",
        }
    }
}
