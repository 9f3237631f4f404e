//! The law of bulk requests: a bulk request leaves what its operations leave when each is sent by
//! itself, after those that it depends on.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

/// An operation. Resources go by labels: those below [`SEEDS`] are there before, the others are
/// created by the operation with this label as `bulkId`.
#[derive(Clone, Debug)]
enum Step {
    User { label: usize, name: usize },
    Group { label: usize, members: Vec<usize> },
    Add { group: usize, member: usize },
    Put { group: usize, members: Vec<usize> },
    Clear { group: usize },
    Delete { label: usize },
}

/// Two users, then two groups.
const SEEDS: usize = 4;
const CREATED: usize = 6;
/// One label more than there are resources: nobody's.
const LABELS: usize = SEEDS + CREATED + 1;

impl Step {
    fn creates(&self) -> Option<usize> {
        match self {
            Self::User { label, .. } | Self::Group { label, .. } => Some(*label),
            _ => None,
        }
    }

    fn target(&self) -> Option<usize> {
        match self {
            Self::Add { group, .. } | Self::Put { group, .. } | Self::Clear { group } => {
                Some(*group)
            }
            Self::Delete { label } => Some(*label),
            _ => None,
        }
    }

    fn refers(&self) -> Vec<usize> {
        match self {
            Self::Group { members, .. } | Self::Put { members, .. } => members.clone(),
            Self::Add { member, .. } => vec![*member],
            _ => Vec::new(),
        }
    }

    /// Method, path and body, with this text for each label.
    fn request(
        &self,
        is_user: &dyn Fn(usize) -> bool,
        id: &dyn Fn(usize) -> String,
    ) -> (&'static str, String, Option<Value>) {
        let group = |members: &[usize]| {
            let members: Vec<_> = members.iter().map(|&m| json!({"value": id(m)})).collect();
            json!({"schemas": [GROUP], "displayName": "g", "members": members})
        };
        let patch = |operation: Value| json!({"schemas": [PATCH_OP], "Operations": [operation]});
        let at = |label: usize| {
            let endpoint = if is_user(label) { "/Users" } else { "/Groups" };
            format!("{endpoint}/{}", id(label))
        };
        match self {
            Self::User { name, .. } => ("POST", "/Users".into(), Some(user(&format!("n{name}")))),
            Self::Group { members, .. } => ("POST", "/Groups".into(), Some(group(members))),
            Self::Add { group, member } => {
                let value = json!([{"value": id(*member)}]);
                let add = json!({"op": "add", "path": "members", "value": value});
                ("PATCH", format!("/Groups/{}", id(*group)), Some(patch(add)))
            }
            Self::Put { group: target, members } => {
                ("PUT", format!("/Groups/{}", id(*target)), Some(group(members)))
            }
            Self::Clear { group } => {
                let remove = json!({"op": "remove", "path": "members"});
                ("PATCH", format!("/Groups/{}", id(*group)), Some(patch(remove)))
            }
            Self::Delete { label } => ("DELETE", at(*label), None),
        }
    }
}

/// A resource refers to those with a smaller label alone, so nothing goes round in circles; but
/// the operations come in any order.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let created = (SEEDS..SEEDS + CREATED)
        .map(|label| {
            prop_oneof![
                (0..4_usize).prop_map(move |name| Step::User { label, name }),
                prop::collection::vec(prop_oneof![0..label, Just(LABELS - 1)], 0..3)
                    .prop_map(move |members| Step::Group { label, members }),
            ]
            .boxed()
        })
        .collect::<Vec<_>>();
    let label = || 0..LABELS;
    let changed = prop_oneof![
        3 => (label(), label()).prop_map(|(group, member)| Step::Add { group, member }),
        1 => (label(), prop::collection::vec(label(), 0..3))
            .prop_map(|(group, members)| Step::Put { group, members }),
        1 => label().prop_map(|group| Step::Clear { group }),
        2 => label().prop_map(|label| Step::Delete { label }),
    ];
    (created, prop::collection::vec(changed, 0..8))
        .prop_map(|(created, changed)| [created, changed].concat())
        .prop_shuffle()
}

/// The order of work, by looking again and again for the first that can be done.
fn in_order(steps: &[Step]) -> Vec<usize> {
    let mut done: Vec<usize> = Vec::new();
    while done.len() < steps.len() {
        let can = |at: usize| {
            let step = &steps[at];
            let wanted: Vec<usize> = step.refers().into_iter().chain(step.target()).collect();
            (0..steps.len()).filter(|&other| other != at && !done.contains(&other)).all(|other| {
                let before = &steps[other];
                let creates = before.creates().is_some_and(|label| wanted.contains(&label));
                let same =
                    other < at && step.target().is_some() && before.target() == step.target();
                let named = matches!(step, Step::Delete { label }
                    if *label < SEEDS && other < at && before.refers().contains(label));
                !creates && !same && !named
            })
        };
        let next = (0..steps.len()).find(|at| !done.contains(at) && can(*at));
        done.push(next.expect("no circles"));
    }
    done
}

fn seeded() -> (Server, Vec<String>) {
    let server = server();
    let users = [server.user("n0"), server.user("seed")];
    let groups = [server.group("s0", &[&users[0]]), server.group("s1", &[])];
    let ids = users.into_iter().chain(groups).collect();
    (server, ids)
}

/// Everything there is, with labels for ids and without times and versions.
fn state(server: &Server, labels: &HashMap<String, usize>) -> BTreeMap<usize, Value> {
    let name = |id: &Value| labels.get(id.as_str().unwrap()).copied();
    let mut state = BTreeMap::new();
    for endpoint in ["/Users", "/Groups"] {
        for resource in server.get(endpoint).is(200).resources() {
            let members: Vec<_> = resource["members"].as_array().into_iter().flatten().collect();
            let mut members: Vec<_> = members.iter().map(|m| name(&m["value"])).collect();
            members.sort_unstable();
            let names = [&resource["userName"], &resource["displayName"]];
            state.insert(name(&resource["id"]).unwrap(), json!([names, members]));
        }
    }
    state
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn b07_a_bulk_request_is_its_operations_one_by_one(steps in steps()) {
        let creator = |label: usize| steps.iter().find(|step| step.creates() == Some(label));
        let is_user = |label: usize| match creator(label) {
            Some(step) => matches!(step, Step::User { .. }),
            None => label < 2,
        };

        let (bulk, seeds) = seeded();
        let operations: Vec<_> = steps.iter().map(|step| {
            let id = |label: usize| match seeds.get(label) {
                Some(id) => id.clone(),
                None => format!("bulkId:{label}"),
            };
            let (method, path, data) = step.request(&is_user, &id);
            let mut operation = json!({"method": method, "path": path});
            if let Some(data) = data {
                operation["data"] = data;
            }
            if let Some(label) = step.creates() {
                operation["bulkId"] = label.to_string().into();
            }
            operation
        }).collect();
        let message = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
            "Operations": operations,
        });
        let reply = bulk.post("/Bulk", message).is(200);
        let results = reply.body["Operations"].as_array().unwrap();
        let mut bulk_labels: HashMap<String, usize> =
            seeds.iter().enumerate().map(|(label, id)| (id.clone(), label)).collect();
        for (step, result) in steps.iter().zip(results) {
            if let (Some(label), Some(location)) = (step.creates(), result["location"].as_str()) {
                bulk_labels.insert(location.rsplit('/').next().unwrap().to_owned(), label);
            }
        }

        let (single, seeds) = seeded();
        let mut ids: HashMap<usize, String> = seeds.into_iter().enumerate().collect();
        let mut statuses = vec![String::new(); steps.len()];
        for at in in_order(&steps) {
            let step = &steps[at];
            let known = step.refers().into_iter().chain(step.target()).all(|l| ids.contains_key(&l));
            if !known {
                statuses[at] = "400".into();
                continue;
            }
            let (method, path, data) = step.request(&is_user, &|label| ids[&label].clone());
            let body = data.map(|data| data.to_string()).unwrap_or_default();
            let reply = single.call(method, &path, &[], body.as_bytes());
            statuses[at] = reply.status.as_str().into();
            if let (Some(label), 201) = (step.creates(), reply.status.as_u16()) {
                ids.insert(label, reply.id().to_owned());
            }
        }
        let single_labels = ids.into_iter().map(|(label, id)| (id, label)).collect();

        let found: Vec<_> = results.iter().map(|r| r["status"].as_str().unwrap()).collect();
        prop_assert_eq!(found, statuses);
        prop_assert_eq!(state(&bulk, &bulk_labels), state(&single, &single_labels));
    }
}
