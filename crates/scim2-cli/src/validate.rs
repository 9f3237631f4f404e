//! `scim validate`: everything that is wrong with a resource or a schema.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use scim2_core::Schema;
use scim2_core::lint::Severity;
use scim2_core::schema::SCHEMA_SCHEMA;
use serde_json::Value;

use crate::Failure;
use crate::input::{TypeOptions, json, object, read, schema_documents};
use crate::policy::PolicyName;

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// A file with a resource as a client would POST it, or with a schema; `-` is standard input.
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
        let document = object(&self.file, &bytes)?;
        let urns = document.get("schemas").and_then(Value::as_array);
        if urns.is_some_and(|urns| urns.iter().any(|urn| urn == SCHEMA_SCHEMA)) {
            return lint(document, out);
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
