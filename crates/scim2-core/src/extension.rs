//! Declaring an extension once.

/// Declares an extension: its schema, a struct that reads and writes it, and the docs of both.
///
/// The doc comments are the descriptions of the schema, as far as their first paragraph goes. What
/// a field's type does not say of its attribute stands behind it in braces, by the names of the
/// methods of [`Attribute`](crate::schema::Attribute). A struct without URN is a complex value of
/// one with.
///
/// Fields are `Option<T>` or `Vec<T>` of `String`, `bool`, `i64`, `f64`, `DateTime<Utc>`,
/// [`Secret`](crate::secret::Secret) or a struct of the same declaration. Like
/// [`User`](crate::User), the structs match names in any case and keep in `extra` what they do not
/// know.
///
/// ```
/// use scim2_core::schema::{AttributeType, Uniqueness};
/// use scim2_core::{Policy, ResourceType, User};
///
/// scim2_core::extension! {
///     /// The badge that opens doors.
///     #[derive(PartialEq)]
///     pub struct Badge = "urn:example:params:scim:schemas:extension:badge:2.0:User" {
///         /// The number printed on it.
///         pub number: Option<String> = "number" { required, uniqueness(Uniqueness::Server) },
///         /// How many doors it may open.
///         pub limit: Option<i64> = "limit",
///         /// The doors that it opens.
///         pub doors: Vec<Door> = "doors",
///     }
///
///     /// A door.
///     #[derive(PartialEq)]
///     pub struct Door {
///         /// Its name.
///         pub value: Option<String> = "value" { case_exact },
///         /// Where it is.
///         pub home: Option<String> = "home" { of_type(AttributeType::Reference) },
///     }
/// }
///
/// // The schema, for a resource type …
/// let users = ResourceType::user().with_extension(Badge::schema());
/// assert!(users.lint().is_empty());
/// let body = br#"{
///     "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
///     "userName": "bjensen",
///     "urn:example:params:scim:schemas:extension:badge:2.0:User": { "NUMBER": "7", "doors": [{ "value": "N" }] }
/// }"#;
/// let resource = users.validate_new(users.ingest(body, &Policy::strict())?, &Policy::strict())?;
///
/// // … and the struct, for the application.
/// let user: User = resource.to_typed()?;
/// let badge: Badge = user.extension(Badge::SCHEMA)?.unwrap();
/// assert_eq!(badge.number.as_deref(), Some("7"));
/// assert_eq!(badge.doors[0], Door { value: Some("N".into()), ..Door::default() });
/// # Ok::<(), scim2_core::Error>(())
/// ```
#[macro_export]
macro_rules! extension {
    ($(
        $(#[doc = $about:expr])*
        $(#[derive($($derive:path),* $(,)?)])?
        pub struct $name:ident $(= $urn:literal)? {
            $(
                $(#[doc = $what:expr])*
                pub $field:ident: $ty:ty = $wire:literal
                    $({ $($characteristic:ident $(($($argument:expr),* $(,)?))?),* $(,)? })?
            ),* $(,)?
        }
    )+) => { $(
        $crate::__view! {
            $(#[doc = $about])*
            #[derive(Clone, Debug, Default $($(, $derive)*)?)]
            pub struct $name {
                $( $(#[doc = $what])* pub $field: $ty = $wire, )*
            }
        }

        impl $name {
            $(
                /// The URN of the extension.
                pub const SCHEMA: &'static str = $urn;

                /// The schema of the extension.
                #[must_use]
                pub fn schema() -> $crate::Schema {
                    $crate::macros::schema(
                        $urn,
                        stringify!($name),
                        <Self as $crate::macros::Described>::ABOUT,
                        <Self as $crate::macros::Described>::sub_attributes(),
                    )
                }
            )?
        }

        impl $crate::macros::Described for $name {
            const TYPE: $crate::schema::AttributeType = $crate::schema::AttributeType::Complex;
            const ABOUT: &'static [&'static str] = &[$($about),*];

            fn sub_attributes() -> Vec<$crate::schema::Attribute> {
                vec![ $(
                    $crate::macros::attribute::<$ty>($wire, &[$($what),*])
                        $($(.$characteristic($($($argument),*)?))*)?
                ),* ]
            }
        }
    )+ };
}
