//! Whole lines to a file, or none: a disk that is full costs log lines, and each is counted.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// A line is written in one piece up to this length.
const LINE_BYTES: usize = 64 << 10;

/// Lines of all files that could not be written.
static LOST: AtomicU64 = AtomicU64::new(0);

/// Lines that a file did not take since the start of the process.
pub(crate) fn lost() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// Gathers fragments into lines and gives each to the file in one call; what the file refuses is
/// dropped, so that no caller ever fails or waits for a disk to have room again.
#[derive(Debug)]
pub(super) struct Lines<W> {
    file: W,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(file: W) -> Self {
        Self { file, line: Vec::with_capacity(512) }
    }

    fn end(&mut self) {
        if self.file.write_all(&self.line).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed); // a count, ordering nothing
        }
        self.line.clear();
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") || self.line.len() > LINE_BYTES {
                self.end();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        // Nothing is held back but an unfinished line.
        let _ = self.file.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes two lines, then is full.
    #[derive(Debug, Default)]
    struct Disk(Vec<Vec<u8>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if self.0.len() == 2 {
                return Err(std::io::ErrorKind::StorageFull.into());
            }
            self.0.push(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_does_not_fit_is_dropped_by_the_line_and_counted() {
        let before = lost();
        let mut lines = Lines::new(Disk::default());
        for number in 0..5 {
            write!(lines, "line {number}").and_then(|()| writeln!(lines, " ends")).expect("never");
        }
        let expected = [b"line 0 ends\n".to_vec(), b"line 1 ends\n".to_vec()];
        assert_eq!(lines.file.0, expected);
        assert!(lost() >= before + 3, "{} lines lost", lost() - before);
    }
}
