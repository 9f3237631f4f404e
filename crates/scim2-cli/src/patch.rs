//! `scim patch`: apply a PATCH request to a resource, or find the one that leads to another.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use scim2_core::diff::diff;
use scim2_core::patch_op::{PATCH_OP_SCHEMA, PatchOp};
use scim2_core::{Policy, Resource, ResourceType};
use serde::Serialize;

use crate::Failure;
use crate::input::{TypeOptions, object, read};
use crate::policy::PolicyName;

#[derive(Debug, Args)]
pub(crate) struct PatchCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print what a PATCH request makes of a resource.
    Apply(Apply),
    /// Print the PATCH request that makes one resource of another; nothing if they are the same.
    Diff(Diff),
}

#[derive(Debug, Args)]
struct Apply {
    /// The resource; `-` is standard input.
    resource: PathBuf,
    /// The request: a PatchOp message, or an array of operations.
    request: PathBuf,
    #[command(flatten)]
    resource_type: TypeOptions,
    /// Whose dialect is accepted.
    #[arg(long, value_enum, default_value = "strict")]
    policy: PolicyName,
}

#[derive(Debug, Args)]
struct Diff {
    /// The resource as it is; `-` is standard input.
    before: PathBuf,
    /// The resource as it is to be.
    after: PathBuf,
    #[command(flatten)]
    resource_type: TypeOptions,
}

impl PatchCommand {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.action {
            Action::Apply(apply) => apply.run(out),
            Action::Diff(diff) => diff.run(out),
        }
    }
}

impl Apply {
    fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let policy = self.policy.policy();
        let (ty, mut resource) = resource(&self.resource, &self.resource_type, &policy)?;
        let mut message = read(&self.request)?;
        if message.trim_ascii_start().starts_with(b"[") {
            let start = format!(r#"{{"schemas":["{PATCH_OP_SCHEMA}"],"Operations":"#);
            message = [start.as_bytes(), &message, b"}"].concat();
        }
        let op = PatchOp::from_slice(&message, &policy)
            .map_err(|error| Failure::because(self.request.display(), &error))?;
        ty.patch(&mut resource, &op, &policy)
            .map_err(|error| Failure::because(self.request.display(), &error))?;
        print(out, &resource)
    }
}

impl Diff {
    fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let policy = Policy::strict();
        let (ty, before) = resource(&self.before, &self.resource_type, &policy)?;
        let (other, after) = resource(&self.after, &self.resource_type, &policy)?;
        if ty.name() != other.name() {
            return Err(Failure::Because(format!(
                "{} is a {} and {} a {}: no PATCH makes one of the other",
                self.before.display(),
                ty.name(),
                self.after.display(),
                other.name()
            )));
        }
        let op = diff(&ty, &before, &after);
        if op.is_empty() { Ok(()) } else { print(out, &op) }
    }
}

/// Reads a resource and finds out its type.
fn resource(
    path: &Path,
    options: &TypeOptions,
    policy: &Policy,
) -> Result<(ResourceType, Resource), Failure> {
    let bytes = read(path)?;
    let resource_type = options.resource_type(&object(path, &bytes)?)?;
    let resource = resource_type
        .ingest(&bytes, policy)
        .map_err(|error| Failure::because(path.display(), &error))?;
    Ok((resource_type, resource))
}

fn print(out: &mut dyn Write, value: &impl Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::because("output", &error))?;
    writeln!(out, "{text}")?;
    Ok(())
}
