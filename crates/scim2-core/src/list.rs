//! The answer to a query (RFC 7644 §3.4.2, RFC 9865 §2).

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

use crate::view::{Single, Slot, SlotSeed, Written, duplicate, in_attribute, no_numbers};

/// The URN of ListResponse messages.
pub const LIST_RESPONSE_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// One page of results.
///
/// It reads what service providers really send: members in any case, numbers as text, `Resources`
/// or `schemas` absent (ruling C01). It writes `Resources` even when empty (ruling Q03).
///
/// ```
/// use scim2_core::Resource;
/// use scim2_core::list::ListResponse;
/// let page: ListResponse<Resource> =
///     serde_json::from_str(r#"{"totalResults": "1", "resources": [{"id": "2819c223"}]}"#)?;
/// assert_eq!(page.total_results, Some(1));
/// assert_eq!(page.resources[0].id(), Some("2819c223"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ListResponse<T> {
    /// How many resources pass the filter. It may be absent when paging by cursor.
    pub total_results: Option<u64>,
    /// The first result of this page, counting from 1. Absent when paging by cursor.
    pub start_index: Option<u64>,
    /// How many results this page holds.
    pub items_per_page: Option<u64>,
    /// What asks for the next page; absent on the last one (RFC 9865 §2).
    pub next_cursor: Option<String>,
    /// What asks for the page before this one.
    pub previous_cursor: Option<String>,
    /// The results.
    pub resources: Vec<T>,
    /// Members that this type does not name, kept as they came.
    pub extra: Map<String, Value>,
}

impl<T> ListResponse<T> {
    /// A page that holds these results, and says how many they are (ruling Q04).
    #[must_use]
    pub fn new(resources: Vec<T>) -> Self {
        let items_per_page = u64::try_from(resources.len()).ok();
        Self { items_per_page, resources, ..Self::default() }
    }

    /// The only page: these are all results.
    #[must_use]
    pub fn complete(resources: Vec<T>) -> Self {
        let page = Self::new(resources);
        Self { total_results: page.items_per_page, start_index: Some(1), ..page }
    }
}

impl<T> Default for ListResponse<T> {
    fn default() -> Self {
        Self {
            total_results: None,
            start_index: None,
            items_per_page: None,
            next_cursor: None,
            previous_cursor: None,
            resources: Vec::new(),
            extra: Map::new(),
        }
    }
}

impl<T: Serialize> Serialize for ListResponse<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("schemas", &[LIST_RESPONSE_SCHEMA])?;
        let counts = [
            ("totalResults", &self.total_results),
            ("startIndex", &self.start_index),
            ("itemsPerPage", &self.items_per_page),
        ];
        for (name, count) in counts {
            if !count.is_absent() {
                members.serialize_entry(name, &Written(count))?;
            }
        }
        let cursors =
            [("nextCursor", &self.next_cursor), ("previousCursor", &self.previous_cursor)];
        for (name, cursor) in cursors {
            if !cursor.is_absent() {
                members.serialize_entry(name, &Written(cursor))?;
            }
        }
        members.serialize_entry("Resources", &self.resources)?;
        for (key, value) in &self.extra {
            if !NAMES.iter().any(|name| name.eq_ignore_ascii_case(key)) {
                members.serialize_entry(key, value)?;
            }
        }
        members.end()
    }
}

const NAMES: [&str; 7] = [
    "schemas",
    "totalResults",
    "startIndex",
    "itemsPerPage",
    "nextCursor",
    "previousCursor",
    "Resources",
];

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ListResponse<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PageVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for PageVisitor<T> {
            type Value = ListResponse<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a ListResponse object")
            }

            no_numbers!();

            fn visit_str<E: de::Error>(self, _: &str) -> Result<ListResponse<T>, E> {
                Err(E::invalid_type(Unexpected::Other("string"), &self))
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut members: A,
            ) -> Result<ListResponse<T>, A::Error> {
                let mut page = ListResponse::default();
                let mut resources: Option<Vec<T>> = None;
                while let Some(key) = members.next_key::<String>()? {
                    let name = NAMES.iter().find(|name| name.eq_ignore_ascii_case(&key)).copied();
                    match name {
                        Some("schemas") => {
                            members.next_value::<IgnoredAny>()?;
                        }
                        Some(name @ "totalResults") => {
                            read(&mut members, name, &mut page.total_results)?;
                        }
                        Some(name @ "startIndex") => {
                            read(&mut members, name, &mut page.start_index)?;
                        }
                        Some(name @ "itemsPerPage") => {
                            read(&mut members, name, &mut page.items_per_page)?;
                        }
                        Some(name @ "nextCursor") => {
                            read(&mut members, name, &mut page.next_cursor)?;
                        }
                        Some(name @ "previousCursor") => {
                            read(&mut members, name, &mut page.previous_cursor)?;
                        }
                        Some(name) => {
                            if resources.is_some() {
                                return Err(duplicate(name));
                            }
                            let read = members.next_value::<Option<_>>();
                            let read = read.map_err(|error| in_attribute(name, error))?;
                            resources = Some(read.unwrap_or_default());
                        }
                        None => {
                            let value = members.next_value()?;
                            page.extra.insert(key, value);
                        }
                    }
                }
                page.resources = resources.unwrap_or_default();
                Ok(page)
            }
        }

        deserializer.deserialize_any(PageVisitor(PhantomData))
    }
}

fn read<'de, T: Single, A: MapAccess<'de>>(
    members: &mut A,
    name: &str,
    slot: &mut Option<T>,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(duplicate(name));
    }
    *slot = members
        .next_value_seed(SlotSeed::<Option<T>>::new())
        .map_err(|error| in_attribute(name, error))?;
    Ok(())
}
