//! Comparison keys inside SQLite.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use scim2_core::key::comparison_key;

/// Teaches a connection two functions: `scim_key(text)` makes the
/// [comparison key](comparison_key) of text without `caseExact`, and `scim_key_exact(text)` that of
/// text with it.
///
/// With them an application's own tables need no columns of keys for a
/// [`ColumnMap`](crate::ColumnMap): `Column::key("scim_key(u.user_name)")`, with an index on the
/// same expression.
///
/// # Errors
/// When SQLite cannot take them.
pub fn register_key_functions(connection: &Connection) -> Result<(), rusqlite::Error> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for (name, case_exact) in [("scim_key", false), ("scim_key_exact", true)] {
        connection.create_scalar_function(name, 1, flags, move |context| {
            let text: Option<String> = context.get(0)?;
            Ok(text.map(|text| comparison_key(case_exact, &text).into_owned()))
        })?;
    }
    Ok(())
}
