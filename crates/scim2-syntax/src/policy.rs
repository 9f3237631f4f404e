/// Which texts beyond the letter of RFC 7644 are taken, and how large a text may be.
///
/// [`strict`](Self::strict) is the default: the grammar of RFC 7644 with its verified errata. Each tolerance is
/// one field, off in `strict` and on in [`lenient`](Self::lenient). None changes what a strictly legal text means:
/// what `strict` takes, every policy with the same limits takes with the same meaning.
///
/// ```
/// use scim2_syntax::{Filter, SyntaxPolicy};
///
/// let text = "externalId eq 123-abc";
/// assert!(text.parse::<Filter>().is_err());
///
/// let mut policy = SyntaxPolicy::strict();
/// policy.bare_words = true;
/// let filter = Filter::parse_with(text, &policy)?;
/// assert_eq!(filter.to_string(), r#"externalId eq "123-abc""#);
/// # Ok::<(), scim2_syntax::ParseError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SyntaxPolicy {
    /// `eq"x"`: no space between an operator and its quoted value. RFC 7644 §3.5.2.2 prints one such example.
    pub missing_space: bool,
    /// `not title pr`: `not` without parentheses. It then negates the one term after it.
    pub bare_not: bool,
    /// `userName eq bjensen` and `displayName sw 'Group'`: values without quotation marks, or in single ones.
    ///
    /// Entra ID sends `externalId eq 123-abc`; RFC 7644 §3.4.2.1, §3.7.1 and RFC 9865 §2 print such examples.
    /// A bare word ends at white space, a parenthesis, a bracket or a quotation mark.
    pub bare_words: bool,
    /// `urn:…:2.0:User.manager.value` and `urn:…:2.0:User.emails[…]`: a dot between schema URI and attribute.
    ///
    /// Provisioning jobs of Entra ID from before December 2018 send it. The two-part form `urn:…:2.0:User.manager`
    /// is legal syntax for another meaning, so it parses under any policy; see
    /// [`AttrPath::dotted_uri`](crate::AttrPath::dotted_uri).
    pub dot_after_urn: bool,
    /// `schemas eq "urn:…"` as a PATCH path: a bare expression selects elements (erratum 7122, held).
    ///
    /// It reads as `schemas[value eq "urn:…"]`, and `emails.type eq "work"` as `emails[type eq "work"]`.
    pub attr_exp: bool,
    /// The longest text, in bytes. Texts of 4 GiB and more are refused whatever this says.
    pub max_len: usize,
    /// How deep parentheses and brackets may nest, each `not` without parentheses counting as one.
    pub max_depth: usize,
    /// How many expressions (`attr op value`, `attr pr`) a filter may have.
    pub max_leaves: usize,
}

impl SyntaxPolicy {
    /// The default of [`max_len`](Self::max_len): 8 KiB.
    pub const MAX_LEN: usize = 8 * 1024;
    /// The default of [`max_depth`](Self::max_depth).
    pub const MAX_DEPTH: usize = 32;
    /// The default of [`max_leaves`](Self::max_leaves).
    pub const MAX_LEAVES: usize = 128;

    /// The grammar of RFC 7644 §3.4.2.2 and §3.5.2, and the default limits.
    pub const fn strict() -> Self {
        Self {
            missing_space: false,
            bare_not: false,
            bare_words: false,
            dot_after_urn: false,
            attr_exp: false,
            max_len: Self::MAX_LEN,
            max_depth: Self::MAX_DEPTH,
            max_leaves: Self::MAX_LEAVES,
        }
    }

    /// Every tolerance on, and the default limits.
    pub const fn lenient() -> Self {
        Self {
            missing_space: true,
            bare_not: true,
            bare_words: true,
            dot_after_urn: true,
            attr_exp: true,
            ..Self::strict()
        }
    }

    /// The same tolerances without limits, for texts from a trusted place.
    ///
    /// Parsing, printing and dropping stay linear and free of recursion without them; what they protect is
    /// whoever evaluates the filter or turns it into a query.
    #[must_use]
    pub const fn without_limits(self) -> Self {
        Self { max_len: usize::MAX, max_depth: usize::MAX, max_leaves: usize::MAX, ..self }
    }
}

impl Default for SyntaxPolicy {
    fn default() -> Self {
        Self::strict()
    }
}
