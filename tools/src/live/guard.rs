//! What guard publishes, for whoever watches a run: its newest numbers and how they went.

use std::collections::VecDeque;

use rings::{Ring, latest};
use schema::{KillStep, LAYOUT_HASH, PortfolioRisk, Verdict};

use crate::instance::VERDICT_AGE_MAX_NS;

/// Publications kept: ten minutes of one a second.
const KEPT: usize = 600;

/// guard as seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Guarded {
    /// Its newest numbers.
    pub(crate) risk: Option<PortfolioRisk>,
    /// Its newest word.
    pub(crate) verdict: Option<Verdict>,
    /// Publications before and with the newest, oldest first.
    pub(crate) history: VecDeque<PortfolioRisk>,
    /// Publications seen.
    pub(crate) seen: u64,
    /// Largest fall from the highest equity it saw, ppm.
    pub(crate) drawdown_ppm_max: i64,
    /// Highest leverage it saw, hundredths.
    pub(crate) leverage_e2_max: i64,
}

impl Guarded {
    /// Takes a publication; one that was taken before counts once.
    pub(crate) fn take(&mut self, risk: PortfolioRisk) {
        if self.risk.is_some_and(|before| before.mono_ns == risk.mono_ns) {
            return;
        }
        self.risk = Some(risk);
        self.seen += 1;
        self.drawdown_ppm_max = self.drawdown_ppm_max.max(risk.drawdown_ppm);
        self.leverage_e2_max = self.leverage_e2_max.max(risk.leverage_e2);
        if self.history.len() == KEPT {
            self.history.pop_front();
        }
        self.history.push_back(risk);
    }

    /// How far the kill switch has come.
    pub(crate) fn kill_step(&self) -> KillStep {
        self.risk.map_or(KillStep::None, |risk| risk.step())
    }

    /// The verdict, unless it is too old to count.
    pub(crate) fn fresh_verdict(&self, now_mono_ns: u64) -> Option<&Verdict> {
        let is_fresh =
            |verdict: &&Verdict| now_mono_ns.saturating_sub(verdict.mono_ns) <= VERDICT_AGE_MAX_NS;
        self.verdict.as_ref().filter(is_fresh)
    }
}

/// Reads guard's segments, which come and go with it.
#[derive(Debug, Default)]
pub(crate) struct GuardReader {
    risk: Option<latest::Reader<PortfolioRisk>>,
    verdict: Option<latest::Reader<Verdict>>,
}

impl GuardReader {
    /// Takes what is new.
    pub(crate) fn turn(&mut self, instance: &str, guarded: &mut Guarded) {
        if let Some(risk) = newest(&mut self.risk, instance, Ring::Portfolio) {
            guarded.take(risk);
        }
        if let Some(verdict) = newest(&mut self.verdict, instance, Ring::Verdict) {
            guarded.verdict = Some(verdict);
        }
    }
}

/// The newest value of a segment that may be made anew at any time.
fn newest<T: rings::Plain>(
    reader: &mut Option<latest::Reader<T>>,
    instance: &str,
    ring: Ring,
) -> Option<T> {
    if reader.as_ref().is_none_or(latest::Reader::is_stale) {
        // One that is gone keeps showing what was there last.
        let opened = latest::Reader::open(instance, ring, LAYOUT_HASH).ok();
        *reader = opened.or_else(|| reader.take());
    }
    reader.as_ref().and_then(latest::Reader::load).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_counts_once_and_the_worst_is_kept() {
        let mut guarded = Guarded::default();
        for (mono_ns, drawdown_ppm) in [(1, 10), (1, 10), (2, 90_000), (3, 40_000)] {
            guarded.take(PortfolioRisk { mono_ns, drawdown_ppm, ..PortfolioRisk::default() });
        }
        assert_eq!((guarded.seen, guarded.history.len()), (3, 3));
        assert_eq!(guarded.drawdown_ppm_max, 90_000);
        assert_eq!(guarded.kill_step(), KillStep::None);
        let kill_step = KillStep::Flat as u64;
        guarded.take(PortfolioRisk { mono_ns: 4, kill_step, ..PortfolioRisk::default() });
        assert_eq!(guarded.kill_step(), KillStep::Flat);
    }

    #[test]
    fn an_old_verdict_is_none() {
        let verdict = Verdict { mono_ns: 1_000, may_add_risk: 1, ..Verdict::default() };
        let guarded = Guarded { verdict: Some(verdict), ..Guarded::default() };
        assert!(guarded.fresh_verdict(1_000 + VERDICT_AGE_MAX_NS).is_some());
        assert!(guarded.fresh_verdict(1_001 + VERDICT_AGE_MAX_NS).is_none());
        // A clock that was read before the verdict was given.
        assert!(guarded.fresh_verdict(0).is_some());
    }

    #[test]
    fn segments_are_read_when_they_are_there_and_again_when_they_are_new() {
        let instance = format!("guarded-{}", std::process::id());
        let (mut reader, mut guarded) = (GuardReader::default(), Guarded::default());
        reader.turn(&instance, &mut guarded);
        assert_eq!(guarded.seen, 0);
        for life in 1..=2 {
            let identity =
                rings::Identity { layout_hash: LAYOUT_HASH, build_id: 1, boot_epoch: life };
            let mut writer =
                latest::Writer::create(&instance, Ring::Portfolio, identity, &[]).expect("made");
            let mono_ns = u64::from(life);
            writer.store(&PortfolioRisk { mono_ns, equity: 5, ..PortfolioRisk::default() });
            reader.turn(&instance, &mut guarded);
            assert_eq!(guarded.risk.map(|risk| risk.mono_ns), Some(mono_ns));
        }
        rings::remove_instance(&instance).expect("removed");
    }
}
