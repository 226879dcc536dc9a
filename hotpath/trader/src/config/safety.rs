//! The sections that guard against a world that is not as it should be.

use engine::Safety;

use super::reader::{Mistakes, Section};
use crate::cold::deadman;

const MS_NS: u64 = 1_000_000;
/// Two tries of a new connection.
const REST_ORDERS_AFTER_NS: u64 = 500 * MS_NS;

pub(super) fn safety(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Safety {
    let default = Safety::default();
    let stop = s.integer("protective_stop_ppm", 0..=500_000, out);
    let jump = s.integer("jump_ppm_max", 1_000..=900_000, out);
    let divergence = s.integer("divergence_ppm_max", 1_000..=900_000, out);
    let quarantine_ms = s.integer("quarantine_ms", 100..=3_600_000, out);
    let by_rest_ms = s.integer("rest_orders_after_ms", 0..=60_000, out);
    s.finish(out);
    Safety {
        protective_stop_ppm: stop.unwrap_or(default.protective_stop_ppm),
        require_clock: true,
        jump_ppm_max: jump.unwrap_or(default.jump_ppm_max),
        divergence_ppm_max: divergence.unwrap_or(default.divergence_ppm_max),
        quarantine_ns: quarantine_ms.map_or(default.quarantine_ns, |ms| ms as u64 * MS_NS),
        last_way_ns: by_rest_ms.map_or(REST_ORDERS_AFTER_NS, |ms| ms as u64 * MS_NS),
        ..default
    }
}

pub(super) fn dead_man(mut s: Section<'_>, out: &mut Mistakes<'_>) -> deadman::Settings {
    let default = deadman::Settings::default();
    let countdown_ms = s.integer("countdown_ms", 0..=600_000, out);
    let refresh_ms = s.integer("refresh_ms", 200..=300_000, out);
    let settings = deadman::Settings {
        countdown_ms: countdown_ms.map_or(default.countdown_ms, |ms| ms as u64),
        refresh_ms: refresh_ms.map_or(default.refresh_ms, |ms| ms as u64),
    };
    if settings.countdown_ms > 0 && settings.countdown_ms < 2 * settings.refresh_ms {
        let what = format!(
            "dead_man.countdown_ms = {} leaves no second try before it runs out",
            settings.countdown_ms
        );
        let remedy = format!("use at least {}, twice refresh_ms, or 0", 2 * settings.refresh_ms);
        out.add(s.place("countdown_ms"), what, remedy);
    }
    s.finish(out);
    settings
}
