//! The provisioning log: one JSON line for each thing done or not done with an object.
//!
//! The lines have the shape of Microsoft Graph's `provisioningObjectSummary`
//! (<https://learn.microsoft.com/en-us/graph/api/resources/provisioningobjectsummary>), so what
//! reads Entra ID's logs reads these. Beyond it, `errorInformation` names the attribute at fault,
//! what was found and what the target takes.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use serde_with::skip_serializing_none;

use crate::problem::Problem;
use crate::source::ObjectKind;

/// Whether the log shows values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "shown or not")]
pub enum LogValues {
    /// Names of attributes and identifiers of objects only, so that the log may go where the
    /// directory may not.
    #[default]
    Hidden,
    /// What people are called, and old and new values of attributes. Passwords never.
    Shown,
}

/// Writes the provisioning log.
///
/// ```
/// use scim2_sync::log::{LogValues, ProvisioningLog};
/// let log = ProvisioningLog::new(std::io::sink()).values(LogValues::Shown);
/// ```
pub struct ProvisioningLog {
    out: Box<dyn Write + Send + Sync>,
    values: LogValues,
}

impl fmt::Debug for ProvisioningLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvisioningLog").field("values", &self.values).finish_non_exhaustive()
    }
}

impl ProvisioningLog {
    /// A log that is written here.
    #[must_use]
    pub fn new(out: impl Write + Send + Sync + 'static) -> Self {
        Self { out: Box::new(out), values: LogValues::default() }
    }

    /// The same log, with or without values.
    #[must_use]
    pub fn values(self, values: LogValues) -> Self {
        Self { values, ..self }
    }

    /// Writes one line.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, mut entry: LogEntry) -> io::Result<()> {
        if self.values == LogValues::Hidden {
            entry.hide_values();
        }
        entry.hide_passwords();
        let mut line = serde_json::to_vec(&entry)?;
        line.push(b'\n');
        self.out.write_all(&line)
    }

    /// Hands everything on to the disk or wherever the log goes.
    ///
    /// # Errors
    /// When that fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One line of the log.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LogEntry {
    /// The line's own id.
    pub id: String,
    /// When it was done.
    #[serde(serialize_with = "time")]
    pub activity_date_time: DateTime<Utc>,
    /// The tenant of the target.
    pub tenant_id: String,
    /// The job.
    pub job_id: String,
    /// The cycle; all lines of one cycle share it.
    pub cycle_id: String,
    /// The change; all lines about one object in one cycle share it.
    pub change_id: String,
    /// What was done.
    pub provisioning_action: LogAction,
    /// How long it took.
    pub duration_in_milliseconds: u64,
    /// Where the object comes from.
    pub source_system: System,
    /// Where it goes.
    pub target_system: System,
    /// The object in the source.
    pub source_identity: Identity,
    /// The object in the target.
    pub target_identity: Identity,
    /// How it ended.
    pub provisioning_status_info: StatusInfo,
    /// How it came to this.
    pub provisioning_steps: Vec<Step>,
    /// Which attributes were written.
    pub modified_properties: Vec<ModifiedProperty>,
}

/// What was done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum LogAction {
    /// It was created.
    Create,
    /// It was changed.
    Update,
    /// It was deleted.
    Delete,
    /// Its removal waits for someone's consent.
    StagedDelete,
    /// Its account was switched off.
    Disable,
    /// It was matched, skipped or refused.
    Other,
}

/// Source or target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct System {
    /// Its id: for a target its base URL.
    pub id: String,
    /// What people call it.
    pub display_name: String,
}

impl System {
    /// A system.
    #[must_use]
    pub fn new(id: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self { id: id.into(), display_name: display_name.into() }
    }
}

/// An object in one of the systems.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Identity {
    /// Its id there; none if it is not there.
    pub id: Option<String>,
    /// What people call it.
    pub display_name: Option<String>,
    /// `User` or `Group`.
    pub identity_type: &'static str,
}

impl Identity {
    pub(crate) fn new(kind: ObjectKind, id: Option<&str>, display_name: Option<&str>) -> Self {
        Self {
            id: id.map(str::to_owned),
            display_name: display_name.map(str::to_owned),
            identity_type: kind.as_str(),
        }
    }
}

/// How it ended.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct StatusInfo {
    /// Success, failure, or something between.
    pub status: LogStatus,
    /// What went wrong.
    pub error_information: Option<ErrorInformation>,
}

/// Success, failure, or something between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum LogStatus {
    /// Done.
    Success,
    /// Done, though not as the profile says the target works.
    Warning,
    /// Not done, and need not be.
    Skipped,
    /// Not done.
    Failure,
}

/// What went wrong, and what to do.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ErrorInformation {
    /// The code; see [`ErrorCode`](crate::problem::ErrorCode).
    pub error_code: &'static str,
    /// Whose fault it is.
    pub error_category: &'static str,
    /// What happened.
    pub reason: String,
    /// The target's own words.
    pub additional_details: Option<String>,
    /// What to do.
    pub recommended_action: String,
    /// The attribute at fault.
    pub attribute: Option<String>,
    /// What was found.
    pub found: Option<String>,
    /// What the target takes.
    pub allowed: Option<String>,
    /// The HTTP status.
    pub http_status: Option<u16>,
}

impl From<&Problem> for ErrorInformation {
    fn from(problem: &Problem) -> Self {
        let service =
            problem.status.is_some_and(|status| status >= 500) || problem.status.is_none();
        let local = problem.attribute.is_some();
        Self {
            error_code: problem.code.as_str(),
            error_category: if service && !local { "failure" } else { "nonServiceFailure" },
            reason: problem.reason.clone(),
            additional_details: problem.answer.clone(),
            recommended_action: problem.remedy.clone(),
            attribute: problem.attribute.clone(),
            found: problem.found.clone(),
            allowed: problem.allowed.clone(),
            http_status: problem.status,
        }
    }
}

/// One of the five steps of provisioning an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Step {
    /// Its name.
    pub name: &'static str,
    /// Its kind, in Graph's words.
    pub provisioning_step_type: &'static str,
    /// How it ended.
    pub status: LogStatus,
    /// What happened.
    pub description: String,
}

impl Step {
    pub(crate) fn import(kind: ObjectKind) -> Self {
        let description = format!("received the {} from the source", kind.as_str().to_lowercase());
        Self::new("EntryImportAdd", "import", description)
    }

    pub(crate) fn scope(reason: impl Into<String>) -> Self {
        Self::new("EntrySynchronizationScoping", "scoping", reason.into())
    }

    pub(crate) fn matching(description: impl Into<String>) -> Self {
        Self::new("EntryMatching", "matching", description.into())
    }

    pub(crate) fn export(status: LogStatus, description: impl Into<String>) -> Self {
        Self { status, ..Self::new("EntryExport", "export", description.into()) }
    }

    fn new(name: &'static str, provisioning_step_type: &'static str, description: String) -> Self {
        Self { name, provisioning_step_type, status: LogStatus::Success, description }
    }
}

/// An attribute that was written.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ModifiedProperty {
    /// The attribute's canonical path.
    pub display_name: String,
    /// Its value before; none when it had none, or the engine does not know it.
    pub old_value: Option<Value>,
    /// Its value now.
    pub new_value: Option<Value>,
}

impl ModifiedProperty {
    /// A member that left, or joined.
    pub(crate) fn member(old: Option<&str>, new: Option<&str>) -> Self {
        Self {
            display_name: "members".to_owned(),
            old_value: old.map(Value::from),
            new_value: new.map(Value::from),
        }
    }

    pub(crate) fn all(
        old: &BTreeMap<String, Value>,
        new: impl Iterator<Item = (String, Option<Value>)>,
    ) -> Vec<Self> {
        new.map(|(path, new_value)| Self {
            old_value: old.get(&path).cloned(),
            display_name: path,
            new_value,
        })
        .collect()
    }
}

impl LogEntry {
    fn hide_values(&mut self) {
        for property in &mut self.modified_properties {
            property.old_value = None;
            property.new_value = None;
        }
        self.source_identity.display_name = None;
        self.target_identity.display_name = None;
    }

    /// Invariant 6, whatever a mapping does.
    fn hide_passwords(&mut self) {
        for property in &mut self.modified_properties {
            if property.display_name.eq_ignore_ascii_case("password") {
                property.old_value = None;
                property.new_value = None;
            }
        }
    }
}

fn time<S: serde::Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
}
