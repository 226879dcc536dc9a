//! Carries the kill switch out in a thread of its own.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use schema::{KillStep, Status};

use crate::config::Config;

/// How far it is; times from the trigger, ns, zero until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Step.
    pub step: KillStep,
    /// Until no new order could leave.
    pub halted_ns: u64,
    /// Until the venue had no order.
    pub cancelled_ns: u64,
    /// Until the venue had no position.
    pub flat_ns: u64,
}

/// The thread.
#[derive(Debug)]
pub struct Killer {}

impl Killer {
    /// Starts it.
    ///
    /// # Errors
    /// None yet.
    pub fn start(_config: &Config, _stop: &Arc<AtomicBool>) -> anyhow::Result<Self> {
        Ok(Self {})
    }
    /// The switch was pressed at this monotonic time.
    pub fn press(&mut self, _since_ns: u64) {}
    /// It was released.
    pub fn release(&mut self) {}
    /// How the trader is.
    pub fn trader(&mut self, _is_busy: bool, _is_fresh: bool, _status: &Status) {}
    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress { step: KillStep::Halting, halted_ns: 0, cancelled_ns: 0, flat_ns: 0 }
    }
}
