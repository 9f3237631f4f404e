#![no_main]

use libfuzzer_sys::fuzz_target;
use scim2_fuzz::core;

fuzz_target!(|text: &str| {
    core::diff_then_patch(text);
});
