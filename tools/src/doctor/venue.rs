//! The venue: whether it answers, by TLS, on each of its hosts, and how far its clock is from ours.

use std::time::Instant;

use guard::venue::agent;
use serde_json::Value;

use super::{Check, File};
use crate::audit::wall_ns;

/// The venue refuses a request that seems to come so much from the future, ms (PROTOCOL 3.1).
const AHEAD_MS_MAX: i64 = 1_000;
/// From here on it may soon.
const OFFSET_MS_WARN: i64 = 250;

/// REST with its clock, and the hosts of the streams.
pub(super) fn checks(file: &File) -> Vec<Check> {
    const NAME: &str = "venue";
    let agent = match agent(&file.config.venue) {
        Ok(agent) => agent,
        Err(error) => {
            return vec![Check::fail(NAME, format!("{error:#}"), "correct [venue] ca_file")];
        }
    };
    let url = format!("{}/fapi/v1/time", file.config.venue.rest_url);
    // The first builds the connection; the second measures.
    let asked = agent.get(&url).call().map(|_| ());
    let (begun, before) = (Instant::now(), wall_ns());
    let answer = asked.and_then(|()| agent.get(&url).call());
    let after = wall_ns();
    let took = begun.elapsed();
    let mut checks = Vec::new();
    match answer {
        Err(error) => checks.push(Check::fail(
            NAME,
            format!("{url}: {error}"),
            "check name service, routes, the firewall and the certificates of [venue] ca_file",
        )),
        Ok(mut response) => {
            let status = response.status().as_u16();
            checks.push(match status {
                200 => Check::ok(NAME, format!("REST answers in {} ms", took.as_millis())),
                418 | 429 => Check::fail(
                    NAME,
                    format!("{url}: status {status}: this address is banned or throttled"),
                    "wait; do not ask again before the time the answer names",
                ),
                _ => {
                    Check::fail(NAME, format!("{url}: status {status}"), "look at its status page")
                }
            });
            let time: Option<Value> = response.body_mut().read_json().ok();
            if let Some(theirs) = time.and_then(|time| time["serverTime"].as_i64()) {
                checks.push(offset(theirs - (before + after) / 2 / 1_000_000));
            }
        }
    }
    for key in ["market_url", "user_url", "order_url"] {
        checks.extend(file.text("venue", key).map(|url| {
            let plain = url.replacen("wss://", "https://", 1);
            match agent.get(&plain).call() {
                // Without an upgrade it refuses, which only a host that is reached can.
                Ok(response) => Check::ok(
                    NAME,
                    format!("{key}: TLS stands, it answers ({})", response.status().as_u16()),
                ),
                Err(error) => Check::fail(
                    NAME,
                    format!("{key} {url}: {error}"),
                    "check name service, routes and the firewall for this host",
                ),
            }
        }));
    }
    checks
}

/// Our clock against the venue's, ms of theirs less ours.
fn offset(ms: i64) -> Check {
    const NAME: &str = "venue clock";
    let found = format!("{} ms {} ours", ms.abs(), if ms < 0 { "behind" } else { "ahead of" });
    let remedy = "let NTP keep the clock; the venue refuses requests that are too early or late";
    match ms.abs() {
        AHEAD_MS_MAX.. => Check::fail(NAME, found, remedy),
        OFFSET_MS_WARN.. => Check::warn(NAME, found, remedy),
        _ => Check::ok(NAME, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;

    #[test]
    fn a_clock_too_far_from_the_venues_fails() {
        for (ms, state) in [
            (0, State::Ok),
            (-249, State::Ok),
            (250, State::Warn),
            (-999, State::Warn),
            (1_000, State::Fail),
            (-60_000, State::Fail),
        ] {
            assert_eq!(offset(ms).state, state, "{ms}");
        }
    }
}
