#![no_main]

use libfuzzer_sys::fuzz_target;
use scim2_fuzz::syntax;

fuzz_target!(|data: &[u8]| syntax::filter_never_panics(data));
