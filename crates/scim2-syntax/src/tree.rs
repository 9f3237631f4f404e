//! Builds the flat list of a filter while the text is read from left to right.

use alloc::vec::Vec;

use crate::filter::{Node, NodeKind, Operands};

/// `and` or `or`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connective {
    And,
    Or,
}

/// The terms so far of an `and` or `or`: positions of the first and the last, and how many.
#[derive(Clone, Copy, Default)]
pub(crate) struct Chain {
    first: u32,
    last: u32,
    count: u32,
}

/// A finished term. Chains are not nodes yet: they may still become part of a longer chain.
#[derive(Clone, Copy)]
pub(crate) enum Term {
    Node(u32),
    And(Chain),
    Or(Chain),
}

/// The unfinished chains between two brackets: `or OR … OR and AND …`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Level {
    or: Chain,
    and: Chain,
}

/// The list and the level that is being read.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    level: Level,
}

impl Tree {
    /// A tree for about so many nodes.
    pub(crate) fn with_capacity(nodes: usize) -> Self {
        Self { nodes: Vec::with_capacity(nodes), level: Level::default() }
    }

    /// A new level begins. Answers the outer one, for [`close`](Self::close).
    pub(crate) fn open(&mut self) -> Level {
        core::mem::take(&mut self.level)
    }

    /// Adds an expression.
    pub(crate) fn leaf(&mut self, kind: NodeKind) -> Term {
        Term::Node(self.add(kind))
    }

    /// `term and …` or `term or …`: the term is part of a chain that goes on.
    pub(crate) fn connect(&mut self, term: Term, connective: Connective) {
        let Level { mut or, mut and } = self.level;
        match connective {
            Connective::And => self.append(&mut and, term, Connective::And),
            Connective::Or => {
                let term = self.end_and(term);
                self.append(&mut or, term, Connective::Or);
                and = Chain::default();
            }
        }
        self.level = Level { or, and };
    }

    /// The level ends with `term`; it is one term of the outer level.
    pub(crate) fn close(&mut self, term: Term, outer: Level) -> Term {
        let term = self.end_and(term);
        let mut or = self.level.or;
        self.level = outer;
        if or.count == 0 {
            return term;
        }
        self.append(&mut or, term, Connective::Or);
        Term::Or(or)
    }

    /// Two terms joined by `and`. The second is the last thing added, but for the chain of the first.
    pub(crate) fn both(&mut self, first: Term, second: impl FnOnce(&mut Self) -> Term) -> Term {
        let mut chain = Chain::default();
        self.append(&mut chain, first, Connective::And);
        let second = second(self);
        self.append(&mut chain, second, Connective::And);
        Term::And(chain)
    }

    /// `not (term)` or `path[term]`
    pub(crate) fn wrap(&mut self, term: Term, kind: NodeKind) -> Term {
        self.materialize(term);
        Term::Node(self.add(kind))
    }

    /// The finished list, with `term` as its root.
    pub(crate) fn finish(mut self, term: Term) -> Vec<Node> {
        self.materialize(term);
        self.nodes
    }

    /// The `and` chain of the level, with `term` as its last, as one term.
    fn end_and(&mut self, term: Term) -> Term {
        let mut and = self.level.and;
        if and.count == 0 {
            return term;
        }
        self.append(&mut and, term, Connective::And);
        Term::And(and)
    }

    /// Adds a term to a chain. A chain of the same kind is taken in, so that `a and (b and c)` is flat.
    fn append(&mut self, chain: &mut Chain, term: Term, connective: Connective) {
        let added = match (connective, term) {
            (Connective::And, Term::And(inner)) | (Connective::Or, Term::Or(inner)) => inner,
            _ => {
                let node = self.materialize(term);
                Chain { first: node, last: node, count: 1 }
            }
        };
        if chain.count == 0 {
            *chain = added;
            return;
        }
        if let Some(last) = self.nodes.get_mut(chain.last as usize) {
            last.next = added.first - chain.last;
        }
        chain.last = added.last;
        chain.count += added.count;
    }

    /// Makes a chain a node. INVARIANT: the term is the last thing added, so its operator comes right after it.
    fn materialize(&mut self, term: Term) -> u32 {
        let here = self.next_position();
        let operands = |chain: Chain| Operands { first: here - chain.first, count: chain.count };
        match term {
            Term::Node(node) => node,
            Term::And(chain) => self.add(NodeKind::And(operands(chain))),
            Term::Or(chain) => self.add(NodeKind::Or(operands(chain))),
        }
    }

    fn next_position(&self) -> u32 {
        // INVARIANT: every node takes at least one byte of a text below 4 GiB.
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, kind: NodeKind) -> u32 {
        let here = self.next_position();
        self.nodes.push(Node::new(kind));
        here
    }
}
