//! Calls of the store, seen from outside.

use tracing::Instrument;

use crate::metrics::StoreCall;
use crate::store::StoreError;

/// A call of the store, in a span of its own, and measured.
pub(crate) async fn watched<T>(
    operation: &'static str,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let measured = StoreCall::begin(operation);
    let span = tracing::debug_span!("scim.store", db.operation.name = operation);
    let result = call.instrument(span).await;
    measured.end();
    result
}
