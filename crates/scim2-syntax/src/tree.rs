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
enum Term {
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

/// The list, the level that is being read, and the last finished term of it.
pub(crate) struct Tree {
    nodes: Vec<Node>,
    level: Level,
    term: Term,
}

impl Tree {
    /// A tree for about so many nodes.
    pub(crate) fn with_capacity(nodes: usize) -> Self {
        Self { nodes: Vec::with_capacity(nodes), level: Level::default(), term: Term::Node(0) }
    }

    /// An expression, which is the term now.
    // A node is dear to move; inlined, it is made where it stays.
    #[inline(always)]
    pub(crate) fn leaf(&mut self, kind: NodeKind) {
        let node = self.add(kind);
        self.term = Term::Node(node);
    }

    /// A new level begins. Answers the outer one, for [`close`](Self::close).
    pub(crate) fn open(&mut self) -> Level {
        core::mem::take(&mut self.level)
    }

    /// `term and …` or `term or …`: the term is part of a chain that goes on.
    pub(crate) fn connect(&mut self, connective: Connective) {
        match connective {
            Connective::And => self.level.and = self.append(self.level.and, Connective::And),
            Connective::Or => {
                self.end_and();
                self.level.or = self.append(self.level.or, Connective::Or);
            }
        }
    }

    /// The level ends. All of it is one term of the outer level.
    pub(crate) fn close(&mut self, outer: Level) {
        self.end();
        self.level = outer;
    }

    /// `term and expression`, which is the term now.
    pub(crate) fn and_leaf(&mut self, kind: NodeKind) {
        let chain = self.append(Chain::default(), Connective::And);
        self.leaf(kind);
        self.term = Term::And(self.append(chain, Connective::And));
    }

    /// `not (term)` or `path[term]`, which is the term now.
    pub(crate) fn wrap(&mut self, kind: NodeKind) {
        self.materialize();
        self.leaf(kind);
    }

    /// The finished list. The text ends here.
    #[inline]
    pub(crate) fn finish(&mut self) -> Vec<Node> {
        self.end();
        self.materialize();
        core::mem::take(&mut self.nodes)
    }

    /// The chains of the level, with the term as their last, are the term now.
    #[inline]
    fn end(&mut self) {
        self.end_and();
        if self.level.or.count > 0 {
            self.term = Term::Or(self.append(self.level.or, Connective::Or));
        }
    }

    /// The same for the `and` chain.
    #[inline]
    fn end_and(&mut self) {
        if self.level.and.count > 0 {
            self.term = Term::And(self.append(self.level.and, Connective::And));
            self.level.and = Chain::default();
        }
    }

    /// The chain with the term as its last. A term that is a chain of the same kind is taken in, so that
    /// `a and (b and c)` is flat.
    fn append(&mut self, chain: Chain, connective: Connective) -> Chain {
        let added = match (connective, self.term) {
            (Connective::And, Term::And(inner)) | (Connective::Or, Term::Or(inner)) => inner,
            _ => {
                let node = self.materialize();
                Chain { first: node, last: node, count: 1 }
            }
        };
        if chain.count == 0 {
            return added;
        }
        if let Some(last) = self.nodes.get_mut(chain.last as usize) {
            last.next = added.first - chain.last;
        }
        Chain { first: chain.first, last: added.last, count: chain.count + added.count }
    }

    /// Makes the term a node. INVARIANT: the term is the last thing added, so its operator comes right after it.
    #[inline]
    fn materialize(&mut self) -> u32 {
        let here = self.next_position();
        let operands = |chain: Chain| Operands { first: here - chain.first, count: chain.count };
        match self.term {
            Term::Node(node) => return node,
            Term::And(chain) => self.leaf(NodeKind::And(operands(chain))),
            Term::Or(chain) => self.leaf(NodeKind::Or(operands(chain))),
        }
        here
    }

    #[inline]
    fn next_position(&self) -> u32 {
        // INVARIANT: every node takes at least one byte of a text below 4 GiB.
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }

    #[inline(always)]
    fn add(&mut self, kind: NodeKind) -> u32 {
        let here = self.next_position();
        self.nodes.push(Node::new(kind));
        here
    }
}
