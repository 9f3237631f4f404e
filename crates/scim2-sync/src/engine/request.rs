//! Requests: made from actions, chosen to run side by side, sent.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use scim2_client::{Client, ClientError, ErrorClass, Transport};
use scim2_core::Resource;
use scim2_core::patch_op::{PatchOp, PatchOperation};
use scim2_core::resource::ResourceId;
use serde_json::{Value, json};

use super::cycle::Cycle;
use crate::correlate::{Match, look_up};
use crate::desired::DesiredObject;
use crate::mapping::Mapper;
use crate::plan::{Action, Conflict, Planned};
use crate::source::{ObjectKind, SourceId};
use crate::state::{Intent, Known};

/// How far ahead the queue is searched for an action that may run beside the others.
const LOOK_AHEAD: usize = 64;

/// A request that is ready to be sent.
pub(super) struct Job {
    pub(super) planned: Planned,
    pub(super) seq: u64,
    pub(super) request: Request,
    /// Values before, as far as they are known.
    pub(super) old: BTreeMap<String, Value>,
}

#[derive(Clone)]
pub(super) enum Request {
    Create(Resource),
    Patch(ResourceId, PatchOp),
    Delete(ResourceId),
}

pub(super) enum Answer {
    Created(ResourceId),
    /// The object was there already, and is ours.
    Found,
    /// The object was there already, and is not.
    Conflict(Box<Conflict>),
    Done,
}

impl<T: Transport> Cycle<'_, T> {
    /// The request for an action, and what it changes when it succeeds.
    pub(super) fn request(&self, planned: &Planned) -> Option<(Request, Intent)> {
        let state = &self.engine.state;
        let (kind, source) = (planned.kind, planned.source.clone());
        let user_id = |source: &SourceId| Some(state.link(ObjectKind::User, source)?.id.clone());
        let link = || state.link(kind, &planned.source);
        let known = |(path, value): (&String, &Value)| (path.clone(), state.known(path, value));
        let reference = |path: &String, source: &SourceId| {
            (path.clone(), state.known(path, &Value::from(source.as_str())))
        };
        match &planned.action {
            Action::Create { attributes, references, members } => {
                let mut values = attributes.clone();
                let mut effect: BTreeMap<String, Known> = attributes.iter().map(known).collect();
                for (path, to) in references {
                    let Some(id) = user_id(to) else { continue };
                    values.insert(path.clone(), json!({ "value": id.as_str() }));
                    effect.extend([reference(path, to)]);
                }
                let members: Vec<ResourceId> = members.iter().filter_map(user_id).collect();
                if !members.is_empty() {
                    values.insert("members".to_owned(), member_values(&members));
                }
                let mapper = self.engine.mapping.of(kind);
                let resource = mapper.resource(values.iter().map(|(p, v)| (p.as_str(), v)));
                let intent = Intent::Create { kind, source, attributes: effect, members };
                Some((Request::Create(resource), intent))
            }
            Action::Update(changes) | Action::Disable(changes) => {
                let link = link()?;
                let op = changes.to_patch(user_id);
                if op.is_empty() {
                    return None;
                }
                let mut effect: BTreeMap<String, Option<Known>> = changes
                    .set
                    .iter()
                    .map(known)
                    .map(|(path, known)| (path, Some(known)))
                    .collect();
                effect.extend(changes.clear.iter().map(|path| (path.clone(), None)));
                for (path, to) in &changes.references {
                    if user_id(to).is_some() {
                        let (path, known) = reference(path, to);
                        effect.insert(path, Some(known));
                    }
                }
                let intent = Intent::Update { kind, source, attributes: effect };
                Some((Request::Patch(link.id.clone(), op), intent))
            }
            Action::Delete => {
                Some((Request::Delete(link()?.id.clone()), Intent::Delete { kind, source }))
            }
            Action::Members { add, remove } => {
                let link = link()?;
                let add: Vec<ResourceId> = add.iter().filter_map(user_id).collect();
                if add.is_empty() && remove.is_empty() {
                    return None;
                }
                let op = self.engine.target.member_patch(&add, remove);
                let intent = Intent::Members { group: source, add, remove: remove.clone() };
                Some((Request::Patch(link.id.clone(), op), intent))
            }
        }
    }

    /// Values before a change: as they were read, or as they were written last.
    pub(super) fn old_values(&self, planned: &Planned) -> BTreeMap<String, Value> {
        let (Action::Update(changes) | Action::Disable(changes)) = &planned.action else {
            return BTreeMap::new();
        };
        let key = (planned.kind, planned.source.clone());
        let read = self.found.resources.get(&key);
        let link = self.engine.state.link(planned.kind, &planned.source);
        let mapper = self.engine.mapping.of(planned.kind);
        changes
            .paths()
            .filter_map(|path| {
                let value = match read {
                    Some(resource) => mapper.read(resource, path).cloned(),
                    None => link.and_then(|link| link.attribute(path)?.value.clone()),
                };
                Some((path.to_owned(), value?))
            })
            .collect()
    }
}

/// Takes actions that may be under way at the same time: not two on one group, and nobody beside
/// the manager they are created under.
pub(super) fn take_batch(queue: &mut VecDeque<Planned>, size: usize) -> Vec<Planned> {
    let mut batch: Vec<Planned> = Vec::with_capacity(size);
    let mut passed_over: BTreeSet<SourceId> = BTreeSet::new();
    let mut at = 0;
    while batch.len() < size && at < LOOK_AHEAD {
        let Some(planned) = queue.get(at) else { break };
        let waits_for_manager = match &planned.action {
            Action::Create { references, .. } => {
                references.values().any(|to| batch.iter().any(|other| other.source == *to))
            }
            _ => false,
        };
        let busy = batch.iter().any(|other| other.source == planned.source)
            || passed_over.contains(&planned.source);
        if waits_for_manager {
            break;
        }
        if busy {
            passed_over.insert(planned.source.clone());
            at += 1;
        } else {
            batch.extend(queue.remove(at));
        }
    }
    batch
}

fn member_values(members: &[ResourceId]) -> Value {
    members.iter().map(|id| json!({ "value": id.as_str() })).collect()
}

/// The one member that a request changes, if it is one.
pub(super) fn single_member(request: &Request) -> Option<ResourceId> {
    let Request::Patch(_, op) = request else { return None };
    let [operation] = op.operations.as_slice() else { return None };
    let PatchOperation { value: Some(Value::Array(members)), .. } = operation else { return None };
    let [member] = members.as_slice() else { return None };
    member.get("value").and_then(Value::as_str).map(ResourceId::from)
}

/// Sends one request. A create that is refused because something is there already, or whose
/// answer got lost, is resolved by looking (ruling C05).
pub(super) async fn send<T: Transport>(
    client: &Client<T>,
    mapper: &Mapper,
    object: Option<&DesiredObject>,
    request: &Request,
) -> Result<Answer, ClientError> {
    let api = client.api::<Resource>(mapper.resource_type().endpoint());
    match request {
        Request::Patch(id, op) => api.patch(id, op, None).await.map(|_| Answer::Done),
        Request::Delete(id) => api.delete(id, None).await.map(|()| Answer::Done),
        Request::Create(resource) => {
            let error = match api.create(resource).await {
                Ok(created) => return Ok(Answer::Created(created.id)),
                Err(error) => error,
            };
            let (ErrorClass::Ambiguous | ErrorClass::Conflict, Some(object)) =
                (error.class(), object)
            else {
                return Err(error);
            };
            match look_up(client, mapper, object).await? {
                Match::One(_) => Ok(Answer::Found),
                Match::Conflict(conflict) => Ok(Answer::Conflict(conflict)),
                Match::Nothing if error.class() == ErrorClass::Conflict => Err(error),
                // Nothing came of the first attempt.
                Match::Nothing => {
                    api.create(resource).await.map(|created| Answer::Created(created.id))
                }
            }
        }
    }
}
