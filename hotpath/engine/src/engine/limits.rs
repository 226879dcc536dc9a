//! Limits while it runs: a command may tighten one and give it back, never loosen the file's.

use schema::{
    ACCOUNT_LIMITS, Command, CommandResult, Event, LimitChange, LimitKind, LimitUse, NewLimit,
    Notional, Qty, SCALE, SYMBOL_LIMITS, Status, SymbolId,
};

use super::Engine;
use crate::input::Now;
use crate::outbox::Outbox;
use crate::risk::{Exposure, Limits, SymbolLimits};

/// The limits as the file has them.
#[derive(Debug)]
pub(super) struct FileLimits {
    account: Limits,
    symbols: Box<[SymbolLimits]>,
    /// Changes since the start.
    pub(super) version: u64,
}

impl FileLimits {
    pub(super) fn new(config: &crate::Config) -> Self {
        let symbols = config.symbols.iter().map(|symbol| symbol.limits).collect();
        Self { account: config.limits, symbols, version: 0 }
    }
}

/// The value of a limit, in its unit.
fn value(kind: LimitKind, account: &Limits, symbol: &SymbolLimits) -> i64 {
    match kind {
        LimitKind::Exposure => account.exposure_max.units(),
        LimitKind::Leverage => i64::try_from(account.leverage_max_e2).unwrap_or(i64::MAX),
        LimitKind::PriceCollar => account.price_collar_ppm,
        LimitKind::WindowCollar => account.window_collar_ppm,
        LimitKind::OpenOrders => i64::from(account.open_orders_max),
        LimitKind::Messages10s => i64::from(account.messages_10s_max),
        LimitKind::Messages1m => i64::from(account.messages_1m_max),
        LimitKind::DailyLoss => account.daily_loss_max.units(),
        LimitKind::Drawdown => account.drawdown_ppm_max,
        LimitKind::MarginRatio => account.margin_ratio_ppm_max,
        LimitKind::LiquidationDistance => account.liquidation_distance_ppm_min,
        LimitKind::OrderToTrade => i64::from(account.order_to_trade_e2_max),
        LimitKind::RepeatedOrders => i64::from(account.repeated_orders_max),
        LimitKind::Qty => symbol.qty_max.units(),
        LimitKind::Notional => symbol.notional_max.units(),
        LimitKind::Position => symbol.position_max.units(),
        LimitKind::Restricted => i64::from(symbol.is_restricted),
    }
}

/// Sets a limit; the value was checked against the file's, which fits.
fn set(kind: LimitKind, to: i64, account: &mut Limits, symbol: &mut SymbolLimits) {
    let count = u32::try_from(to).unwrap_or(u32::MAX);
    match kind {
        LimitKind::Exposure => account.exposure_max = Notional::from_units(to),
        LimitKind::Leverage => account.leverage_max_e2 = to.unsigned_abs(),
        LimitKind::PriceCollar => account.price_collar_ppm = to,
        LimitKind::WindowCollar => account.window_collar_ppm = to,
        LimitKind::OpenOrders => account.open_orders_max = count,
        LimitKind::Messages10s => account.messages_10s_max = count,
        LimitKind::Messages1m => account.messages_1m_max = count,
        LimitKind::DailyLoss => account.daily_loss_max = Notional::from_units(to),
        LimitKind::Drawdown => account.drawdown_ppm_max = to,
        LimitKind::MarginRatio => account.margin_ratio_ppm_max = to,
        LimitKind::LiquidationDistance => account.liquidation_distance_ppm_min = to,
        LimitKind::OrderToTrade => account.order_to_trade_e2_max = count,
        LimitKind::RepeatedOrders => account.repeated_orders_max = count,
        LimitKind::Qty => symbol.qty_max = Qty::from_units(to),
        LimitKind::Notional => symbol.notional_max = Notional::from_units(to),
        LimitKind::Position => symbol.position_max = Qty::from_units(to),
        LimitKind::Restricted => symbol.is_restricted = to != 0,
    }
}

/// Whether a limit may have this value at all; what is kept for cancels must stay for them, and an
/// account's message limit of nothing would keep them from leaving too.
fn is_possible(kind: LimitKind, to: i64, file: &Limits) -> bool {
    match kind {
        LimitKind::Restricted => to == 0 || to == 1,
        LimitKind::Messages10s | LimitKind::Messages1m => {
            to > i64::from(file.messages_cancel_reserve)
        }
        LimitKind::LiquidationDistance => (0..=900_000).contains(&to),
        // A collar or a drawdown of nothing would refuse the orders that reduce, or everything.
        LimitKind::PriceCollar | LimitKind::Drawdown | LimitKind::DailyLoss => to > 0,
        // The closing slices must fit.
        LimitKind::Qty | LimitKind::Notional | LimitKind::OpenOrders => to > 0,
        _ => to >= 0,
    }
}

impl Engine {
    /// Tightens a limit, or gives it back its value of the file.
    pub(super) fn set_limit(
        &mut self,
        now: Now,
        command: &Command,
        out: &mut Outbox,
    ) -> CommandResult {
        let Some((kind, new)) = command.limit else { return CommandResult::Malformed };
        if kind.is_of_symbol() != (command.symbol != SymbolId::NONE) {
            return CommandResult::Malformed;
        }
        // The account's limits need no symbol; there is always a first.
        let index = if kind.is_of_symbol() { command.symbol.index() } else { 0 };
        let file = &self.file_limits;
        let (Some(config), Some(of_symbol)) =
            (self.config.symbols.get_mut(index), file.symbols.get(index))
        else {
            return CommandResult::Malformed;
        };
        let most = value(kind, &file.account, of_symbol);
        let to = match new {
            NewLimit::File => most,
            NewLimit::Value(to) if !is_possible(kind, to, &file.account) => {
                return CommandResult::Refused;
            }
            NewLimit::Value(to) if !kind.is_as_tight(to, most) => return CommandResult::Refused,
            NewLimit::Value(to) => to,
        };
        let from = value(kind, &self.config.limits, &config.limits);
        set(kind, to, &mut self.config.limits, &mut config.limits);
        self.file_limits.version += 1;
        out.record(&Event::Limit(LimitChange {
            limit: kind,
            symbol: command.symbol,
            from,
            to,
            version: self.file_limits.version,
            nonce: command.nonce,
            uid: command.uid,
            wall: now.wall,
        }));
        CommandResult::Accepted
    }

    /// Every limit with its use, for people.
    pub(super) fn fill_limits(&self, exposure: &Exposure, status: &mut Status) {
        status.limits_version = self.file_limits.version;
        status.refused = self.refused;
        let none = SymbolLimits::default();
        for kind in &LimitKind::ALL[..ACCOUNT_LIMITS] {
            status.limits[kind.place()] = LimitUse {
                used: self.used(*kind, exposure),
                limit: value(*kind, &self.config.limits, &none),
                file: value(*kind, &self.file_limits.account, &none),
            };
        }
        for (index, s) in self.symbols.iter().enumerate().take(schema::SYMBOLS_MAX) {
            let out = &mut status.symbols[index];
            out.is_throttled = u64::from(s.conduct.is_throttled);
            let now = &self.config.symbols[index].limits;
            let file = self.file_limits.symbols.get(index).copied().unwrap_or_default();
            for kind in &LimitKind::ALL[ACCOUNT_LIMITS..ACCOUNT_LIMITS + SYMBOL_LIMITS] {
                let used = match kind {
                    LimitKind::Position => clamp(exposure.symbols[index].worst_abs()),
                    LimitKind::Restricted => i64::from(now.is_restricted),
                    _ => 0,
                };
                out.limits[kind.place()] = LimitUse {
                    used,
                    limit: value(*kind, &self.config.limits, now),
                    file: value(*kind, &self.file_limits.account, &file),
                };
            }
        }
    }

    /// What is used of a limit of the account, in its unit; zero for those of a single order.
    fn used(&self, kind: LimitKind, exposure: &Exposure) -> i64 {
        let limits = &self.config.limits;
        let gross = exposure.gross_e16();
        let equity = i128::from(exposure.equity.units().max(0)) * i128::from(SCALE);
        let own = i128::from(exposure.equity.min(limits.capital).units().max(1));
        let [messages_10s, messages_1m, messages_10m, fills_10m] = self.rate.last_counts();
        match kind {
            LimitKind::Exposure => exposure.gross().units(),
            LimitKind::Leverage => clamp(gross / i128::from(SCALE) * 100 / own),
            LimitKind::WindowCollar => {
                self.symbols.iter().map(|s| s.conduct.moved_ppm()).max().unwrap_or(0)
            }
            LimitKind::OpenOrders => self.orders.live_count() as i64,
            LimitKind::Messages10s => i64::from(messages_10s),
            LimitKind::Messages1m => i64::from(messages_1m),
            LimitKind::DailyLoss => self.day_loss(exposure.equity).units().max(0),
            LimitKind::Drawdown => {
                let peak = self.peak_equity.unwrap_or(exposure.equity).units();
                let fall = i128::from(peak) - i128::from(exposure.equity.units());
                clamp(fall.max(0) * 1_000_000 / i128::from(peak.max(1)))
            }
            LimitKind::MarginRatio => {
                clamp(gross.saturating_mul(i128::from(limits.maintenance_ppm)) / equity.max(1))
            }
            LimitKind::LiquidationDistance if gross == 0 => i64::MAX,
            LimitKind::LiquidationDistance => {
                clamp(equity * 1_000_000 / gross - i128::from(limits.maintenance_ppm))
            }
            LimitKind::OrderToTrade => i64::from(messages_10m) * 100 / i64::from(fills_10m.max(1)),
            LimitKind::RepeatedOrders => {
                let most = self.symbols.iter().map(|s| s.conduct.alike_most()).max();
                i64::from(most.unwrap_or(0))
            }
            LimitKind::PriceCollar
            | LimitKind::Qty
            | LimitKind::Notional
            | LimitKind::Position
            | LimitKind::Restricted => 0,
        }
    }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}
