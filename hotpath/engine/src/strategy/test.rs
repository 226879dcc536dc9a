//! `test`: small scheduled round trips.

use schema::{MonoNs, Notional, Price, SYMBOLS_MAX, Side, TimeInForce};

use super::{Cause, Intent, Setting, SettingKind, View};

/// How `test` opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TestStyle {
    /// Marketable IOC every interval, closed after the hold time.
    #[default]
    Ioc,
    /// Post-only at the best price every interval, moved with it; what fills is closed by IOC after
    /// the hold time, what does not is cancelled.
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

/// One symbol's round trip.
#[derive(Debug, Clone, Copy)]
struct Trip {
    /// When the last opening was sent.
    opened_at: MonoNs,
    /// Side of the next opening.
    next_side: Side,
    /// Book tickers since the last order.
    tickers: i64,
    has_opened: bool,
    /// When the resting order was placed or moved last.
    moved_at: MonoNs,
}

/// Pause between two moves of a resting order: ten a second leave room in the message budget.
const MOVE_PAUSE_NS: u64 = 100_000_000;

impl Trip {
    /// Keeps the resting order at the best price of its side.
    fn follow(&mut self, view: &View<'_>) -> Option<Intent> {
        let resting = view.resting?;
        let best = match resting.side {
            Side::Buy => view.top.bid.price,
            Side::Sell => view.top.ask.price,
        };
        if resting.price == best || view.now.since(self.moved_at) < MOVE_PAUSE_NS {
            return None;
        }
        self.moved_at = view.now;
        Some(Intent::Move(best))
    }
}

/// The strategy.
#[derive(Debug)]
pub(crate) struct Test {
    config: TestConfig,
    trips: [Trip; SYMBOLS_MAX],
}

impl Test {
    pub(super) fn new(config: &TestConfig) -> Self {
        let trip = Trip {
            opened_at: MonoNs(0),
            next_side: Side::Buy,
            tickers: 0,
            has_opened: false,
            moved_at: MonoNs(0),
        };
        Self { config: *config, trips: [trip; SYMBOLS_MAX] }
    }
    #[inline]
    pub(super) fn turn(&mut self, view: &View<'_>) -> Option<Intent> {
        match self.config.style {
            TestStyle::EveryTick => self.every_tick(view),
            TestStyle::Ioc | TestStyle::Gtx => self.round_trip(view),
        }
    }

    fn every_tick(&mut self, view: &View<'_>) -> Option<Intent> {
        let trip = self.trips.get_mut(view.symbol.index())?;
        if view.cause != Cause::Ticker {
            return None;
        }
        trip.tickers += 1;
        if trip.tickers < self.config.every_ticks || !view.may_open {
            return None;
        }
        trip.tickers = 0;
        let side = trip.next_side;
        trip.next_side = side.opposite();
        let notional = Notional::from_units(self.config.order_notional_e8);
        Some(view.open(side, notional, self.config.reach_ticks))
    }

    fn round_trip(&mut self, view: &View<'_>) -> Option<Intent> {
        let trip = self.trips.get_mut(view.symbol.index())?;
        let elapsed_ns = view.now.since(trip.opened_at);
        let is_held = elapsed_ns >= ms_to_ns(self.config.hold_ms);
        if view.working.count > 0 {
            if self.config.style != TestStyle::Gtx {
                return None;
            }
            return if is_held { Some(Intent::CancelAll) } else { trip.follow(view) };
        }
        if !view.position.is_flat() {
            return is_held.then(|| view.close(self.config.reach_ticks));
        }
        let is_due = !trip.has_opened || elapsed_ns >= ms_to_ns(self.config.interval_ms);
        if !is_due || !view.may_open {
            return None;
        }
        let side = trip.next_side;
        trip.next_side = side.opposite();
        trip.opened_at = view.now;
        trip.moved_at = view.now;
        trip.has_opened = true;
        let notional = Notional::from_units(self.config.order_notional_e8);
        if self.config.style == TestStyle::Ioc {
            return Some(view.open(side, notional, self.config.reach_ticks));
        }
        let price: Price = match side {
            Side::Buy => view.top.bid.price,
            Side::Sell => view.top.ask.price,
        };
        Some(Intent::Place {
            side,
            time_in_force: TimeInForce::Gtx,
            price,
            qty: view.qty_of(notional, price),
            reduce_only: false,
        })
    }
}

const fn ms_to_ns(ms: i64) -> u64 {
    (ms.unsigned_abs()).saturating_mul(1_000_000)
}
