//! `scim validate`: everything that is wrong with a resource or a schema.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use scim2_core::bulk::{
    BULK_REQUEST_SCHEMA, BULK_RESPONSE_SCHEMA, BulkOperation, BulkRequest, BulkResponse,
};
use scim2_core::config::{SERVICE_PROVIDER_CONFIG_SCHEMA, ServiceProviderConfig};
use scim2_core::discovery::{RESOURCE_TYPE_SCHEMA, ResourceTypeDescription};
use scim2_core::error::ERROR_SCHEMA;
use scim2_core::lint::Severity;
use scim2_core::list::{LIST_RESPONSE_SCHEMA, ListResponse};
use scim2_core::patch_op::{PATCH_OP_SCHEMA, PatchOp};
use scim2_core::schema::SCHEMA_SCHEMA;
use scim2_core::search::{SEARCH_REQUEST_SCHEMA, SearchRequest};
use scim2_core::{Error, Policy, Resource, Schema};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;
use crate::input::{TypeOptions, json, object, read, schema_documents};
use crate::policy::PolicyName;

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// A file with a resource as a client would POST it, with a schema or several, or with a message
    /// of the protocol; `-` is standard input.
    file: PathBuf,
    #[command(flatten)]
    resource_type: TypeOptions,
    /// Whose dialect is accepted.
    #[arg(long, value_enum, default_value = "strict")]
    policy: PolicyName,
    /// The file holds a schema, or several.
    #[arg(long, conflicts_with_all = ["name", "schemas"])]
    as_schema: bool,
}

impl Validate {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        if self.as_schema {
            return lint(json(&self.file)?, out);
        }
        let bytes = read(&self.file)?;
        if let Ok(Value::Array(documents)) = serde_json::from_slice(&bytes)
            && documents.first().is_some_and(is_schema)
        {
            return lint(Value::Array(documents), out);
        }
        let document = object(&self.file, &bytes)?;
        if is_schema(&document) {
            return lint(document, out);
        }
        if let Some((name, result)) = message(&document, &bytes, &self.policy.policy()) {
            result.map_err(|error| Failure::because(self.file.display(), &error))?;
            writeln!(out, "a valid {name}")?;
            return Ok(());
        }
        let resource_type = self.resource_type.resource_type(&document)?;
        let violations = resource_type
            .check(&bytes, &self.policy.policy())
            .map_err(|error| Failure::because(self.file.display(), &error))?;
        for violation in &violations {
            writeln!(out, "{}: {violation}", violation.scim_type())?;
        }
        if violations.is_empty() {
            writeln!(out, "a valid {}", resource_type.name())?;
            return Ok(());
        }
        told(out, &counted(violations.len(), "violation"))
    }
}

fn is_schema(document: &Value) -> bool {
    lists(document, SCHEMA_SCHEMA)
}

fn lists(document: &Value, urn: &str) -> bool {
    let urns = document.get("schemas").and_then(Value::as_array);
    urns.is_some_and(|urns| {
        urns.iter().filter_map(Value::as_str).any(|listed| listed.eq_ignore_ascii_case(urn))
    })
}

/// What a message of the protocol, or a description of the service provider, is called, and
/// whether it can be read as one.
fn message(
    document: &Value,
    bytes: &[u8],
    policy: &Policy,
) -> Option<(&'static str, Result<(), Error>)> {
    fn typed<T: DeserializeOwned>(bytes: &[u8]) -> Result<(), Error> {
        serde_json::from_slice::<T>(bytes).map(drop).map_err(Error::invalid_syntax)
    }
    let bulk = || {
        let request = BulkRequest::from_slice(bytes, policy)?;
        request.operations.iter().try_for_each(BulkOperation::check)
    };
    let is = |urn| lists(document, urn);
    Some(match () {
        () if is(PATCH_OP_SCHEMA) => ("PatchOp", PatchOp::from_slice(bytes, policy).map(drop)),
        () if is(SEARCH_REQUEST_SCHEMA) => {
            ("SearchRequest", SearchRequest::from_slice(bytes, policy).map(drop))
        }
        () if is(BULK_REQUEST_SCHEMA) => ("BulkRequest", bulk()),
        () if is(BULK_RESPONSE_SCHEMA) => ("BulkResponse", typed::<BulkResponse>(bytes)),
        () if is(LIST_RESPONSE_SCHEMA) => ("ListResponse", typed::<ListResponse<Resource>>(bytes)),
        () if is(ERROR_SCHEMA) => ("Error", typed::<Error>(bytes)),
        () if is(RESOURCE_TYPE_SCHEMA) => ("ResourceType", typed::<ResourceTypeDescription>(bytes)),
        () if is(SERVICE_PROVIDER_CONFIG_SCHEMA) => {
            ("ServiceProviderConfig", typed::<ServiceProviderConfig>(bytes))
        }
        () => return None,
    })
}

/// Prints what is to be said about schemas. Warnings alone are no failure.
fn lint(json: Value, out: &mut dyn Write) -> Result<(), Failure> {
    let (mut errors, mut warnings) = (0, 0);
    for schema in schema_documents(json) {
        for finding in Schema::lint_json(&schema) {
            match finding.severity {
                Severity::Error => errors += 1,
                Severity::Warning => warnings += 1,
            }
            writeln!(out, "{finding}")?;
        }
    }
    let summary = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
    if errors > 0 {
        return told(out, &summary);
    }
    writeln!(out, "{summary}")?;
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn told(out: &mut dyn Write, summary: &str) -> Result<(), Failure> {
    writeln!(out, "{summary}")?;
    Err(Failure::Told)
}
