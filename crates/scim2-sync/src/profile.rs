//! What the target's profile says, in the engine's words.

use scim2_client::{Paging, Query};
use scim2_core::patch_op::{PatchOp, PatchOpKind, PatchOperation};
use scim2_core::resource::ResourceId;
use scim2_core::syntax::Filter;
use scim2_core::{Resource, ResourceType};
use scim2_vendor::TargetProfile;
use scim2_vendor::profile::{self, GroupUpdate, MembersReadable, ProfileViolation, Rule};
use serde_json::{Value, json};

use crate::problem::{ErrorCode, Problem};

/// How many members a request changes where the profile knows no limit. Requests stay small enough
/// for body limits that nobody prints.
const MEMBERS_PER_REQUEST: usize = 1000;

/// A target, as its profile describes it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    profile: TargetProfile,
}

impl Target {
    pub(crate) fn new(profile: TargetProfile) -> Self {
        Self { profile }
    }

    pub(crate) fn profile(&self) -> &TargetProfile {
        &self.profile
    }

    /// Why the target would refuse to create this.
    pub(crate) fn check_create(&self, ty: &ResourceType, resource: &Resource) -> Vec<Problem> {
        problems(self.profile.check_create(ty, resource))
    }

    /// Why the target would refuse a change that leads to this.
    pub(crate) fn check_change(
        &self,
        ty: &ResourceType,
        op: &PatchOp,
        after: &Resource,
    ) -> Vec<Problem> {
        let mut violations = self.profile.check_patch(ty, op);
        violations.extend(self.profile.check_state(ty, after));
        problems(violations)
    }

    /// How many members one request may name or change.
    pub(crate) fn members_per_request(&self) -> usize {
        self.profile.members_per_request.unwrap_or(MEMBERS_PER_REQUEST).max(1)
    }

    /// A change of a group's members, in the target's dialect.
    pub(crate) fn member_patch(&self, add: &[ResourceId], remove: &[ResourceId]) -> PatchOp {
        let list = |ids: &[ResourceId]| -> Value {
            ids.iter().map(|id| json!({ "value": id.as_str() })).collect()
        };
        let mut op = PatchOp::new();
        match self.profile.group_update {
            GroupUpdate::ValueLists if !remove.is_empty() => {
                let path = Some("members".into());
                op = op.with(PatchOperation::new(PatchOpKind::Remove, path, Some(list(remove))));
            }
            GroupUpdate::ValueLists => {}
            _ => {
                for id in remove {
                    let selected = Filter::eq("value", id.as_str());
                    op = op.remove(format!("members[{selected}]"));
                }
            }
        }
        if !add.is_empty() {
            op = op.add("members", list(add));
        }
        op
    }

    /// Whether `excludedAttributes` may be sent.
    pub(crate) fn takes_projection(&self) -> bool {
        self.profile.projection
    }

    /// A query, paged as the target wants it.
    pub(crate) fn paged(&self, query: Query) -> Query {
        let paging = match self.profile.paging {
            profile::Paging::Cursor => Paging::cursor(),
            _ => Paging::index(),
        };
        query.paging(paging.page_size(self.profile.page_size))
    }

    /// How a group's members can be read.
    pub(crate) fn members_readable(&self) -> MembersReadable {
        self.profile.members_readable
    }
}

/// All that a profile finds wrong with an object, in one problem: the target refuses it once.
fn problems(violations: Vec<ProfileViolation>) -> Vec<Problem> {
    let mut violations = violations.into_iter();
    let Some(first) = violations.next() else { return Vec::new() };
    let sentence = |v: &ProfileViolation| {
        format!("{} has {}; {} takes {}", v.attribute, v.found, v.target, v.allowed)
    };
    let code = match first.rule {
        Rule::Required => ErrorCode::MandatoryFieldsMissing,
        Rule::Unsupported => ErrorCode::SchemaAttributeNotFound,
        Rule::TooManyValues => ErrorCode::SchemaPropertyCanOnlyAcceptValue,
        _ => ErrorCode::UnprocessableEntity,
    };
    let mut problem = Problem::new(code, sentence(&first), first.remedy.clone());
    for next in violations {
        problem.reason = format!("{}; {}", problem.reason, sentence(&next));
        problem.remedy = format!("{}; {}", problem.remedy, next.remedy);
    }
    problem.attribute = Some(first.attribute);
    problem.found = Some(first.found);
    problem.allowed = Some(first.allowed);
    vec![problem]
}
