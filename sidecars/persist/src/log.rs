//! Log lines on standard error, and with everything in `<log-dir>/persist.log`.

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

/// Starts logging; `level` is for standard error.
pub(crate) fn start(dir: Option<&Path>, level: log::LevelFilter) -> Result<()> {
    let console = fern::Dispatch::new().level(level).chain(std::io::stderr());
    let mut all = fern::Dispatch::new()
        .format(line)
        .level(log::LevelFilter::Debug)
        // The driver prints statements and parameters at this level.
        .level_for("tokio_postgres", log::LevelFilter::Info)
        .level_for("postgres", log::LevelFilter::Info)
        .chain(console);
    if let Some(dir) = dir {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {dir:?}"))?;
        let file = FileRotate::new(
            dir.join("persist.log"),
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
    out.finish(format_args!("{now} {:5} persist: {message}", record.level()));
}
