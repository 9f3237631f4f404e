#![no_main]

use libfuzzer_sys::fuzz_target;
use scim2_fuzz::core;

fuzz_target!(|data: &[u8]| {
    core::patch_never_panics_and_is_atomic(data);
});
