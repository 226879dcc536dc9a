//! The section that says how connections are watched and replaced.

use super::reader::{Mistakes, Section};
use crate::session::Settings;

const MS_NS: u64 = 1_000_000;

/// Connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// How long the session waits for things; whether it logs on follows from the key.
    pub session: Settings,
    /// Connections tried in five minutes at most, all together.
    pub dials_5m_max: usize,
}

pub(super) fn links(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Links {
    let mut session = Settings::default();
    let patience = &mut session.patience;
    let mut ms = |key: &'static str, low: i64, high: i64, ns: &mut u64| {
        if let Some(ms) = s.integer(key, low..=high, out) {
            *ns = ms as u64 * MS_NS;
        }
    };
    ms("first_frame_ms", 100, 600_000, &mut patience.first_ns);
    ms("ticker_silence_ms", 100, 600_000, &mut patience.ticker_ns);
    ms("depth_silence_ms", 100, 600_000, &mut patience.depth_ns);
    ms("mark_silence_ms", 1_000, 600_000, &mut patience.mark_ns);
    ms("answer_ms", 100, 60_000, &mut session.answer_ns);
    ms("ping_ms", 250, 60_000, &mut session.ping_ns);
    ms("report_ms", 100, 60_000, &mut session.report_ns);
    ms("fallback_ms", 100, 600_000, &mut session.fallback_ns);
    // The venue cuts at 24 hours.
    if let Some(seconds) = s.integer("max_age_s", 1..=86_000, out) {
        session.max_age_ns = seconds as u64 * 1_000 * MS_NS;
    }
    let dials_5m_max = s.integer("dials_5m_max", 10..=300, out).unwrap_or(200) as usize;
    s.finish(out);
    Links { session, dials_5m_max }
}
