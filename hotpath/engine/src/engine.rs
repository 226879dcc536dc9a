//! The machine: one input in, consequences out.

use schema::{Notional, StateReason, Status, SymbolId, SymbolName, TradingState};

use crate::config::{Config, ConfigError};
use crate::input::{Input, Now};
use crate::outbox::Outbox;
use crate::position::Position;

/// The deterministic core.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    input_number: u64,
    state: TradingState,
    reason: StateReason,
    positions: [Position; schema::SYMBOLS_MAX],
}

impl Engine {
    /// Allocates everything the engine will ever need.
    ///
    /// # Errors
    /// [`ConfigError`] if the configuration cannot be used.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            config,
            input_number: 0,
            state: TradingState::Starting,
            reason: StateReason::Boot,
            positions: [Position::FLAT; schema::SYMBOLS_MAX],
        })
    }
    /// Takes one input and writes its consequences into `out`, which the caller cleared.
    pub fn apply(&mut self, now: Now, input: &Input<'_>, out: &mut Outbox) {
        self.input_number += 1;
        out.begin(now.mono, self.input_number);
        let _ = input;
    }
    /// Number of the last input; the first is 1. Market records are stamped with it.
    #[inline]
    pub const fn input_number(&self) -> u64 {
        self.input_number
    }
    /// Trading state.
    #[inline]
    pub const fn state(&self) -> TradingState {
        self.state
    }
    /// Why the state is what it is.
    #[inline]
    pub const fn state_reason(&self) -> StateReason {
        self.reason
    }
    /// Whether the book of a symbol needs a REST snapshot.
    pub fn wants_snapshot(&self, symbol: SymbolId) -> bool {
        let _ = symbol;
        false
    }
    /// Whether account truth from REST is wanted: at the start, after a loss of truth, on request.
    pub fn wants_reconcile(&self) -> bool {
        true
    }
    /// Whether no order is working, in flight or unknown.
    pub fn is_quiet(&self) -> bool {
        true
    }
    /// Whether a stop was asked for; exit when [`Self::is_quiet`].
    pub fn is_stopping(&self) -> bool {
        false
    }
    /// Followed symbols, by [`SymbolId`].
    pub fn symbols(&self) -> impl ExactSizeIterator<Item = &SymbolName> {
        self.config.symbols.iter().map(|symbol| &symbol.name)
    }
    /// Position of a symbol.
    pub fn position(&self, symbol: SymbolId) -> Position {
        self.positions.get(symbol.index()).copied().unwrap_or(Position::FLAT)
    }
    /// Wallet balance as booked.
    pub fn wallet(&self) -> Notional {
        Notional::ZERO
    }
    /// Writes what the engine knows into `status`: states, money, counts, symbols, and whether each
    /// link is up. Times, turns, the journal's name and link traffic are the trader's to fill.
    pub fn fill_status(&self, now: Now, status: &mut Status) {
        let _ = now;
        status.trading_state = self.state as u64;
        status.state_reason = self.reason as u64;
    }
}
