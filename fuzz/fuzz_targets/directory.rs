#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bridgetap_fuzz::checks::directory(bytes));
