//! Files that commands read, and the resource type that they are about.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::slice;

use clap::{Args, ValueEnum};
use scim2_core::json::parse_object;
use scim2_core::{Catalog, ResourceType, Schema};
use serde_json::Value;

use crate::Failure;

/// Reads a file; `-` is standard input.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let result = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    result.map_err(|error| Failure::because(path.display(), &error))
}

/// Which resource type a document is of.
#[derive(Debug, Args)]
pub(crate) struct TypeOptions {
    /// The resource type; without it, the document's `schemas` tell.
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    name: Option<TypeName>,
    /// A file with one schema or several, as `/Schemas` answers. The one that the document's
    /// `schemas` name first is its base; others that they name are extensions.
    #[arg(long = "schema", value_name = "FILE")]
    schemas: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TypeName {
    User,
    Group,
}

impl TypeName {
    pub(crate) fn resource_type(self) -> ResourceType {
        match self {
            Self::User => ResourceType::user(),
            Self::Group => ResourceType::group(),
        }
    }
}

impl TypeOptions {
    /// The resource type of a document.
    pub(crate) fn resource_type(&self, document: &Value) -> Result<ResourceType, Failure> {
        let mut custom = Vec::new();
        for path in &self.schemas {
            custom.extend(schemas(path)?);
        }
        let listed: Vec<&str> = document
            .as_object()
            .and_then(|members| {
                members.iter().find(|(name, _)| name.eq_ignore_ascii_case("schemas"))
            })
            // One URN without an array tells as much; that it is wrong is said later.
            .map_or(&[][..], |(_, urns)| {
                urns.as_array().map_or(slice::from_ref(urns), Vec::as_slice)
            })
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let place = |schema: &Schema| {
            listed.iter().position(|urn| schema.id.as_str().eq_ignore_ascii_case(urn))
        };
        let standard = self.name.map(TypeName::resource_type).or_else(|| {
            let catalog = Catalog::standard();
            catalog.iter().find(|ty| place(ty.schema()).is_some()).cloned()
        });
        custom.retain(|schema| place(schema).is_some());
        custom.sort_by_key(place);
        let mut custom = custom.into_iter();
        let base = standard.or_else(|| {
            let base = custom.next()?;
            let name = base.name.clone().unwrap_or_else(|| "Resource".to_owned());
            Some(ResourceType::new(&name, &format!("/{name}s"), base))
        });
        let Some(base) = base else {
            return Err(Failure::Because(
                "the document's `schemas` name no resource type; say which with --type or --schema"
                    .to_owned(),
            ));
        };
        Ok(custom.fold(base, ResourceType::with_extension))
    }
}

/// The schemas in a file: one, an array of them, or a list as `/Schemas` answers.
fn schemas(path: &Path) -> Result<Vec<Schema>, Failure> {
    let json = json(path)?;
    let about = |error: serde_json::Error| {
        Failure::because(format_args!("{} is no schema", path.display()), &error)
    };
    schema_documents(json)
        .into_iter()
        .map(|schema| serde_json::from_value(schema).map_err(about))
        .collect()
}

/// The documents in a file that may hold one schema or several.
pub(crate) fn schema_documents(json: Value) -> Vec<Value> {
    match json {
        Value::Array(schemas) => schemas,
        Value::Object(mut members) if members.contains_key("Resources") => {
            match members.remove("Resources") {
                Some(Value::Array(schemas)) => schemas,
                other => other.into_iter().collect(),
            }
        }
        one => vec![one],
    }
}

/// Reads any JSON.
pub(crate) fn json(path: &Path) -> Result<Value, Failure> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Failure::because(format_args!("{} is not JSON", path.display()), &error))
}

/// Reads a JSON object as strictly as a service provider does.
pub(crate) fn object(path: &Path, bytes: &[u8]) -> Result<Value, Failure> {
    parse_object(bytes).map(Value::Object).map_err(|error| Failure::because(path.display(), &error))
}
