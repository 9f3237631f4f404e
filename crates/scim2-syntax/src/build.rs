use core::ops;

use crate::{
    AttrName, AttrPath, CompareOp, CompareValue, Filter, ParseError,
    error::ParseErrorKind,
    filter::{Node, NodeKind, Operands},
};

/// What a builder of [`Filter`] takes as a path: an [`AttrPath`], an [`AttrName`], or a string literal.
///
/// # Panics
/// A literal that is not an attribute path panics, as in `HeaderName::from_static`: only text that stands in the
/// program is `&'static str`. Text from elsewhere is parsed first, into an [`AttrPath`].
pub trait IntoAttrPath {
    /// The path.
    fn into_attr_path(self) -> AttrPath;
}

impl IntoAttrPath for AttrPath {
    fn into_attr_path(self) -> AttrPath {
        self
    }
}

impl IntoAttrPath for &AttrPath {
    fn into_attr_path(self) -> AttrPath {
        self.clone()
    }
}

impl IntoAttrPath for AttrName {
    fn into_attr_path(self) -> AttrPath {
        self.into()
    }
}

impl IntoAttrPath for &'static str {
    #[expect(
        clippy::expect_used,
        reason = "the literal is part of the program, and the docs say so"
    )]
    fn into_attr_path(self) -> AttrPath {
        self.parse().expect("the literal is an attribute path")
    }
}

impl Filter {
    /// `path op value`.
    ///
    /// ```
    /// # use scim2_syntax::{CompareOp, Filter};
    /// let filter = Filter::compare("meta.lastModified", CompareOp::Ge, "2011-05-13T04:42:34Z");
    /// assert_eq!(filter.to_string(), r#"meta.lastModified ge "2011-05-13T04:42:34Z""#);
    /// ```
    pub fn compare(path: impl IntoAttrPath, op: CompareOp, value: impl Into<CompareValue>) -> Self {
        let kind = NodeKind::Compare(path.into_attr_path(), op, value.into());
        Self::from_nodes([Node::new(kind)].into())
    }

    /// `path pr`: the attribute has a value.
    pub fn present(path: impl IntoAttrPath) -> Self {
        Self::from_nodes([Node::new(NodeKind::Present(path.into_attr_path()))].into())
    }

    /// `path eq value`: the values are identical.
    pub fn eq(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Eq, value)
    }

    /// `path ne value`: the values are not identical.
    pub fn ne(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Ne, value)
    }

    /// `path co value`: the attribute contains the value.
    pub fn co(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Co, value)
    }

    /// `path sw value`: the attribute starts with the value.
    pub fn sw(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Sw, value)
    }

    /// `path ew value`: the attribute ends with the value.
    pub fn ew(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Ew, value)
    }

    /// `path gt value`: greater than, or later than.
    pub fn gt(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Gt, value)
    }

    /// `path ge value`: greater than or equal to.
    pub fn ge(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Ge, value)
    }

    /// `path lt value`: less than, or earlier than.
    pub fn lt(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Lt, value)
    }

    /// `path le value`: less than or equal to.
    pub fn le(path: impl IntoAttrPath, value: impl Into<CompareValue>) -> Self {
        Self::compare(path, CompareOp::Le, value)
    }

    /// `path[filter]`: one value of the attribute matches all of the filter.
    ///
    /// ```
    /// # use scim2_syntax::Filter;
    /// let work = Filter::value_path("emails", Filter::eq("type", "work"))?;
    /// assert_eq!(work.to_string(), r#"emails[type eq "work"]"#);
    /// # Ok::<(), scim2_syntax::ParseError>(())
    /// ```
    ///
    /// # Errors
    /// [`ParseErrorKind::BracketsAfterSubAttribute`] and [`ParseErrorKind::NestedBrackets`]: no text says that.
    pub fn value_path(path: impl IntoAttrPath, filter: Self) -> Result<Self, ParseError> {
        let path = path.into_attr_path();
        let mut nodes = filter.into_nodes();
        if path.sub_attr.is_some() {
            return Err(ParseError::new(ParseErrorKind::BracketsAfterSubAttribute, 0));
        }
        if nodes.iter().any(|node| matches!(node.kind, NodeKind::ValuePath(_))) {
            return Err(ParseError::new(ParseErrorKind::NestedBrackets, 0));
        }
        nodes.push(Node::new(NodeKind::ValuePath(path)));
        Ok(Self::from_nodes(nodes))
    }

    /// Both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(other, Chain::And)
    }

    /// At least one holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.join(other, Chain::Or)
    }

    /// `not (…)`; also written `!filter`.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it does; this one needs no import")]
    pub fn not(self) -> Self {
        let mut nodes = self.into_nodes();
        nodes.push(Node::new(NodeKind::Not));
        Self::from_nodes(nodes)
    }

    /// All of them hold; `None` for no filters.
    ///
    /// ```
    /// # use scim2_syntax::Filter;
    /// let names = ["bjensen", "jsmith"];
    /// let filter = Filter::any(names.map(|name| Filter::eq("userName", name))).unwrap();
    /// assert_eq!(filter.to_string(), r#"userName eq "bjensen" or userName eq "jsmith""#);
    /// ```
    pub fn all(filters: impl IntoIterator<Item = Self>) -> Option<Self> {
        filters.into_iter().reduce(Self::and)
    }

    /// At least one of them holds; `None` for no filters.
    pub fn any(filters: impl IntoIterator<Item = Self>) -> Option<Self> {
        filters.into_iter().reduce(Self::or)
    }

    fn join(self, other: Self, chain: Chain) -> Self {
        let (mut nodes, left) = self.into_chain(chain);
        let (right_nodes, right) = other.into_chain(chain);
        let start = nodes.len();
        let second = start + right.first;
        if let Some(last) = nodes.get_mut(left.last) {
            // INVARIANT: a filter of 4 billion nodes does not fit in memory.
            last.next = distance(left.last, second);
        }
        nodes.extend(right_nodes);
        let first = distance(left.first, nodes.len());
        let operands = Operands { first, count: left.count + right.count };
        nodes.push(Node::new(match chain {
            Chain::And => NodeKind::And(operands),
            Chain::Or => NodeKind::Or(operands),
        }));
        Self::from_nodes(nodes)
    }
}

impl ops::Not for Filter {
    type Output = Self;

    fn not(self) -> Self {
        Self::not(self)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Chain {
    And,
    Or,
}

/// The operands that a filter brings into a longer chain.
struct Span {
    first: usize,
    last: usize,
    count: u32,
}

impl Filter {
    /// The list without its root when that is the same operator, so that chains stay flat.
    fn into_chain(self, chain: Chain) -> (alloc::vec::Vec<Node>, Span) {
        let mut nodes = self.into_nodes();
        let root = nodes.len().saturating_sub(1);
        let operands = match nodes.last().map(|node| &node.kind) {
            Some(NodeKind::And(operands)) if chain == Chain::And => *operands,
            Some(NodeKind::Or(operands)) if chain == Chain::Or => *operands,
            _ => return (nodes, Span { first: root, last: root, count: 1 }),
        };
        nodes.pop();
        let first = root - operands.first as usize;
        (nodes, Span { first, last: root - 1, count: operands.count })
    }
}

/// How far ahead `to` is.
fn distance(from: usize, to: usize) -> u32 {
    // INVARIANT: a list of 4 billion nodes (400 GB) does not come to be.
    u32::try_from(to - from).unwrap_or(u32::MAX)
}
