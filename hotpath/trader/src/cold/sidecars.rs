//! What refit and guard publish, opened once it is there and read as soon as it is new.

use std::time::{Duration, Instant};

use rings::{Ring, latest};
use schema::{LAYOUT_HASH, MonoNs, SignalParams, Verdict};

/// Between two looks for segments.
const LOOK: Duration = Duration::from_secs(1);

/// A segment, and the version of it that was read last.
type Source<T> = Option<(u64, latest::Reader<T>)>;

/// Both.
#[derive(Debug)]
pub struct Sidecars {
    instance: String,
    /// A verdict older than this is nobody's word any more, ns.
    verdict_age_ns_max: u64,
    look_at: Instant,
    params: Source<SignalParams>,
    verdict: Source<Verdict>,
}

impl Sidecars {
    /// Of an instance.
    pub fn new(instance: &str, verdict_age_ns_max: u64) -> Self {
        let instance = instance.to_owned();
        let look_at = Instant::now();
        Self { instance, verdict_age_ns_max, look_at, params: None, verdict: None }
    }

    /// Opens what is there, or was replaced, when that is due.
    pub fn open(&mut self, now: Instant) {
        if now < self.look_at {
            return;
        }
        self.look_at = now + LOOK;
        reopen(&mut self.params, &self.instance, Ring::Params);
        reopen(&mut self.verdict, &self.instance, Ring::Verdict);
    }

    /// Parameters that were not read yet.
    pub fn params(&mut self) -> Option<SignalParams> {
        newer(&mut self.params)
    }

    /// A verdict that was not read yet. What a dead guard left behind is not one: if it had pressed
    /// the kill switch, the latch says so.
    pub fn verdict(&mut self, now: MonoNs) -> Option<Verdict> {
        let max_ns = self.verdict_age_ns_max;
        newer(&mut self.verdict).filter(|verdict| now.since(MonoNs(verdict.mono_ns)) <= max_ns)
    }
}

fn reopen<T: rings::Plain>(source: &mut Source<T>, instance: &str, ring: Ring) {
    if source.as_ref().is_none_or(|(_, reader)| reader.is_stale()) {
        let reader = latest::Reader::open(instance, ring, LAYOUT_HASH);
        *source = reader.ok().map(|reader| (0, reader));
    }
}

fn newer<T: rings::Plain>(source: &mut Source<T>) -> Option<T> {
    let (seen, reader) = source.as_mut()?;
    if reader.version() == *seen {
        return None;
    }
    let (version, value) = reader.load()?;
    *seen = version;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rings::Identity;

    const SECOND_NS: u64 = 1_000_000_000;

    fn verdict(at_ns: u64, killed: u64) -> Verdict {
        Verdict {
            mono_ns: at_ns,
            sequence: 1,
            may_add_risk: 1 - killed,
            killed,
            ..Verdict::default()
        }
    }

    #[test]
    fn a_verdict_is_read_at_the_next_look_and_one_of_a_dead_guard_is_none() {
        let instance = format!("sidecars-test-{}", std::process::id());
        let identity = Identity { layout_hash: LAYOUT_HASH, build_id: 1, boot_epoch: 1 };
        let create = || {
            latest::Writer::<Verdict>::create(&instance, Ring::Verdict, identity, &[]).expect("own")
        };
        let mut guard = create();
        guard.store(&verdict(SECOND_NS, 1));
        let mut sidecars = Sidecars::new(&instance, 3 * SECOND_NS);
        let begun = Instant::now();
        sidecars.open(begun);
        assert_eq!(sidecars.verdict(MonoNs(5 * SECOND_NS)), None, "four seconds old");
        // Nothing is due between this store and the next look: no segment is opened for it.
        guard.store(&verdict(5 * SECOND_NS, 1));
        let read = sidecars.verdict(MonoNs(5 * SECOND_NS + 1)).expect("at once");
        assert_eq!((read.killed, read.may_add_risk), (1, 0));
        assert_eq!(sidecars.verdict(MonoNs(5 * SECOND_NS + 2)), None, "read once");
        // Another guard: its segment replaces that of the dead one.
        drop(guard);
        let mut guard = create();
        guard.store(&verdict(9 * SECOND_NS, 0));
        sidecars.open(begun + LOOK);
        assert_eq!(sidecars.verdict(MonoNs(9 * SECOND_NS)).map(|v| v.may_add_risk), Some(1));
        drop(guard);
        rings::remove_instance(&instance).expect("nobody holds it");
    }
}
