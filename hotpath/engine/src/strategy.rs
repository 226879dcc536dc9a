//! Strategies: modules chosen at start. A new one is one file and one line in [`strategies`].
//!
//! A strategy sees a [`View`] of one symbol and answers with [`Intent`]s. It holds no money and no
//! orders: position and working orders are the engine's, so a strategy cannot be wrong about them.

use schema::{Price, Qty, Side, StrategyId, TimeInForce};

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
    ($($variant:ident = $name:literal, $id:ident, $config:ty;)+) => {
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
    Test = "test", TEST, TestConfig;
    Imbalance = "imbalance", IMBALANCE, ImbalanceConfig;
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
    /// Cancel all working orders of the symbol.
    CancelAll,
}
