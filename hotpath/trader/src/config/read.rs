//! Section by section: what a file holds, in which ranges, with which defaults.

use toml_edit::{Document, Item, Value};

use super::limits::limits;
use super::links::links;
use super::reader::{Mistake, Mistakes, Section, looks_like_a_secret, start};
use super::safety::{dead_man, safety};
use super::switch::{enabled, switch, verdict};
use super::trading::{account, params, strategy, symbols, timing};
use super::venue::{Use, check, example};
use super::*;

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
    let config = whole(Path::new(file), document.as_table(), &mut out);
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

fn whole(file: &Path, table: &toml_edit::Table, out: &mut Mistakes<'_>) -> Option<Config> {
    let mut root = Section::root(table);
    let environment = environment(&mut root, out);
    // With an unknown environment the other checks go on against the widest one.
    let bounds_of = environment.unwrap_or(Environment::Production);
    let instance = instance(&mut root, out);
    let venue = venue(root.table("venue", out), bounds_of, out);
    let keys = keys(root.table("keys", out), out);
    let mut links = links(root.table("links", out), out);
    links.session.needs_logon = keys.key_type == KeyType::Ed25519;
    let account = account(root.table("account", out), bounds_of, out);
    if let Some(every_ns) = account.and_then(|account| account.reconcile_every_ns) {
        links.session.reconcile_every_ns = every_ns;
    }
    let symbols = symbols(root.tables("symbol", out), out);
    let limits = limits(root.table("limits", out), account, bounds_of, out);
    let mut safety = safety(root.table("safety", out), out);
    let dead_man = dead_man(root.table("dead_man", out), out);
    safety.require_dead_man = dead_man.countdown_ms > 0;
    let reconcile_every_ns = links.session.reconcile_every_ns;
    let timing = timing(root.table("timing", out), venue.as_ref(), reconcile_every_ns, out);
    let strategy = strategy(root.table("strategy", out), bounds_of, out);
    let params = params(root.table("signal", out), out);
    let require_verdict = verdict(root.table("guard", out), out);
    let switch = switch(file, root.table("kill", out), out);
    let is_enabled = enabled(root.table("start", out), bounds_of, out);
    // Other processes' own: guard and the command for people read and check them.
    root.leave("alert");
    root.leave("release");
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
        links,
        leverage: account?.leverage,
        symbols,
        limits: limits?,
        timing,
        safety,
        dead_man,
        strategy: strategy?,
        params,
        require_verdict,
        is_enabled,
        switch,
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
pub(super) fn required<T>(
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
    let recv_window_ms = s.integer("recv_window_ms", 1..=60_000, out).unwrap_or(2_000) as u32;
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
