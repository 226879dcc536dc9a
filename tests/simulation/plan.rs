//! What goes wrong in a run, and how often: a random part of all faults, from the seed.

use crate::random::Random;

/// Times in a million, for each opportunity; zero is never.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Plan {
    /// A message of a stream or an answer is lost.
    pub(crate) drop: u64,
    /// It comes twice.
    pub(crate) duplicate: u64,
    /// It comes after the next one.
    pub(crate) reorder: u64,
    /// It comes late, and so do all behind it.
    pub(crate) delay: u64,
    /// The connection ends.
    pub(crate) cut: u64,
    /// It holds everything for a while.
    pub(crate) stall: u64,
    /// It stays open and carries nothing any more.
    pub(crate) half_open: u64,
    /// Not a rate: requests and answers on the order link take up to so many ms.
    pub(crate) slow_ms: u64,
    /// A message cannot be read.
    pub(crate) garbage: u64,
    /// A dial fails.
    pub(crate) dial_failed: u64,
    /// A request on the order link never arrives.
    pub(crate) request_lost: u64,
    /// Its answer never comes.
    pub(crate) reply_lost: u64,
    /// It is answered wrongly; what with is chosen anew each time.
    pub(crate) refused: u64,
    /// A resting order fills just before it is cancelled or changed.
    pub(crate) fill_first: u64,
    /// A REST request never arrives, or its answer is lost.
    pub(crate) rest_lost: u64,
    /// A REST request is refused.
    pub(crate) rest_refused: u64,
    /// A snapshot is old.
    pub(crate) snapshot_old: u64,
    /// One reconciliation is told of an empty account.
    pub(crate) account_empty: u64,
    /// Once in each 100 ms: the user streams fall silent, one or both.
    pub(crate) user_frozen: u64,
    /// Once in each 100 ms: the listen key expires.
    pub(crate) listen_key: u64,
    /// Once in each 100 ms: the trader dies.
    pub(crate) crash: u64,
    /// After an input: the trader dies in the middle of its consequences.
    pub(crate) crash_within: u64,
    /// Once in each 100 ms: our wall clock jumps.
    pub(crate) clock: u64,
    /// Once in each 100 ms: somebody else trades on the account.
    pub(crate) external: u64,
    /// Once in each 100 ms: the venue takes a position down.
    pub(crate) liquidation: u64,
    /// Once in each 100 ms: the journal fills.
    pub(crate) journal: u64,
    /// Once in each 100 ms: a command.
    pub(crate) command: u64,
    /// Once in each 100 ms: somebody else places a conditional order.
    pub(crate) external_algo: u64,
    /// Once in each 100 ms: a person changes a limit.
    pub(crate) limit: u64,
    /// Once in each 100 ms: the kill switch is pressed, or released if it is pressed.
    pub(crate) kill: u64,
    /// Once in each 100 ms: the hot loop stands still.
    pub(crate) standstill: u64,
}

impl Plan {
    /// Nothing goes wrong.
    pub(crate) fn quiet() -> Self {
        Self::default()
    }

    /// A part of all faults, each with a rate of its own.
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut plan = Self::default();
        // One seed in sixteen sees no fault of the network: the quiet path stays covered.
        let enabled = random.pick(&[0, 120_000, 200_000, 300_000, 450_000]);
        let mut set = |field: &mut u64, least: u64, most: u64| {
            if random.chance(enabled) {
                *field = random.between(least, most);
            }
        };
        set(&mut plan.drop, 2_000, 60_000);
        set(&mut plan.duplicate, 2_000, 100_000);
        set(&mut plan.reorder, 2_000, 100_000);
        set(&mut plan.delay, 2_000, 60_000);
        set(&mut plan.cut, 500, 6_000);
        set(&mut plan.stall, 500, 5_000);
        set(&mut plan.half_open, 300, 4_000);
        set(&mut plan.garbage, 500, 8_000);
        set(&mut plan.dial_failed, 50_000, 500_000);
        set(&mut plan.request_lost, 10_000, 200_000);
        set(&mut plan.reply_lost, 10_000, 200_000);
        set(&mut plan.refused, 20_000, 300_000);
        set(&mut plan.fill_first, 50_000, 600_000);
        set(&mut plan.rest_lost, 5_000, 80_000);
        set(&mut plan.rest_refused, 5_000, 80_000);
        set(&mut plan.snapshot_old, 50_000, 500_000);
        set(&mut plan.account_empty, 50_000, 400_000);
        set(&mut plan.user_frozen, 4_000, 30_000);
        set(&mut plan.listen_key, 3_000, 15_000);
        set(&mut plan.crash, 3_000, 20_000);
        set(&mut plan.crash_within, 500, 3_000);
        set(&mut plan.clock, 3_000, 15_000);
        set(&mut plan.external, 5_000, 30_000);
        set(&mut plan.liquidation, 3_000, 20_000);
        set(&mut plan.journal, 5_000, 20_000);
        set(&mut plan.command, 5_000, 30_000);
        set(&mut plan.standstill, 3_000, 15_000);
        set(&mut plan.limit, 10_000, 60_000);
        if random.chance(150_000) {
            plan.slow_ms = random.between(50, 700);
        }
        if random.chance(100_000) {
            plan.kill = random.between(5_000, 30_000);
            // What a kill has to find.
            plan.external_algo = random.pick(&[0, 20_000]);
        }
        plan
    }
}
