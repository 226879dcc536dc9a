//! guard's segments: its verdict and its numbers, newest value each.
//!
//! Only the trader's cold thread, the tools and metrics read them; nobody waits for them. A reader
//! that finds a verdict older than its own limit takes it for none.

use rings::{Identity, OpenError, Presence, Ring, latest};
use schema::{LAYOUT_HASH, PortfolioRisk, Verdict};

/// What this process is called.
pub const NAME: &str = "guard";

/// This build, as every process of the system tells it.
pub fn build() -> String {
    rings::build(concat!("shrike ", env!("CARGO_PKG_VERSION")))
}

/// The writer of both segments, and the sign that guard lives.
#[derive(Debug)]
pub struct Publisher {
    verdict: latest::Writer<Verdict>,
    portfolio: latest::Writer<PortfolioRisk>,
    sequence: u64,
    _presence: Presence,
}

impl Publisher {
    /// Takes guard's place in an instance.
    ///
    /// # Errors
    /// [`OpenError::Busy`] if another guard has it; others of the segments.
    pub fn start(instance: &str, wall_ns: i64) -> Result<Self, OpenError> {
        let build = build();
        let presence = Presence::announce(instance, NAME, &build)?;
        let seconds = u32::try_from(wall_ns / 1_000_000_000).unwrap_or(u32::MAX);
        let identity = Identity {
            layout_hash: LAYOUT_HASH,
            build_id: rings::build_number(&build),
            boot_epoch: seconds,
        };
        Ok(Self {
            verdict: latest::Writer::create(instance, Ring::Verdict, identity, &[])?,
            portfolio: latest::Writer::create(instance, Ring::Portfolio, identity, &[])?,
            sequence: 0,
            _presence: presence,
        })
    }

    /// Publishes both; fills in the sequence.
    pub fn publish(&mut self, mut verdict: Verdict, mut risk: PortfolioRisk) {
        self.sequence += 1;
        verdict.sequence = self.sequence;
        risk.sequence = self.sequence;
        // The verdict first: it is what somebody may be waiting for.
        self.verdict.store(&verdict);
        self.portfolio.store(&risk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_guard_is_refused_and_a_restarted_one_is_not() {
        let instance = format!("publish-{}", std::process::id());
        let mut first = Publisher::start(&instance, 1_000_000_000).expect("alone");
        assert_eq!(Publisher::start(&instance, 2_000_000_000).unwrap_err(), OpenError::Busy);
        let verdict = Verdict { mono_ns: 7, may_add_risk: 1, ..Verdict::default() };
        first.publish(verdict, PortfolioRisk::default());
        first.publish(verdict, PortfolioRisk { equity: 5, ..PortfolioRisk::default() });
        let reader = latest::Reader::<PortfolioRisk>::open(&instance, Ring::Portfolio, LAYOUT_HASH);
        let (_, risk) = reader.expect("there").load().expect("a value");
        assert_eq!((risk.sequence, risk.equity), (2, 5));
        drop(first);
        let again = Publisher::start(&instance, 3_000_000_000).expect("the first is gone");
        let reader = latest::Reader::<Verdict>::open(&instance, Ring::Verdict, LAYOUT_HASH);
        assert!(reader.expect("there").load().is_none(), "an old verdict is none");
        drop(again);
        rings::remove_instance(&instance).expect("removed");
    }
}
