//! Whether the system is healthy, and if not, why.
//!
//! The answer is truthful: it is worked out from the heartbeat the hot thread publishes and from
//! what its peers have done lately, never from this process being alive.

use schema::{LINKS, Link, RunInfo, Status, TradingState, Verdict};

/// The trader publishes ten times a second; after this it is not well.
const HEARTBEAT_MAX_NS: u64 = 1_000_000_000;
/// A market or user connection that is open brings a frame (data or ping) within this; the order
/// connection is silent while nothing is ordered and is judged by being open alone.
const MARKET_SILENCE_MAX_NS: u64 = 5_000_000_000;
/// guard gives its word each second; a trader that demands it takes one older than this for none.
const VERDICT_MAX_NS: u64 = 3_000_000_000;
/// Above this part of the journal unread, persist is not keeping up or is not there.
const JOURNAL_USED_MAX_PERCENT: u64 = 75;

/// The answer of `/health`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Health {
    /// Whether all is well.
    pub healthy: bool,
    /// What is not, in words a person can act on; empty when healthy.
    pub problems: Vec<String>,
    /// Trading state in words.
    pub trading_state: String,
    /// Age of the hot thread's heartbeat, ms; absent when there is none.
    pub heartbeat_age_ms: Option<u64>,
}

/// What the follower knows when health is asked.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Newest status, if a trader ever published one.
    pub status: Option<&'a Status>,
    /// Run information, if the segment is there.
    pub info: Option<&'a RunInfo>,
    /// Whether the turns counter moved since a second ago.
    pub turning: bool,
    /// Whether a process holds persist's gate of the journal.
    pub persist_attached: bool,
    /// guard's newest word, if a guard ever ran here.
    pub verdict: Option<&'a Verdict>,
}

/// Judges what is known at `now_ns` of the monotonic clock.
pub fn judge(known: Known<'_>, now_ns: u64) -> Health {
    let Some(status) = known.status else {
        return Health {
            healthy: false,
            problems: vec!["no trader has published its status: is it running?".into()],
            trading_state: "none".into(),
            heartbeat_age_ms: None,
        };
    };
    let age_ns = now_ns.saturating_sub(status.mono_ns);
    let state = trading_state(status);
    let mut problems = Vec::new();
    if age_ns > HEARTBEAT_MAX_NS {
        problems.push(format!("hot thread: last heartbeat {} ms ago", age_ns / 1_000_000));
    } else if !known.turning {
        problems.push("hot thread: publishes but does not turn".into());
    }
    for index in 0..LINKS {
        let (link, at) = (&status.links[index], Link::ALL[index]);
        if link.up == 0 {
            problems.push(format!("{at} connection: down"));
        } else if matches!(at, Link::Public | Link::Market) {
            let silence = now_ns.saturating_sub(link.last_frame_mono_ns);
            if silence > MARKET_SILENCE_MAX_NS {
                let seconds = silence / 1_000_000_000;
                problems.push(format!("{at} connection: open but silent for {seconds} s"));
            }
        }
    }
    for (info, symbol) in known.info.iter().flat_map(|i| i.symbols()).zip(&status.symbols) {
        if symbol.book_synced == 0 {
            problems.push(format!("{} book: not in sync", info.name));
        }
    }
    let used = status.journal_used.saturating_mul(100) / status.journal_capacity.max(1);
    if used > JOURNAL_USED_MAX_PERCENT {
        problems.push(format!("journal: {used} % unread, persist does not keep up"));
    }
    if !known.persist_attached {
        problems.push("persist: not running; nothing is lost while the journal has room".into());
    }
    if let Some(verdict) = known.verdict {
        let age_ns = now_ns.saturating_sub(verdict.mono_ns);
        if age_ns > VERDICT_MAX_NS {
            problems.push(format!("guard: last word {} ms ago", age_ns / 1_000_000));
        } else if verdict.killed != 0 {
            problems.push("guard: the kill switch is pressed".into());
        } else if verdict.may_add_risk == 0 {
            let reasons: Vec<_> = verdict.reasons().map(|reason| reason.as_str()).collect();
            problems.push(format!("guard: no risk may be added ({})", reasons.join(", ")));
        }
    }
    if matches!(state, Some(TradingState::Killed)) {
        problems.push("trading state: Killed, latched until a person clears it".into());
    }
    Health {
        healthy: problems.is_empty(),
        problems,
        trading_state: state.map_or("unknown", TradingState::as_str).into(),
        heartbeat_age_ms: Some(age_ns / 1_000_000),
    }
}

/// The trading state in a status; `None` if its number is not known to this build.
pub fn trading_state(status: &Status) -> Option<TradingState> {
    u8::try_from(status.trading_state).ok().and_then(TradingState::from_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100_000_000_000;

    const NOTHING: Known<'_> =
        Known { status: None, info: None, turning: false, persist_attached: false, verdict: None };

    fn well() -> Status {
        let mut status = Status { mono_ns: NOW, journal_capacity: 100, ..Status::default() };
        status.trading_state = TradingState::Armed as u64;
        for link in &mut status.links {
            link.up = 1;
            link.last_frame_mono_ns = NOW;
        }
        status
    }

    #[track_caller]
    fn check(change: impl Fn(&mut Status), turning: bool, attached: bool, expected: &[&str]) {
        let mut status = well();
        change(&mut status);
        let known = Known { status: Some(&status), turning, persist_attached: attached, ..NOTHING };
        let health = judge(known, NOW);
        assert_eq!(health.problems, expected);
        assert_eq!(health.healthy, expected.is_empty());
    }

    #[test]
    fn all_well_is_healthy() {
        check(|_| {}, true, true, &[]);
    }

    #[test]
    fn each_fault_is_named() {
        check(
            |s| s.mono_ns = NOW - 3_000_000_000,
            true,
            true,
            &["hot thread: last heartbeat 3000 ms ago"],
        );
        check(|_| {}, false, true, &["hot thread: publishes but does not turn"]);
        check(|s| s.links[2].up = 0, true, true, &["user connection: down"]);
        check(
            |s| s.links[0].last_frame_mono_ns = NOW - 9_000_000_000,
            true,
            true,
            &["public connection: open but silent for 9 s"],
        );
        check(
            |s| s.journal_used = 80,
            true,
            true,
            &["journal: 80 % unread, persist does not keep up"],
        );
        check(
            |_| {},
            true,
            false,
            &["persist: not running; nothing is lost while the journal has room"],
        );
    }

    #[test]
    fn a_silent_order_connection_is_healthy() {
        check(|s| s.links[3].last_frame_mono_ns = 0, true, true, &[]);
    }

    #[test]
    fn no_trader_is_not_healthy() {
        assert!(!judge(NOTHING, NOW).healthy);
    }

    #[test]
    fn a_guard_that_is_silent_or_forbids_is_not_healthy() {
        let judged = |verdict: Verdict| {
            let (status, verdict) = (well(), verdict);
            let known = Known {
                status: Some(&status),
                turning: true,
                persist_attached: true,
                verdict: Some(&verdict),
                ..NOTHING
            };
            judge(known, NOW).problems
        };
        let well = Verdict { mono_ns: NOW, may_add_risk: 1, ..Verdict::default() };
        assert!(judged(well).is_empty());
        let old = Verdict { mono_ns: NOW - 4_000_000_000, ..well };
        assert_eq!(judged(old), ["guard: last word 4000 ms ago"]);
        let reasons = 1 << schema::RiskReason::Drawdown as u64;
        let no = Verdict { may_add_risk: 0, reasons, ..well };
        assert_eq!(judged(no), ["guard: no risk may be added (drawdown)"]);
        let killed = Verdict { killed: 1, ..no };
        assert_eq!(judged(killed), ["guard: the kill switch is pressed"]);
    }
}
