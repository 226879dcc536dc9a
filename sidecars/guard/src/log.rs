//! Log lines on standard error, and in `<log dir>/guard.log`.

use std::fmt::Arguments;
use std::io::LineWriter;
use std::path::Path;

use anyhow::{Context, Result};
use fern::FormatCallback;
use file_rotate::compression::Compression;
use file_rotate::suffix::AppendCount;
use file_rotate::{ContentLimit, FileRotate};

/// Size at which a file is put aside, and how many are kept (SPEC 10.7).
const FILE_BYTES: usize = 10 << 20;
const FILES: usize = 5;

/// Starts logging.
///
/// # Errors
/// If the folder cannot be made.
pub(crate) fn start(dir: Option<&Path>) -> Result<()> {
    let mut all = guard::alert::quiet(fern::Dispatch::new())
        .format(line)
        .level(log::LevelFilter::Info)
        // What it prints at this level is bytes of requests.
        .level_for("rustls", log::LevelFilter::Warn)
        .chain(std::io::stderr());
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {dir:?}"))?;
        let file = FileRotate::new(
            dir.join("guard.log"),
            AppendCount::new(FILES),
            ContentLimit::BytesSurpassed(FILE_BYTES),
            Compression::None,
            None,
        );
        // Without the line buffer a rotation can fall into the middle of a line.
        let file = LineWriter::with_capacity(64 << 10, file);
        all = all.chain(fern::Output::writer(Box::new(file), "\n"));
    }
    all.apply().context("logging is started once")
}

fn line(out: FormatCallback<'_>, message: &Arguments<'_>, record: &log::Record<'_>) {
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
    out.finish(format_args!("{now} {:5} guard: {message}", record.level()));
}
