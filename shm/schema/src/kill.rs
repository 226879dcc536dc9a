//! The kill switch: who pressed it, why, and that it was.

use crate::WallNs;
use crate::order::wire_enum;

wire_enum!(
    /// What pressed the kill switch. Numbers are never reused.
    KillTrigger {
        /// A person, by command.
        Person = 0 "person",
        /// A person, by a signal to the process.
        Signal = 1 "signal",
        /// The latch file was there, or was put there.
        Latch = 2 "latch",
        /// Equity fell too far from its highest.
        Drawdown = 3 "drawdown",
        /// Losses beyond the value at risk came too often.
        VarBreaches = 4 "var_breaches",
        /// Too many requests to the venue failed.
        ApiErrors = 5 "api_errors",
        /// The trader is gone, hung or stopped with positions or orders on.
        TraderLost = 6 "trader_lost",
        /// The margin left is too small.
        Margin = 7 "margin",
    }
);

/// The kill switch was pressed or released, as the journal tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KillChange {
    /// Pressed, or released.
    pub is_on: bool,
    /// By what.
    pub trigger: KillTrigger,
    /// User id of the person, zero if there is none.
    pub uid: u32,
    /// Nonce of the command, zero if there is none.
    pub nonce: u64,
    /// When.
    pub wall: WallNs,
}
