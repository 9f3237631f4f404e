//! What the endpoint says of itself (RFC 7643 §5 to §7, RFC 7644 §4).

use http::Method;
use serde_json::Value;

use super::reply::strings;
use super::session::{Call, Session, Stop, Verdict, ensure, names_schema, same_urn, with_query};
use super::table;

table! { Rfc:
    "discovery.service-provider-config", "`/ServiceProviderConfig` says what is offered", "RFC 7643 §5" => service_provider_config;
    "discovery.pagination", "cursors are advertised with their limits", "RFC 9865 §4" => pagination;
    "discovery.resource-types", "`/ResourceTypes` lists types with name, endpoint and schema", "RFC 7643 §6, RFC 7644 §4" => resource_types;
    "discovery.resource-type", "each resource type is at its own path", "RFC 7644 §4" => resource_type;
    "discovery.schemas", "`/Schemas` lists schemas with the characteristics of each attribute", "RFC 7643 §7, RFC 7644 §4" => schemas;
    "discovery.schema", "each schema is at its own path", "RFC 7644 §4" => schema;
    "discovery.schemas-of-types", "each schema that a resource type names is in `/Schemas`", "RFC 7643 §6" => schemas_of_types;
    "discovery.unknown-schema", "a schema that does not exist is an error 404", "RFC 7644 §3.12" => unknown_schema;
    "discovery.filter-forbidden", "a filter on `/Schemas` is forbidden", "RFC 7644 §4" => filter_forbidden;
    "discovery.paging-ignored", "paging parameters on `/Schemas` are ignored", "RFC 7644 §4" => paging_ignored;
    "discovery.read-only", "discovery endpoints take no POST", "RFC 7644 §4" => read_only;
}

async fn service_provider_config(session: &mut Session<'_>) -> Verdict {
    let reply = session.get("/ServiceProviderConfig").await?;
    reply.is(&[200])?;
    let urn = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig";
    ensure(names_schema(&reply.body, urn), || format!("`schemas` does not have `{urn}`"))?;
    for feature in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
        let pointer = format!("/{feature}/supported");
        ensure(reply.at(&pointer).is_boolean(), || {
            format!("`{pointer}` should be a boolean and is {}", reply.at(&pointer))
        })?;
    }
    for limit in ["/bulk/maxOperations", "/bulk/maxPayloadSize", "/filter/maxResults"] {
        ensure(reply.at(limit).is_u64(), || {
            format!("`{limit}` should be an integer and is {}", reply.at(limit))
        })?;
    }
    let schemes = reply.at("/authenticationSchemes");
    let Some(schemes) = schemes.as_array() else {
        return Err(Stop::fail("`authenticationSchemes` should be an array"));
    };
    for scheme in schemes {
        for name in ["type", "name", "description"] {
            ensure(scheme.get(name).is_some_and(Value::is_string), || {
                format!("an authentication scheme has no `{name}`: {scheme}")
            })?;
        }
    }
    Ok(())
}

async fn pagination(session: &mut Session<'_>) -> Verdict {
    let Some(pagination) = session.service().get("pagination").cloned() else {
        return Err(Stop::skip("`pagination` is not advertised"));
    };
    for name in ["cursor", "index"] {
        ensure(pagination.get(name).is_some_and(Value::is_boolean), || {
            format!("`pagination.{name}` should be a boolean: {pagination}")
        })?;
    }
    for name in ["defaultPageSize", "maxPageSize", "cursorTimeout"] {
        ensure(pagination.get(name).is_none_or(Value::is_u64), || {
            format!("`pagination.{name}` should be an integer: {pagination}")
        })?;
    }
    match pagination.get("defaultPaginationMethod").map(Value::as_str) {
        None | Some(Some("cursor" | "index")) => Ok(()),
        _ => Err(Stop::fail(format_args!(
            "`pagination.defaultPaginationMethod` should be `cursor` or `index`: {pagination}"
        ))),
    }
}

async fn resource_types(session: &mut Session<'_>) -> Verdict {
    let reply = session.get("/ResourceTypes").await?;
    let types = reply.list()?;
    ensure(!types.is_empty(), || "there are no resource types".to_owned())?;
    for ty in types {
        for name in ["name", "endpoint", "schema"] {
            ensure(ty.get(name).is_some_and(Value::is_string), || {
                format!("a resource type has no `{name}`: {ty}")
            })?;
        }
        for extension in ty.get("schemaExtensions").and_then(Value::as_array).into_iter().flatten()
        {
            let complete = extension.get("schema").is_some_and(Value::is_string)
                && extension.get("required").is_some_and(Value::is_boolean);
            ensure(complete, || {
                format!("an extension should have `schema` and `required`: {extension}")
            })?;
        }
    }
    Ok(())
}

async fn resource_type(session: &mut Session<'_>) -> Verdict {
    known(session.types(), "/ResourceTypes")?;
    for ty in session.types().to_vec() {
        // RFC 7643 §6: the id is often the same as the name.
        let id = ty.get("id").or_else(|| ty.get("name")).and_then(Value::as_str);
        let Some(id) = id.map(str::to_owned) else { continue };
        let reply = session.get(format!("/ResourceTypes/{id}")).await?;
        reply.is(&[200])?;
        for name in ["name", "endpoint", "schema"] {
            reply.has(&format!("/{name}"), ty.get(name).unwrap_or(&Value::Null))?;
        }
    }
    Ok(())
}

async fn schemas(session: &mut Session<'_>) -> Verdict {
    let reply = session.get("/Schemas").await?;
    for schema in reply.list()? {
        let id = schema.get("id").and_then(Value::as_str).unwrap_or_default();
        ensure(!id.is_empty(), || format!("a schema has no `id`: {schema}"))?;
        let attributes = schema.get("attributes").and_then(Value::as_array);
        let Some(attributes) = attributes else {
            return Err(Stop::fail(format_args!("schema `{id}` has no `attributes`")));
        };
        attributes.iter().try_for_each(|attribute| characteristics(id, attribute))?;
        let subs = attributes.iter().filter_map(|a| a.get("subAttributes")?.as_array()).flatten();
        subs.into_iter().try_for_each(|attribute| characteristics(id, attribute))?;
    }
    Ok(())
}

/// The values that RFC 7643 §7 allows for each characteristic; absent ones have defaults (§2.2).
fn characteristics(schema: &str, attribute: &Value) -> Verdict {
    const TYPES: &[&str] =
        &["string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"];
    const ALLOWED: [(&str, &[&str]); 4] = [
        ("type", TYPES),
        ("mutability", &["readOnly", "readWrite", "immutable", "writeOnly"]),
        ("returned", &["always", "never", "default", "request"]),
        ("uniqueness", &["none", "server", "global"]),
    ];
    let name = attribute.get("name").and_then(Value::as_str);
    let Some(name) = name else {
        return Err(Stop::fail(format_args!("an attribute of `{schema}` has no `name`")));
    };
    for (characteristic, allowed) in ALLOWED {
        let Some(value) = attribute.get(characteristic).filter(|value| !value.is_null()) else {
            continue;
        };
        ensure(value.as_str().is_some_and(|value| allowed.contains(&value)), || {
            format!(
                "`{characteristic}` of `{schema}:{name}` should be one of {} and is {value}",
                allowed.join(", ")
            )
        })?;
    }
    for flag in ["multiValued", "required", "caseExact"] {
        ensure(
            attribute.get(flag).is_none_or(|value| value.is_boolean() || value.is_null()),
            || format!("`{flag}` of `{schema}:{name}` should be a boolean"),
        )?;
    }
    Ok(())
}

/// Goes on if the list at this path could be read.
fn known(list: &[Value], path: &str) -> Verdict {
    match list {
        [] => Err(Stop::skip(format_args!("`{path}` cannot be read"))),
        _ => Ok(()),
    }
}

async fn schema(session: &mut Session<'_>) -> Verdict {
    known(session.schemas(), "/Schemas")?;
    let ids: Vec<String> = session
        .schemas()
        .iter()
        .filter_map(|schema| Some(schema.get("id")?.as_str()?.to_owned()))
        .collect();
    for id in ids {
        let reply = session.get(format!("/Schemas/{id}")).await?;
        reply.is(&[200])?;
        reply.has("/id", &Value::from(id))?;
    }
    Ok(())
}

async fn schemas_of_types(session: &mut Session<'_>) -> Verdict {
    known(session.types(), "/ResourceTypes")?;
    known(session.schemas(), "/Schemas")?;
    let known: Vec<&str> =
        session.schemas().iter().filter_map(|schema| schema.get("id")?.as_str()).collect();
    for ty in session.types() {
        let extensions = ty.get("schemaExtensions").and_then(Value::as_array);
        let extensions = extensions.into_iter().flatten().filter_map(|e| e.get("schema"));
        for urn in ty.get("schema").into_iter().chain(extensions).filter_map(Value::as_str) {
            ensure(known.iter().any(|id| same_urn(id, urn)), || {
                format!("`/Schemas` has no `{urn}`, but {}", known.join(", "))
            })?;
        }
    }
    Ok(())
}

async fn unknown_schema(session: &mut Session<'_>) -> Verdict {
    session.get("/Schemas/urn:example:no:such:schema").await?.is_error(404)
}

async fn filter_forbidden(session: &mut Session<'_>) -> Verdict {
    let path = with_query("/Schemas", &[("filter", "id pr")]);
    let verdict = session.get(path).await?.is_error(403);
    session.should(verdict)
}

async fn paging_ignored(session: &mut Session<'_>) -> Verdict {
    let all = session.get("/Schemas").await?;
    let page = session.get("/Schemas?startIndex=2&count=1").await?;
    let ids = |list: &[Value]| -> Vec<Value> {
        list.iter().filter_map(|schema| schema.get("id").cloned()).collect()
    };
    let (all, page) = (ids(all.list()?), ids(page.list()?));
    ensure(all == page, || format!("expected all {} schemas, found {}", all.len(), page.len()))
}

async fn read_only(session: &mut Session<'_>) -> Verdict {
    for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
        let call = Call::new(Method::POST, path).json(&serde_json::json!({"schemas": []}));
        let reply = session.send(call).await?;
        ensure(reply.status.is_client_error() || reply.status.as_u16() == 501, || {
            format!("POST to `{path}` is answered {}", reply.status.as_u16())
        })?;
        let allow: Vec<&str> = strings(reply.at("/schemas")).collect();
        if allow.is_empty() {
            session.warn(format_args!("the refusal of POST to `{path}` is no SCIM error"));
        }
    }
    Ok(())
}
