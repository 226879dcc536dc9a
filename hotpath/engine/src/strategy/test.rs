//! `test`: small scheduled round trips.

use super::{Setting, SettingKind};

/// How `test` opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TestStyle {
    /// Marketable IOC every interval, closed after the hold time.
    #[default]
    Ioc,
    /// Post-only at the best price every interval; what fills is closed by IOC after the hold time.
    Gtx,
    /// Marketable IOC on every n-th book ticker, alternating sides: the latency bench.
    EveryTick,
}

/// Settings of `test`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestConfig {
    /// How it opens.
    pub style: TestStyle,
    /// Time between two openings, ms.
    pub interval_ms: i64,
    /// Time from opening to closing, ms.
    pub hold_ms: i64,
    /// Book tickers per order in style `every_tick`.
    pub every_ticks: i64,
    /// Size of one order in quote units (raised to the venue's minimum), units of 1e-8.
    pub order_notional_e8: i64,
    /// How far an IOC reaches past the opposite best price, ticks.
    pub reach_ticks: i64,
}

impl Default for TestConfig {
    fn default() -> Self {
        Self {
            style: TestStyle::Ioc,
            interval_ms: 1_000,
            hold_ms: 400,
            every_ticks: 1,
            order_notional_e8: 200 * schema::SCALE,
            reach_ticks: 10,
        }
    }
}

impl TestConfig {
    pub(super) const SETTINGS: &'static [Setting] = &[
        Setting {
            key: "style",
            meaning: "how it opens",
            kind: SettingKind::Word(&["ioc", "gtx", "every_tick"]),
        },
        Setting {
            key: "interval_ms",
            meaning: "time between two openings",
            kind: SettingKind::Integer(1, 3_600_000),
        },
        Setting {
            key: "hold_ms",
            meaning: "time from opening to closing",
            kind: SettingKind::Integer(0, 3_600_000),
        },
        Setting {
            key: "every_ticks",
            meaning: "book tickers per order in style every_tick",
            kind: SettingKind::Integer(1, 1_000_000),
        },
        Setting {
            key: "order_notional_usdt",
            meaning: "size of one order, raised to the venue's minimum",
            kind: SettingKind::Decimal(1, 1_000_000 * schema::SCALE),
        },
        Setting {
            key: "reach_ticks",
            meaning: "how far an IOC reaches past the opposite best price",
            kind: SettingKind::Integer(0, 10_000),
        },
    ];

    pub(super) fn set(&mut self, key: &str, value: i64) {
        match key {
            "style" => {
                self.style = match value {
                    0 => TestStyle::Ioc,
                    1 => TestStyle::Gtx,
                    _ => TestStyle::EveryTick,
                }
            }
            "interval_ms" => self.interval_ms = value,
            "hold_ms" => self.hold_ms = value,
            "every_ticks" => self.every_ticks = value,
            "order_notional_usdt" => self.order_notional_e8 = value,
            "reach_ticks" => self.reach_ticks = value,
            _ => {}
        }
    }
    pub(super) fn value(&self, key: &str) -> Option<i64> {
        Some(match key {
            "style" => self.style as i64,
            "interval_ms" => self.interval_ms,
            "hold_ms" => self.hold_ms,
            "every_ticks" => self.every_ticks,
            "order_notional_usdt" => self.order_notional_e8,
            "reach_ticks" => self.reach_ticks,
            _ => return None,
        })
    }
}
