//! The record of what the engine takes, and the way back from it.
//!
//! Market inputs stand in the market ring, where the trader puts them after the engine took them;
//! every other input is recorded by the engine itself, before its consequences and under its
//! number. So the two rings together hold every input, in order and whole, and [`read`] gives it
//! back: [`crate::Engine`] made from the same [`crate::Config`] then says the same again.

use schema::{
    AccountHead, AccountUpdate, BalanceDelta, Event, Notional, PositionDelta, SymbolId, Taken,
    TradeId, TruthHead, WallNs,
};

use crate::input::{Input, Now, Truth};
use crate::outbox::Outbox;

mod config;
mod read;
#[cfg(test)]
mod tests;

pub use config::ConfigTextError;
pub use read::{BadInput, OwnedInput, clock, read};

/// Names what decides: builds with the same text say the same for the same inputs.
pub const BUILD: &str =
    concat!("engine ", env!("CARGO_PKG_VERSION"), " ", env!("SHRIKE_ENGINE_BUILD"));

/// The wall clock less the monotonic clock, ns.
#[inline]
fn offset(now: Now) -> i64 {
    now.wall.0.wrapping_sub(now.mono.0 as i64)
}

/// Records an input, and the clocks' distance when it changed. `symbols` are followed.
#[inline]
pub(crate) fn record(
    now: Now,
    input: &Input<'_>,
    symbols: usize,
    last_offset: &mut Option<i64>,
    out: &mut Outbox,
) {
    let offset = offset(now);
    if *last_offset != Some(offset) {
        *last_offset = Some(offset);
        out.record(&Event::Taken(Taken::Clock(offset)));
    }
    let event = match input {
        // In the market ring.
        Input::BookTicker(_)
        | Input::Trade(_)
        | Input::Mark(_)
        | Input::Depth(..)
        | Input::Timer
        | Input::Link(..) => return,
        Input::Report(report) => Event::Report(**report),
        Input::TradeLite(lite) => Event::TradeLite(**lite),
        Input::Account(update) => return record_account(update, out),
        Input::Reply(reply) => Event::Reply(**reply),
        Input::Command(command) => Event::Command(**command),
        Input::Algo(update) => Event::Algo(**update),
        Input::Reconciled(truth) => return record_truth(now.wall, truth, symbols, out),
        Input::SendFailed(request) => Event::Taken(Taken::SendFailed(*request)),
        Input::Params(params) => Event::Taken(Taken::Params(**params)),
        Input::Verdict(verdict) => Event::Taken(Taken::Verdict(**verdict)),
        Input::Builds(agree) => Event::Taken(Taken::Builds { agree: *agree }),
        Input::Rules(symbol, rules) => Event::Taken(Taken::Rules(*symbol, **rules)),
        Input::FeedDiverged(symbol) => Event::Taken(Taken::FeedDiverged(*symbol)),
        Input::DeadMan(is_set) => Event::Taken(Taken::DeadMan(*is_set)),
        Input::ClockSkew { offset_ns, rtt_ns } => {
            Event::Taken(Taken::ClockSkew { offset_ns: *offset_ns, rtt_ns: *rtt_ns })
        }
        Input::JournalUsed { used, capacity } => {
            Event::Taken(Taken::JournalUsed { used: *used, capacity: *capacity })
        }
    };
    out.record(&event);
}

fn record_account(update: &AccountUpdate, out: &mut Outbox) {
    let balances = usize::from(update.balance_count).min(update.balances.len());
    let positions = usize::from(update.position_count).min(update.positions.len());
    let time = update.transaction_time;
    out.record(&Event::Taken(Taken::Account(AccountHead {
        balances: balances as u8,
        positions: positions as u8,
        others: update.other_count,
        is_funding: update.is_funding,
        transaction_time: time,
        event_time: update.event_time,
    })));
    for balance in &update.balances[..balances] {
        out.record(&Event::Balance(*balance, time, update.is_funding));
    }
    for position in &update.positions[..positions] {
        out.record(&Event::Position(*position, time));
    }
}

/// Positions and balance of an incomplete truth mean nothing to anyone: its head alone is kept.
fn record_truth(wall: WallNs, truth: &Truth, symbols: usize, out: &mut Outbox) {
    let positions = if truth.is_complete { symbols.min(truth.positions.len()) } else { 0 };
    let count = |length: usize| u16::try_from(length).unwrap_or(u16::MAX);
    out.record(&Event::Taken(Taken::Truth(TruthHead {
        requested_ns: truth.requested_at.0,
        wallet: truth.wallet,
        positions: positions as u8,
        orders: count(truth.open_orders.len()),
        algos: truth.algo_orders.as_ref().map(|algos| count(algos.len())),
        is_complete: truth.is_complete,
    })));
    out.record(&Event::Taken(Taken::LastTrades(truth.last_trades)));
    if truth.is_complete {
        let balance = BalanceDelta {
            is_quote: true,
            wallet: truth.wallet,
            cross_wallet: truth.wallet,
            change: Notional::ZERO,
        };
        out.record(&Event::Balance(balance, wall, false));
    }
    for (index, position) in truth.positions[..positions].iter().enumerate() {
        let position = PositionDelta { symbol: SymbolId(index as u16), ..*position };
        out.record(&Event::Position(position, wall));
    }
    for order in &truth.open_orders {
        out.record_input(&Event::Taken(Taken::TruthOrder(*order)));
    }
    for algo in truth.algo_orders.iter().flatten() {
        out.record_input(&Event::Taken(Taken::TruthAlgo(*algo)));
    }
}

const _: () = assert!(size_of::<[TradeId; schema::SYMBOLS_MAX]>() <= 96, "one record holds them");
