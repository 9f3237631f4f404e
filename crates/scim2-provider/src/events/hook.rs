//! Changes that somebody may refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scim2_core::resource::ResourceId;
use scim2_core::schema::Uniqueness;
use scim2_core::{Error, Resource, ResourceType};

use super::{Affected, ChangeRecord};
use crate::auth::Principal;
use crate::scripts::mixes_scripts;
use crate::store::Stored;

/// Is asked before anything is written, and may refuse it.
///
/// Every change passes here, whatever request asks for it: POST, PUT, PATCH and DELETE, alone or
/// in a bulk request. It is the place for rules that concern what changes and not only who asks
/// ([`Authenticator::authorize`](crate::Authenticator::authorize)): that nobody joins the group of
/// administrators by provisioning, that this user is never switched off. Only what a bulk request
/// created and cannot complete is taken back without asking.
///
/// ```
/// use http::StatusCode;
/// use scim2_core::Error;
/// use scim2_provider::events::{ChangeHook, ProposedChange};
///
/// struct KeepsAdmins;
///
/// impl ChangeHook for KeepsAdmins {
///     fn check(&self, change: &ProposedChange<'_>) -> Result<(), Error> {
///         let admins = |group: Option<&str>| group == Some("0197c9a0-0000-7000-8000-000000000001");
///         if change.memberships().any(|membership| admins(membership.group)) {
///             return Err(Error::new(StatusCode::FORBIDDEN).detail("administrators are appointed"));
///         }
///         Ok(())
///     }
/// }
/// ```
pub trait ChangeHook: Send + Sync + 'static {
    /// Lets a change happen, or refuses it.
    ///
    /// It is called between reading and writing, so it must not wait. A change that lost a race
    /// against another one is computed anew, and asked about anew: being asked does not mean that
    /// it happened.
    ///
    /// # Errors
    /// Nothing is written then, and the error is the client's answer. A panic is answered 500.
    fn check(&self, change: &ProposedChange<'_>) -> Result<(), Error>;
}

/// A change that was not made yet.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ProposedChange<'a> {
    /// Who asks for it.
    pub principal: &'a Principal,
    /// The type of the resource.
    pub resource_type: &'a ResourceType,
    /// Which resource; a new one has no id yet.
    pub id: Option<&'a ResourceId>,
    /// The resource as it is, without members where they do not change. None of a new one, and
    /// none of a group of which only members change: it is not read, however large it is.
    pub before: Option<&'a Stored>,
    /// The resource as it would be. None of one that is to be deleted, or of which only members
    /// change. It has what the client sent, a password included.
    pub after: Option<&'a Resource>,
    /// What would be told of the change. Where only members change, it may name some that are
    /// members already, or are none.
    pub record: &'a ChangeRecord,
    /// The resources that lose a reference to this one, if it is to be deleted.
    pub affected: &'a [Affected],
}

/// A membership that begins or ends with a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Membership<'a> {
    /// The group; a new one has no id yet.
    pub group: Option<&'a str>,
    /// The member.
    pub member: &'a str,
    /// Whether it begins or ends.
    pub becomes: Becomes,
}

/// What becomes of a membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it begins or it ends")]
pub enum Becomes {
    /// It begins.
    Added,
    /// It ends.
    Removed,
}

impl<'a> ProposedChange<'a> {
    pub(crate) fn new(
        principal: &'a Principal,
        resource_type: &'a ResourceType,
        id: Option<&'a ResourceId>,
        record: &'a ChangeRecord,
    ) -> Self {
        Self { principal, resource_type, id, before: None, after: None, record, affected: &[] }
    }

    /// Every membership that the change begins or ends: by a request to a group, by the deletion
    /// of a group, or because a member is deleted.
    pub fn memberships(&self) -> impl Iterator<Item = Membership<'a>> + use<'a> {
        let group = self.id.map(ResourceId::as_str);
        let of = move |becomes| {
            move |member: &'a ResourceId| Membership { group, member: member.as_str(), becomes }
        };
        let added = self.record.members_added.iter().map(of(Becomes::Added));
        let removed = self.record.members_removed.iter().map(of(Becomes::Removed));
        let lost = self.affected.iter().filter(|affected| affected.loses_member());
        let lost = lost.filter_map(move |affected| {
            let (group, member) = (Some(affected.id.as_str()), group?);
            Some(Membership { group, member, becomes: Becomes::Removed })
        });
        added.chain(removed).chain(lost)
    }

    /// The unique attributes, such as `userName`, that would get a value which
    /// [mixes scripts](mixes_scripts), and so may be there to be taken for another one (SEC-12).
    #[must_use]
    pub fn mixed_scripts(&self) -> Vec<&'a str> {
        let attributes = self.resource_type.schema().attributes.iter();
        let unique = attributes.filter(|attribute| attribute.uniqueness != Uniqueness::None);
        let names = unique.map(|attribute| attribute.name.as_str());
        let mixed =
            |name: &&str| self.after.and_then(|after| after.text(name)).is_some_and(mixes_scripts);
        names.filter(|name| self.record.touches(name)).filter(mixed).collect()
    }

    /// Asks all hooks; the first that refuses decides.
    pub(crate) fn pass(&self, hooks: &[Box<dyn ChangeHook>]) -> Result<(), Error> {
        hooks.iter().try_for_each(|hook| {
            catch_unwind(AssertUnwindSafe(|| hook.check(self))).unwrap_or_else(|_| {
                tracing::error!("a hook panicked: the change is refused");
                Err(Error::internal())
            })
        })
    }
}
