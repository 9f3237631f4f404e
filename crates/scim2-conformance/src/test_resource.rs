use scim2_core::discovery::ResourceTypeDescription;
use scim2_core::{Catalog, ResourceType, Schema};

/// The synthetic resource type that the Go suite `scim2/test-suite` looks for at `/TestResources`:
/// an attribute of every type and characteristic, and a required extension.
///
/// ```
/// let ty = scim2_conformance::test_resource();
/// assert_eq!(ty.endpoint(), "/TestResources");
/// assert_eq!(ty.extensions().len(), 1);
/// ```
#[must_use]
#[expect(clippy::expect_used, reason = "the files are part of this crate")]
pub fn test_resource() -> ResourceType {
    const SCHEMAS: &str =
        include_str!("../vectors/conformance/go-suite-test-resource/schemas.json");
    const TYPES: &str =
        include_str!("../vectors/conformance/go-suite-test-resource/resource-types.json");
    let schemas: Vec<Schema> = serde_json::from_str(SCHEMAS).expect("a list of schemas");
    let types: Vec<ResourceTypeDescription> =
        serde_json::from_str(TYPES).expect("a list of resource types");
    let catalog = Catalog::from_discovery(&schemas, &types).expect("types with their schemas");
    catalog.by_endpoint("/TestResources").expect("the type").clone()
}
