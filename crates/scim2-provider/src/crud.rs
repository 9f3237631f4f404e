//! Creating, reading, replacing, changing and deleting one resource (RFC 7644 §3.3 to §3.6).

use bytes::Bytes;
use http::StatusCode;
use scim2_core::catalog::Resolved;
use scim2_core::change::MemberDelta;
use scim2_core::etag::Version;
use scim2_core::patch_op::{PatchOp, PatchOperation};
use scim2_core::policy::PutMissing;
use scim2_core::project::{Projection, Written};
use scim2_core::resource::ResourceId;
use scim2_core::rules::PatchAnswer;
use scim2_core::search::SearchRequest;
use scim2_core::syntax::{AttrPath, PatchPath};
use scim2_core::{Error, Resource, ResourceType};
use serde_json::Value;

use crate::auth::Authenticator;
use crate::condition::{Condition, seen_version};
use crate::config::IfMatch;
use crate::effect::changes;
use crate::provider::{Exchange, ServiceProvider};
use crate::query::parameters;
use crate::respond::{Answer, Failure};
use crate::store::{Load, Store, StoreError, Stored, has_groups, has_members};
use crate::view::View;
use crate::watch::{parsed, watched};

impl<S: Store, A: Authenticator> ServiceProvider<S, A> {
    /// POST to an endpoint (RFC 7644 §3.3).
    pub(crate) async fn create(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let view = self.view(cx, ty)?;
        let projection = self.projection(cx, view.ty())?;
        let mut defaults = self.rules.defaults(ty);
        let unseen = view.take(&mut defaults);
        let locations = self.locations(cx, view.ty(), &self.policy);
        let mut resource = parsed(|| {
            let resource = view.ty().ingest_with(&body, &defaults, &self.policy)?;
            locations.check_body(&body).map(|()| resource)
        })?;
        view.put_back(&mut resource, unseen);
        let written = Written::from_resource(ty, &resource);
        self.authenticator.admit(cx.principal, ty, &mut resource)?;
        let resource = ty.validate_new(resource, &self.policy)?;
        check_members(ty, &resource)?;
        self.rules.check_create(ty, &resource)?;
        let stored = self.insert(cx, ty, resource).await?;
        Ok(self.show(cx, &view, stored, &projection, Some(&written), StatusCode::CREATED))
    }

    /// GET of one resource (RFC 7644 §3.4.1).
    pub(crate) async fn get(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
    ) -> Result<Answer, Failure> {
        let view = self.view(cx, ty)?;
        let projection = self.projection(cx, view.ty())?;
        let condition = self.read_condition(cx, ty)?;
        let load = condition.load(self.load_for_reading(ty, &projection));
        let scope = &cx.principal.scope;
        let not_modified = |version: &Version| match &cx.if_none_match {
            Some(known) if known.matches(version) => {
                Some(Answer::empty(StatusCode::NOT_MODIFIED).etag(Some(version.as_str())))
            }
            _ => None,
        };
        if self.shows_text(&view, &projection) && !condition.needs_reading() {
            let text = watched("get", ty, self.store.get_text(scope, ty, id, load)).await?;
            let text = text.ok_or(StoreError::NotFound)?;
            if let Some(answer) = not_modified(text.version()) {
                return Ok(answer);
            }
            self.check_members_shown([text.members()].into_iter())?;
            return Ok(self.show_text(&cx.base, ty, text));
        }
        let stored = self.read(cx, ty, id, load).await?.ok_or(StoreError::NotFound)?;
        condition.check(ty, &stored)?;
        if let Some(answer) = not_modified(&seen_version(&stored, self.versions_groups(ty))) {
            return Ok(answer);
        }
        if projection.needs("members") {
            self.check_members_shown([stored.members()].into_iter())?;
        }
        Ok(self.show(cx, &view, stored, &projection, None, StatusCode::OK))
    }

    /// PUT (RFC 7644 §3.5.1).
    pub(crate) async fn replace(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let condition = self.condition_to_write(cx, ty, id).await?;
        let view = self.view(cx, ty)?;
        let read = || {
            let projection = self.projection(cx, view.ty())?;
            let mut defaults = match self.policy.put.missing {
                PutMissing::Clear => self.rules.defaults(ty),
                _ => Resource::new(),
            };
            view.take(&mut defaults);
            let locations = self.locations(cx, view.ty(), &self.policy);
            let mut resource = parsed(|| {
                let resource = view.ty().ingest_with(&body, &defaults, &self.policy)?;
                locations.check_body(&body).map(|()| resource)
            })?;
            if !self.service.change_password.supported && resource.get(PASSWORD).is_some() {
                if !self.policy.password_ignore {
                    return Err(password_refused());
                }
                resource.remove(PASSWORD);
            }
            Ok((projection, resource))
        };
        let (projection, resource) = match read() {
            Ok(read) => read,
            Err(error) => return Err(self.refused(cx, ty, id, &condition, error).await),
        };
        let written = Written::from_resource(ty, &resource);
        let change = |before: &Stored| {
            condition.check(ty, before)?;
            let after = view.replaced(&before.resource, resource.clone(), &self.policy)?;
            check_members(ty, &after)?;
            self.rules.check_replace(ty, &after)?;
            let changes = changes(ty, &before.resource, &after);
            Ok((after, changes))
        };
        let stored = self.update(cx, ty, id, Load::Full, change).await?;
        Ok(self.show(cx, &view, stored, &projection, Some(&written), StatusCode::OK))
    }

    /// PATCH (RFC 7644 §3.5.2).
    pub(crate) async fn patch(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let condition = self.condition_to_write(cx, ty, id).await?;
        let view = self.view(cx, ty)?;
        let read = || {
            let projection = self.projection(cx, view.ty())?;
            let op = parsed(|| PatchOp::from_slice(&body, &self.policy))?;
            tracing::Span::current().record("scim.patch.ops", op.operations.len());
            self.rules.check_patch(ty, &op)?;
            let op = self.without_password(ty, op)?;
            let op = self.locations(cx, view.ty(), &self.policy).out_of_patch(op)?;
            let delta = self.member_delta(view.ty(), &op)?;
            Ok((projection, op, delta))
        };
        let (projection, op, delta) = match read() {
            Ok(read) => read,
            Err(error) => return Err(self.refused(cx, ty, id, &condition, error).await),
        };
        let written = self.written(ty, &op);
        let answer = self.patch_answer(cx, ty);
        // What of the resource must be read to answer.
        let shown = match answer {
            PatchAnswer::Resource => self.load_for(ty, &projection),
            PatchAnswer::NoContent if self.versions_groups(ty) => Load::Full,
            PatchAnswer::NoContent => Load::WithoutMembers,
        };
        let stored = match delta {
            Some(delta) => {
                let stored = self.change_members(cx, ty, id, &condition, &delta).await?;
                match shown {
                    Load::WithoutMembers => stored,
                    Load::Full => {
                        let stored = self.read(cx, ty, id, Load::Full).await?;
                        stored.ok_or(StoreError::NotFound)?
                    }
                }
            }
            None => {
                let load = match shown {
                    Load::WithoutMembers if !self.needs_members(ty, &op) => condition.load(shown),
                    _ => Load::Full,
                };
                // Where it cannot be changed, nothing of it is left in the request.
                let password =
                    self.service.change_password.supported && self.patches_password(ty, &op);
                let change = |before: &Stored| {
                    condition.check(ty, before)?;
                    let (after, changes) = view.patched(&before.resource, &op, &self.policy)?;
                    check_members(ty, &after)?;
                    self.check_password(&after, password)?;
                    if !changes.is_empty() {
                        self.check_patched(ty, &after)?;
                    }
                    Ok((after, changes))
                };
                self.update(cx, ty, id, load, change).await?
            }
        };
        // It is done: what is too much to show is left to be asked for.
        let shows_all = !projection.needs("members")
            || self.check_members_shown([stored.members()].into_iter()).is_ok();
        if answer == PatchAnswer::NoContent || !shows_all {
            let none = Projection::all();
            let seen = self.represent(&cx.base, &view, stored, &none, None);
            return Ok(Answer::empty(StatusCode::NO_CONTENT)
                .location(seen.location.as_deref())
                .etag(seen.version.as_deref()));
        }
        Ok(self.show(cx, &view, stored, &projection, Some(&written), StatusCode::OK))
    }

    /// DELETE (RFC 7644 §3.6).
    pub(crate) async fn delete(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
    ) -> Result<Answer, Failure> {
        let condition = self.condition_to_write(cx, ty, id).await?;
        self.remove(cx, ty, id, &condition).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    }

    fn show(
        &self,
        cx: &Exchange<'_>,
        view: &View<'_>,
        stored: Stored,
        projection: &Projection,
        written: Option<&Written>,
        status: StatusCode,
    ) -> Answer {
        let id = ResourceId::from(stored.id());
        let seen = self.represent(&cx.base, view, stored, projection, written);
        Answer::json(status, &seen.resource)
            .id(id)
            .location(seen.location.as_deref())
            .etag(seen.version.as_deref())
    }

    /// The `attributes` and `excludedAttributes` of a request for one resource. Everything else in
    /// its query is ignored (ruling Q21).
    fn projection(&self, cx: &Exchange<'_>, ty: &ResourceType) -> Result<Projection, Error> {
        let own = parameters(cx.query, &PROJECTION).collect::<Vec<_>>().join("&");
        self.projection_of(ty, &SearchRequest::from_query_with(&own, &self.policy)?)
    }

    /// A request that cannot be obeyed: but first of all the resource must be there, and in the
    /// version that the client names (ruling H11).
    async fn refused(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
        condition: &Condition,
        error: Error,
    ) -> Failure {
        let load = condition.load(Load::WithoutMembers);
        match self.read(cx, ty, id, load).await {
            Ok(Some(stored)) => condition.check(ty, &stored).err().unwrap_or(error).into(),
            Ok(None) => StoreError::NotFound.into(),
            Err(error) => error.into(),
        }
    }

    /// A PATCH without what it says of the password, where passwords cannot be changed; or an
    /// error, unless the policy has it ignored (ruling W25).
    fn without_password(&self, ty: &ResourceType, mut op: PatchOp) -> Result<PatchOp, Error> {
        if self.service.change_password.supported || !self.patches_password(ty, &op) {
            return Ok(op);
        }
        if !self.policy.password_ignore {
            return Err(password_refused());
        }
        op.operations.retain_mut(|operation| {
            if let Some(path) = path_of(operation) {
                return !self.names_password(ty, path);
            }
            let Some(Value::Object(values)) = &mut operation.value else { return true };
            values.retain(|key, value| match value {
                Value::Object(values) if is_base(ty, key) => {
                    values.retain(|path, _| !self.names_password(ty, path));
                    !values.is_empty()
                }
                _ => !self.names_password(ty, key),
            });
            !values.is_empty()
        });
        Ok(op)
    }

    fn patches_password(&self, ty: &ResourceType, op: &PatchOp) -> bool {
        paths(ty, op).into_iter().any(|path| self.names_password(ty, path))
    }

    /// Whether what a PATCH makes of the password is what will be: one that is set is one that can
    /// be, and one that is taken away is not kept all the same (ruling W25).
    fn check_password(&self, after: &Resource, patched: bool) -> Result<(), Error> {
        match after.get(PASSWORD) {
            Some(_) if !self.service.change_password.supported => Err(password_refused()),
            None if patched => {
                Err(Error::invalid_value("`password` cannot be removed, only set anew"))
            }
            _ => Ok(()),
        }
    }

    fn names_password(&self, ty: &ResourceType, path: &str) -> bool {
        let Ok(path) = PatchPath::parse_with(path, &self.policy.syntax) else { return false };
        let Ok(Resolved::Attribute { extension: None, attribute, .. }) =
            ty.resolve(&path.attr, &self.policy)
        else {
            return false;
        };
        attribute.name.as_str() == PASSWORD
    }

    /// The members that a PATCH adds and removes, if it does nothing else and the store can do it
    /// without reading the group (ruling P37).
    fn member_delta(&self, ty: &ResourceType, op: &PatchOp) -> Result<Option<MemberDelta>, Error> {
        let members = ty.schema().attribute("members").filter(|_| has_members(ty));
        match members {
            Some(members) if !members.required => ty.member_delta(op, &self.policy),
            _ => Ok(None),
        }
    }

    /// Whether a PATCH must see the members of a group.
    fn needs_members(&self, ty: &ResourceType, op: &PatchOp) -> bool {
        let required = ty.schema().attribute("members").is_some_and(|members| members.required);
        (has_members(ty) && (required || ty.patch_touches(op, "members", &self.policy)))
            || (has_groups(ty) && ty.patch_touches(op, "groups", &self.policy))
    }

    /// 204 only where the endpoint likes it and the client does not name attributes (RFC 7644
    /// §3.5.2, ruling P33).
    fn patch_answer(&self, cx: &Exchange<'_>, ty: &ResourceType) -> PatchAnswer {
        let named = parameters(cx.query, &PROJECTION).next().is_some();
        if named { PatchAnswer::Resource } else { self.rules.patch_answer(ty) }
    }

    /// The endpoint's rules on what a PATCH leaves behind: what a client could have written. They
    /// never see members, so that it does not depend on how the request is carried out.
    fn check_patched(&self, ty: &ResourceType, after: &Resource) -> Result<(), Error> {
        let mut written = ty.writable(after);
        written.remove("members");
        self.rules.check_patched(ty, &written)
    }

    /// The attributes that a PATCH writes.
    fn written(&self, ty: &ResourceType, op: &PatchOp) -> Written {
        let paths: Vec<String> = paths(ty, op)
            .into_iter()
            .filter_map(|path| PatchPath::parse_with(path, &self.policy.syntax).ok())
            .map(|path| {
                let sub_attr = path.sub_attr.or(path.attr.sub_attr);
                AttrPath { sub_attr, ..path.attr }.to_string()
            })
            .collect();
        Written::from_paths(ty, paths.iter().map(String::as_str), &self.policy)
    }

    /// What must hold of a resource before it is written: first of all that the client names a
    /// version, where it must (ruling H09).
    async fn condition_to_write(
        &self,
        cx: &Exchange<'_>,
        ty: &ResourceType,
        id: &ResourceId,
    ) -> Result<Condition, Failure> {
        let condition = self.write_condition(cx, ty)?;
        let must_name = self.config.if_match == IfMatch::Required && self.service.etag.supported;
        if must_name && cx.if_match.is_none() {
            let error = Error::new(StatusCode::PRECONDITION_REQUIRED)
                .detail("the request must name the version that it changes, in `If-Match`");
            return Err(self.refused(cx, ty, id, &condition, error).await);
        }
        Ok(condition)
    }
}

/// What the operations of a PATCH name: their paths, and the keys of values without path, those of
/// an object under the URN of the base schema among them.
fn paths<'a>(ty: &ResourceType, op: &'a PatchOp) -> Vec<&'a str> {
    let mut paths = Vec::new();
    for operation in &op.operations {
        if let Some(path) = path_of(operation) {
            paths.push(path);
            continue;
        }
        for (key, value) in operation.value.iter().filter_map(Value::as_object).flatten() {
            match value {
                Value::Object(values) if is_base(ty, key) => {
                    paths.extend(values.keys().map(String::as_str));
                }
                _ => paths.push(key),
            }
        }
    }
    paths
}

/// The path of an operation; an empty one is none, where it is no error (ruling P05).
pub(crate) fn path_of(operation: &PatchOperation) -> Option<&str> {
    operation.path.as_deref().filter(|path| !path.is_empty())
}

/// Whether a key stands for the attributes of the base schema.
fn is_base(ty: &ResourceType, key: &str) -> bool {
    key.eq_ignore_ascii_case(ty.schema().id.as_str())
}

/// Members are kept by their ids, so each must have one.
fn check_members(ty: &ResourceType, resource: &Resource) -> Result<(), Error> {
    let members = resource.get("members").filter(|_| has_members(ty)).and_then(Value::as_array);
    let named = |member: &Value| member.get("value").is_some_and(Value::is_string);
    match members.into_iter().flatten().position(|member| !named(member)) {
        Some(at) => Err(Error::invalid_value(format_args!("`members[{at}].value` is required"))),
        None => Ok(()),
    }
}

/// The parameters that say what an answer shows of a resource.
const PROJECTION: [&str; 2] = ["attributes", "excludedAttributes"];

const PASSWORD: &str = "password";

fn password_refused() -> Error {
    Error::invalid_value("`password` cannot be changed here")
}
