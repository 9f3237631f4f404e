//! In which order the operations of a bulk request are done (RFC 7644 §3.7.1).
//!
//! An operation waits for those that create what it refers to, and for earlier ones on the same
//! resource; a DELETE also waits for earlier ones that name the resource. Everything else keeps the
//! order of the request. Where creations wait for each other, some are done without the reference
//! that closes the circle, and completed later (ruling B05).
//!
//! Everything is linear in the number of operations and references, up to the logarithm of a heap,
//! and nothing recurses.

#![expect(
    clippy::indexing_slicing,
    reason = "indices are positions in lists that are made here, of one length"
)]

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap};

use crate::bulk::references::Hold;

/// What the plan must know of an operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operation {
    /// The `bulkId` of a POST, the first with this one.
    pub(crate) creates: Option<Box<str>>,
    /// Which resource another method is about.
    pub(crate) target: Option<Target>,
    /// Whether it deletes its target.
    pub(crate) deletes: bool,
    /// The `bulkId`s in its data.
    pub(crate) refers: HashMap<Box<str>, Hold>,
    /// The ids in its data.
    pub(crate) names: Vec<Box<str>>,
}

/// A resource that an operation is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// One that is there: its id.
    Id(Box<str>),
    /// One that another operation creates: its `bulkId`.
    Created(Box<str>),
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The operation at this place of the request, without its late references.
    Run(usize),
    /// What the operation had to leave out.
    Complete(usize),
}

/// The order of work.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What to do, in order.
    pub(crate) steps: Vec<Step>,
    /// Which operation creates the resource with a `bulkId`.
    pub(crate) creators: HashMap<Box<str>, usize>,
    /// For each operation, those whose resources it cannot refer to when it is done.
    pub(crate) late: Vec<Vec<usize>>,
    /// For each operation, whether it waits for itself, in a circle that cannot be broken.
    pub(crate) circular: Vec<bool>,
}

impl Plan {
    pub(crate) fn new(operations: &[Operation]) -> Self {
        let count = operations.len();
        let mut creators = HashMap::new();
        for (at, operation) in operations.iter().enumerate() {
            if let Some(bulk_id) = &operation.creates {
                creators.entry(bulk_id.clone()).or_insert(at);
            }
        }
        let needs: Vec<Vec<Need>> = operations
            .iter()
            .map(|operation| {
                let mut needs: Vec<Need> = operation
                    .refers
                    .iter()
                    .filter_map(|(name, hold)| Some(Need { on: *creators.get(name)?, hold: *hold }))
                    .collect();
                // A map has no order of its own.
                needs.sort_unstable_by_key(|need| need.on);
                needs
            })
            .collect();
        let Circles { late, circular } = Circles::break_up(&needs);

        // The places of the graph: 2i for doing operation i, 2i + 1 for completing it.
        let mut graph = Graph::new(2 * count);
        for (at, needs) in needs.iter().enumerate() {
            for need in needs {
                if late[at].binary_search(&need.on).is_ok() {
                    graph.edge(2 * need.on, 2 * at + 1);
                } else if !circular[at] {
                    graph.edge(2 * need.on, 2 * at);
                }
            }
            if !late[at].is_empty() {
                graph.edge(2 * at, 2 * at + 1);
            }
        }
        let mut last_on: HashMap<&Target, usize> = HashMap::new();
        let mut named_by: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, operation) in operations.iter().enumerate() {
            if let Some(target) = &operation.target {
                match (last_on.entry(target), target) {
                    (Entry::Occupied(mut last), _) => graph.edge(last.insert(2 * at), 2 * at),
                    (Entry::Vacant(last), Target::Created(bulk_id)) => {
                        if let Some(&creator) = creators.get(bulk_id) {
                            let whole = usize::from(!late[creator].is_empty());
                            graph.edge(2 * creator + whole, 2 * at);
                        }
                        last.insert(2 * at);
                    }
                    (Entry::Vacant(last), Target::Id(_)) => {
                        last.insert(2 * at);
                    }
                }
                if let (Target::Id(id), true) = (target, operation.deletes) {
                    for earlier in named_by.remove(&**id).unwrap_or_default() {
                        graph.edge(2 * earlier, 2 * at);
                    }
                }
            }
            for id in &operation.names {
                let namers = named_by.entry(id).or_default();
                if namers.last() != Some(&at) {
                    namers.push(at);
                }
            }
        }
        let steps = graph.order(|place| match (place / 2, place % 2) {
            (at, 0) => Some(Step::Run(at)),
            (at, _) => (!late[at].is_empty()).then_some(Step::Complete(at)),
        });
        Self { steps, creators, late, circular }
    }
}

/// That an operation refers to what another creates.
#[derive(Clone, Copy, Debug)]
struct Need {
    on: usize,
    hold: Hold,
}

/// Which operations wait for each other, and how that ends.
struct Circles {
    late: Vec<Vec<usize>>,
    circular: Vec<bool>,
}

impl Circles {
    fn break_up(needs: &[Vec<Need>]) -> Self {
        let count = needs.len();
        let mut this = Self { late: vec![Vec::new(); count], circular: vec![false; count] };
        let mut component_of = vec![0; count];
        let components = components(needs);
        for (number, component) in components.iter().enumerate() {
            for &at in component {
                component_of[at] = number;
            }
        }
        for (number, component) in components.iter().enumerate() {
            let inside = |need: &&Need| component_of[need.on] == number;
            if let [only] = component.as_slice()
                && needs[*only].iter().find(inside).is_none()
            {
                continue;
            }
            this.break_component(component, needs, inside);
        }
        this
    }

    /// Does the operations of a circle one after the other: one that waits for nothing, or else
    /// the first that can leave out what it waits for. If there is none, all the rest is stuck.
    fn break_component(
        &mut self,
        component: &[usize],
        needs: &[Vec<Need>],
        inside: impl Fn(&&Need) -> bool,
    ) {
        #[derive(Default)]
        struct Waiting {
            needs: usize,
            firm: usize,
            wanted_by: Vec<(usize, Hold)>,
            done: bool,
        }
        let mut waiting: HashMap<usize, Waiting> = HashMap::with_capacity(component.len());
        for &at in component {
            for need in needs[at].iter().filter(&inside) {
                let own = waiting.entry(at).or_default();
                own.needs += 1;
                own.firm += usize::from(need.hold == Hold::Firm);
                waiting.entry(need.on).or_default().wanted_by.push((at, need.hold));
            }
        }
        let mut free = BinaryHeap::new();
        let mut loose: BinaryHeap<Reverse<usize>> =
            waiting.iter().filter(|(_, own)| own.firm == 0).map(|(&at, _)| Reverse(at)).collect();
        while let Some(Reverse(at)) = free.pop().or_else(|| loose.pop()) {
            let Some(own) = waiting.get_mut(&at).filter(|own| !own.done) else { continue };
            own.done = true;
            let wanted_by = std::mem::take(&mut own.wanted_by);
            let is_open = |need: &&Need| {
                need.on == at || waiting.get(&need.on).is_some_and(|other| !other.done)
            };
            let late = needs[at].iter().filter(&inside).filter(is_open).map(|need| need.on);
            self.late[at] = late.collect();
            for (by, hold) in wanted_by {
                let Some(other) = waiting.get_mut(&by) else { continue };
                other.needs -= 1;
                other.firm -= usize::from(hold == Hold::Firm);
                if other.needs == 0 {
                    free.push(Reverse(by));
                } else if hold == Hold::Firm && other.firm == 0 {
                    loose.push(Reverse(by));
                }
            }
        }
        for (at, own) in waiting {
            self.circular[at] = !own.done;
        }
    }
}

/// The sets of operations that wait for each other, by Tarjan's algorithm with a stack of its own.
fn components(needs: &[Vec<Need>]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let mut found = Vec::new();
    let mut number = vec![NEW; needs.len()];
    let mut lowest = vec![NEW; needs.len()];
    let mut is_open = vec![false; needs.len()];
    let mut open = Vec::new();
    let mut next = 0;
    for root in 0..needs.len() {
        let mut calls = if number[root] == NEW { vec![(root, 0)] } else { Vec::new() };
        while let Some((at, edge)) = calls.pop() {
            if edge == 0 {
                (number[at], lowest[at], is_open[at]) = (next, next, true);
                open.push(at);
                next += 1;
            }
            if let Some(need) = needs[at].get(edge) {
                calls.push((at, edge + 1));
                if number[need.on] == NEW {
                    calls.push((need.on, 0));
                } else if is_open[need.on] {
                    lowest[at] = lowest[at].min(number[need.on]);
                }
                continue;
            }
            if lowest[at] == number[at] {
                let start = open.iter().rposition(|&member| member == at).unwrap_or(0);
                let component = open.split_off(start);
                for &member in &component {
                    is_open[member] = false;
                }
                found.push(component);
            }
            if let Some(&(caller, _)) = calls.last() {
                lowest[caller] = lowest[caller].min(lowest[at]);
            }
        }
    }
    found
}

/// What must come before what.
struct Graph {
    then: Vec<Vec<usize>>,
    waits_for: Vec<usize>,
}

impl Graph {
    fn new(places: usize) -> Self {
        Self { then: vec![Vec::new(); places], waits_for: vec![0; places] }
    }

    fn edge(&mut self, first: usize, then: usize) {
        self.then[first].push(then);
        self.waits_for[then] += 1;
    }

    /// All places, each after those that it waits for, otherwise in their own order.
    fn order(mut self, step: impl Fn(usize) -> Option<Step>) -> Vec<Step> {
        let mut ready: BinaryHeap<Reverse<usize>> =
            (0..self.then.len()).filter(|&at| self.waits_for[at] == 0).map(Reverse).collect();
        let mut steps = Vec::with_capacity(self.then.len());
        while let Some(Reverse(at)) = ready.pop() {
            steps.extend(step(at));
            for then in std::mem::take(&mut self.then[at]) {
                self.waits_for[then] -= 1;
                if self.waits_for[then] == 0 {
                    ready.push(Reverse(then));
                }
            }
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(name: &str, refers: &[(&str, Hold)]) -> Operation {
        let refers = refers.iter().map(|(name, hold)| ((*name).into(), *hold)).collect();
        Operation { creates: Some(name.into()), refers, ..Operation::default() }
    }

    fn on(target: Target, refers: &[&str]) -> Operation {
        let refers = refers.iter().map(|name| ((*name).into(), Loose)).collect();
        Operation { target: Some(target), refers, ..Operation::default() }
    }

    fn id(id: &str) -> Target {
        Target::Id(id.into())
    }

    use Hold::{Firm, Loose};
    use Step::{Complete, Run};

    #[test]
    fn without_references_the_order_stays() {
        let plan = Plan::new(&[post("a", &[]), on(id("1"), &[]), post("b", &[]), on(id("1"), &[])]);
        assert_eq!(plan.steps, [Run(0), Run(1), Run(2), Run(3)]);
    }

    #[test]
    fn what_refers_waits_and_nothing_else_moves() {
        let plan = Plan::new(&[post("a", &[("c", Loose)]), post("b", &[]), post("c", &[])]);
        assert_eq!(plan.steps, [Run(1), Run(2), Run(0)]);
    }

    #[test]
    fn operations_on_one_resource_keep_their_order() {
        let plan = Plan::new(&[
            on(id("1"), &["a"]),
            on(id("1"), &[]),
            on(id("2"), &[]),
            on(Target::Created("a".into()), &[]),
            post("a", &[]),
        ]);
        assert_eq!(plan.steps, [Run(2), Run(4), Run(0), Run(1), Run(3)]);
    }

    #[test]
    fn a_delete_waits_for_those_that_name_the_resource() {
        let names = Operation { names: vec!["1".into(), "1".into()], ..post("g", &[("u", Loose)]) };
        let deletes = Operation { deletes: true, ..on(id("1"), &[]) };
        let plan = Plan::new(&[names, deletes, post("u", &[])]);
        assert_eq!(plan.steps, [Run(2), Run(0), Run(1)]);
    }

    #[test]
    fn a_circle_is_completed_before_others_change_it() {
        let plan = Plan::new(&[
            post("a", &[("b", Loose)]),
            post("b", &[("a", Loose)]),
            on(Target::Created("a".into()), &[]),
        ]);
        assert_eq!(plan.steps, [Run(0), Run(1), Complete(0), Run(2)]);
        assert_eq!(plan.late, [vec![1], vec![], vec![]]);
    }

    #[test]
    fn what_merely_leads_to_a_circle_is_whole() {
        let plan = Plan::new(&[
            post("x", &[("a", Loose)]),
            post("a", &[("b", Firm)]),
            post("b", &[("a", Loose)]),
        ]);
        assert_eq!(plan.steps, [Run(2), Run(1), Run(0), Complete(2)]);
        assert_eq!(plan.late, [vec![], vec![], vec![1]]);
    }

    #[test]
    fn a_firm_circle_is_told_and_stops_nobody_else() {
        let plan = Plan::new(&[
            post("x", &[("a", Firm)]),
            post("a", &[("b", Firm)]),
            post("b", &[("a", Firm)]),
            post("self", &[("self", Firm)]),
        ]);
        assert_eq!(plan.circular, [false, true, true, true]);
        assert_eq!(plan.steps, [Run(1), Run(0), Run(2), Run(3)]);
    }

    #[test]
    fn sec_18_large_requests_are_planned_without_recursion() {
        let chain = |to: &dyn Fn(usize) -> usize, hold| {
            let posts = (0..10_000)
                .map(|at| post(&at.to_string(), &[(&to(at).to_string(), hold)]))
                .collect::<Vec<_>>();
            Plan::new(&posts)
        };
        // One circle of ten thousand; a chain of them, backwards; all refer to one.
        let circle = chain(&|at| (at + 1) % 10_000, Loose);
        assert_eq!(circle.steps.len(), 10_001);
        assert_eq!(circle.late.iter().filter(|late| !late.is_empty()).count(), 1);
        assert!(chain(&|at| (at + 1) % 10_000, Firm).circular.iter().all(|stuck| *stuck));
        let backwards = chain(&|at| at + 1, Firm);
        assert_eq!(backwards.steps.first(), Some(&Run(9_999)));
        assert_eq!(backwards.steps.last(), Some(&Run(0)));
        assert_eq!(chain(&|_| 9_999, Loose).steps.get(..2), Some(&[Run(9_999), Run(0)][..]));
    }

    #[test]
    fn every_operation_is_done_once_after_what_it_needs() {
        use proptest::prelude::*;
        let operation = (0..8_usize, prop::collection::vec((0..8_usize, any::<bool>()), 0..4));
        proptest!(|(operations in prop::collection::vec(operation, 0..12))| {
            let operations: Vec<_> = operations
                .into_iter()
                .enumerate()
                .map(|(at, (kind, refers))| {
                    let refers: Vec<_> = refers
                        .into_iter()
                        .map(|(to, firm)| (to.to_string(), if firm { Firm } else { Loose }))
                        .collect();
                    let refers: Vec<_> = refers.iter().map(|(to, h)| (to.as_str(), *h)).collect();
                    match kind {
                        0 => on(id("1"), &[]),
                        1 => on(Target::Created("3".into()), &["4"]),
                        _ => post(&at.to_string(), &refers),
                    }
                })
                .collect();
            let plan = Plan::new(&operations);
            let position = |step: Step| plan.steps.iter().position(|known| *known == step);
            for (at, operation) in operations.iter().enumerate() {
                let own = position(Run(at)).expect("it is done");
                prop_assert_eq!(plan.steps.iter().filter(|step| **step == Run(at)).count(), 1);
                let complete = position(Complete(at));
                prop_assert_eq!(complete.is_some(), !plan.late[at].is_empty());
                for name in operation.refers.keys() {
                    let Some(&creator) = plan.creators.get(name) else { continue };
                    let there = position(Run(creator)).expect("it is done");
                    if plan.late[at].contains(&creator) {
                        prop_assert!(operation.refers[name] == Loose);
                        prop_assert!(complete.is_some_and(|complete| there < complete));
                    } else if !plan.circular[at] {
                        prop_assert!(there < own);
                    }
                }
            }
        });
    }
}
