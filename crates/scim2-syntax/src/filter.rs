use alloc::vec::Vec;
use core::{fmt, iter::FusedIterator, str::FromStr};

use crate::{AttrPath, CompareOp, CompareValue, ParseError, SyntaxPolicy, parse};

/// A filter: which resources, or which elements of a multi-valued attribute (RFC 7644 §3.4.2.2).
///
/// It is what was written, not yet what it means: whether the attributes exist is the schema's business.
/// A filter prints in one canonical form, and what it prints parses to an equal filter.
///
/// Inside, it is one flat list, and nothing recurses over it: parsing, printing, comparing, cloning and dropping
/// take time in proportion to the text and no stack, however deep the text nests.
///
/// ```
/// use scim2_syntax::Filter;
///
/// let parsed: Filter = r#"userName Eq "bjensen" AND (title pr)"#.parse()?;
/// let built = Filter::eq("userName", "bjensen").and(Filter::present("title"));
/// assert_eq!(parsed, built);
/// assert_eq!(built.to_string(), r#"userName eq "bjensen" and title pr"#);
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Filter {
    /// Operands before their operator; the root is last. INVARIANT: never empty, and the same tree has always the
    /// same list, so that comparing lists compares trees.
    nodes: Vec<Node>,
}

/// An expression and its place in the list.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    /// How far ahead the next operand of the same `and` or `or` stands; 0 for the last.
    pub(crate) next: u32,
    pub(crate) kind: NodeKind,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) enum NodeKind {
    Present(AttrPath),
    Compare(AttrPath, CompareOp, CompareValue),
    And(Operands),
    Or(Operands),
    /// Its operand is the node before.
    Not,
    /// Its filter is the node before.
    ValuePath(AttrPath),
}

/// The operands of an `and` or `or`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Operands {
    /// How far back the first operand stands.
    pub(crate) first: u32,
    pub(crate) count: u32,
}

impl Node {
    pub(crate) fn new(kind: NodeKind) -> Self {
        Self { next: 0, kind }
    }
}

impl Filter {
    /// Parses a filter under `policy`.
    ///
    /// # Errors
    /// The first place that is not a filter, or the limit that the text exceeds.
    pub fn parse_with(text: &str, policy: &SyntaxPolicy) -> Result<Self, ParseError> {
        parse::filter(text, policy)
    }

    /// INVARIANT: `nodes` is a complete list with the root last.
    pub(crate) fn from_nodes(nodes: Vec<Node>) -> Self {
        Self { nodes }
    }

    pub(crate) fn into_nodes(self) -> Vec<Node> {
        self.nodes
    }

    /// What stands at the root.
    #[inline]
    pub fn expr(&self) -> Expr<'_> {
        self.as_ref().expr()
    }

    /// The root as a node among others.
    #[inline]
    pub fn as_ref(&self) -> FilterRef<'_> {
        FilterRef { nodes: &self.nodes }
    }

    /// How deep the brackets of the printed filter nest: 0 for `title pr`, 1 for `not (title pr)`.
    pub fn depth(&self) -> usize {
        self.as_ref().depth()
    }

    /// How many expressions (`attr op value` and `attr pr`) there are.
    pub fn leaves(&self) -> usize {
        self.as_ref().leaves()
    }

    /// The attribute path of every expression, in the order written, with the path before its brackets.
    ///
    /// ```
    /// # use scim2_syntax::Filter;
    /// let filter: Filter = r#"userName pr and emails[type eq "work"]"#.parse()?;
    /// let paths: Vec<_> = filter.attr_paths().map(|used| used.to_string()).collect();
    /// assert_eq!(paths, ["userName", "emails.type"]);
    /// # Ok::<(), scim2_syntax::ParseError>(())
    /// ```
    pub fn attr_paths(&self) -> AttrPaths<'_> {
        self.as_ref().attr_paths()
    }
}

impl FromStr for Filter {
    type Err = ParseError;

    /// Parses under [`SyntaxPolicy::strict`].
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse_with(text, &SyntaxPolicy::strict())
    }
}

impl TryFrom<&str> for Filter {
    type Error = ParseError;

    fn try_from(text: &str) -> Result<Self, ParseError> {
        text.parse()
    }
}

/// One expression of a [`Filter`], with all that it is made of.
#[derive(Clone, Copy)]
pub struct FilterRef<'a> {
    /// INVARIANT: the expression is the last node; nodes before its own are of no interest.
    nodes: &'a [Node],
}

impl<'a> FilterRef<'a> {
    /// What stands here.
    #[inline]
    pub fn expr(self) -> Expr<'a> {
        let Some((root, before)) = self.nodes.split_last() else {
            // A filter has at least one node; an `or` of nothing is the harmless answer.
            return Expr::Or(Terms { nodes: &[], at: 0, left: 0 });
        };
        match &root.kind {
            NodeKind::Present(path) => Expr::Present(path),
            NodeKind::Compare(path, op, value) => Expr::Compare { path, op: *op, value },
            NodeKind::And(operands) => Expr::And(Terms::new(before, *operands)),
            NodeKind::Or(operands) => Expr::Or(Terms::new(before, *operands)),
            NodeKind::Not => Expr::Not(FilterRef { nodes: before }),
            NodeKind::ValuePath(path) => {
                Expr::ValuePath { path, filter: FilterRef { nodes: before } }
            }
        }
    }

    /// A filter of its own with what stands here.
    pub fn to_filter(self) -> Filter {
        let mut nodes = self.subtree().to_vec();
        if let Some(root) = nodes.last_mut() {
            root.next = 0;
        }
        Filter { nodes }
    }

    /// How deep the brackets of the printed expression nest.
    pub fn depth(self) -> usize {
        // Operands stand before their operator, so one pass from the front has every operand's depth ready.
        let nodes = self.subtree();
        let mut depths = Vec::<u32>::with_capacity(nodes.len());
        for (at, node) in nodes.iter().enumerate() {
            let before = depths.last().copied().unwrap_or(0);
            depths.push(match &node.kind {
                NodeKind::Present(_) | NodeKind::Compare(..) => 0,
                NodeKind::Not | NodeKind::ValuePath(_) => before + 1,
                NodeKind::And(operands) | NodeKind::Or(operands) => {
                    let and = matches!(node.kind, NodeKind::And(_));
                    let mut terms = Terms::new(nodes.get(..at).unwrap_or_default(), *operands);
                    let mut deepest = 0;
                    while let Some((index, term)) = terms.next_node() {
                        let depth = depths.get(index).copied().unwrap_or(0);
                        let or = matches!(term.kind, NodeKind::Or(_));
                        deepest = deepest.max(depth + u32::from(and && or));
                    }
                    deepest
                }
            });
        }
        depths.last().map_or(0, |&depth| depth as usize)
    }

    /// How many expressions (`attr op value` and `attr pr`) stand here.
    pub fn leaves(self) -> usize {
        let leaf = |node: &&Node| matches!(node.kind, NodeKind::Present(_) | NodeKind::Compare(..));
        self.subtree().iter().filter(leaf).count()
    }

    /// The attribute path of every expression here; see [`Filter::attr_paths`].
    pub fn attr_paths(self) -> AttrPaths<'a> {
        let nodes = self.subtree();
        AttrPaths { nodes, at: 0, brackets: Brackets::new(nodes) }
    }

    /// The nodes of this expression and no others.
    pub(crate) fn subtree(self) -> &'a [Node] {
        // The leftmost leaf is the first node of a tree whose operands come first.
        let mut start = self.nodes.len().saturating_sub(1);
        while let Some(node) = self.nodes.get(start) {
            start -= match &node.kind {
                NodeKind::Present(_) | NodeKind::Compare(..) => break,
                NodeKind::Not | NodeKind::ValuePath(_) => 1,
                NodeKind::And(operands) | NodeKind::Or(operands) => operands.first as usize,
            };
        }
        self.nodes.get(start..).unwrap_or_default()
    }
}

impl PartialEq for FilterRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self.subtree().split_last(), other.subtree().split_last()) {
            (Some((a, rest_a)), Some((b, rest_b))) => a.kind == b.kind && rest_a == rest_b,
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

impl Eq for FilterRef<'_> {}

/// What stands at one place of a filter (RFC 7644 §3.4.2.2, Figure 1).
///
/// ```
/// use scim2_syntax::{CompareOp, Expr, Filter};
///
/// let filter: Filter = r#"title pr or userType eq "Intern""#.parse()?;
/// let Expr::Or(terms) = filter.expr() else { unreachable!() };
/// for term in terms {
///     match term.expr() {
///         Expr::Present(path) => assert_eq!(path.name, "title"),
///         Expr::Compare { path, op, value } => {
///             assert_eq!((path.to_string().as_str(), op), ("userType", CompareOp::Eq));
///             assert_eq!(value.as_str(), Some("Intern"));
///         }
///         _ => unreachable!(),
///     }
/// }
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "RFC 7644 s3.4.2.2, Figure 1, closes this set")]
pub enum Expr<'a> {
    /// `attr pr`: the attribute has a value.
    Present(&'a AttrPath),
    /// `attr op value`.
    Compare {
        /// The attribute; inside brackets relative to the one before them.
        path: &'a AttrPath,
        /// The operator.
        op: CompareOp,
        /// The literal.
        value: &'a CompareValue,
    },
    /// Two or more terms that must all hold; none of them is an `and` itself.
    And(Terms<'a>),
    /// Two or more terms of which one must hold; none of them is an `or` itself.
    Or(Terms<'a>),
    /// `not (…)`.
    Not(FilterRef<'a>),
    /// `attr[…]`: one value of the attribute matches all that is in the brackets.
    ValuePath {
        /// The complex or multi-valued attribute.
        path: &'a AttrPath,
        /// The filter in brackets.
        filter: FilterRef<'a>,
    },
}

/// The terms of an `and` or `or`, in the order written.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    nodes: &'a [Node],
    at: usize,
    left: u32,
}

impl<'a> Terms<'a> {
    fn new(nodes: &'a [Node], operands: Operands) -> Self {
        Self { nodes, at: nodes.len() - operands.first as usize, left: operands.count }
    }

    fn next_node(&mut self) -> Option<(usize, &'a Node)> {
        self.left = self.left.checked_sub(1)?;
        let node = self.nodes.get(self.at)?;
        let at = self.at;
        self.at += node.next as usize;
        Some((at, node))
    }
}

impl<'a> Iterator for Terms<'a> {
    type Item = FilterRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<FilterRef<'a>> {
        let (at, _) = self.next_node()?;
        Some(FilterRef { nodes: self.nodes.get(..=at)? })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl ExactSizeIterator for Terms<'_> {}

impl FusedIterator for Terms<'_> {}

impl fmt::Debug for Terms<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

/// An attribute that a filter uses: its path, and the path before the brackets it stands in.
///
/// Prints as one path: `emails.type` for the `type` of `emails[type eq "work"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct UsedPath<'a> {
    /// The path before the brackets, when the expression stands in brackets.
    pub parent: Option<&'a AttrPath>,
    /// The path as written.
    pub path: &'a AttrPath,
}

impl fmt::Display for UsedPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        write!(f, "{}", self.path)
    }
}

/// The attributes that a filter uses; made by [`Filter::attr_paths`].
#[derive(Clone)]
pub struct AttrPaths<'a> {
    nodes: &'a [Node],
    at: usize,
    brackets: Brackets<'a>,
}

impl<'a> Iterator for AttrPaths<'a> {
    type Item = UsedPath<'a>;

    fn next(&mut self) -> Option<UsedPath<'a>> {
        loop {
            let node = self.nodes.get(self.at)?;
            let parent = self.brackets.around(self.at);
            self.at += 1;
            if let NodeKind::Present(path) | NodeKind::Compare(path, ..) = &node.kind {
                return Some(UsedPath { parent, path });
            }
        }
    }
}

impl FusedIterator for AttrPaths<'_> {}

impl fmt::Debug for AttrPaths<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// Tells, going over a list from the front, which brackets a node stands in. Brackets do not nest.
#[derive(Clone)]
pub(crate) struct Brackets<'a> {
    nodes: &'a [Node],
    /// The first node in the current or next brackets, the node that closes them, and the path before them.
    /// Once there are no more, they begin behind the list.
    start: usize,
    end: usize,
    path: Option<&'a AttrPath>,
}

impl<'a> Brackets<'a> {
    pub(crate) fn new(nodes: &'a [Node]) -> Self {
        let mut brackets = Self { nodes, start: 0, end: 0, path: None };
        brackets.find(0);
        brackets
    }

    /// The path before the brackets that the node at `at` is in. `at` never goes back.
    pub(crate) fn around(&mut self, at: usize) -> Option<&'a AttrPath> {
        if at > self.end {
            self.find(at);
        }
        if self.start <= at && at < self.end { self.path } else { None }
    }

    /// The path, when the brackets open right before the node at `at`.
    pub(crate) fn opening(&mut self, at: usize) -> Option<&'a AttrPath> {
        self.around(at).filter(|_| at == self.start)
    }

    fn find(&mut self, from: usize) {
        for (end, node) in self.nodes.iter().enumerate().skip(from) {
            if let NodeKind::ValuePath(path) = &node.kind {
                let inside = FilterRef { nodes: self.nodes.get(..end).unwrap_or_default() };
                (self.start, self.end) = (end - inside.subtree().len(), end);
                self.path = Some(path);
                return;
            }
        }
        (self.start, self.end, self.path) = (usize::MAX, usize::MAX, None);
    }
}
