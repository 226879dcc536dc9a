//! Recorded markets.

use std::io::Write as _;

use backtest::tape::Tape;

/// Events read at most; the reader has no end of its own where a tape repeats.
const EVENTS_MAX: usize = 10_000;

/// Plain or gzip, whatever the bytes say.
pub(crate) fn files(bytes: &[u8]) {
    let Ok(mut file) = tempfile::NamedTempFile::new_in("/dev/shm") else { return };
    if file.write_all(bytes).is_err() {
        return;
    }
    let Ok(tape) = Tape::open(&[file.path()]) else { return };
    let rules = tape.rules().len();
    assert_eq!(rules, tape.symbols().len());
    for event in tape.take(EVENTS_MAX) {
        if event.is_err() {
            return;
        }
    }
}
