#![no_main]

use libfuzzer_sys::fuzz_target;
use scim2_fuzz::syntax;

fuzz_target!(|text: &str| syntax::path_roundtrip(text));
