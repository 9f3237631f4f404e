//! A directory in the JSON of Microsoft Graph, read from files.
//!
//! | file | is the answer to |
//! |---|---|
//! | `users.json` | `GET /users?$expand=manager($select=id)`, `accountEnabled` selected |
//! | `groups.json` | `GET /groups?$expand=members($select=id)` |
//! | `assignments.json` | `GET /servicePrincipals/{id}/appRoleAssignedTo` |
//! | `changes.json` | the delta queries since then, as `{"users": …, "groups": …, "assignments": …}` |
//!
//! Each is a list answer `{"value": […]}`. An answer with `@odata.nextLink` is only a first page:
//! its collection counts as partly seen, and nothing is ever removed because of what it leaves
//! out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::json::Unambiguous;
use super::{
    Change, ChangedObject, Coverage, Delta, DirectorySource, MemberChange, Members, ObjectKind,
    Origin, Removal, Snapshot, SourceError, SourceId, SourceObject,
};

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 256 * 1024 * 1024;

/// Attributes whose type is checked, and the name that Entra ID's provisioning service (and so
/// every attribute mapping) has for them. Others keep Graph's name and any type.
const ATTRIBUTES: &[(&str, &str, FieldType)] = &[
    ("id", "objectId", FieldType::Text),
    ("accountEnabled", "accountEnabled", FieldType::Bool),
    ("businessPhones", "telephoneNumber", FieldType::OneText),
    ("city", "city", FieldType::Text),
    ("companyName", "companyName", FieldType::Text),
    ("country", "country", FieldType::Text),
    ("department", "department", FieldType::Text),
    ("displayName", "displayName", FieldType::Text),
    ("employeeId", "employeeId", FieldType::Text),
    ("faxNumber", "facsimileTelephoneNumber", FieldType::Text),
    ("givenName", "givenName", FieldType::Text),
    ("jobTitle", "jobTitle", FieldType::Text),
    ("mail", "mail", FieldType::Text),
    ("mailNickname", "mailNickname", FieldType::Text),
    ("mobilePhone", "mobile", FieldType::Text),
    ("officeLocation", "physicalDeliveryOfficeName", FieldType::Text),
    ("postalCode", "postalCode", FieldType::Text),
    ("preferredLanguage", "preferredLanguage", FieldType::Text),
    ("proxyAddresses", "proxyAddresses", FieldType::Texts),
    ("state", "state", FieldType::Text),
    ("streetAddress", "streetAddress", FieldType::Text),
    ("surname", "surname", FieldType::Text),
    ("userPrincipalName", "userPrincipalName", FieldType::Text),
];

#[derive(Clone, Copy)]
enum FieldType {
    Text,
    Bool,
    /// A list of texts.
    Texts,
    /// A list of at most one text, which stands for itself.
    OneText,
}

/// A directory of files in Microsoft Graph's JSON.
///
/// ```no_run
/// # async fn demo() -> Result<(), scim2_sync::source::SourceError> {
/// use scim2_sync::source::{DirectorySource, GraphDirectory};
/// let directory = GraphDirectory::new("demo");
/// let mut snapshot = directory.full().await?;
/// snapshot.apply(directory.changes().await?)?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct GraphDirectory {
    directory: PathBuf,
}

impl GraphDirectory {
    /// The files in this directory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Reads everything now.
    ///
    /// # Errors
    /// [`SourceError`] names file, record and field.
    pub fn read_full(&self) -> Result<Snapshot, SourceError> {
        let mut snapshot = Snapshot::default();
        self.read_users(&mut snapshot)?;
        self.read_groups(&mut snapshot)?;
        self.read_assignments(&mut snapshot)?;
        self.check_references(&snapshot)?;
        Ok(snapshot)
    }

    /// Reads `changes.json` now.
    ///
    /// # Errors
    /// [`SourceError`] names file, record and field.
    pub fn read_changes(&self) -> Result<Delta, SourceError> {
        let file = self.directory.join("changes.json");
        let mut delta = Delta { origin: Origin { file: file.clone() }, ..Delta::default() };
        let mut root = read_object(&file)?;
        let mut section = |name: &str| match root.remove(name) {
            None => Ok((Vec::new(), Coverage::Complete)),
            Some(Value::Object(answer)) => list(&file, answer),
            Some(other) => {
                Err(SourceError::new(&file, expected("a list answer", &other)).field(name))
            }
        };
        let users = section("users")?;
        let groups = section("groups")?;
        let assignments = section("assignments")?;
        if let Some(unknown) = root.keys().find(|key| !key.starts_with('@')) {
            return Err(SourceError::new(
                &file,
                "is unknown here; expected `users`, `groups` and `assignments`",
            )
            .field(unknown));
        }

        delta.coverage.users = users.1;
        for (index, value) in users.0.into_iter().enumerate() {
            let mut record = Record::new(&file, index, value)?;
            let change = match record.removal()? {
                Some(removal) => Change::Removed(removal),
                None => {
                    let manager = record.manager_change()?;
                    let attributes = record.attributes()?;
                    Change::Upsert(ChangedObject { attributes, manager })
                }
            };
            delta.users.push((record.id, change));
        }

        delta.coverage.groups = groups.1;
        for (index, value) in groups.0.into_iter().enumerate() {
            let mut record = Record::new(&file, index, value)?;
            let change = match record.removal()? {
                Some(removal) => Change::Removed(removal),
                None => {
                    for (member, change) in record.member_changes()? {
                        delta.memberships.push((record.id.clone(), member, change));
                    }
                    let attributes = record.attributes()?;
                    Change::Upsert(ChangedObject { attributes, manager: None })
                }
            };
            delta.groups.push((record.id, change));
        }

        delta.coverage.assignments = assignments.1;
        for (index, value) in assignments.0.into_iter().enumerate() {
            let mut record = Record::new(&file, index, value)?;
            let ended = record.removal()?.is_some();
            let principal = if ended { None } else { record.principal()? };
            if ended || principal.is_some() {
                delta.assignments.push((record.id.as_str().into(), principal));
            }
        }
        Ok(delta)
    }

    fn read_users(&self, snapshot: &mut Snapshot) -> Result<(), SourceError> {
        let file = self.directory.join("users.json");
        let (values, coverage) = list(&file, read_object(&file)?)?;
        snapshot.coverage.users = coverage;
        for (index, value) in values.into_iter().enumerate() {
            let mut record = Record::new(&file, index, value)?;
            let manager = record.manager_change()?.flatten();
            let attributes = without_nulls(record.attributes()?);
            for needed in ["userPrincipalName", "accountEnabled"] {
                if !attributes.contains_key(needed) {
                    return Err(record.problem("is missing").field(needed));
                }
            }
            record.insert_into(&mut snapshot.users, SourceObject { attributes, manager })?;
        }
        Ok(())
    }

    fn read_groups(&self, snapshot: &mut Snapshot) -> Result<(), SourceError> {
        let file = self.directory.join("groups.json");
        let (values, coverage) = list(&file, read_object(&file)?)?;
        snapshot.coverage.groups = coverage;
        for (index, value) in values.into_iter().enumerate() {
            let mut record = Record::new(&file, index, value)?;
            let members = record.members()?;
            let attributes = without_nulls(record.attributes()?);
            if !attributes.contains_key("displayName") {
                return Err(record.problem("is missing").field("displayName"));
            }
            snapshot.memberships.insert(record.id.clone(), members);
            let object = SourceObject { attributes, manager: None };
            record.insert_into(&mut snapshot.groups, object)?;
        }
        Ok(())
    }

    fn read_assignments(&self, snapshot: &mut Snapshot) -> Result<(), SourceError> {
        let file = self.directory.join("assignments.json");
        let (values, coverage) = list(&file, read_object(&file)?)?;
        snapshot.coverage.assignments = coverage;
        for (index, value) in values.into_iter().enumerate() {
            let mut record = Record::new(&file, index, value)?;
            let Some(principal) = record.principal()? else { continue };
            let known =
                snapshot.users.contains_key(&principal) || snapshot.groups.contains_key(&principal);
            let complete =
                snapshot.coverage.users.is_complete() && snapshot.coverage.groups.is_complete();
            if complete && !known {
                return Err(record
                    .problem(format_args!("names `{principal}`, which is no user and no group"))
                    .field("principalId"));
            }
            if snapshot.assignments.insert(record.id.as_str().into(), principal).is_some() {
                return Err(record.problem("occurs twice").field("id"));
            }
        }
        Ok(())
    }

    /// Managers and members must exist, where all users and groups were read.
    fn check_references(&self, snapshot: &Snapshot) -> Result<(), SourceError> {
        if snapshot.coverage.users.is_complete() {
            for (id, user) in &snapshot.users {
                let Some(manager) = &user.manager else { continue };
                if !snapshot.users.contains_key(manager) {
                    return Err(SourceError::new(
                        self.directory.join("users.json"),
                        format_args!("names `{manager}`, which is no user"),
                    )
                    .record(None, Some(id.as_str()))
                    .field("manager"));
                }
            }
        }
        if snapshot.coverage.users.is_complete() && snapshot.coverage.groups.is_complete() {
            for (id, members) in &snapshot.memberships {
                let stranger = members.direct.iter().find(|member| {
                    !snapshot.users.contains_key(*member) && !snapshot.groups.contains_key(*member)
                });
                if let Some(stranger) = stranger {
                    return Err(SourceError::new(
                        self.directory.join("groups.json"),
                        format_args!("names `{stranger}`, which is no user and no group"),
                    )
                    .record(None, Some(id.as_str()))
                    .field("members"));
                }
            }
        }
        Ok(())
    }
}

impl DirectorySource for GraphDirectory {
    async fn full(&self) -> Result<Snapshot, SourceError> {
        self.read_full()
    }

    async fn changes(&self) -> Result<Delta, SourceError> {
        self.read_changes()
    }
}

/// One record of a list answer, and where it stands.
struct Record<'a> {
    file: &'a Path,
    index: usize,
    id: SourceId,
    fields: Map<String, Value>,
}

impl<'a> Record<'a> {
    fn new(file: &'a Path, index: usize, value: Value) -> Result<Self, SourceError> {
        let at = |problem: String| SourceError::new(file, problem).record(Some(index), None);
        let Value::Object(fields) = value else {
            return Err(at(expected("an object", &value)));
        };
        let id = match fields.get("id") {
            Some(Value::String(id)) if !id.is_empty() => SourceId::from(id.as_str()),
            Some(Value::String(_)) => return Err(at("must not be empty".to_owned()).field("id")),
            Some(other) => return Err(at(expected("text", other)).field("id")),
            None => return Err(at("is missing".to_owned()).field("id")),
        };
        Ok(Self { file, index, id, fields })
    }

    fn problem(&self, problem: impl std::fmt::Display) -> SourceError {
        SourceError::new(self.file, problem).record(Some(self.index), Some(self.id.as_str()))
    }

    fn insert_into(
        self,
        objects: &mut BTreeMap<SourceId, SourceObject>,
        object: SourceObject,
    ) -> Result<(), SourceError> {
        if objects.contains_key(&self.id) {
            return Err(self.problem("occurs twice").field("id"));
        }
        objects.insert(self.id, object);
        Ok(())
    }

    /// `@removed` of a delta answer: `changed` is the recycle bin, `deleted` is for good.
    fn removal(&self) -> Result<Option<Removal>, SourceError> {
        let Some(removed) = self.fields.get("@removed") else { return Ok(None) };
        removal_reason(removed).map(Some).map_err(|p| self.problem(p).field("@removed"))
    }

    /// The attributes under the names of Entra ID's provisioning service; null where the record
    /// says null.
    fn attributes(&mut self) -> Result<Map<String, Value>, SourceError> {
        let mut attributes = Map::new();
        for (name, value) in std::mem::take(&mut self.fields) {
            if name.contains('@') {
                continue;
            }
            let known = ATTRIBUTES.iter().find(|(graph, ..)| *graph == name);
            let (entra, value) = match known {
                None => (name.as_str(), value),
                Some((_, entra, field_type)) => {
                    let value = field_type
                        .read(value)
                        .map_err(|problem| self.problem(problem).field(&name))?;
                    (*entra, value)
                }
            };
            attributes.insert(entra.to_owned(), value);
        }
        Ok(attributes)
    }

    /// `manager` as an expanded object, or `manager@delta` as a list of one.
    fn manager_change(&mut self) -> Result<Option<Option<SourceId>>, SourceError> {
        if let Some(changes) = self.fields.remove("manager@delta") {
            let changes = self.links("manager@delta", changes)?;
            let now = changes.iter().find(|link| link.removed.is_none());
            return Ok((!changes.is_empty()).then(|| now.map(|link| link.id.clone())));
        }
        match self.fields.remove("manager") {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(one) => {
                let links = self.links("manager", Value::Array(vec![one]))?;
                Ok(Some(links.into_iter().next().map(|link| link.id)))
            }
        }
    }

    /// `members`, expanded. A group that was not expanded says nothing of its members.
    fn members(&mut self) -> Result<Members, SourceError> {
        let coverage = if self.fields.contains_key("members@odata.nextLink") {
            Coverage::Partial("`members` has further pages".to_owned())
        } else if self.fields.contains_key("members") {
            Coverage::Complete
        } else {
            Coverage::Partial("`members` was not expanded".to_owned())
        };
        let links = match self.fields.remove("members") {
            None => Vec::new(),
            Some(members) => self.links("members", members)?,
        };
        let mut direct = BTreeSet::new();
        for link in links {
            if link.kind.is_some() && !direct.insert(link.id.clone()) {
                return Err(self
                    .problem(format_args!("names `{}` twice", link.id))
                    .field("members"));
            }
        }
        Ok(Members { direct, coverage })
    }

    fn member_changes(&mut self) -> Result<Vec<(SourceId, MemberChange)>, SourceError> {
        let links = match self.fields.remove("members@delta") {
            None => return Ok(Vec::new()),
            Some(members) => self.links("members@delta", members)?,
        };
        Ok(links
            .into_iter()
            .filter(|link| link.kind.is_some())
            .map(|link| match link.removed {
                Some(_) => (link.id, MemberChange::Left),
                None => (link.id, MemberChange::Joined),
            })
            .collect())
    }

    /// The user or group of an app role assignment; none for a service principal.
    fn principal(&mut self) -> Result<Option<SourceId>, SourceError> {
        match self.fields.get("principalType").and_then(Value::as_str) {
            Some("User" | "Group") => {}
            Some("ServicePrincipal") => return Ok(None),
            _ => {
                return Err(self
                    .problem("must be `User`, `Group` or `ServicePrincipal`")
                    .field("principalType"));
            }
        }
        match self.fields.get("principalId") {
            Some(Value::String(id)) if !id.is_empty() => Ok(Some(SourceId::from(id.as_str()))),
            Some(other) => Err(self.problem(expected("text", other)).field("principalId")),
            None => Err(self.problem("is missing").field("principalId")),
        }
    }

    fn links(&self, field: &str, value: Value) -> Result<Vec<Link>, SourceError> {
        let Value::Array(values) = value else {
            return Err(self.problem(expected("a list", &value)).field(field));
        };
        values
            .into_iter()
            .enumerate()
            .map(|(i, value)| {
                let at = |problem: String| self.problem(problem).field(&format!("{field}[{i}]"));
                let Value::Object(link) = value else {
                    return Err(at(expected("an object", &value)));
                };
                let id = match link.get("id") {
                    Some(Value::String(id)) if !id.is_empty() => SourceId::from(id.as_str()),
                    _ => return Err(at("must have an `id`".to_owned())),
                };
                let removed = link.get("@removed").map(removal_reason).transpose().map_err(at)?;
                Ok(Link { id, kind: kind(&link), removed })
            })
            .collect()
    }
}

/// A reference from one directory object to another.
struct Link {
    id: SourceId,
    /// None for devices, contacts and the like, which are not provisioned.
    kind: Option<ObjectKind>,
    removed: Option<Removal>,
}

fn kind(link: &Map<String, Value>) -> Option<ObjectKind> {
    match link.get("@odata.type").and_then(Value::as_str) {
        Some("#microsoft.graph.group") => Some(ObjectKind::Group),
        Some("#microsoft.graph.user") | None => Some(ObjectKind::User),
        Some(_) => None,
    }
}

fn removal_reason(removed: &Value) -> Result<Removal, String> {
    match removed.get("reason").and_then(Value::as_str) {
        Some("changed") => Ok(Removal::Soft),
        Some("deleted") => Ok(Removal::Hard),
        _ => Err("must have the `reason` `changed` or `deleted`".to_owned()),
    }
}

impl FieldType {
    fn read(self, value: Value) -> Result<Value, String> {
        match (self, value) {
            (_, Value::Null) => Ok(Value::Null),
            (Self::Text, Value::String(text)) => {
                Ok(if text.is_empty() { Value::Null } else { Value::String(text) })
            }
            (Self::Bool, Value::Bool(truth)) => Ok(Value::Bool(truth)),
            (Self::Texts | Self::OneText, Value::Array(values)) => {
                if let Some(other) = values.iter().find(|value| !value.is_string()) {
                    return Err(expected("a list of texts", other));
                }
                match (self, values.len()) {
                    (_, 0) => Ok(Value::Null),
                    (Self::Texts, _) => Ok(Value::Array(values)),
                    (_, 1) => Ok(values.into_iter().next().unwrap_or_default()),
                    (_, n) => Err(format!("must hold one text at most, found {n}")),
                }
            }
            (Self::Text, other) => Err(expected("text", &other)),
            (Self::Bool, other) => Err(expected("true or false", &other)),
            (Self::Texts | Self::OneText, other) => Err(expected("a list of texts", &other)),
        }
    }
}

fn without_nulls(mut attributes: Map<String, Value>) -> Map<String, Value> {
    attributes.retain(|_, value| !value.is_null());
    attributes
}

/// "must be …, found …", with the JSON type of what was found and not its value.
fn expected(what: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    format!("must be {what}, found {found}")
}

fn read_object(file: &Path) -> Result<Map<String, Value>, SourceError> {
    let cannot = |error: std::io::Error| SourceError::new(file, format!("cannot be read: {error}"));
    let length = std::fs::metadata(file).map_err(cannot)?.len();
    if length > MAX_FILE {
        let problem = format!("has {length} bytes, more than the {MAX_FILE} that are read");
        return Err(SourceError::new(file, problem));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    // Exports from Windows begin with a byte order mark.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match serde_json::from_slice(text) {
        Ok(Unambiguous(Value::Object(object))) => Ok(object),
        Ok(Unambiguous(other)) => {
            Err(SourceError::new(file, expected("an object with `value`", &other)))
        }
        Err(error) if error.is_data() => Err(SourceError::new(file, error)),
        Err(error) => Err(SourceError::new(file, format!("is not JSON: {error}"))),
    }
}

/// The records of a list answer, and whether they are all.
fn list(
    file: &Path,
    mut answer: Map<String, Value>,
) -> Result<(Vec<Value>, Coverage), SourceError> {
    let coverage = if answer.contains_key("@odata.nextLink") {
        Coverage::Partial(format!(
            "{} is one page of several: it has `@odata.nextLink`",
            file.file_name().unwrap_or_default().to_string_lossy()
        ))
    } else {
        Coverage::Complete
    };
    match answer.remove("value") {
        Some(Value::Array(values)) => Ok((values, coverage)),
        Some(other) => Err(SourceError::new(file, expected("a list", &other)).field("value")),
        None => Err(SourceError::new(file, "is missing").field("value")),
    }
}
