//! Everything that reads bytes from outside, as functions of bytes: the targets of the fuzzer.
//!
//! A target fails by panicking. None of them may panic, hang or grow on any input (I10), and some
//! compare with a second, plainer reading of the same bytes. `cargo ci fuzz` runs each for some
//! seconds, guided by coverage, on the stable toolchain; longer by hand:
//!
//! ```sh
//! cargo ci fuzz                              # what CI does: a few seconds a target
//! SHRIKE_FUZZ_SECONDS=3600 cargo ci fuzz     # an hour a target
//! SHRIKE_FUZZ_TARGETS=frames,events SHRIKE_FUZZ_SECONDS=600 cargo ci fuzz
//! ```
//!
//! `corpus/<target>/` holds where each begins: a few small files. What the fuzzer finds on the way
//! stays under `target/fuzz`; a file that fails is written there too, and after mending becomes
//! `corpus/<target>/regression-…`, which the plain test below runs for ever.

mod configuration;
mod decoders;
mod events;
mod frames;
mod numbers;
mod recordings;
mod segments;
mod tapes;

/// A target by name.
pub type Target = (&'static str, fn(&[u8]));

/// All of them, the quickest first.
pub const TARGETS: &[Target] = &[
    ("numbers", numbers::decimals),
    ("frames", frames::inbox),
    ("market", decoders::market),
    ("user", decoders::user),
    ("reply", decoders::reply),
    ("rest", decoders::rest),
    ("records", events::records),
    ("events", events::through_the_engine),
    ("configuration", configuration::text),
    ("segments", segments::damaged),
    ("tapes", tapes::files),
    ("recording", recordings::recording),
];

/// The target of that name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_target_begins_with_files_and_takes_them() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, run) in TARGETS {
            let files = std::fs::read_dir(corpus.join(name)).expect("a folder for every target");
            let mut count = 0;
            for file in files {
                let bytes = std::fs::read(file.expect("readable").path()).expect("readable");
                run(&bytes);
                // What is cut short at any place is another input.
                for end in (0..bytes.len()).step_by(bytes.len() / 16 + 1) {
                    run(&bytes[..end]);
                }
                count += 1;
            }
            assert!(count > 0, "no file in corpus/{name}");
        }
    }
}
