//! Where each connection goes, and when it is tried again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConfig;
use schema::{Link, SymbolName};

use super::rest::{Rest, percent_encoded};
use crate::config::Config;
use crate::net::{Target, dial};
use crate::queues::{HotConnection, Slot};

/// First pause after a failure; it doubles up to [`PAUSE_MAX`], with jitter of half.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause: the venue allows few connections per address and minute.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// Time limit of one attempt: resolve, connect, TLS and WebSocket handshake together.
const ATTEMPT: Duration = Duration::from_secs(5);

/// When a place is dialled.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    /// When the next attempt is due; `None` while one runs or the connection stands.
    pub due: Option<Instant>,
    failures: u32,
}

impl Schedule {
    /// Due now, or never.
    pub fn new(is_wanted: bool) -> Self {
        Self { due: is_wanted.then(Instant::now), failures: 0 }
    }
    /// Data came: the next failure is the first again.
    pub fn proved(&mut self) {
        self.failures = 0;
    }
    /// The attempt failed or the connection went; `random` is any number.
    pub fn failed(&mut self, random: u32) -> Duration {
        let pause = pause(self.failures, random);
        self.failures = self.failures.saturating_add(1);
        self.due = Some(Instant::now() + pause);
        pause
    }
}

/// The pause after so many failures: doubled each time, and between half and the whole of it.
fn pause(failures: u32, random: u32) -> Duration {
    let whole = PAUSE_MIN.saturating_mul(1 << failures.min(10)).min(PAUSE_MAX);
    let half = whole / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
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
    let target = Target::new(&url(config, link, &listen_key))?;
    Ok(Box::new(dial(&target, tls, ATTEMPT)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_are_jittered_by_half() {
        assert_eq!(pause(0, u32::MAX), PAUSE_MIN);
        assert_eq!(pause(0, 0), PAUSE_MIN / 2);
        assert_eq!(pause(1, u32::MAX), PAUSE_MIN * 2);
        assert_eq!(pause(60, u32::MAX), PAUSE_MAX);
        assert_eq!(pause(60, 0), PAUSE_MAX / 2);
    }
}
