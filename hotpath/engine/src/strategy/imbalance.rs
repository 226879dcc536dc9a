//! `imbalance`: short-horizon, from microprice and trade flow.
//!
//! Enters with an IOC when the signal passes the threshold; leaves when the signal in its direction
//! has decayed, turned against it, or the time or the loss allowed is used up.

use schema::{MonoNs, Notional, SYMBOLS_MAX, Side};

use super::{Intent, Setting, SettingKind, View};

/// Settings of `imbalance`; weights and the entry threshold are [`schema::SignalParams`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImbalanceConfig {
    /// Size of one order in quote units (raised to the venue's minimum), units of 1e-8.
    pub order_notional_e8: i64,
    /// The position is left when the signal in its direction falls to this, units of 1e-8.
    pub exit_threshold_e8: i64,
    /// Longest time in a position, ms.
    pub hold_ms_max: i64,
    /// Loss at which a position is left, ppm of the entry price.
    pub stop_ppm: i64,
    /// Pause on a symbol after leaving, ms.
    pub cooldown_ms: i64,
    /// How far an IOC reaches past the opposite best price, ticks.
    pub reach_ticks: i64,
}

impl Default for ImbalanceConfig {
    fn default() -> Self {
        Self {
            order_notional_e8: 200 * schema::SCALE,
            exit_threshold_e8: 0,
            hold_ms_max: 500,
            stop_ppm: 500,
            cooldown_ms: 100,
            reach_ticks: 3,
        }
    }
}

impl ImbalanceConfig {
    pub(super) const SETTINGS: &'static [Setting] = &[
        Setting {
            key: "order_notional_usdt",
            meaning: "size of one order, raised to the venue's minimum",
            kind: SettingKind::Decimal(1, 1_000_000 * schema::SCALE),
        },
        Setting {
            key: "exit_threshold",
            meaning: "the position is left when the signal in its direction falls to this",
            kind: SettingKind::Decimal(-10 * schema::SCALE, 10 * schema::SCALE),
        },
        Setting {
            key: "hold_ms_max",
            meaning: "longest time in a position",
            kind: SettingKind::Integer(1, 3_600_000),
        },
        Setting {
            key: "stop_ppm",
            meaning: "loss at which a position is left, of the entry price",
            kind: SettingKind::Integer(1, 1_000_000),
        },
        Setting {
            key: "cooldown_ms",
            meaning: "pause on a symbol after leaving",
            kind: SettingKind::Integer(0, 3_600_000),
        },
        Setting {
            key: "reach_ticks",
            meaning: "how far an IOC reaches past the opposite best price",
            kind: SettingKind::Integer(0, 10_000),
        },
    ];

    pub(super) fn set(&mut self, key: &str, value: i64) {
        match key {
            "order_notional_usdt" => self.order_notional_e8 = value,
            "exit_threshold" => self.exit_threshold_e8 = value,
            "hold_ms_max" => self.hold_ms_max = value,
            "stop_ppm" => self.stop_ppm = value,
            "cooldown_ms" => self.cooldown_ms = value,
            "reach_ticks" => self.reach_ticks = value,
            _ => {}
        }
    }
    pub(super) fn value(&self, key: &str) -> Option<i64> {
        Some(match key {
            "order_notional_usdt" => self.order_notional_e8,
            "exit_threshold" => self.exit_threshold_e8,
            "hold_ms_max" => self.hold_ms_max,
            "stop_ppm" => self.stop_ppm,
            "cooldown_ms" => self.cooldown_ms,
            "reach_ticks" => self.reach_ticks,
            _ => return None,
        })
    }
}

/// One symbol's trade.
#[derive(Debug, Clone, Copy, Default)]
struct Trade {
    /// When the position was first seen.
    entered_at: Option<MonoNs>,
    /// No entry before.
    free_at: MonoNs,
}

/// The strategy.
#[derive(Debug)]
pub(crate) struct Imbalance {
    config: ImbalanceConfig,
    trades: [Trade; SYMBOLS_MAX],
}

impl Imbalance {
    pub(super) fn new(config: &ImbalanceConfig) -> Self {
        Self { config: *config, trades: [Trade::default(); SYMBOLS_MAX] }
    }
    #[inline]
    pub(super) fn turn(&mut self, view: &View<'_>) -> Option<Intent> {
        let trade = self.trades.get_mut(view.symbol.index())?;
        if view.working.count > 0 {
            return None;
        }
        let signal_e8 = view.features.signal_e8();
        if view.position.is_flat() {
            if trade.entered_at.take().is_some() {
                let pause_ns = self.config.cooldown_ms.unsigned_abs().saturating_mul(1_000_000);
                trade.free_at = view.now.plus_ns(pause_ns);
            }
            if !view.may_open || view.now < trade.free_at {
                return None;
            }
            let side = if signal_e8 >= view.entry_threshold_e8 {
                Side::Buy
            } else if signal_e8 <= -view.entry_threshold_e8 {
                Side::Sell
            } else {
                return None;
            };
            let notional = Notional::from_units(self.config.order_notional_e8);
            return Some(view.open(side, notional, self.config.reach_ticks));
        }
        let entered_at = *trade.entered_at.get_or_insert(view.now);
        let is_long = view.position.qty().units() > 0;
        let toward_e8 = if is_long { signal_e8 } else { -signal_e8 };
        let held_ns_max = self.config.hold_ms_max.unsigned_abs().saturating_mul(1_000_000);
        let leaves = toward_e8 <= self.config.exit_threshold_e8
            || view.now.since(entered_at) >= held_ns_max
            || is_stopped(view, self.config.stop_ppm);
        leaves.then(|| view.close(self.config.reach_ticks))
    }
}

/// Whether closing at the best price now would lose `stop_ppm` of the cost or more.
fn is_stopped(view: &View<'_>, stop_ppm: i64) -> bool {
    let exit = if view.position.qty().units() > 0 { view.top.bid } else { view.top.ask };
    let loss = -view.position.unrealized_e16(exit.price);
    loss > 0 && loss >= view.position.cost_e16() / 1_000_000 * i128::from(stop_ppm)
}
