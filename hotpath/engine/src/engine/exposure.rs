//! Worst cases of the account, measured where they are kept: once for every check, in place.

use schema::{MonoNs, Notional, SYMBOLS_MAX, SymbolId};

use super::planted_working::working_planted;
use super::{Engine, Symbol};
use crate::config::Config;
use crate::input::Now;
use crate::orders::Orders;
use crate::risk::{Exposure, Market};

impl Symbol {
    /// Its market as risk sees it.
    #[inline]
    pub(super) fn market(&self, now: MonoNs) -> Market {
        let top = self.book.top();
        Market {
            bid_price: top.bid.price,
            ask_price: top.ask.price,
            book_age_ns: self.book.age_ns(now),
            event_time: top.event_time,
            is_synced: !self.book.wants_snapshot(),
            mark_price: self.mark_price,
            mark_age_ns: now.since(self.mark_at),
            is_quarantined: self.belief.is_on,
        }
    }
}

impl Engine {
    /// Worst cases of the account.
    pub fn exposure(&self, now: Now) -> Exposure {
        let mut exposure = Exposure::default();
        let (symbols, wallet) = (&self.symbols, self.wallet);
        measure(symbols, &self.config, &self.orders, wallet, now, &mut exposure);
        exposure
    }

    /// Measures them into [`Engine::measured`]: a check copies nothing.
    #[inline]
    pub(super) fn measure_exposure(&mut self, now: Now) {
        let (symbols, wallet) = (&self.symbols, self.wallet);
        measure(symbols, &self.config, &self.orders, wallet, now, &mut self.measured);
    }
}

#[inline]
fn measure(
    symbols: &[Symbol],
    config: &Config,
    orders: &Orders,
    wallet: Notional,
    now: Now,
    out: &mut Exposure,
) {
    out.symbol_count = symbols.len();
    let mut unrealized: i128 = 0;
    for (index, (s, e)) in symbols.iter().zip(&mut out.symbols).enumerate().take(SYMBOLS_MAX) {
        let reference = s.market(now.mono).reference(&config.limits);
        let price = reference.unwrap_or_else(|| s.position.entry_price().max(s.mark_price));
        unrealized = unrealized.saturating_add(s.position.unrealized_e16(price));
        e.position = s.position.qty();
        e.working = working_planted(orders, SymbolId(index as u16));
        e.price = price;
    }
    let unrealized = Notional::from_e16(unrealized.clamp(i128::MIN / 2, i128::MAX / 2));
    out.equity = unrealized.and_then(|sum| wallet.checked_add(sum)).unwrap_or(Notional::ZERO);
}
