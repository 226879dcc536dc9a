//! The live page and its data.
//!
//! The page is one HTML file without outside resources; it reads `/live`, a server-sent event
//! stream of [`View`] as JSON, four times a second.

use schema::{Link, RunInfo, SCALE, Status, TradingState};
use serde::Serialize;

use crate::follow::{Followed, Line, mono_ns};
use crate::health::{Health, trading_state};
use crate::latency::{Percentiles, SPANS};

/// The page itself.
pub const PAGE: &str = include_str!("page.html");

/// One connection on the page.
#[derive(Debug, Serialize)]
pub struct LinkView {
    name: &'static str,
    up: bool,
    silence_ms: Option<u64>,
    frames: u64,
    connects: u64,
    decode_errors: u64,
}

/// One symbol on the page; money as exact decimal text.
#[derive(Debug, Serialize)]
pub struct SymbolView {
    name: String,
    bid: String,
    ask: String,
    mark: String,
    book_age_ms: u64,
    synced: bool,
    gaps: u64,
    position: String,
    entry: String,
    realized: String,
    unrealized: String,
    commission: String,
    open_orders: u64,
    orders: u64,
    fills: u64,
    signal: f64,
}

/// A span's percentiles on the page.
#[derive(Debug, Serialize)]
pub struct SpanView {
    name: &'static str,
    #[serde(flatten)]
    percentiles: Percentiles,
}

/// What the page shows.
#[derive(Debug, Serialize)]
pub struct View {
    health: Health,
    environment: String,
    build: String,
    pid: u64,
    state: &'static str,
    wait: &'static str,
    ticks: u64,
    orders: u64,
    cancels: u64,
    fills: u64,
    rejects: u64,
    venue_rejects: u64,
    open_orders: u64,
    unknown_orders: u64,
    equity: String,
    wallet: String,
    profit: String,
    exposure: f64,
    exposure_max: f64,
    turn_max_us: f64,
    turns: u64,
    over_budget: u64,
    journal_used: u64,
    journal_capacity: u64,
    hot_allocations: u64,
    links: Vec<LinkView>,
    symbols: Vec<SymbolView>,
    spans: Vec<SpanView>,
    recent: Percentiles,
    picture: Vec<(f64, u64)>,
    profits: Vec<f64>,
    events: Vec<Line>,
}

fn decimal(units: i64) -> String {
    schema::Notional::from_units(units).to_string()
}

fn links(status: &Status, now_ns: u64) -> Vec<LinkView> {
    status
        .links
        .iter()
        .zip(Link::ALL)
        .map(|(link, at)| LinkView {
            name: at.as_str(),
            up: link.up != 0,
            silence_ms: (link.last_frame_mono_ns > 0)
                .then(|| now_ns.saturating_sub(link.last_frame_mono_ns) / 1_000_000),
            frames: link.frames,
            connects: link.connects,
            decode_errors: link.decode_errors,
        })
        .collect()
}

fn symbols(status: &Status, info: &RunInfo) -> Vec<SymbolView> {
    info.symbols()
        .iter()
        .zip(&status.symbols)
        .map(|(info, symbol)| SymbolView {
            name: info.name.to_string(),
            bid: decimal(symbol.bid_price),
            ask: decimal(symbol.ask_price),
            mark: decimal(symbol.mark_price),
            book_age_ms: symbol.book_age_ns / 1_000_000,
            synced: symbol.book_synced != 0,
            gaps: symbol.book_gaps,
            position: decimal(symbol.position_qty),
            entry: decimal(symbol.entry_price),
            realized: decimal(symbol.realized_pnl),
            unrealized: decimal(symbol.unrealized_pnl),
            commission: decimal(symbol.commission),
            open_orders: symbol.open_orders,
            orders: symbol.orders,
            fills: symbol.fills,
            signal: symbol.signal as f64 / SCALE as f64,
        })
        .collect()
}

/// The view of this moment.
pub fn view(followed: &Followed) -> View {
    let now_ns = mono_ns();
    let status = followed.status.unwrap_or_default();
    let info = followed.info.unwrap_or_default();
    let latency = &followed.latency;
    View {
        health: followed.health(now_ns),
        environment: info.environment.to_string(),
        build: info.build.to_string(),
        pid: info.pid,
        state: trading_state(&status).map_or("unknown", TradingState::as_str),
        wait: ["busy", "yield", "park"].get(status.wait as usize).copied().unwrap_or("?"),
        ticks: status.ticks,
        orders: status.orders,
        cancels: status.cancels,
        fills: status.fills,
        rejects: status.rejects,
        venue_rejects: status.venue_rejects,
        open_orders: status.open_orders,
        unknown_orders: status.unknown_orders,
        equity: decimal(status.equity),
        wallet: decimal(status.wallet_balance),
        profit: decimal(status.equity.saturating_sub(status.wallet_at_start)),
        exposure: status.exposure_worst as f64 / SCALE as f64,
        exposure_max: status.exposure_max as f64 / SCALE as f64,
        turn_max_us: status.turn_max_ns as f64 / 1e3,
        turns: status.turns,
        over_budget: status.turns_over_budget,
        journal_used: status.journal_used,
        journal_capacity: status.journal_capacity,
        hot_allocations: status.hot_allocations,
        links: links(&status, now_ns),
        symbols: symbols(&status, &info),
        spans: SPANS
            .iter()
            .enumerate()
            .map(|(index, span)| SpanView {
                name: span.name,
                percentiles: latency.percentiles(index),
            })
            .collect(),
        recent: latency.recent(now_ns / 1_000_000_000, 60),
        picture: latency.picture(),
        profits: followed.profit.iter().copied().collect(),
        events: followed.recent.iter().cloned().collect(),
    }
}
