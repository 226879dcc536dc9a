//! Strategies: modules chosen at start. A new one is one file and one line in `strategies!`.
//!
//! A strategy sees a [`View`] of one symbol and answers with [`Intent`]s. It holds no money and no
//! orders: position and working orders are the engine's, so a strategy cannot be wrong about them.

use schema::{MonoNs, Notional, Price, Qty, SCALE, Side, StrategyId, SymbolId, TimeInForce};

use crate::book::Top;
use crate::orders::{Order, Working};
use crate::position::Position;
use crate::risk::SymbolRules;
use crate::signal::Features;

mod imbalance;
mod test;

pub use imbalance::ImbalanceConfig;
pub use test::{TestConfig, TestStyle};

/// What kind of value a setting takes; the unit is last in its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingKind {
    /// A whole number from the first to the second, inclusive.
    Integer(i64, i64),
    /// A decimal, in units of 1e-8, from the first to the second, inclusive.
    Decimal(i64, i64),
    /// One of these words.
    Word(&'static [&'static str]),
}

/// One setting of a strategy, as a configuration file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Key, with its unit.
    pub key: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What it may be.
    pub kind: SettingKind,
}

/// A value for a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingValue<'a> {
    /// Whole number.
    Integer(i64),
    /// Decimal in units of 1e-8.
    Decimal(i64),
    /// Word.
    Word(&'a str),
}

/// Why a setting was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingError {
    /// The strategy has no such setting.
    UnknownKey,
    /// Not the kind of value it takes.
    Kind,
    /// Outside its range.
    Range,
}

macro_rules! strategies {
    ($($variant:ident = $name:literal, $id:ident, $config:ty, $module:ty;)+) => {
        /// The strategy in force.
        #[derive(Debug)]
        pub(crate) enum Strategy { $($variant($module)),+ }

        impl Strategy {
            pub(crate) fn new(config: &StrategyConfig) -> Self {
                match config {
                    $(StrategyConfig::$variant(config) => Self::$variant(<$module>::new(config))),+
                }
            }
            /// Asks what to do on one symbol.
            #[inline]
            pub(crate) fn turn(&mut self, view: &View<'_>) -> Option<Intent> {
                match self { $(Self::$variant(module) => module.turn(view)),+ }
            }
        }

        /// The strategy in force and its settings.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum StrategyConfig {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant($config),
            )+
        }

        impl StrategyConfig {
            /// Names of all strategies.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// A strategy by name, with its default settings.
            pub fn by_name(name: &str) -> Option<Self> {
                $(if name == $name { return Some(Self::$variant(Default::default())); })+
                None
            }
            /// Its name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }
            /// Its number in client order ids.
            pub const fn id(&self) -> StrategyId {
                match self { $(Self::$variant(_) => StrategyId::$id),+ }
            }
            /// Its settings.
            pub fn settings(&self) -> &'static [Setting] {
                match self { $(Self::$variant(_) => <$config>::SETTINGS),+ }
            }
            /// Changes one setting.
            ///
            /// # Errors
            /// [`SettingError`] if there is no such setting or the value does not fit.
            pub fn set(&mut self, key: &str, value: SettingValue<'_>) -> Result<(), SettingError> {
                let setting = self.settings().iter().find(|setting| setting.key == key);
                let number = match (setting.ok_or(SettingError::UnknownKey)?.kind, value) {
                    (SettingKind::Integer(min, max), SettingValue::Integer(v))
                    | (SettingKind::Decimal(min, max), SettingValue::Decimal(v)) => {
                        if v < min || v > max {
                            return Err(SettingError::Range);
                        }
                        v
                    }
                    (SettingKind::Word(words), SettingValue::Word(word)) => words
                        .iter()
                        .position(|known| *known == word)
                        .ok_or(SettingError::Range)? as i64,
                    _ => return Err(SettingError::Kind),
                };
                match self { $(Self::$variant(config) => config.set(key, number)),+ }
                Ok(())
            }
            /// Value of a setting by key: a number, or the index of a word.
            pub fn value(&self, key: &str) -> Option<i64> {
                match self { $(Self::$variant(config) => config.value(key)),+ }
            }
            /// Checks the ranges of all settings; the error names the key.
            pub(crate) fn validate(&self) -> Result<(), &'static str> {
                for setting in self.settings() {
                    let value = self.value(setting.key).ok_or(setting.key)?;
                    let is_fine = match setting.kind {
                        SettingKind::Integer(min, max) | SettingKind::Decimal(min, max) => {
                            (min..=max).contains(&value)
                        }
                        SettingKind::Word(words) => (0..words.len() as i64).contains(&value),
                    };
                    if !is_fine {
                        return Err(setting.key);
                    }
                }
                Ok(())
            }
        }
    };
}

strategies! {
    Test = "test", TEST, TestConfig, test::Test;
    Imbalance = "imbalance", IMBALANCE, ImbalanceConfig, imbalance::Imbalance;
}

/// Why a strategy is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A book ticker brought new best prices.
    Ticker,
    /// Depth or a trade changed what is known.
    Market,
    /// Time passed, or an order's state changed.
    Time,
}

/// What a strategy sees of one symbol.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Time.
    pub now: MonoNs,
    /// Symbol.
    pub symbol: SymbolId,
    /// Why it is asked.
    pub cause: Cause,
    /// The venue's filters.
    pub rules: &'a SymbolRules,
    /// Largest order by our own limit.
    pub qty_max: Qty,
    /// Best prices; two-sided and not crossed.
    pub top: &'a Top,
    /// Features.
    pub features: &'a Features,
    /// Signal needed to enter, units of 1e-8.
    pub entry_threshold_e8: i64,
    /// Position.
    pub position: &'a Position,
    /// Working, in-flight and unknown orders.
    pub working: Working,
    /// The resting order, if there is exactly one and nothing is under way with it.
    pub resting: Option<&'a Order>,
    /// Whether risk may be added; else only reduce-only orders pass.
    pub may_open: bool,
}

/// What a strategy asks for; risk decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// A limit order.
    Place {
        /// Side.
        side: Side,
        /// Time in force.
        time_in_force: TimeInForce,
        /// Limit price, a multiple of the tick.
        price: Price,
        /// Quantity, a multiple of the step.
        qty: Qty,
        /// Whether it may only reduce.
        reduce_only: bool,
    },
    /// Move the resting order to this price, a multiple of the tick.
    Move(Price),
    /// Cancel all working orders of the symbol.
    CancelAll,
}

impl View<'_> {
    /// Price of a marketable order: `reach_ticks` past the opposite best price.
    #[inline]
    pub fn marketable_price(&self, side: Side, reach_ticks: i64) -> Price {
        let reach = self.rules.tick.units().saturating_mul(reach_ticks);
        let best = match side {
            Side::Buy => self.top.ask.price,
            Side::Sell => self.top.bid.price,
        };
        Price::from_units(best.units().saturating_add(reach.saturating_mul(side.sign())))
    }
    /// Quantity worth `notional` at `price`, a multiple of the step, raised to the venue's minimum.
    pub fn qty_of(&self, notional: Notional, price: Price) -> Qty {
        let (price, step) = (i128::from(price.units().max(1)), i128::from(self.rules.step.units()));
        let scale = i128::from(SCALE);
        let wanted = i128::from(notional.units()) * scale / price / step * step;
        let least = (i128::from(self.rules.notional_min.units()) * scale + price - 1) / price;
        let least = (least + step - 1) / step * step;
        let units = wanted.max(least).max(i128::from(self.rules.qty_min.units()));
        Qty::from_units(i64::try_from(units).unwrap_or(i64::MAX))
    }
    /// An IOC that opens a position worth `notional`.
    pub(crate) fn open(&self, side: Side, notional: Notional, reach_ticks: i64) -> Intent {
        let price = self.marketable_price(side, reach_ticks);
        Intent::Place {
            side,
            time_in_force: TimeInForce::Ioc,
            price,
            qty: self.qty_of(notional, price),
            reduce_only: false,
        }
    }
    /// An IOC that closes the position, or as much of it as one order may.
    pub(crate) fn close(&self, reach_ticks: i64) -> Intent {
        let side = if self.position.qty().units() > 0 { Side::Sell } else { Side::Buy };
        Intent::Place {
            side,
            time_in_force: TimeInForce::Ioc,
            price: self.marketable_price(side, reach_ticks),
            qty: self.position.qty().abs().min(self.qty_max).min(self.rules.qty_max),
            reduce_only: true,
        }
    }
}

#[cfg(test)]
mod tests;
