#![no_main]

use libfuzzer_sys::fuzz_target;
use scim2_fuzz::core;

fuzz_target!(|text: &str| {
    core::filter_matches_as_model(text);
});
