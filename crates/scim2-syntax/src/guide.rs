//! SCIM filters and paths, explained.
//!
//! A SCIM client asks a service provider *which* users or groups it means with a **filter**, and *where* in a resource
//! a PATCH operation applies with a **path**. Both are small languages on one line of text, defined in RFC 7644. This
//! page explains all of them: what each operator means, what the grammar is, where texts in the wild differ from it.
//! Every example runs.
//!
//! 1. [A first filter](#a-first-filter)
//! 2. [Attribute paths](#attribute-paths)
//! 3. [Values](#values)
//! 4. [The operators](#the-operators): [`eq`](#eq-equal), [`ne`](#ne-not-equal), [`co`](#co-contains),
//!    [`sw`](#sw-starts-with), [`ew`](#ew-ends-with), [`pr`](#pr-present), [`gt`, `ge`, `lt`, `le`](#gt-ge-lt-le-order)
//! 5. [`and`, `or`, `not`, parentheses](#and-or-not-parentheses)
//! 6. [Brackets: conditions on one value](#brackets-conditions-on-one-value)
//! 7. [Paths of PATCH operations](#paths-of-patch-operations)
//! 8. [The grammar](#the-grammar)
//! 9. [What products send that is not in the grammar](#what-products-send-that-is-not-in-the-grammar)
//! 10. [The canonical form](#the-canonical-form)
//! 11. [Errors](#errors)
//! 12. [Limits](#limits)
//! 13. [Questions that come up](#questions-that-come-up)
//!
//! # A first filter
//!
//! A filter travels in the query string of a `GET`, percent-encoded, or in the body of a `POST` to `.search`:
//!
//! ```text
//! GET /Users?filter=userName%20eq%20%22bjensen%22
//! ```
//!
//! Decoded, it is an attribute, an operator and a value:
//!
//! ```
//! use scim2_syntax::Filter;
//!
//! let filter: Filter = r#"userName eq "bjensen""#.parse()?;
//! assert_eq!(filter.explain().to_string(), r#"userName equals "bjensen""#);
//!
//! // The same, built instead of parsed. Values are escaped for you: never build filters with `format!`.
//! assert_eq!(filter, Filter::eq("userName", "bjensen"));
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! The answer is the list of resources for which the filter is true; an empty list when there are none.
//!
//! # Attribute paths
//!
//! | path | names |
//! |---|---|
//! | `userName` | an attribute |
//! | `name.givenName` | a sub-attribute of a complex attribute |
//! | `emails.value` | that sub-attribute of each value of a multi-valued attribute |
//! | `urn:ietf:params:scim:schemas:core:2.0:User:userName` | an attribute with its schema; always the same as `userName` on a user |
//! | `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName` | a sub-attribute in an extension, which *needs* the schema |
//! | `members.$ref` | the one name with a dollar sign |
//!
//! Names and URIs have no upper and lower case: `username` is `userName`. There is one level of sub-attributes, never
//! two. The last colon ends the schema URI, so the dot in `2.0` is no sub-attribute:
//!
//! ```
//! use scim2_syntax::AttrPath;
//!
//! let path: AttrPath = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName".parse()?;
//! assert_eq!(path.schema.unwrap(), "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User");
//! assert_eq!(path.name, "MANAGER");
//! assert_eq!(path.sub_attr.unwrap(), "displayName");
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! # Values
//!
//! A value is a JSON literal: a string in double quotes, a number, `true`, `false` or `null`. Strings have the escapes
//! of JSON and no others. Dates and binary data are strings too; what a string means is the schema's business.
//!
//! ```
//! use scim2_syntax::{CompareValue, Expr, Filter, Number};
//!
//! let filter: Filter = r#"displayName eq "Barbara \"Babs\" J\u00e9nsen""#.parse()?;
//! let Expr::Compare { value, .. } = filter.expr() else { unreachable!() };
//! assert_eq!(value.as_str(), Some("Barbara \"Babs\" Jénsen"));
//!
//! // Numbers keep their text and compare by value, without rounding.
//! let filter: Filter = "meters gt 5.0".parse()?;
//! let Expr::Compare { value: CompareValue::Number(number), .. } = filter.expr() else { unreachable!() };
//! assert_eq!((number.as_str(), number), ("5.0", &Number::from(5)));
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! # The operators
//!
//! | operator | true when | strings | numbers | dateTimes | booleans, binary |
//! |---|---|---|---|---|---|
//! | `eq` | the values are identical | yes | by value | same instant | yes |
//! | `ne` | they are not | yes | by value | other instant | yes |
//! | `co` | the attribute contains the value | yes | no | no | no |
//! | `sw` | the attribute starts with it | yes | no | no | no |
//! | `ew` | the attribute ends with it | yes | no | no | no |
//! | `pr` | the attribute has a value | yes | yes | yes | yes |
//! | `gt` `ge` `lt` `le` | greater, at least, less, at most | lexicographic | numeric | chronological | never |
//!
//! Where the table says no, a service provider answers 400 `invalidFilter`. Whether upper and lower case matter is the
//! attribute's `caseExact`: not for `userName` or e-mail addresses, but for `id` and `externalId`.
//!
//! On an attribute with several values an expression is true when it is true for *any* value. An attribute without
//! values takes part as one `null`.
//!
//! ## `eq`: equal
//!
//! ```
//! # use scim2_syntax::Filter;
//! # let explain = |text: &str| text.parse::<Filter>().map(|filter| filter.explain().to_string());
//! assert_eq!(explain(r#"userName eq "bjensen""#)?, r#"userName equals "bjensen""#);
//! assert_eq!(explain("active eq true")?, "active equals true");
//! // `null` asks for the absence of a value.
//! assert_eq!(explain("manager eq null")?, "manager has no value");
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! ## `ne`: not equal
//!
//! ```
//! # use scim2_syntax::Filter;
//! # let explain = |text: &str| text.parse::<Filter>().map(|filter| filter.explain().to_string());
//! // True as well for a user without a userType.
//! assert_eq!(explain(r#"userType ne "Employee""#)?, r#"userType is not "Employee""#);
//! // True for a user who has *some* address that is no work address, even if another is.
//! assert_eq!(explain(r#"emails.type ne "work""#)?, r#"emails.type is not "work""#);
//! // "No work address" is said like this:
//! assert_eq!(explain(r#"not (emails.type eq "work")"#)?, "not\n└─ emails.type equals \"work\"");
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! ## `co`: contains
//!
//! ```
//! # use scim2_syntax::Filter;
//! # let explain = |text: &str| text.parse::<Filter>().map(|filter| filter.explain().to_string());
//! assert_eq!(explain(r#"name.familyName co "O'Malley""#)?, r#"name.familyName contains "O'Malley""#);
//! // `emails` alone means `emails.value` here, for multi-valued attributes that have a `value`.
//! assert_eq!(explain(r#"emails co "example.com""#)?, r#"emails contains "example.com""#);
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! ## `sw`: starts with
//!
//! ```
//! # use scim2_syntax::Filter;
//! # let explain = |text: &str| text.parse::<Filter>().map(|filter| filter.explain().to_string());
//! // There are no wildcards: `%` and `*` are characters like others.
//! assert_eq!(explain(r#"userName sw "J""#)?, r#"userName starts with "J""#);
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! ## `ew`: ends with
//!
//! ```
//! # use scim2_syntax::Filter;
//! # let explain = |text: &str| text.parse::<Filter>().map(|filter| filter.explain().to_string());
//! assert_eq!(explain(r#"emails.value ew "@example.com""#)?, r#"emails.value ends with "@example.com""#);
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! ## `pr`: present
//!
//! ```
//! # use scim2_syntax::Filter;
//! # let explain = |text: &str| text.parse::<Filter>().map(|filter| filter.explain().to_string());
//! // No value follows. An empty string or list is no value; `false` and 0 are.
//! assert_eq!(explain("title pr")?, "title has a value");
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! ## `gt`, `ge`, `lt`, `le`: order
//!
//! ```
//! # use scim2_syntax::Filter;
//! # let explain = |text: &str| text.parse::<Filter>().map(|filter| filter.explain().to_string());
//! assert_eq!(
//!     explain(r#"meta.lastModified gt "2011-05-13T04:42:34Z""#)?,
//!     r#"meta.lastModified is greater than "2011-05-13T04:42:34Z""#
//! );
//! assert_eq!(explain("loginCount ge 10")?, "loginCount is at least 10");
//! assert_eq!(explain(r#"userName lt "m""#)?, r#"userName is less than "m""#);
//! assert_eq!(explain("loginCount le 10")?, "loginCount is at most 10");
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! # `and`, `or`, `not`, parentheses
//!
//! `not` binds tightest, then `and`, then `or`; parentheses group. `not` always has parentheses.
//!
//! ```
//! # use scim2_syntax::Filter;
//! let filter: Filter = r#"title pr or userType eq "Intern" and not (active eq false)"#.parse()?;
//! assert_eq!(filter.explain().to_string(), r#"
//! any of
//! ├─ title has a value
//! └─ all of
//!    ├─ userType equals "Intern"
//!    └─ not
//!       └─ active equals false
//! "#.trim());
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! Chains are flat, however they are grouped: in `a and (b and c)` there is one `and` of three terms. Code that walks a
//! filter meets [`Expr::And`](crate::Expr::And) with all of them, and no stack grows with their number.
//!
//! # Brackets: conditions on one value
//!
//! Two expressions on a multi-valued attribute may be satisfied by two *different* values. Brackets ask for one value
//! that satisfies all of them. They may follow any complex attribute, they do not nest, and the names inside are
//! sub-attributes.
//!
//! ```
//! # use scim2_syntax::Filter;
//! // A work address, and some address (perhaps the private one) in example.com:
//! let two: Filter = r#"emails.type eq "work" and emails.value co "@example.com""#.parse()?;
//! // A work address in example.com:
//! let one: Filter = r#"emails[type eq "work" and value co "@example.com"]"#.parse()?;
//!
//! assert_eq!(two.explain().to_string(), r#"
//! all of
//! ├─ emails.type equals "work"
//! └─ emails.value contains "@example.com"
//! "#.trim());
//! assert_eq!(one.explain().to_string(), r#"
//! one value of emails with all of
//! ├─ type equals "work"
//! └─ value contains "@example.com"
//! "#.trim());
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! In an attribute whose values are simple, such as `schemas`, `value` stands for the value itself:
//! `schemas[value eq "urn:…"]`.
//!
//! # Paths of PATCH operations
//!
//! The `path` of a PATCH operation is an attribute path, or brackets that select values, perhaps with a sub-attribute
//! behind them:
//!
//! ```
//! use scim2_syntax::PatchPath;
//!
//! let path: PatchPath = r#"emails[type eq "work"].display"#.parse()?;
//! assert_eq!(path.attr.name, "emails");
//! assert_eq!(path.filter.unwrap().to_string(), r#"type eq "work""#);
//! assert_eq!(path.sub_attr.unwrap(), "display");
//!
//! // Not JSON Pointer, not an array index.
//! assert!("/emails/0".parse::<PatchPath>().is_err());
//! assert!("emails[0]".parse::<PatchPath>().is_err());
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! | path | selects |
//! |---|---|
//! | `members` | all members |
//! | `name.familyName` | one sub-attribute |
//! | `addresses[type eq "work"]` | the work addresses, whole |
//! | `addresses[type eq "work"].streetAddress` | the street of each work address |
//! | `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager` | an attribute of an extension |
//! | `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User` | all of an extension |
//!
//! The last one parses as schema `urn:…:enterprise:2.0` and attribute `User`, since no grammar can tell; see
//! [`AttrPath::container_uri`](crate::AttrPath::container_uri).
//!
//! # The grammar
//!
//! RFC 7644 §3.4.2.2, Figure 1, is left-recursive, gives `and` and `or` no precedence, and does not let `not` stand before
//! a space, though its own examples do (errata 4670, 4690, 7319, 7322). This is the same language, written so that it
//! can be parsed:
//!
//! ```abnf
//! filter    = or
//! or        = and *( "or" and )
//! and       = term *( "and" term )
//! term      = [ "not" ] "(" filter ")" / valuePath / attrExp
//! valuePath = attrPath "[" filter "]"              ; attrPath without subAttr, filter without valuePath
//! attrExp   = attrPath "pr" / attrPath op value
//! op        = "eq" / "ne" / "co" / "sw" / "ew" / "gt" / "ge" / "lt" / "le"
//! attrPath  = [ URI ":" ] name [ subAttr ]
//! subAttr   = "." name
//! name      = ( ALPHA / "$" ) *( ALPHA / DIGIT / "-" / "_" / "$" )
//! value     = string / number / "true" / "false" / "null"      ; RFC 8259
//!
//! path      = attrPath / valuePath [ subAttr ]     ; of a PATCH operation
//! ```
//!
//! Words are separated by white space: SP, TAB, CR, LF, one or more. Around parentheses, inside brackets and at both ends
//! there may be any amount or none. There is none before `[`, and none between `]` and `.`. All words, `true`, `false` and
//! `null` included, may be in upper or lower case.
//!
//! Words are not reserved: `not`, `and` and `pr` are attribute names where a name can stand.
//!
//! ```
//! # use scim2_syntax::Filter;
//! let filter: Filter = "NOT(title PR)\r\n  And not eq TRUE".parse()?;
//! assert_eq!(filter.to_string(), "not (title pr) and not eq true");
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! # What products send that is not in the grammar
//!
//! Two things are always accepted, because they cannot be mistaken for anything legal:
//!
//! | text | who | read as |
//! |---|---|---|
//! | `emails[type eq "work"].value eq "x"` | Microsoft Entra ID | `emails[type eq "work" and value eq "x"]` |
//! | more white space, line breaks, words in any case | the RFC's own examples, many | one space, lower case |
//!
//! Others are an option of [`SyntaxPolicy`](crate::SyntaxPolicy), off in `strict()` and on in `lenient()`:
//!
//! | text | who | option | read as |
//! |---|---|---|---|
//! | `externalId eq 123-abc` | Entra ID; RFC 7644 §3.4.2.1, RFC 9865 §2 | [`bare_words`](crate::SyntaxPolicy::bare_words) | `externalId eq "123-abc"` |
//! | `displayName sw 'Group'` | RFC 7644 §3.7.1 | [`bare_words`](crate::SyntaxPolicy::bare_words) | `displayName sw "Group"` |
//! | `members[value eq"2819"]` | RFC 7644 §3.5.2.2 | [`missing_space`](crate::SyntaxPolicy::missing_space) | `members[value eq "2819"]` |
//! | `not title pr` | clients written against scimmyjs or rustauth-scim | [`bare_not`](crate::SyntaxPolicy::bare_not) | `not (title pr)` |
//! | `urn:…:2.0:User.manager.value` | Entra ID jobs from before December 2018 | [`dot_after_urn`](crate::SyntaxPolicy::dot_after_urn) | `urn:…:2.0:User:manager.value` |
//! | `schemas eq "urn:…"` as a PATCH path | erratum 7122; scim2-models (Python) | [`attr_exp`](crate::SyntaxPolicy::attr_exp) | `schemas[value eq "urn:…"]` |
//!
//! ```
//! # use scim2_syntax::{Filter, PatchPath, SyntaxPolicy};
//! let policy = SyntaxPolicy::lenient();
//! let read = |text: &str| Filter::parse_with(text, &policy).map(|filter| filter.to_string());
//! assert_eq!(read("externalId eq 123-abc")?, r#"externalId eq "123-abc""#);
//! assert_eq!(read("displayName sw 'Group'")?, r#"displayName sw "Group""#);
//! assert_eq!(read(r#"members[value eq"2819"]"#)?, r#"members[value eq "2819"]"#);
//! assert_eq!(read("not title pr")?, "not (title pr)");
//! assert_eq!(read("urn:x:2.0:User.manager.value pr")?, "urn:x:2.0:User:manager.value pr");
//!
//! let path = PatchPath::parse_with(r#"schemas eq "urn:x""#, &policy)?;
//! assert_eq!(path.to_string(), r#"schemas[value eq "urn:x"]"#);
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! No option changes what a legal text means: what the strict grammar accepts, every policy reads the same way.
//!
//! # The canonical form
//!
//! A filter prints with one space between words, words in lower case, names as they were written, parentheses only where
//! they are needed, strings with no escape that is not needed, numbers as they were written. What is printed parses to an
//! equal filter, and prints the same again.
//!
//! ```
//! # use scim2_syntax::Filter;
//! let filter: Filter = r#"((UserName  EQ "\u0041")) AND (title pr and (locale PR or not(active eq FALSE)))"#.parse()?;
//! assert_eq!(
//!     filter.to_string(),
//!     r#"UserName eq "A" and title pr and (locale pr or not (active eq false))"#
//! );
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! # Errors
//!
//! A service provider answers 400: `invalidFilter` for a filter and for what is in the brackets of a PATCH path,
//! `invalidPath` for the rest of a path. A [`ParseError`](crate::ParseError) knows which
//! ([`in_brackets`](crate::ParseError::in_brackets)), where, and what could have stood there:
//!
//! ```
//! # use scim2_syntax::Filter;
//! let text = r#"userName eq "bjensen" adn title pr"#;
//! let error = text.parse::<Filter>().unwrap_err();
//! assert_eq!(error.render(text).to_string(), r#"
//! unexpected text after an expression
//!   | userName eq "bjensen" adn title pr
//!   |                       ^
//!   = expected `and`, `or` or the end
//! "#.trim());
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! No error repeats a value, since a value may be a password.
//!
//! # Limits
//!
//! A filter comes from outside. By default it may have 8 KiB, 32 levels of brackets and 128 expressions; the limits are
//! fields of [`SyntaxPolicy`](crate::SyntaxPolicy). They protect what comes after the parser. The parser itself, and
//! printing, comparing, cloning and dropping, take linear time and constant stack with no limits at all:
//!
//! ```
//! # use scim2_syntax::{Filter, SyntaxPolicy};
//! let text = format!("{}title pr{}", "not (".repeat(100_000), ")".repeat(100_000));
//! let error = text.parse::<Filter>().unwrap_err();
//! assert_eq!(error.kind().to_string(), "longer than the limit of 8192 bytes");
//!
//! let filter = Filter::parse_with(&text, &SyntaxPolicy::strict().without_limits())?;
//! assert_eq!(filter.depth(), 100_000);
//! # Ok::<(), scim2_syntax::ParseError>(())
//! ```
//!
//! # Questions that come up
//!
//! **Why does my phone number not match?** In a query string `+` is a space. Write `%2B`.
//!
//! **How do I ask for a quotation mark or a backslash?** `\"` and `\\`, as in JSON. Or build the filter with
//! [`Filter::eq`](crate::Filter::eq) and print it.
//!
//! **Is `userName eq null` legal?** Yes: it means that there is no value. With `co`, `gt` and the others, `null` is legal
//! text that service providers refuse.
//!
//! **Can I compare two attributes, use a regular expression, or a date without a time?** No.
//!
//! **Why is `manager eq "26118915"` refused?** `manager` is complex and has one value: name the sub-attribute,
//! `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value`.
//!
//! **Is the order of terms significant?** Not for the meaning. `Filter` keeps it, and compares with it.
