//! The trader's configuration file.

use trader::config;

/// Any text is read or refused with places and remedies; what is read can be summed up.
pub(crate) fn text(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match config::parse("fuzzed.toml", &text) {
        Ok(config) => assert!(!config::summary(&config).is_empty()),
        Err(mistakes) => {
            assert!(!mistakes.is_empty(), "refused without a reason");
            let lines = text.lines().count() + 1;
            for mistake in mistakes {
                assert!(mistake.line <= lines, "{mistake:?} in a text of {lines} lines");
            }
        }
    }
}
