//! Places where a build with the feature `chaos` dies on request, for the tests of restarts.
//!
//! `SHRIKE_CRASH_AT=name[:nth][=kill|panic|hang|abort]` arms one point: the process ends when it is
//! passed for the `nth` time (the first if not given), by SIGKILL if nothing else is said. `hang`
//! lets the thread turn for ever. Without the feature a point is nothing at all.

/// A place where the process may be made to die.
#[macro_export]
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "chaos")]
        $crate::chaos::reached($name);
    };
}

/// Every point by name, in the order an order meets them.
pub const CRASH_POINTS: &[&str] = &[
    "listen_key_had",
    "snapshot_taken",
    "reconcile_half",
    "reconcile_told",
    "dead_man_before",
    "dead_man_after",
    "order_decided",
    "order_encoded",
    "order_written",
    "order_journalled",
    "reply_read",
    "report_read",
    "cancel_written",
    "rest_order_before",
    "rest_order_after",
    "stop_begun",
    "stop_quiet",
];

#[cfg(feature = "chaos")]
pub use armed::{arm_from_env, reached};

#[cfg(feature = "chaos")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::{Signal, getpid, kill_process};

    use super::CRASH_POINTS;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Death {
        Kill,
        Panic,
        Hang,
        Abort,
    }

    #[derive(Debug)]
    struct Armed {
        name: &'static str,
        left: AtomicU64,
        death: Death,
    }

    static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

    /// Reads `SHRIKE_CRASH_AT`.
    ///
    /// # Errors
    /// If it names no point or no way to die.
    pub fn arm_from_env() -> Result<(), String> {
        let armed = match std::env::var("SHRIKE_CRASH_AT") {
            Err(_) => None,
            Ok(text) => Some(parse(&text)?),
        };
        let _ = ARMED.set(armed); // armed once
        Ok(())
    }

    fn parse(text: &str) -> Result<Armed, String> {
        let bad = |what: &str| {
            format!(
                "SHRIKE_CRASH_AT={text}: {what}; write name[:nth][=kill|panic|hang|abort] with \
                 one of {CRASH_POINTS:?}"
            )
        };
        let (at, death) = text.split_once('=').unwrap_or((text, "kill"));
        let (name, nth) = at.split_once(':').unwrap_or((at, "1"));
        let name = CRASH_POINTS.iter().find(|known| **known == name);
        let death = match death {
            "kill" => Death::Kill,
            "panic" => Death::Panic,
            "hang" => Death::Hang,
            "abort" => Death::Abort,
            _ => return Err(bad("no such way to die")),
        };
        let left = nth.parse().ok().filter(|nth| *nth > 0).ok_or_else(|| bad("nth counts from 1"));
        let name = name.ok_or_else(|| bad("no such point"))?;
        Ok(Armed { name, left: AtomicU64::new(left?), death })
    }

    /// A point was passed.
    #[allow(clippy::panic, reason = "dying is what it is for")]
    pub fn reached(name: &'static str) {
        let Some(Some(armed)) = ARMED.get() else { return };
        if armed.name != name || armed.left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        match armed.death {
            Death::Kill => {
                let _ = kill_process(getpid(), Signal::KILL);
            }
            Death::Panic => panic!("crash point {name}"),
            Death::Abort => std::process::abort(),
            Death::Hang => {}
        }
        loop {
            core::hint::spin_loop();
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_point_is_named_with_when_and_how() {
            let armed = parse("order_written:3=abort").expect("well written");
            assert_eq!((armed.name, armed.death), ("order_written", Death::Abort));
            assert_eq!(armed.left.into_inner(), 3);
            assert_eq!(parse("stop_begun").expect("short").death, Death::Kill);
            for bad in ["", "nowhere", "order_written:0", "order_written=slowly"] {
                assert!(parse(bad).is_err(), "{bad}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::CRASH_POINTS;

    /// A point nobody passes would make a test of it wait for ever.
    #[test]
    fn every_point_stands_somewhere_in_the_sources() {
        let mut sources = String::new();
        let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("readable").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("chaos.rs") {
                    sources.push_str(&std::fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        for name in CRASH_POINTS {
            let stands = sources.contains(&format!("crash_point!(\"{name}\")"));
            assert!(stands, "{name} stands nowhere");
        }
        let count = sources.matches("crash_point!(\"").count();
        assert!(count >= CRASH_POINTS.len(), "{count} points in the sources");
    }
}
