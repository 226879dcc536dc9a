//! The fuzzer: libFuzzer's `main`, and the target named by `SHRIKE_FUZZ_TARGET`.
#![no_main]

use std::sync::OnceLock;

static TARGET: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let run = TARGET.get_or_init(|| {
        let name = std::env::var("SHRIKE_FUZZ_TARGET").unwrap_or_default();
        fuzz::target(&name).unwrap_or_else(|| {
            let known: Vec<_> = fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
            panic!("SHRIKE_FUZZ_TARGET={name:?} is no target; the targets are {known:?}")
        })
    });
    run(bytes);
});
