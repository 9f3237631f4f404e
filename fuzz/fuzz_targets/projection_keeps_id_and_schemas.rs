#![no_main]

use libfuzzer_sys::fuzz_target;
use scim2_fuzz::core;

fuzz_target!(|text: &str| {
    core::projection_keeps_id_and_schemas(text);
});
