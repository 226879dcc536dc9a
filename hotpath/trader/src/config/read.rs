//! Section by section: what a file holds, in which ranges, with which defaults.

use engine::strategy::{SettingError, SettingKind, SettingValue};
use engine::{Limits, StrategyConfig, SymbolLimits, Timing};
use schema::{Notional, Qty, SCALE, SYMBOLS_MAX, SignalParams, SymbolName, parse_decimal};
use toml_edit::{Document, Item, Value};

use super::reader::{
    Mistake, Mistakes, Section, decimal_text, looks_like_a_secret, nearest, other_unit, show, start,
};
use super::venue::{Use, check, example};
use super::*;

/// Largest amount a limit may name: a million.
const AMOUNT_MAX: i64 = 1_000_000 * SCALE;
const MS_NS: u64 = 1_000_000;

pub(super) fn config(file: &str, text: &str) -> Result<Config, Vec<Mistake>> {
    let mut out = Mistakes::new(file, text);
    let document = match Document::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let what = format!("not TOML: {}", error.message().replace('\n', ", "));
            out.add(start(error.span()), what, "correct the syntax here");
            return Err(out.finish());
        }
    };
    secrets(document.as_table(), &mut out);
    let config = whole(document.as_table(), &mut out);
    match config {
        Some(config) if out.is_empty() => Ok(config),
        _ => Err(out.finish()),
    }
}

/// Looks for values that are secrets, wherever they stand.
fn secrets(table: &toml_edit::Table, out: &mut Mistakes<'_>) {
    for (key, item) in table {
        match item {
            Item::Value(Value::String(text)) if looks_like_a_secret(text.value()) => out.add(
                start(item.span()),
                format!("the value of {key} looks like a secret"),
                "delete it here, revoke that key at the venue, and name a file of mode 0600 in \
                 keys.api_key_file and keys.api_secret_file",
            ),
            Item::Table(inner) => secrets(inner, out),
            Item::ArrayOfTables(tables) => tables.iter().for_each(|inner| secrets(inner, out)),
            _ => {}
        }
    }
}

fn whole(table: &toml_edit::Table, out: &mut Mistakes<'_>) -> Option<Config> {
    let mut root = Section::root(table);
    let environment = environment(&mut root, out);
    // With an unknown environment the other checks go on against the widest one.
    let bounds_of = environment.unwrap_or(Environment::Production);
    let instance = instance(&mut root, out);
    let venue = venue(root.table("venue", out), bounds_of, out);
    let keys = keys(root.table("keys", out), out);
    let account = account(root.table("account", out), bounds_of, out);
    let symbols = symbols(root.tables("symbol", out), out);
    let limits = limits(root.table("limits", out), account, bounds_of, out);
    let timing = timing(root.table("timing", out), out);
    let strategy = strategy(root.table("strategy", out), bounds_of, out);
    let params = params(root.table("signal", out), out);
    let require_verdict = guard(root.table("guard", out), out);
    let hot_loop = hot_loop(root.table("loop", out), out);
    let log = log(root.table("log", out), out);
    let journal = capacity(root.table("journal", out), 1 << 18, out);
    let market = capacity(root.table("market_ring", out), 1 << 18, out);
    let stop = stop(root.table("stop", out), out);
    root.finish(out);
    Some(Config {
        environment: environment?,
        instance: instance?,
        venue: venue?,
        keys,
        leverage: account?.leverage,
        symbols,
        limits: limits?,
        timing,
        strategy: strategy?,
        params,
        require_verdict,
        hot_loop,
        log: log?,
        journal_capacity_records: journal,
        market_capacity_records: market,
        stop,
    })
}

fn environment(root: &mut Section<'_>, out: &mut Mistakes<'_>) -> Option<Environment> {
    let words = Environment::ALL.map(|environment| (environment.name(), environment));
    let found = root.word("environment", &words, out);
    required(found, root, "environment", "\"paper\"", out)
}

fn instance(root: &mut Section<'_>, out: &mut Mistakes<'_>) -> Option<String> {
    let text = root.text("instance", out);
    let text = required(text, root, "instance", "\"paper\"", out)?;
    let is_fine = !text.is_empty()
        && text.len() <= 32
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if !is_fine {
        let what = format!("instance \"{text}\" cannot name shared-memory segments");
        let remedy = "use 1 to 32 lowercase letters, digits, - or _";
        out.add(root.place("instance"), what, remedy);
        return None;
    }
    Some(text.to_owned())
}

/// Reports a missing key; a wrong one was reported when it was read.
fn required<T>(
    value: Option<T>,
    section: &Section<'_>,
    key: &'static str,
    example: &str,
    out: &mut Mistakes<'_>,
) -> Option<T> {
    if value.is_none() && !section.has(key) {
        section.missing(key, example, out);
    }
    value
}

fn venue(mut s: Section<'_>, environment: Environment, out: &mut Mistakes<'_>) -> Option<Venue> {
    let mut url = |key: &'static str, for_use: Use, out: &mut Mistakes<'_>| {
        let shown = format!("\"{}\"", example(environment, for_use));
        let text = s.text(key, out);
        let text = required(text, &s, key, &shown, out)?;
        match check(text, for_use, environment) {
            Ok(()) => Some(text.trim_end_matches('/').to_owned()),
            Err((what, remedy)) => {
                out.add(s.place(key), format!("venue.{key}: {what}"), remedy);
                None
            }
        }
    };
    let rest_url = url("rest_url", Use::Rest, out);
    let market_url = url("market_url", Use::Market, out);
    let user_url = url("user_url", Use::User, out);
    let order_url = url("order_url", Use::Order, out);
    let ca_file = s.path_of("ca_file", out);
    let recv_window_ms = s.integer("recv_window_ms", 1..=60_000, out).unwrap_or(5_000) as u32;
    let depth_speed_ms = s.integer("depth_speed_ms", 100..=500, out).unwrap_or(100) as u32;
    if !matches!(depth_speed_ms, 100 | 250 | 500) {
        let what = format!("venue.depth_speed_ms = {depth_speed_ms} is not a speed of the venue");
        out.add(s.place("depth_speed_ms"), what, "use 100, 250 or 500");
    }
    let rest_timeout_ms = s.integer("rest_timeout_ms", 100..=60_000, out).unwrap_or(5_000) as u64;
    let start_timeout_ms = s.integer("start_timeout_ms", 0..=600_000, out).unwrap_or(30_000) as u64;
    let clock_skew_ms_max = s.integer("clock_skew_ms_max", 1..=900, out).unwrap_or(500);
    s.finish(out);
    Some(Venue {
        rest_url: rest_url?,
        market_url: market_url?,
        user_url: user_url?,
        order_url: order_url?,
        ca_file,
        recv_window_ms,
        depth_speed_ms,
        rest_timeout_ms,
        start_timeout_ms,
        clock_skew_ms_max,
    })
}

fn keys(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Keys {
    let keys = Keys {
        api_key_file: s.path_of("api_key_file", out),
        api_secret_file: s.path_of("api_secret_file", out),
        key_type: s
            .word("key_type", &[("hmac", KeyType::Hmac), ("ed25519", KeyType::Ed25519)], out)
            .unwrap_or(KeyType::Hmac),
    };
    s.finish(out);
    keys
}

#[derive(Clone, Copy)]
struct Account {
    capital: i64,
    leverage_max: i64,
    leverage: u32,
}

fn account(
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
    s.finish(out);
    Some(Account {
        capital: capital?,
        leverage_max: leverage_max?,
        leverage: u32::try_from(leverage?).ok()?,
    })
}

fn symbols(sections: Vec<Section<'_>>, out: &mut Mistakes<'_>) -> Vec<Symbol> {
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

fn limits(
    mut s: Section<'_>,
    account: Option<Account>,
    environment: Environment,
    out: &mut Mistakes<'_>,
) -> Option<Limits> {
    let exposure = s.decimal("exposure_max_usdt", 1..=AMOUNT_MAX, out);
    let price_collar_ppm = s.integer("price_collar_ppm", 1..=500_000, out).unwrap_or(5_000);
    let open_orders = s.integer("open_orders_max", 1..=200, out).unwrap_or(8);
    // The venue's own limits (PROTOCOL 6); the local venue of demo and bench may have others.
    let (most_10s, most_1m) =
        if environment == Environment::Demo { (1_000_000, 1_000_000) } else { (300, 1_200) };
    let messages_10s = s.integer("messages_10s_max", 1..=most_10s, out).unwrap_or(150);
    let messages_1m = s.integer("messages_1m_max", 1..=most_1m, out).unwrap_or(600);
    let reserve = s.integer("messages_cancel_reserve", 0..=299, out).unwrap_or(30);
    let ms = |s: &mut Section<'_>, key, default: i64, out: &mut Mistakes<'_>| {
        s.integer(key, 1..=3_600_000, out).unwrap_or(default) as u64 * MS_NS
    };
    let book_age_ns_max = ms(&mut s, "book_age_ms_max", 2_000, out);
    let feed_delay_ns_max = ms(&mut s, "feed_delay_ms_max", 2_000, out);
    let mark_age_ns_max = ms(&mut s, "mark_age_ms_max", 5_000, out);
    let duplicate_ms = s.integer("duplicate_window_ms", 0..=60_000, out).unwrap_or(0);
    let daily_loss = s.decimal("daily_loss_max_usdt", 1..=AMOUNT_MAX, out);
    let venue_rejects = s.integer("venue_rejects_max", 1..=1_000, out).unwrap_or(10);
    if reserve >= messages_10s || reserve >= messages_1m {
        let what = format!("limits.messages_cancel_reserve = {reserve} leaves nothing for orders");
        let at = s.place("messages_cancel_reserve");
        out.add(at, what, "use less than messages_10s_max and messages_1m_max");
    }
    if let (Some(loss), Some(account)) = (daily_loss, account)
        && loss > account.capital
    {
        let what = "limits.daily_loss_max_usdt is above the capital";
        let remedy = format!("use at most {}", show(account.capital));
        out.add(s.place("daily_loss_max_usdt"), what, remedy);
    }
    s.finish(out);
    let account = account?;
    let exposure_default = account.capital.saturating_mul(account.leverage_max);
    Some(Limits {
        capital: Notional::from_units(account.capital),
        exposure_max: Notional::from_units(exposure.unwrap_or(exposure_default)),
        leverage_max_e2: account.leverage_max as u64 * 100,
        price_collar_ppm,
        open_orders_max: open_orders as u32,
        messages_10s_max: messages_10s as u32,
        messages_1m_max: messages_1m as u32,
        messages_cancel_reserve: reserve as u32,
        book_age_ns_max,
        feed_delay_ns_max,
        mark_age_ns_max,
        duplicate_window_ns: duplicate_ms as u64 * MS_NS,
        // A tenth of the capital a day unless told otherwise.
        daily_loss_max: Notional::from_units(daily_loss.unwrap_or((account.capital / 10).max(1))),
        venue_rejects_max: venue_rejects as u32,
    })
}

fn timing(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Timing {
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
    s.finish(out);
    timing
}

fn strategy(
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

fn params(mut s: Section<'_>, out: &mut Mistakes<'_>) -> SignalParams {
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

fn guard(mut s: Section<'_>, out: &mut Mistakes<'_>) -> bool {
    let required = s.flag("require_verdict", out).unwrap_or(false);
    s.finish(out);
    required
}

fn hot_loop(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Loop {
    let waits = [Wait::Busy, Wait::Yield, Wait::Park].map(|wait| (wait.name(), wait));
    let hot_loop = Loop {
        wait: s.word("wait", &waits, out).unwrap_or(Wait::Yield),
        core: s.integer("core", 0..=1_023, out).map(|core| core as usize),
        turn_budget_us: s.integer("turn_budget_us", 1..=1_000_000, out).unwrap_or(100) as u64,
    };
    s.finish(out);
    hot_loop
}

fn log(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Option<Log> {
    let dir = s.path_of("dir", out);
    let dir = required(dir, &s, "dir", "\"logs\"", out);
    let levels = [
        ("error", log::LevelFilter::Error),
        ("warn", log::LevelFilter::Warn),
        ("info", log::LevelFilter::Info),
        ("debug", log::LevelFilter::Debug),
    ];
    let console_level = s.word("console_level", &levels, out).unwrap_or(log::LevelFilter::Info);
    s.finish(out);
    Some(Log { dir: dir?, console_level })
}

/// Records of a ring: 2^12 to 2^24, so 0.5 MiB to 2 GiB of shared memory.
fn capacity(mut s: Section<'_>, default: usize, out: &mut Mistakes<'_>) -> usize {
    let records = s.integer("capacity_records", 1 << 12..=1 << 24, out);
    if let Some(records) = records.filter(|records| records.count_ones() != 1) {
        let at = s.place("capacity_records");
        let what = format!("capacity_records = {records} is not a power of two");
        out.add(at, what, format!("use {}", (records as u64).next_power_of_two()));
    }
    s.finish(out);
    records.map_or(default, |records| records as usize)
}

fn stop(mut s: Section<'_>, out: &mut Mistakes<'_>) -> Stop {
    let stop = Stop {
        flatten_on_stop: s.flag("flatten_on_stop", out).unwrap_or(false),
        timeout_ms: s.integer("timeout_ms", 100..=120_000, out).unwrap_or(10_000) as u64,
    };
    s.finish(out);
    stop
}
