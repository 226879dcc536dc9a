//! The segments the trader writes, and what their headers say of the run.

use std::path::Path;

use rings::{Identity, OpenError, Ring, broadcast, journal, latest};
use schema::{LAYOUT_HASH, PathText, Record, RunInfo, SYMBOLS_MAX, Status, SymbolInfo, SymbolName};
use zerocopy::IntoBytes as _;

use crate::cold::start::Listed;
use crate::config::Config;
use crate::run::{EX_SOFTWARE, EX_TEMPFAIL, Failure};
use crate::tsc;

/// Bytes of a [`SymbolName`], which has a build in the segments' headers.
const BUILD_BYTES: usize = 23;

/// This start: later than every earlier one, even if the clock went back.
pub(crate) fn identity(instance: &str) -> Identity {
    let seconds = u32::try_from(tsc::wall().ms() / 1_000).unwrap_or(u32::MAX);
    let after = rings::previous_boot_epoch(instance).map_or(0, |epoch| epoch.saturating_add(1));
    let build_id = rings::build_number(&build());
    Identity { layout_hash: LAYOUT_HASH, build_id, boot_epoch: seconds.max(after) }
}

/// The version, and the release this process was started from, if it was.
pub(crate) fn build() -> String {
    rings::build(concat!("shrike ", env!("CARGO_PKG_VERSION")))
}

pub(crate) fn segment(error: OpenError, ring: Ring) -> Failure {
    let code = if matches!(error, OpenError::Busy) { EX_TEMPFAIL } else { EX_SOFTWARE };
    let busy = if code == EX_TEMPFAIL { "another trader runs this instance; " } else { "" };
    Failure(code, anyhow::anyhow!("{busy}segment {ring:?}: {error}"))
}

pub(crate) fn run_info(config: &Config, listed: &[Listed], tsc_hz: u64) -> RunInfo {
    let mut symbols = [SymbolInfo::default(); SYMBOLS_MAX];
    for (info, listed) in symbols.iter_mut().zip(listed) {
        *info = SymbolInfo {
            name: listed.config.name,
            tick_size: listed.config.rules.tick.units(),
            step_size: listed.config.rules.step.units(),
        };
    }
    let name = |text: &str| SymbolName::new(text.as_bytes()).unwrap_or_default();
    let path = |path: &Path| PathText::new(&path.to_string_lossy());
    let now = tsc::now();
    RunInfo {
        environment: name(config.environment.name()),
        build: name(cut(&build())),
        pid: u64::from(std::process::id()),
        tsc_hz,
        wall_minus_mono_ns: now.wall.0.saturating_sub_unsigned(now.mono.0),
        capital: config.limits.capital.units(),
        leverage_max_e2: config.limits.leverage_max_e2,
        strategy: u64::from(config.strategy.id().0),
        symbols,
        symbol_count: listed.len() as u64,
        config: path(&config.switch.file),
        latch: path(&config.switch.latch),
    }
}

/// As much of a build as a name holds; all of it is where the processes say that they live.
fn cut(build: &str) -> &str {
    &build[..build.floor_char_boundary(BUILD_BYTES)]
}

/// The segments the trader writes.
pub(crate) struct Rings {
    pub(crate) market: broadcast::Writer<Record>,
    pub(crate) journal: journal::Writer<Record>,
    pub(crate) status: latest::Writer<Status>,
}

impl Rings {
    pub(crate) fn create(
        config: &Config,
        identity: Identity,
        info: &RunInfo,
    ) -> Result<Self, Failure> {
        let (instance, info) = (config.instance.as_str(), info.as_bytes());
        let capacity = config.journal_capacity_records;
        let journal =
            journal::Writer::open_or_create(instance, capacity, identity, info, &["persist"])
                .map_err(|error| segment(error, Ring::Journal))?;
        let capacity = config.market_capacity_records;
        let market = broadcast::Writer::create(instance, Ring::Market, capacity, identity, info)
            .map_err(|error| segment(error, Ring::Market))?;
        let status = latest::Writer::create(instance, Ring::Status, identity, info)
            .map_err(|error| segment(error, Ring::Status))?;
        Ok(Self { market, journal, status })
    }
}
