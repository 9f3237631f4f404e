//! Names that look like other names.

use unicode_security::mixed_script::MixedScript;

/// Whether a text mixes scripts that no language writes together, as `раypal` does with its first
/// two letters (UTS 39 §5.1). Such a name may be there to be taken for another one; it may also be
/// honest, so nothing is refused for it. The audit log has a mark on it, and a
/// [`ChangeHook`](crate::events::ChangeHook) may ask for more.
///
/// ```
/// use scim2_provider::events::mixes_scripts;
/// assert!(mixes_scripts("р\u{430}ypal"));
/// assert!(!mixes_scripts("paypal@example.com") && !mixes_scripts("иванов"));
/// ```
#[must_use]
pub fn mixes_scripts(text: &str) -> bool {
    !text.is_single_script()
}
