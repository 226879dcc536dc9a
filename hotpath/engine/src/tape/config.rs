//! A configuration as text and back: one `name value` a line, amounts in units, nothing left out.
//!
//! Both directions name every field of every part, so that a new field cannot be forgotten.

use core::fmt;
use core::fmt::Write as _;

use schema::{BootEpoch, Notional, Price, Qty, SYMBOLS_MAX, SignalParams, SymbolName};

use crate::config::{Config, Safety, Timing};
use crate::risk::{Limits, SymbolConfig, SymbolLimits, SymbolRules};
use crate::strategy::{SettingKind, SettingValue, StrategyConfig};

/// Why a text is no configuration: the name of what is missing or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigTextError(pub String);

impl fmt::Display for ConfigTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is missing or wrong", self.0)
    }
}
impl core::error::Error for ConfigTextError {}

impl Config {
    /// As text.
    pub fn to_text(&self) -> String {
        let mut out = String::new();
        self.write("", &mut out);
        out
    }

    /// From text.
    ///
    /// # Errors
    /// The first name that is missing or has a wrong value.
    pub fn from_text(text: &str) -> Result<Self, ConfigTextError> {
        Self::read("", text)
    }
}

/// Something with a place in the text.
trait Field: Sized {
    fn write(&self, name: &str, out: &mut String);
    fn read(name: &str, text: &str) -> Result<Self, ConfigTextError>;
}

fn put(name: &str, value: impl fmt::Display, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{} {value}", name.trim_start_matches('.'));
}

fn find<'t>(name: &str, text: &'t str) -> Result<&'t str, ConfigTextError> {
    let name = name.trim_start_matches('.');
    let value = |line: &'t str| line.strip_prefix(name)?.strip_prefix(' ');
    text.lines().find_map(value).ok_or_else(|| wrong(name))
}

fn wrong(name: &str) -> ConfigTextError {
    ConfigTextError(name.trim_start_matches('.').to_owned())
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Field for $type {
            fn write(&self, name: &str, out: &mut String) {
                put(name, self, out);
            }
            fn read(name: &str, text: &str) -> Result<Self, ConfigTextError> {
                find(name, text)?.parse().map_err(|_| wrong(name))
            }
        }
    )+};
}
numbers!(i64, u64, u32, bool);

macro_rules! amounts {
    ($($type:ty),+) => {$(
        impl Field for $type {
            fn write(&self, name: &str, out: &mut String) {
                self.units().write(name, out);
            }
            fn read(name: &str, text: &str) -> Result<Self, ConfigTextError> {
                Field::read(name, text).map(Self::from_units)
            }
        }
    )+};
}
amounts!(Price, Qty, Notional);

macro_rules! parts {
    ($($type:ident { $($field:ident),+ $(,)? })+) => {$(
        impl Field for $type {
            fn write(&self, name: &str, out: &mut String) {
                let Self { $($field),+ } = self;
                $($field.write(&format!("{name}.{}", stringify!($field)), out);)+
            }
            fn read(name: &str, text: &str) -> Result<Self, ConfigTextError> {
                Ok(Self {
                    $($field: Field::read(&format!("{name}.{}", stringify!($field)), text)?),+
                })
            }
        }
    )+};
}

parts! {
    Config {
        symbols, limits, timing, strategy, params, epoch, require_verdict, safety, is_enabled,
        is_killed,
    }
    SymbolConfig { name, rules, limits }
    SymbolRules {
        tick, price_min, price_max, step, qty_min, qty_max, market_step, market_qty_min,
        market_qty_max, notional_min, percent_up_e4, percent_down_e4, open_orders_max, is_trading,
    }
    SymbolLimits { qty_max, notional_max, position_max, is_restricted }
    Limits {
        capital, exposure_max, leverage_max_e2, price_collar_ppm, open_orders_max,
        messages_10s_max, messages_1m_max, messages_cancel_reserve, book_age_ns_max,
        feed_delay_ns_max, mark_age_ns_max, duplicate_window_ns, daily_loss_max, venue_rejects_max,
        drawdown_ppm_max, window_collar_ppm, window_collar_ns, repeated_orders_max,
        repeated_window_ns, order_to_trade_e2_max, order_to_trade_from, maintenance_ppm,
        margin_ratio_ppm_max, liquidation_distance_ppm_min,
    }
    Timing {
        ack_timeout_ns, query_interval_ns, absent_grace_ns, feed_age_ns_max, settle_ns,
        command_age_ns_max, clock_jump_ns_max, verdict_age_ns_max, refusal_pause_ns,
        loop_gap_ns_max, truth_age_ns_max,
    }
    Safety {
        protective_stop_ppm, require_dead_man, require_clock, clock_skew_ns_max, clock_age_ns_max,
        jump_ppm_max, divergence_ppm_max, quarantine_ns, quarantine_updates, last_way_ns,
    }
    SignalParams {
        version, fitted_at_ns, microprice_weight, flow_weight, flow_half_life_ns,
        variance_half_life_ns, entry_threshold,
    }
}

impl Field for BootEpoch {
    fn write(&self, name: &str, out: &mut String) {
        self.0.write(name, out);
    }
    fn read(name: &str, text: &str) -> Result<Self, ConfigTextError> {
        Field::read(name, text).map(Self)
    }
}

impl Field for SymbolName {
    fn write(&self, name: &str, out: &mut String) {
        put(name, self.as_str(), out);
    }
    fn read(name: &str, text: &str) -> Result<Self, ConfigTextError> {
        Self::new(find(name, text)?.as_bytes()).map_err(|_| wrong(name))
    }
}

impl Field for Vec<SymbolConfig> {
    fn write(&self, name: &str, out: &mut String) {
        put(name, self.len(), out);
        for (index, symbol) in self.iter().enumerate() {
            symbol.write(&format!("{name}.{index}"), out);
        }
    }
    fn read(name: &str, text: &str) -> Result<Self, ConfigTextError> {
        let count: usize = find(name, text)?.parse().map_err(|_| wrong(name))?;
        if count > SYMBOLS_MAX {
            return Err(wrong(name));
        }
        (0..count).map(|index| Field::read(&format!("{name}.{index}"), text)).collect()
    }
}

impl Field for StrategyConfig {
    fn write(&self, name: &str, out: &mut String) {
        put(name, Self::name(self), out);
        for setting in self.settings() {
            let value = self.value(setting.key).unwrap_or_default();
            value.write(&format!("{name}.{}", setting.key), out);
        }
    }
    fn read(name: &str, text: &str) -> Result<Self, ConfigTextError> {
        let mut strategy = Self::by_name(find(name, text)?).ok_or_else(|| wrong(name))?;
        for setting in strategy.settings() {
            let name = format!("{name}.{}", setting.key);
            let number = i64::read(&name, text)?;
            let value = match setting.kind {
                SettingKind::Integer(..) => SettingValue::Integer(number),
                SettingKind::Decimal(..) => SettingValue::Decimal(number),
                SettingKind::Word(words) => {
                    let word = usize::try_from(number).ok().and_then(|index| words.get(index));
                    SettingValue::Word(word.ok_or_else(|| wrong(&name))?)
                }
            };
            strategy.set(setting.key, value).map_err(|_| wrong(&name))?;
        }
        Ok(strategy)
    }
}
