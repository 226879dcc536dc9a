//! `imbalance`: short-horizon, from microprice and trade flow.

use super::{Setting, SettingKind};

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
            hold_ms_max: 1_500,
            stop_ppm: 500,
            cooldown_ms: 250,
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
