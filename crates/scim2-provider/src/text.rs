//! Resources as the text of an answer.
//!
//! Most reads show a whole resource to a client that does not say which attributes it wants. Such
//! an answer is the same text each time, but for where the service provider is and for what
//! others change meanwhile. A store that has the text ready answers by copying it.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use scim2_core::ResourceType;
use scim2_core::etag::Version;
use scim2_core::schema::Attribute;
use serde_json::{Map, Value};

use crate::base::push_segment;
use crate::store::{Position, Stored, meta, take_secrets};

/// A resource as text: everything that is shown of it by default, secrets left out.
///
/// A copy costs little, so that a store can keep one beside each resource. Its `Debug` shows no
/// values.
#[derive(Clone)]
pub struct StoredText {
    fixed: Arc<Fixed>,
    /// The attributes that name other resources.
    live: Map<String, Value>,
}

/// What changes only with the version.
struct Fixed {
    /// A JSON object whose last member is `meta`, whose last member is `location`, of which the
    /// base URL is missing.
    text: Vec<u8>,
    /// Where it is missing.
    base: usize,
    version: Version,
}

/// What follows a location.
const END: &str = "\"}}";

impl StoredText {
    /// Writes a resource down. The attributes that name others stay apart, see
    /// [`live_mut`](Self::live_mut).
    #[must_use]
    pub fn new(ty: &ResourceType, stored: Stored) -> Self {
        let id = stored.id().to_owned();
        let Stored { mut resource, version, created, last_modified, .. } = stored;
        take_secrets(ty, &mut resource);
        let (mut fixed, mut live) = (Map::new(), Map::new());
        for (name, value) in resource.into_map() {
            let part = if names_others(ty, &name, &value) { &mut live } else { &mut fixed };
            part.insert(name, value);
        }
        fixed.remove("meta");
        fixed.remove("id");
        // A map of JSON values always has a JSON form.
        let document = serde_json::to_vec(&fixed).unwrap_or_default();
        let text = Self::from_json(ty, &id, &document, version, (created, last_modified));
        Self { live, ..text }
    }

    /// The same of a document that is JSON text already: an object with all that is to be shown
    /// and does not name other resources, but for `id` and `meta`.
    ///
    /// The times are those of creation and of the last change.
    #[must_use]
    pub fn from_json(
        ty: &ResourceType,
        id: &str,
        document: &[u8],
        version: Version,
        times: (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let mut meta = meta(ty, id, &version, times.0, times.1);
        meta.remove("location");
        let meta = serde_json::to_vec(&meta).unwrap_or_default();
        let endpoint = ty.endpoint();
        let mut text =
            Vec::with_capacity(document.len() + meta.len() + endpoint.len() + 2 * id.len() + 48);
        text.extend_from_slice(b"{\"id\":");
        text.extend_from_slice(&serde_json::to_vec(id).unwrap_or_default());
        let members = document.trim_ascii();
        let members = members.strip_prefix(b"{").unwrap_or(members).trim_ascii_start();
        if members != b"}" {
            text.push(b',');
        }
        push_open(&mut text, members);
        text.extend_from_slice(b",\"meta\":");
        push_open(&mut text, &meta);
        text.extend_from_slice(b",\"location\":\"");
        let base = text.len();
        text.extend_from_slice(endpoint.as_bytes());
        text.push(b'/');
        push_segment(&mut text, id);
        text.extend_from_slice(END.as_bytes());
        Self { fixed: Arc::new(Fixed { text, base, version }), live: Map::new() }
    }

    /// The attributes that name other resources, such as `groups`: what is shown of them can
    /// change without the resource, so a store brings them up to date for each answer. They are
    /// as in [`Stored::resource`].
    pub fn live_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.live
    }

    /// How many members it shows.
    pub(crate) fn members(&self) -> usize {
        self.live.get("members").and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.fixed.version
    }

    /// The resource's path below the base URL.
    pub(crate) fn path(&self) -> &str {
        let path = self.fixed.text.get(self.fixed.base..).unwrap_or_default();
        let path = path.strip_suffix(END.as_bytes()).unwrap_or(path);
        std::str::from_utf8(path).unwrap_or_default()
    }

    /// How long it is with this base URL, but for what is live.
    pub(crate) fn size(&self, base: &str) -> usize {
        self.fixed.text.len() + base.len()
    }

    /// Appends the whole resource. The base URL is one that needs no escapes in JSON, as every
    /// serialized `Url` is.
    pub(crate) fn write(&self, base: &str, out: &mut Vec<u8>) {
        let Fixed { text, base: at, .. } = &*self.fixed;
        let (head, tail) = text.split_at_checked(*at).unwrap_or((text, &[]));
        out.extend_from_slice(head);
        out.extend_from_slice(base.as_bytes());
        if self.live.is_empty() {
            out.extend_from_slice(tail);
            return;
        }
        out.extend_from_slice(tail.strip_suffix(b"}").unwrap_or(tail));
        out.push(b',');
        let live = serde_json::to_vec(&self.live).unwrap_or_default();
        out.extend_from_slice(live.strip_prefix(b"{").unwrap_or(b"}"));
    }
}

impl fmt::Debug for StoredText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredText")
            .field("version", &self.fixed.version)
            .field("bytes", &self.fixed.text.len())
            .finish_non_exhaustive()
    }
}

/// A page of results as text.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TextResult {
    /// How many resources match over all pages.
    pub total: Option<u64>,
    /// The page.
    pub resources: Vec<StoredText>,
    /// Where the next page begins; none at the end.
    pub next: Option<Position>,
}

impl TextResult {
    /// A page of results.
    #[must_use]
    pub fn new(total: Option<u64>, resources: Vec<StoredText>, next: Option<Position>) -> Self {
        Self { total, resources, next }
    }
}

/// Whether an attribute at the top of a document names other resources, or holds what does.
pub(crate) fn names_others(ty: &ResourceType, name: &str, value: &Value) -> bool {
    let is =
        |attribute: Option<&Attribute>| attribute.is_some_and(Attribute::is_resource_reference);
    match (ty.extension(name), value) {
        (Some(extension), Value::Object(container)) => {
            container.keys().any(|name| is(extension.schema.attribute(name)))
        }
        _ => is(ty.schema().attribute(name)),
    }
}

/// Appends a JSON object without the brace at its end.
fn push_open(out: &mut Vec<u8>, object: &[u8]) {
    let object = object.trim_ascii_end();
    out.extend_from_slice(object.strip_suffix(b"}").unwrap_or(object));
}
