#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| elastic_core_fuzz::run("tree_file", data));
