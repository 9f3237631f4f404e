#![no_main]

use libfuzzer_sys::fuzz_target;
use scim2_fuzz::core;

fuzz_target!(|data: &[u8]| {
    core::ingest_fixed_point(data);
});
