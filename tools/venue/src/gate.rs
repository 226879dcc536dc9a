//! What stands before the exchange: keys, limits, counters; shared by all who take requests.

use std::sync::Arc;

use crate::{
    auth::{KeyRing, Scheme, check_time},
    core::Stats,
    faults::active::Faults,
    limits::Meter,
    params::Params,
    refusal::Refusal,
};

/// Keys, limits and counters.
pub(crate) struct Gate {
    /// API keys.
    pub(crate) keys: KeyRing,
    /// Weights and order counts.
    pub(crate) meter: Arc<Meter>,
    /// Counters.
    pub(crate) stats: Arc<Stats>,
    /// Faults that are set.
    pub(crate) faults: Arc<Faults>,
    /// Signatures are not looked at; keys and times are.
    pub(crate) is_trusting: bool,
}

impl Gate {
    /// Who signed a request.
    ///
    /// # Errors
    /// Key, time or signature are refused.
    pub(crate) fn verify(
        &self,
        api_key: Option<&str>,
        params: &Params,
        now_ms: i64,
    ) -> Result<(usize, Scheme), Refusal> {
        let now_ms = self.told_ms(now_ms);
        if !self.is_trusting {
            return self.keys.verify(api_key, params, now_ms);
        }
        let account = self.keys.account(api_key)?;
        if params.get("timestamp").is_some() {
            check_time(params, now_ms)?;
        }
        Ok((account, Scheme::Ed25519))
    }

    /// The time clients are told and checked by.
    pub(crate) fn told_ms(&self, now_ms: i64) -> i64 {
        now_ms + self.faults.shift_ms()
    }
}
