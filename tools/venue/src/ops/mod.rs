//! What clients can ask for: one function an operation, shared by REST and the WebSocket API.
//!
//! An operation runs on the core's thread and returns the JSON of its answer. The tables in
//! [`crate::rest`] and [`crate::wsapi`] say under which name, with which weight and security.

pub(crate) mod account;
pub(crate) mod algo;
pub(crate) mod history;
pub(crate) mod market;
pub(crate) mod orders;
pub(crate) mod risk;

use backtest::{AccountId, VenueError};
use schema::SymbolId;

use crate::{core::Core, faults::Fault, params::Params, refusal::Refusal};

/// One request inside the core.
pub(crate) struct Context<'a> {
    /// The venue.
    pub(crate) core: &'a mut Core,
    /// Who asks; the first account for public operations, which do not look at it.
    pub(crate) account: usize,
    /// Venue time.
    pub(crate) now_ms: i64,
    /// What the operation is to do wrong.
    pub(crate) twist: Option<Fault>,
}

/// The JSON of the answer, or why there is none.
pub(crate) type Answer = Result<String, Refusal>;
/// An operation.
pub(crate) type Operation = fn(&mut Context<'_>, &Params) -> Answer;

impl Context<'_> {
    /// The account as the exchange numbers it.
    pub(crate) fn account_id(&self) -> AccountId {
        AccountId(self.account as u32)
    }
    /// The mandatory symbol.
    pub(crate) fn symbol(&self, params: &Params) -> Result<SymbolId, Refusal> {
        self.symbol_named(params.need("symbol")?)
    }
    /// The symbol if one is named.
    pub(crate) fn symbol_if_any(&self, params: &Params) -> Result<Option<SymbolId>, Refusal> {
        params.get("symbol").map(|name| self.symbol_named(name)).transpose()
    }
    fn symbol_named(&self, name: &str) -> Result<SymbolId, Refusal> {
        self.core.exchange.symbol(name).ok_or_else(Refusal::invalid_symbol)
    }
    /// All symbols.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.core.formats.len()).map(|index| SymbolId(index as u16))
    }
}

impl From<VenueError> for Refusal {
    fn from(error: VenueError) -> Self {
        Self { http: error.http, code: error.code, msg: error.msg.into(), retry_after_s: None }
    }
}

/// Whether a time lies in the optional `startTime` and `endTime` of a request.
pub(crate) fn in_window(params: &Params) -> Result<impl Fn(i64) -> bool + use<>, Refusal> {
    let start = params.integer("startTime")?.unwrap_or(i64::MIN);
    let end = params.integer("endTime")?.unwrap_or(i64::MAX);
    if start > end {
        return Err(Refusal::bad(-4182, "Start time is later than end time."));
    }
    Ok(move |time_ms: i64| (start..=end).contains(&time_ms))
}
