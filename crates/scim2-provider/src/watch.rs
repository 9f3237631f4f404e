//! What a request spends its time on, seen from outside.

use scim2_core::ResourceType;
use scim2_core::resource::ResourceId;
use tracing::Instrument;

use crate::auth::Authenticator;
use crate::metrics::StoreCall;
use crate::provider::{Exchange, ServiceProvider};
use crate::store::{Load, Store, StoreError, Stored};

/// A call of the store, in a span of its own, and measured.
pub(crate) async fn watched<T>(
    operation: &'static str,
    ty: &ResourceType,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let measured = StoreCall::begin(operation);
    let span = tracing::debug_span!(
        "scim.store",
        db.operation.name = operation,
        db.query.summary = format_args!("{operation} {}", ty.name()),
    );
    let result = call.instrument(span).await;
    measured.end();
    result
}

/// The reading of what a client sent, in a span of its own.
pub(crate) fn parsed<T>(read: impl FnOnce() -> T) -> T {
    tracing::debug_span!("scim.parse").in_scope(read)
}

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// Reads one resource from the store.
    pub(crate) async fn read(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        load: Load,
    ) -> Result<Option<Stored>, StoreError> {
        watched("get", ty, self.store.get(&cx.principal.scope, ty, id, load)).await
    }
}
