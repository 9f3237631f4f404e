//! Whether what a store keeps of a resource agrees with itself.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use scim2_core::key::comparison_key;
use scim2_core::{Catalog, Resource};
use scim2_provider::events::ChangeRecord;
use scim2_provider::store::StoreError;
use serde_json::{Map, Value};

use crate::search;
use crate::shape::Content;

/// What a look at all that a store holds has found. `Display` prints the problems and the totals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Integrity {
    /// How many resources there are.
    pub resources: u64,
    /// How many memberships there are.
    pub members: u64,
    /// How many events wait in the outbox.
    pub events: u64,
    /// What is wrong: at most [`Self::MAX_PROBLEMS`], each naming a resource and never a value.
    pub problems: Vec<String>,
    /// How many problems there are in all.
    pub problem_count: u64,
}

impl Integrity {
    /// How many problems are told one by one.
    pub const MAX_PROBLEMS: usize = 100;

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problem_count == 0
    }

    pub(crate) fn problem(&mut self, problem: impl fmt::Display) {
        if self.problems.len() < Self::MAX_PROBLEMS {
            self.problems.push(problem.to_string());
        }
        self.problem_count = self.problem_count.saturating_add(1);
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        let Self { resources, members, events, problem_count, .. } = self;
        writeln!(
            f,
            "{resources} resources, {members} memberships, {events} events: {problem_count} problems"
        )
    }
}

/// Tables whose rows belong to a resource, and the column that says to which.
pub(crate) const DEPENDENTS: [(&str, &str); 6] = [
    ("scim_uniq", "pk"),
    ("scim_idx", "pk"),
    ("scim_ref", "pk"),
    ("scim_external", "pk"),
    ("scim_secret", "pk"),
    ("scim_member", "group_pk"),
];

/// The statement that counts a table's rows of resources that are not there.
pub(crate) fn orphans(table: &str, column: &str) -> String {
    format!(
        "SELECT count(*) FROM {table} d
         WHERE NOT EXISTS (SELECT 1 FROM scim_resource r WHERE r.pk = d.{column})"
    )
}

/// A key, and where it belongs as the table has it: tenant, type, path. Tables without types have
/// that of the resource.
pub(crate) type PlacedKey = (i64, i64, String, String);

/// All that is kept of one resource.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    pub(crate) pk: i64,
    pub(crate) tenant: i64,
    pub(crate) rtype: i64,
    pub(crate) type_name: String,
    pub(crate) id: String,
    pub(crate) version: i64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) display_name: Option<String>,
    pub(crate) user_name: Option<String>,
    pub(crate) doc: String,
    pub(crate) search: String,
    pub(crate) unique: BTreeSet<PlacedKey>,
    pub(crate) indexed: BTreeSet<PlacedKey>,
    pub(crate) references: BTreeSet<PlacedKey>,
    /// The domain, and its `externalId`.
    pub(crate) external_ids: Vec<(String, String)>,
    /// What clients said of members, where they said something.
    pub(crate) elements: Vec<String>,
}

impl Whole {
    /// Notes where the parts disagree with the document.
    ///
    /// `kept` says what the tables keep of a key.
    pub(crate) fn check(
        &self,
        catalog: &Catalog,
        kept: fn(&str) -> Cow<'_, str>,
        found: &mut Integrity,
    ) {
        found.resources = found.resources.saturating_add(1);
        let Self { type_name, id, .. } = self;
        let mut problem = |what: &str| found.problem(format_args!("{type_name} {id}: {what}"));
        if self.version < 1 || self.created > self.modified {
            problem("its version or its times cannot be");
        }
        let is_object = |text: &String| serde_json::from_str::<Map<String, Value>>(text).is_ok();
        if !self.elements.iter().all(is_object) {
            problem("what is kept of a member cannot be read");
        }
        let Some(ty) = catalog.by_name(type_name) else {
            problem("the catalog does not have its type");
            return;
        };
        let document = serde_json::from_str::<Resource>(&self.doc);
        let search = serde_json::from_str::<Map<String, Value>>(&self.search);
        let (Ok(document), Ok(mut search)) = (document, search) else {
            problem("its document cannot be read");
            return;
        };
        // Where nothing is listed, the list may be there all the same.
        if search.get(search::PRESENT) == Some(&Value::Object(Map::new())) {
            search.remove(search::PRESENT);
        }
        if search != search::document(ty, id, &document) {
            problem("its search document is not that of its document");
        }
        let Ok(content) = Content::of(ty, document) else {
            problem("its document cannot be taken apart");
            return;
        };
        let (display_name, user_name) = content.names();
        if self.display_name.as_deref() != display_name || self.user_name.as_deref() != user_name {
            problem("its names are not those of its document");
        }
        if !content.secrets.is_empty() {
            problem("a secret is in its document");
        }
        if !content.members.is_empty() {
            problem("members are in its document");
        }
        let place =
            |path: &str, key: &str| (self.tenant, self.rtype, path.to_owned(), key.to_owned());
        let key = |path: &str, key: &str| place(path, &kept(key));
        let common = content.external_id.iter().map(|value| (None, value));
        let of_domains = self.external_ids.iter().map(|(domain, value)| (Some(&**domain), value));
        let external_ids = common.chain(of_domains);
        let keys = external_ids.clone().filter_map(|(domain, id)| ty.external_id_key(domain, id));
        let unique: Vec<_> = content.unique.iter().cloned().chain(keys).collect();
        if self.unique != unique.iter().map(|(path, value)| key(path, value)).collect() {
            problem("its unique keys are not those of its document");
        }
        let external_ids =
            external_ids.map(|(_, value)| key("externalId", &comparison_key(true, value)));
        let indexed = content.indexed.iter().map(|(path, value)| key(path, value));
        if self.indexed != indexed.chain(external_ids).collect() {
            problem("its indexed keys are not those of its document");
        }
        let references = content.references.iter();
        let references = references.map(|reference| place(&reference.path, &reference.target));
        if self.references != references.collect() {
            problem("its references are not those of its document");
        }
    }
}

/// An event of the outbox, and the version of its resource; none if that is gone.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) entry: i64,
    pub(crate) version: String,
    pub(crate) record: String,
    pub(crate) current: Option<i64>,
}

impl Told {
    /// Notes an event of what has not happened.
    pub(crate) fn check(&self, found: &mut Integrity) {
        found.events = found.events.saturating_add(1);
        let entry = self.entry;
        if serde_json::from_str::<ChangeRecord>(&self.record).is_err() {
            found.problem(format_args!("event {entry}: it cannot be read"));
        }
        let digits: String = self.version.chars().filter(char::is_ascii_digit).collect();
        if let (Ok(told), Some(current)) = (digits.parse::<i64>(), self.current)
            && told > current
        {
            found.problem(format_args!("event {entry}: its resource never had this version"));
        }
    }
}

/// A row count as the report has it.
pub(crate) fn counted(count: i64) -> Result<u64, StoreError> {
    u64::try_from(count).map_err(StoreError::internal)
}
