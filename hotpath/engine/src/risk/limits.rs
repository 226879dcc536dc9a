//! The venue's filters and our own limits, as plain numbers read once.

use schema::{Notional, Qty, SymbolName};

use crate::config::ConfigError;

pub use schema::SymbolRules;

/// Our own limits of one symbol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SymbolLimits {
    /// Largest order, in base units.
    pub qty_max: Qty,
    /// Largest order, in quote units.
    pub notional_max: Notional,
    /// Largest worst-case position, long or short, in base units.
    pub position_max: Qty,
    /// Whether it may only be reduced.
    pub is_restricted: bool,
}

/// One followed symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolConfig {
    /// Name at the venue.
    pub name: SymbolName,
    /// The venue's filters.
    pub rules: SymbolRules,
    /// Our limits.
    pub limits: SymbolLimits,
}

/// Our own limits of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Money the environment allows; leverage counts against the smaller of it and equity.
    pub capital: Notional,
    /// Largest worst-case gross exposure.
    pub exposure_max: Notional,
    /// Largest worst-case gross exposure over capital, in hundredths (200 = 2×).
    pub leverage_max_e2: u64,
    /// Distance of a limit price from the reference (mark, else mid), against us, in ppm.
    pub price_collar_ppm: i64,
    /// Open orders of the account, in flight and unknown ones included.
    pub open_orders_max: u32,
    /// Messages in any 10 s.
    pub messages_10s_max: u32,
    /// Messages in any minute.
    pub messages_1m_max: u32,
    /// How much of either message budget only cancels may use.
    pub messages_cancel_reserve: u32,
    /// Oldest book an order may be based on, ns.
    pub book_age_ns_max: u64,
    /// Largest delay of a market event on its way here (wall clock minus push time), ns.
    pub feed_delay_ns_max: u64,
    /// Oldest mark price an order may be based on, ns.
    pub mark_age_ns_max: u64,
    /// The same order twice in a row on a symbol within this time is a duplicate, ns; zero is off.
    pub duplicate_window_ns: u64,
    /// Loss of equity since the start of the UTC day (or since arming) that ends the day.
    pub daily_loss_max: Notional,
    /// Refusals of the venue in a row that stop the strategy until a person resumes.
    pub venue_rejects_max: u32,
    /// Fall of equity from its highest that stops everything but reducing, ppm.
    pub drawdown_ppm_max: i64,
    /// Distance of a price from the best mark of the window, against us, ppm.
    pub window_collar_ppm: i64,
    /// Length of that window, ns.
    pub window_collar_ns: u64,
    /// Opening orders of one symbol and side that may be sent within the window, whatever their
    /// quantity: one that follows the price differs each time.
    pub repeated_orders_max: u32,
    /// Length of that window, ns; zero is off.
    pub repeated_window_ns: u64,
    /// Messages (orders, changes, cancels) a fill in the last ten minutes, hundredths.
    pub order_to_trade_e2_max: u32,
    /// Messages below which that ratio is not looked at.
    pub order_to_trade_from: u32,
    /// Maintenance margin the worst case is taken to need, ppm of its value.
    pub maintenance_ppm: i64,
    /// Largest maintenance margin of the worst case, ppm of equity.
    pub margin_ratio_ppm_max: i64,
    /// Smallest adverse move of all prices that may liquidate the worst case, ppm.
    pub liquidation_distance_ppm_min: i64,
}

impl SymbolLimits {
    pub(crate) fn is_usable(&self) -> bool {
        self.qty_max.units() > 0 && self.notional_max.units() > 0 && self.position_max.units() > 0
    }
}

impl Limits {
    /// As loose as can be: what tests and benches tighten.
    pub const LOOSE: Self = Self {
        capital: Notional::from_units(1_000_000 * schema::SCALE),
        exposure_max: Notional::from_units(1_000_000 * schema::SCALE),
        leverage_max_e2: 12_500,
        price_collar_ppm: 500_000,
        open_orders_max: 200,
        messages_10s_max: 1_000_000,
        messages_1m_max: 1_000_000,
        messages_cancel_reserve: 0,
        book_age_ns_max: u64::MAX,
        feed_delay_ns_max: i64::MAX as u64,
        mark_age_ns_max: u64::MAX,
        duplicate_window_ns: 0,
        daily_loss_max: Notional::MAX,
        venue_rejects_max: u32::MAX,
        drawdown_ppm_max: 1_000_000,
        window_collar_ppm: 1_000_000,
        window_collar_ns: 60_000_000_000,
        repeated_orders_max: u32::MAX,
        repeated_window_ns: 0,
        order_to_trade_e2_max: u32::MAX,
        order_to_trade_from: u32::MAX,
        maintenance_ppm: 0,
        margin_ratio_ppm_max: 1_000_000,
        liquidation_distance_ppm_min: 0,
    };

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let checks = [
            (self.capital.units() > 0, "capital"),
            (self.exposure_max.units() > 0, "exposure_max"),
            ((1..=12_500).contains(&self.leverage_max_e2), "leverage_max_e2"),
            ((1..=500_000).contains(&self.price_collar_ppm), "price_collar_ppm"),
            (self.open_orders_max > 0, "open_orders_max"),
            (self.messages_10s_max > self.messages_cancel_reserve, "messages_10s_max"),
            (self.messages_1m_max > self.messages_cancel_reserve, "messages_1m_max"),
            (self.book_age_ns_max > 0, "book_age_ns_max"),
            (self.feed_delay_ns_max > 0, "feed_delay_ns_max"),
            (self.mark_age_ns_max > 0, "mark_age_ns_max"),
            (self.daily_loss_max.units() > 0, "daily_loss_max"),
            (self.venue_rejects_max > 0, "venue_rejects_max"),
            ((1..=1_000_000).contains(&self.drawdown_ppm_max), "drawdown_ppm_max"),
            ((1..=1_000_000).contains(&self.window_collar_ppm), "window_collar_ppm"),
            (self.window_collar_ns > 0, "window_collar_ns"),
            (self.repeated_orders_max > 0, "repeated_orders_max"),
            (self.order_to_trade_e2_max > 0, "order_to_trade_e2_max"),
            ((0..=500_000).contains(&self.maintenance_ppm), "maintenance_ppm"),
            ((1..=1_000_000).contains(&self.margin_ratio_ppm_max), "margin_ratio_ppm_max"),
            (
                (0..=900_000).contains(&self.liquidation_distance_ppm_min),
                "liquidation_distance_ppm_min",
            ),
        ];
        match checks.iter().find(|(is_fine, _)| !is_fine) {
            Some((_, field)) => Err(ConfigError::Limits(field)),
            None => Ok(()),
        }
    }
}
