//! The sections that say what is traded: account, symbols, time-outs, strategy, signal.

use engine::strategy::{SettingError, SettingKind, SettingValue};
use engine::{StrategyConfig, SymbolLimits, Timing};
use schema::{Notional, Qty, SCALE, SYMBOLS_MAX, SignalParams, SymbolName, parse_decimal};
use toml_edit::Item;

use super::read::required;
use super::reader::{Mistakes, Section, decimal_text, nearest, other_unit, show, start};
use super::{Bounds, Environment, Symbol, Venue};

/// Largest amount a limit may name: a million.
pub(super) const AMOUNT_MAX: i64 = 1_000_000 * SCALE;
const MS_NS: u64 = 1_000_000;

#[derive(Clone, Copy)]
pub(super) struct Account {
    pub(super) capital: i64,
    pub(super) leverage_max: i64,
    pub(super) leverage: u32,
    /// Between two reconciliations, ns; the session's own if not given.
    pub(super) reconcile_every_ns: Option<u64>,
}

pub(super) fn account(
    mut s: Section<'_>,
    environment: Environment,
    out: &mut Mistakes<'_>,
) -> Option<Account> {
    let Bounds { capital_usdt_max, leverage_max: highest, .. } = environment.bounds();
    let name = environment.name();
    let capital = s.decimal("capital_usdt", 1..=AMOUNT_MAX, out);
    let capital = required(capital, &s, "capital_usdt", &capital_usdt_max.to_string(), out);
    if let Some(capital) = capital.filter(|capital| *capital > capital_usdt_max * SCALE) {
        let what = format!("account.capital_usdt = {} is above what {name} allows", show(capital));
        out.add(s.place("capital_usdt"), what, format!("use at most {capital_usdt_max}"));
    }
    let leverage_max = s.integer("leverage_max", 1..=125, out);
    let leverage_max = required(leverage_max, &s, "leverage_max", &highest.to_string(), out);
    if let Some(leverage) = leverage_max.filter(|leverage| *leverage > highest) {
        let what = format!("account.leverage_max = {leverage} is above what {name} allows");
        let remedy = format!("use at most {highest} (a multiple, not per cent)");
        out.add(s.place("leverage_max"), what, remedy);
    }
    let leverage = s.integer("leverage", 1..=125, out);
    let leverage = required(leverage, &s, "leverage", &highest.to_string(), out);
    if let (Some(leverage), Some(max)) = (leverage, leverage_max)
        && leverage > max
    {
        let what = format!("account.leverage = {leverage} is above leverage_max = {max}");
        out.add(s.place("leverage"), what, format!("use at most {max}"));
    }
    let reconcile_every_ms = s.integer("reconcile_every_ms", 500..=600_000, out);
    s.finish(out);
    Some(Account {
        capital: capital?,
        leverage_max: leverage_max?,
        leverage: u32::try_from(leverage?).ok()?,
        reconcile_every_ns: reconcile_every_ms.map(|ms| ms as u64 * MS_NS),
    })
}

pub(super) fn symbols(sections: Vec<Section<'_>>, out: &mut Mistakes<'_>) -> Vec<Symbol> {
    if sections.is_empty() {
        let remedy = "write [[symbol]] with name, qty_max, notional_max_usdt and position_max";
        out.add(0, "no symbol is given", remedy);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut symbols = Vec::new();
    for (index, mut s) in sections.into_iter().enumerate() {
        let name = s.text("name", out);
        let name = required(name, &s, "name", "\"BTCUSDT\"", out);
        if index == SYMBOLS_MAX {
            let what = format!("more than {SYMBOLS_MAX} symbols");
            out.add(s.place("name"), what, "run a second instance for the others");
        }
        let name = name.and_then(|name| symbol_name(name, s.place("name"), &mut seen, out));
        let qty_max = s.decimal("qty_max", 1..=AMOUNT_MAX, out);
        let qty_max = required(qty_max, &s, "qty_max", "\"0.010\"", out);
        let notional_max = s.decimal("notional_max_usdt", 1..=AMOUNT_MAX, out);
        let notional_max = required(notional_max, &s, "notional_max_usdt", "100", out);
        let position_max = s.decimal("position_max", 1..=AMOUNT_MAX, out);
        let position_max = required(position_max, &s, "position_max", "\"0.010\"", out);
        let is_restricted = s.flag("restricted", out).unwrap_or(false);
        if let (Some(qty), Some(position)) = (qty_max, position_max)
            && qty > position
        {
            let what = format!("qty_max = {} is above position_max", show(qty));
            out.add(s.place("qty_max"), what, format!("use at most {}", show(position)));
        }
        s.finish(out);
        if let (Some(name), Some(qty), Some(notional), Some(position)) =
            (name, qty_max, notional_max, position_max)
        {
            let limits = SymbolLimits {
                is_restricted,
                qty_max: Qty::from_units(qty),
                notional_max: Notional::from_units(notional),
                position_max: Qty::from_units(position),
            };
            symbols.push(Symbol { name, limits });
        }
    }
    symbols
}

fn symbol_name(
    text: &str,
    at: usize,
    seen: &mut Vec<String>,
    out: &mut Mistakes<'_>,
) -> Option<SymbolName> {
    if seen.iter().any(|earlier| earlier.eq_ignore_ascii_case(text)) {
        out.add(at, format!("symbol {text} is given twice"), "delete one of them");
        return None;
    }
    seen.push(text.to_owned());
    if text.chars().any(|c| c.is_lowercase() || c == '/' || c == '-' || c.is_whitespace()) {
        let plain: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
        let what = format!("\"{text}\" is not how the venue writes a symbol");
        out.add(at, what, format!("write \"{}\"", plain.to_uppercase()));
        return None;
    }
    let name = SymbolName::new(text.as_bytes()).ok();
    if name.is_none() {
        out.add(at, "a symbol has 1 to 23 bytes", "write it like \"BTCUSDT\"");
    }
    name
}

/// `venue` and the pause between reconciliations bound what the engine may wait for.
pub(super) fn timing(
    mut s: Section<'_>,
    venue: Option<&Venue>,
    reconcile_every_ns: u64,
    out: &mut Mistakes<'_>,
) -> Timing {
    let mut timing = Timing::default();
    let mut ms = |key: &'static str, low: i64, high: i64, ns: &mut u64| {
        if let Some(ms) = s.integer(key, low..=high, out) {
            *ns = ms as u64 * MS_NS;
        }
    };
    ms("ack_timeout_ms", 10, 60_000, &mut timing.ack_timeout_ns);
    ms("query_interval_ms", 50, 60_000, &mut timing.query_interval_ns);
    ms("absent_grace_ms", 0, 60_000, &mut timing.absent_grace_ns);
    ms("feed_age_ms_max", 100, 600_000, &mut timing.feed_age_ns_max);
    ms("settle_ms", 100, 60_000, &mut timing.settle_ns);
    ms("command_age_ms_max", 100, 600_000, &mut timing.command_age_ns_max);
    ms("clock_jump_ms_max", 10, 60_000, &mut timing.clock_jump_ns_max);
    ms("verdict_age_ms_max", 100, 60_000, &mut timing.verdict_age_ns_max);
    ms("refusal_pause_ms", 0, 60_000, &mut timing.refusal_pause_ns);
    ms("truth_age_ms_max", 1_000, 3_600_000, &mut timing.truth_age_ns_max);
    let grace_ms = timing.absent_grace_ns / MS_NS;
    // The venue carries a request out until its window has passed, by the venue's clock.
    let latest_ms = venue.map_or(0, |v| u64::from(v.recv_window_ms) + v.clock_skew_ms_max as u64);
    if grace_ms < latest_ms {
        let what = format!(
            "timing.absent_grace_ms = {grace_ms}: an order given up then could be carried out after \
             {latest_ms} ms still (venue.recv_window_ms + venue.clock_skew_ms_max)"
        );
        let remedy = format!("use at least {latest_ms}, or a shorter venue.recv_window_ms");
        out.add(s.place("absent_grace_ms"), what, remedy);
    }
    let (age_ms, every_ms) = (timing.truth_age_ns_max / MS_NS, reconcile_every_ns / MS_NS);
    if age_ms < 2 * every_ms {
        let what = format!(
            "timing.truth_age_ms_max = {age_ms} is less than two pauses between reconciliations \
             ({every_ms} ms each)"
        );
        let remedy = format!("use at least {}", 2 * every_ms);
        out.add(s.place("truth_age_ms_max"), what, remedy);
    }
    s.finish(out);
    timing
}

pub(super) fn strategy(
    mut s: Section<'_>,
    environment: Environment,
    out: &mut Mistakes<'_>,
) -> Option<StrategyConfig> {
    let text = s.text("name", out);
    let text = required(text, &s, "name", "\"test\"", out)?;
    let at = s.place("name");
    let Some(mut strategy) = StrategyConfig::by_name(text) else {
        let all = StrategyConfig::NAMES;
        let remedy = match nearest(text, all) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("use one of {}", all.join(", ")),
        };
        out.add(at, format!("there is no strategy \"{text}\""), remedy);
        return None;
    };
    let allowed = environment.bounds().strategies;
    if !allowed.contains(&text) {
        let what = format!("strategy \"{text}\" may not run in {}", environment.name());
        out.add(at, what, format!("use {}", allowed.join(" or ")));
    }
    for (key, at, item) in s.entries().filter(|(key, ..)| *key != "name") {
        setting(&mut strategy, key, at, item, out);
    }
    Some(strategy)
}

/// Sets one key of a strategy.
fn setting(
    strategy: &mut StrategyConfig,
    key: &str,
    at: usize,
    item: &Item,
    out: &mut Mistakes<'_>,
) {
    let settings = strategy.settings();
    let Some(setting) = settings.iter().find(|setting| setting.key == key) else {
        let keys: Vec<&'static str> = settings.iter().map(|setting| setting.key).collect();
        let remedy = match other_unit(key, &keys).or_else(|| nearest(key, &keys)) {
            Some(known) => format!("did you mean {known}?"),
            None => format!("delete it; {} has {}", strategy.name(), keys.join(", ")),
        };
        out.add(at, format!("strategy.{key} is not a known key"), remedy);
        return;
    };
    let value_at = start(item.span());
    let text = item.as_value().and_then(decimal_text);
    let value = match (setting.kind, item.as_value()) {
        (SettingKind::Integer(..), Some(value)) => value.as_integer().map(SettingValue::Integer),
        (SettingKind::Decimal(..), Some(_)) => text
            .as_deref()
            .and_then(|text| parse_decimal(text.as_bytes()).ok())
            .map(SettingValue::Decimal),
        (SettingKind::Word(_), Some(value)) => value.as_str().map(SettingValue::Word),
        (_, None) => None,
    };
    let result = value.map_or(Err(SettingError::Kind), |value| strategy.set(key, value));
    if result.is_err() {
        let remedy = match setting.kind {
            SettingKind::Integer(low, high) => format!("use a whole number, {low} to {high}"),
            SettingKind::Decimal(low, high) => {
                format!("use a decimal, {} to {}", show(low), show(high))
            }
            SettingKind::Word(words) => format!("use one of {}", words.join(", ")),
        };
        let what = format!(
            "strategy.{key} = {} is not possible ({})",
            item.to_string().trim(),
            setting.meaning
        );
        out.add(value_at, what, remedy);
    }
}

pub(super) fn params(mut s: Section<'_>, out: &mut Mistakes<'_>) -> SignalParams {
    let mut params = engine::signal::DEFAULT_PARAMS;
    let weights = -10 * SCALE..=10 * SCALE;
    let hour_ms = 3_600_000;
    if let Some(weight) = s.decimal("microprice_weight", weights.clone(), out) {
        params.microprice_weight = weight;
    }
    if let Some(weight) = s.decimal("flow_weight", weights, out) {
        params.flow_weight = weight;
    }
    if let Some(ms) = s.integer("flow_half_life_ms", 1..=hour_ms, out) {
        params.flow_half_life_ns = ms as u64 * MS_NS;
    }
    if let Some(ms) = s.integer("variance_half_life_ms", 1..=hour_ms, out) {
        params.variance_half_life_ns = ms as u64 * MS_NS;
    }
    if let Some(threshold) = s.decimal("entry_threshold", 1..=20 * SCALE, out) {
        params.entry_threshold = threshold;
    }
    s.finish(out);
    params
}
