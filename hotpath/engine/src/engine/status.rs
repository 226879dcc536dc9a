//! What the engine tells of itself.

use schema::{Counter, Gauge, Link, Notional, SYMBOLS_MAX, Status};

use super::Engine;
use crate::input::Now;

impl Engine {
    /// Writes what the engine knows into `status`: states, money, counts, symbols, and whether each
    /// link is up. Times, turns, the log, allocations and link traffic are the trader's to fill.
    pub fn fill_status(&self, now: Now, status: &mut Status) {
        let exposure = self.exposure(now);
        let limits = &self.config.limits;
        status.trading_state = self.state as u64;
        status.state_reason = self.reason as u64;
        status.state_causes = self.all_causes();
        status.kill_trigger = self.killed.map_or(0, |trigger| trigger as u64);
        status.day_equity = self.day_equity.map_or(0, Notional::units);
        status.peak_equity = self.peak_equity.map_or(0, Notional::units);
        self.fill_limits(&exposure, status);
        status.wallet_balance = self.wallet.units();
        status.equity = exposure.equity.units();
        status.wallet_at_start = self.wallet_at_start.units();
        status.exposure_worst = exposure.gross().units();
        status.exposure_max = limits.exposure_max.units();
        status.ticks = self.counts.ticks;
        status.orders = self.counts.orders;
        status.cancels = self.counts.cancels;
        status.fills = self.counts.fills;
        status.rejects = self.counts.rejects;
        status.venue_rejects = self.counts.venue_rejects;
        status.unknown_orders = u64::from(self.orders.unknown_count());
        status.open_orders = self.orders.live_count() as u64;
        status.open_algos = self.algos.iter().count() as u64;
        (status.journal_used, status.journal_capacity) = self.journal;
        status.counters = self.counters;
        let (doubted, resolved) = self.orders.doubts();
        status.counters.0[Counter::UnknownOutcome as usize] += doubted;
        status.counters.0[Counter::UnknownResolved as usize] += resolved;
        let set_aside = self.symbols.iter().filter(|s| s.belief.is_on).count();
        status.gauges[Gauge::QuarantinedSymbols] = set_aside as i64;
        status.gauges[Gauge::ClockOffsetNs] = self.clock.offset_ns;
        status.gauges[Gauge::ClockRoundTripNs] =
            i64::try_from(self.clock.rtt_ns).unwrap_or(i64::MAX);
        status.gauges[Gauge::DeadMan] = i64::from(self.is_dead_man_set);
        for link in Link::ALL {
            status.links[*link as usize].up = u64::from(self.links[*link as usize]);
        }
        for (index, s) in self.symbols.iter().enumerate().take(SYMBOLS_MAX) {
            let top = s.book.top();
            let out = &mut status.symbols[index];
            out.bid_price = top.bid.price.units();
            out.ask_price = top.ask.price.units();
            out.bid_qty = top.bid.qty.units();
            out.ask_qty = top.ask.qty.units();
            out.mark_price = s.mark_price.units();
            out.book_age_ns = s.book.age_ns(now.mono);
            out.book_synced = u64::from(s.book.is_seen() && !s.book.wants_snapshot());
            out.book_gaps = s.book.gaps();
            out.events = s.book.events();
            out.position_qty = s.position.qty().units();
            out.entry_price = s.position.entry_price().units();
            out.realized_pnl = s.realized_pnl.units();
            let price = exposure.symbols[index].price;
            out.unrealized_pnl = s.position.unrealized(price).unwrap_or(Notional::ZERO).units();
            out.commission = s.commission.units();
            out.open_orders = u64::from(exposure.symbols[index].working.count);
            out.orders = s.orders;
            out.fills = s.fills;
            out.signal = s.signal.features().signal_e8();
        }
    }
}
