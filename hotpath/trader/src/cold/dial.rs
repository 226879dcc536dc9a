//! Where each connection goes, and when it is tried again.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use schema::{Link, MonoNs, SymbolName};

use super::api::Api as _;
use super::rest::{Rest, percent_encoded};
use crate::config::Config;
use crate::net::{Target, dial};
use crate::queues::{HotConnection, SLOTS, Slot};

/// First pause after a failure; it doubles up to [`PAUSE_MAX_NS`], with jitter of half.
const PAUSE_MIN_NS: u64 = 100_000_000;
/// Longest pause: the venue allows few connections per address and minute.
const PAUSE_MAX_NS: u64 = 10_000_000_000;
/// Time limit of one attempt: resolve, connect, TLS and WebSocket handshake together.
const ATTEMPT: Duration = Duration::from_secs(5);
/// The window of [`Dials`].
const WINDOW_NS: u64 = 300_000_000_000;

/// When each place is dialled: what the session wants, with pauses after failures, and never more
/// attempts in five minutes than allowed.
#[derive(Debug)]
pub struct Dials {
    places: [Place; SLOTS],
    /// When the newest attempts were made, oldest first; as many as are allowed.
    attempts: VecDeque<MonoNs>,
    attempts_max: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    is_wanted: bool,
    not_before: MonoNs,
    failures: u32,
}

impl Dials {
    /// Nothing is wanted yet.
    pub fn new(attempts_max: usize) -> Self {
        Self {
            places: [Place::default(); SLOTS],
            attempts: VecDeque::with_capacity(attempts_max),
            attempts_max: attempts_max.max(1),
        }
    }
    /// A connection is wanted.
    pub fn want(&mut self, slot: Slot) {
        self.places[slot.index()].is_wanted = true;
    }
    /// Data came: the next failure is the first again.
    pub fn proved(&mut self, slot: Slot) {
        self.places[slot.index()].failures = 0;
    }
    /// The attempt failed, or the connection went: the pause before the next, ns. `random` is any
    /// number.
    pub fn failed(&mut self, now: MonoNs, slot: Slot, random: u32) -> u64 {
        let place = &mut self.places[slot.index()];
        let pause_ns = pause_ns(place.failures, random);
        place.failures = place.failures.saturating_add(1);
        place.not_before = now.plus_ns(pause_ns);
        pause_ns
    }
    /// The next place to dial now; it counts as an attempt. [`Dials::want`] it again after a
    /// failure.
    pub fn next_due(&mut self, now: MonoNs) -> Option<Slot> {
        let is_due = |place: &Place| place.is_wanted && place.not_before <= now;
        let index = self.places.iter().position(is_due)?;
        while self.attempts.front().is_some_and(|at| now.since(*at) > WINDOW_NS) {
            self.attempts.pop_front();
        }
        if self.attempts.len() >= self.attempts_max {
            return None;
        }
        self.attempts.push_back(now);
        self.places[index].is_wanted = false;
        Some(Slot(index as u8))
    }
}

/// The pause after so many failures: doubled each time, and between half and the whole of it.
fn pause_ns(failures: u32, random: u32) -> u64 {
    let whole = PAUSE_MIN_NS.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX_NS);
    let half = whole / 2;
    half + (u128::from(half) * u128::from(random) / u128::from(u32::MAX)) as u64
}

/// The URL of a link. The user stream's needs a listen key.
pub fn url(config: &Config, link: Link, listen_key: &str) -> String {
    let venue = &config.venue;
    let names: Vec<String> =
        config.symbols.iter().map(|symbol| stream_name(&symbol.name)).collect();
    let streams = |kinds: &[String]| {
        let all: Vec<String> = names
            .iter()
            .flat_map(|name| kinds.iter().map(move |kind| format!("{name}@{kind}")))
            .collect();
        all.join("/")
    };
    let speed = match venue.depth_speed_ms {
        250 => String::new(), // the venue's default has no suffix
        ms => format!("@{ms}ms"),
    };
    match link {
        Link::Public => {
            let kinds = [
                "trade".to_owned(),
                "bookTicker".to_owned(),
                format!("depth20{speed}"),
                format!("depth{speed}"),
            ];
            format!("{}/public/stream?streams={}", venue.market_url, streams(&kinds))
        }
        Link::Market => {
            let kinds = ["markPrice@1s".to_owned()];
            format!("{}/market/stream?streams={}", venue.market_url, streams(&kinds))
        }
        Link::User => format!("{}/private/ws?listenKey={listen_key}", venue.user_url),
        Link::Order => venue.order_url.clone(),
    }
}

fn stream_name(name: &SymbolName) -> String {
    percent_encoded(&name.to_string().to_lowercase())
}

/// Connects one place; asks for a listen key first if it is the user stream's.
///
/// # Errors
/// If any step fails.
pub fn connect(
    config: &Config,
    rest: &Rest,
    tls: Arc<ClientConfig>,
    slot: Slot,
) -> anyhow::Result<Box<HotConnection>> {
    let link = slot.link();
    let listen_key = if link == Link::User { rest.listen_key()? } else { String::new() };
    if link == Link::User {
        crate::crash_point!("listen_key_had");
    }
    let target = Target::new(&url(config, link, &listen_key))?;
    Ok(Box::new(dial(&target, tls, ATTEMPT)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn pauses_double_up_to_a_bound_and_are_jittered_by_half() {
        assert_eq!(pause_ns(0, u32::MAX), PAUSE_MIN_NS);
        assert_eq!(pause_ns(0, 0), PAUSE_MIN_NS / 2);
        assert_eq!(pause_ns(1, u32::MAX), PAUSE_MIN_NS * 2);
        assert_eq!(pause_ns(60, u32::MAX), PAUSE_MAX_NS);
        assert_eq!(pause_ns(60, 0), PAUSE_MAX_NS / 2);
    }

    #[test]
    fn what_is_wanted_is_dialled_once_and_again_only_after_the_pause() {
        let mut dials = Dials::new(100);
        let slot = Slot::of(Link::User, 1);
        assert_eq!(dials.next_due(MonoNs(0)), None, "nothing is wanted");
        dials.want(slot);
        assert_eq!(dials.next_due(MonoNs(0)), Some(slot));
        assert_eq!(dials.next_due(MonoNs(0)), None, "under way");
        assert_eq!(dials.failed(MonoNs(0), slot, u32::MAX), 100 * MS);
        dials.want(slot);
        assert_eq!(dials.next_due(MonoNs(99 * MS)), None, "its pause");
        assert_eq!(dials.next_due(MonoNs(100 * MS)), Some(slot));
        assert_eq!(dials.failed(MonoNs(0), slot, u32::MAX), 200 * MS);
        dials.proved(slot);
        assert_eq!(dials.failed(MonoNs(0), slot, u32::MAX), 100 * MS);
    }

    #[test]
    fn a_venue_that_refuses_everything_is_dialled_no_more_often_than_allowed() {
        let mut dials = Dials::new(60);
        let mut attempts = 0;
        for ms in 0..600_000 {
            let now = MonoNs(ms * MS);
            for index in 0..SLOTS {
                dials.want(Slot(index as u8));
            }
            while let Some(slot) = dials.next_due(now) {
                attempts += 1;
                dials.failed(now, slot, 0);
            }
        }
        assert_eq!(attempts, 120, "60 in each five minutes");
    }
}
