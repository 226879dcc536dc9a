//! The text Prometheus scrapes: every metric of the system, named `shrike_…`.
//!
//! Values are read from the newest status when scraped, so that a scrape costs the trader nothing.
//! Counters start at zero with the trader's boot, as Prometheus expects of a restarted process.

use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use prometheus::{Encoder, TextEncoder};
use schema::{
    CONNECTIONS_PER_LINK, ConnectionStatus, Link, PortfolioRisk, RunInfo, SCALE, Status,
    TradingState, Verdict,
};

use rings::Process;

use crate::follow::Counts;
use crate::health::Health;
use crate::latency::{BUCKETS_NS, Latency, SPANS};

mod control;
mod guard;

/// All that a scrape shows.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Newest status.
    pub status: Option<&'a Status>,
    /// Run information.
    pub info: Option<&'a RunInfo>,
    /// guard's word, if a guard ever gave one.
    pub verdict: Option<&'a Verdict>,
    /// guard's numbers.
    pub portfolio: Option<&'a PortfolioRisk>,
    /// Living processes of the instance.
    pub processes: &'a [Process],
    /// Histograms.
    pub latency: &'a Latency,
    /// Counts from the journal.
    pub counts: &'a Counts,
    /// Judgement of the moment.
    pub health: &'a Health,
    /// Monotonic clock, ns.
    pub now_ns: u64,
}

/// Collects families in the order they are shown.
#[derive(Default)]
struct Families(Vec<MetricFamily>);

fn labels(pairs: &[(&str, &str)]) -> Vec<LabelPair> {
    pairs
        .iter()
        .map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name((*name).to_owned());
            label.set_value((*value).to_owned());
            label
        })
        .collect()
}

impl Families {
    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> &mut MetricFamily {
        let at = self.0.iter().position(|family| family.name() == name).unwrap_or_else(|| {
            let mut family = MetricFamily::default();
            family.set_name(name.to_owned());
            family.set_help(help.to_owned());
            family.set_field_type(kind);
            self.0.push(family);
            self.0.len() - 1
        });
        &mut self.0[at]
    }

    fn push(&mut self, name: &str, help: &str, kind: MetricType, metric: Metric) {
        let family = self.family(name, help, kind);
        let mut metrics = family.take_metric();
        metrics.push(metric);
        family.set_metric(metrics);
    }

    fn counter(&mut self, name: &str, help: &str, pairs: &[(&str, &str)], value: u64) {
        let mut counter = Counter::default();
        counter.set_value(value as f64);
        let mut metric = Metric::from_label(labels(pairs));
        metric.set_counter(counter);
        self.push(name, help, MetricType::COUNTER, metric);
    }

    fn gauge(&mut self, name: &str, help: &str, pairs: &[(&str, &str)], value: f64) {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        let mut metric = Metric::from_label(labels(pairs));
        metric.set_gauge(gauge);
        self.push(name, help, MetricType::GAUGE, metric);
    }
}

fn money(units: i64) -> f64 {
    units as f64 / SCALE as f64
}

/// The exposition text.
///
/// # Errors
/// If the encoder refuses a family, which a test shows it does not.
pub fn text(shown: Shown<'_>) -> prometheus::Result<String> {
    let mut families = Families::default();
    let healthy = f64::from(u8::from(shown.health.healthy));
    families.gauge("shrike_healthy", "1 when /health answers 200.", &[], healthy);
    if let Some(info) = shown.info {
        let pairs = [("environment", info.environment.as_str()), ("build", info.build.as_str())];
        families.gauge("shrike_build_info", "Always 1; says what runs.", &pairs, 1.0);
    }
    latency(&mut families, shown.latency, shown.now_ns);
    journal(&mut families, shown.counts);
    control::processes(&mut families, shown.processes);
    guard::verdict(&mut families, shown.verdict, shown.now_ns);
    if let Some(portfolio) = shown.portfolio {
        guard::portfolio(&mut families, portfolio, shown.info, shown.now_ns);
    }
    if let Some(status) = shown.status {
        control::account(&mut families, status);
        trader(&mut families, status, shown.now_ns);
        links(&mut families, status, shown.now_ns);
        faults(&mut families, status);
        for (info, index) in shown.info.iter().flat_map(|info| info.symbols()).zip(0..) {
            symbol(&mut families, info.name.as_str(), status, index);
            control::symbol(&mut families, info.name.as_str(), status, index);
        }
    }
    let mut out = Vec::new();
    TextEncoder::new().encode(&families.0, &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn latency(families: &mut Families, latency: &Latency, now_ns: u64) {
    let help = "Time of one part of the way from tick to order; only ticks that led to an order. \
                stage=tick_to_order is from the return of read() to the call of write().";
    for (index, span) in SPANS.iter().enumerate() {
        let counts = latency.buckets(index);
        let mut histogram = Histogram::default();
        histogram.set_sample_count(counts.count);
        histogram.set_sample_sum(counts.sum_s);
        let buckets = BUCKETS_NS
            .iter()
            .zip(&counts.cumulative)
            .map(|(bound, count)| {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound as f64 / 1e9);
                bucket.set_cumulative_count(*count);
                bucket
            })
            .collect();
        histogram.set_bucket(buckets);
        let mut metric = Metric::from_label(labels(&[("stage", span.name)]));
        metric.set_histogram(histogram);
        families.push("shrike_stage_seconds", help, MetricType::HISTOGRAM, metric);
    }
    let help = "Exact tick-to-order percentile of a window, from HDR histograms.";
    for (window, seconds) in [("10s", 10), ("60s", 60)] {
        let recent = latency.recent(now_ns / 1_000_000_000, seconds);
        let values = [
            ("0.5", recent.p50),
            ("0.9", recent.p90),
            ("0.99", recent.p99),
            ("0.999", recent.p999),
            ("1", recent.max),
        ];
        for (quantile, ns) in values {
            let pairs = [("window", window), ("quantile", quantile)];
            families.gauge("shrike_tick_to_order_seconds", help, &pairs, ns as f64 / 1e9);
        }
    }
    let help = "Orders whose stage stamps could not be used.";
    families.counter("shrike_stages_unusable_total", help, &[], latency.unusable);
}

fn journal(families: &mut Families, counts: &Counts) {
    let help = "Journal records read here, by kind.";
    for (kind, count) in counts.kinds() {
        families.counter("shrike_journal_records_total", help, &[("kind", kind.as_str())], count);
    }
    let help = "Changes of the trading state, by reason.";
    for (reason, count) in counts.state_changes() {
        families.counter("shrike_state_changes_total", help, &[("reason", reason.as_str())], count);
    }
    let help = "Journal records overwritten before this process read them; metrics does not gate.";
    families.counter("shrike_metrics_lost_records_total", help, &[], counts.lost);
    let help = "Records this build could not read.";
    families.counter("shrike_metrics_bad_records_total", help, &[], counts.bad);
}

fn trader(families: &mut Families, status: &Status, now_ns: u64) {
    let counters: [(&str, &str, u64); 11] = [
        ("shrike_turns_total", "Turns of the hot loop.", status.turns),
        ("shrike_turns_over_budget_total", "Turns over the budget.", status.turns_over_budget),
        ("shrike_ticks_total", "Market events consumed.", status.ticks),
        ("shrike_orders_total", "Orders sent.", status.orders),
        ("shrike_cancels_total", "Cancels sent.", status.cancels),
        ("shrike_fills_total", "Fills booked.", status.fills),
        ("shrike_engine_rejects_total", "Orders the engine refused.", status.rejects),
        ("shrike_venue_rejects_total", "Orders the venue refused.", status.venue_rejects),
        ("shrike_log_dropped_total", "Log lines lost to a full queue.", status.log_dropped),
        (
            "shrike_hot_allocations_total",
            "Allocations on the hot thread outside the TLS scope; must stay 0.",
            status.hot_allocations,
        ),
        (
            "shrike_tls_allocations_total",
            "Allocations inside the exempt TLS scope.",
            status.tls_allocations,
        ),
    ];
    for (name, help, value) in counters {
        families.counter(name, help, &[], value);
    }
    let age = now_ns.saturating_sub(status.mono_ns) as f64 / 1e9;
    let gauges: [(&str, &str, f64); 12] = [
        ("shrike_heartbeat_age_seconds", "Age of the hot thread's newest status.", age),
        ("shrike_turn_max_seconds", "Longest turn since start.", status.turn_max_ns as f64 / 1e9),
        ("shrike_turn_budget_seconds", "Budget of a turn.", status.turn_budget_ns as f64 / 1e9),
        ("shrike_wallet_usdt", "Wallet balance.", money(status.wallet_balance)),
        ("shrike_equity_usdt", "Wallet plus unrealised profit.", money(status.equity)),
        (
            "shrike_profit_usdt",
            "Equity less the wallet at start.",
            money(status.equity.saturating_sub(status.wallet_at_start)),
        ),
        (
            "shrike_exposure_worst_usdt",
            "Gross exposure if every working order fills.",
            money(status.exposure_worst),
        ),
        ("shrike_exposure_max_usdt", "Limit of that exposure.", money(status.exposure_max)),
        ("shrike_open_orders", "Working orders.", status.open_orders as f64),
        ("shrike_unknown_orders", "Orders of unknown outcome.", status.unknown_orders as f64),
        (
            "shrike_journal_unread_records",
            "Records persist has not taken.",
            status.journal_used as f64,
        ),
        (
            "shrike_journal_capacity_records",
            "Records the journal holds.",
            status.journal_capacity as f64,
        ),
    ];
    for (name, help, value) in gauges {
        families.gauge(name, help, &[], value);
    }
    for state in TradingState::ALL {
        let now = f64::from(u8::from(status.trading_state == *state as u64));
        let help = "1 for the trading state in force.";
        families.gauge("shrike_trading_state", help, &[("state", state.as_str())], now);
    }
}

/// What went wrong and was dealt with: every counter and gauge there is.
fn faults(families: &mut Families, status: &Status) {
    for counter in schema::Counter::ALL {
        let name = format!("shrike_{}_total", counter.as_str());
        families.counter(&name, counter.help(), &[], status.counters[*counter]);
    }
    for gauge in schema::Gauge::ALL {
        let name = format!("shrike_{}", gauge.as_str());
        families.gauge(&name, gauge.help(), &[], status.gauges[*gauge] as f64);
    }
}

fn links(families: &mut Families, status: &Status, now_ns: u64) {
    for (link, at) in status.links.iter().zip(Link::ALL) {
        let pairs = [("link", at.as_str())];
        families.gauge("shrike_link_up", "1 when the connection is open.", &pairs, link.up as f64);
        let help = "Time since the last frame.";
        let silence = now_ns.saturating_sub(link.last_frame_mono_ns) as f64 / 1e9;
        if link.last_frame_mono_ns > 0 {
            families.gauge("shrike_link_silence_seconds", help, &pairs, silence);
        }
        families.counter("shrike_link_frames_total", "Frames received.", &pairs, link.frames);
        families.counter("shrike_link_bytes_total", "Bytes received.", &pairs, link.bytes);
        families.counter("shrike_link_connects_total", "Connections made.", &pairs, link.connects);
        let help = "Frames that could not be read.";
        families.counter("shrike_link_decode_errors_total", help, &pairs, link.decode_errors);
    }
    for (index, one) in status.connections.iter().enumerate().filter(|(_, c)| c.connects > 0) {
        connection(families, index, one, now_ns);
    }
}

/// One place for a connection, once it was used.
fn connection(families: &mut Families, index: usize, one: &ConnectionStatus, now_ns: u64) {
    let place = (index % CONNECTIONS_PER_LINK).to_string();
    let link = Link::ALL[index / CONNECTIONS_PER_LINK].as_str();
    let pairs = [("link", link), ("place", place.as_str())];
    let help = "0 none, 1 open, 2 ready, 3 orders leave on it.";
    families.gauge("shrike_connection_state", help, &pairs, one.state as f64);
    let age = if one.opened_mono_ns == 0 { 0 } else { now_ns.saturating_sub(one.opened_mono_ns) };
    families.gauge("shrike_connection_age_seconds", "Its age.", &pairs, age as f64 / 1e9);
    let help = "By how much it is ahead of the other when it is first, on average.";
    families.gauge("shrike_connection_lead_seconds", help, &pairs, one.lead_ns as f64 / 1e9);
    let counters = [
        ("shrike_connection_frames_total", "Frames received.", one.frames),
        ("shrike_connection_connects_total", "Connections made.", one.connects),
        ("shrike_connection_wins_total", "Market messages it brought first.", one.wins),
        (
            "shrike_connection_duplicates_total",
            "Market messages it brought second.",
            one.duplicates,
        ),
    ];
    for (metric, help, value) in counters {
        families.counter(metric, help, &pairs, value);
    }
}

fn symbol(families: &mut Families, name: &str, status: &Status, index: usize) {
    let Some(symbol) = status.symbols.get(index) else { return };
    let pairs = [("symbol", name)];
    let gauges: [(&str, &str, f64); 12] = [
        ("shrike_bid_price", "Best bid.", money(symbol.bid_price)),
        ("shrike_ask_price", "Best ask.", money(symbol.ask_price)),
        ("shrike_mark_price", "Mark price.", money(symbol.mark_price)),
        ("shrike_book_age_seconds", "Age of the book.", symbol.book_age_ns as f64 / 1e9),
        ("shrike_book_synced", "1 when the depth book is in sync.", symbol.book_synced as f64),
        ("shrike_position_qty", "Signed position.", money(symbol.position_qty)),
        ("shrike_entry_price", "Average entry price.", money(symbol.entry_price)),
        ("shrike_realized_pnl_usdt", "Realised profit before fees.", money(symbol.realized_pnl)),
        ("shrike_unrealized_pnl_usdt", "Unrealised profit.", money(symbol.unrealized_pnl)),
        ("shrike_commission_usdt", "Commission paid.", money(symbol.commission)),
        ("shrike_symbol_open_orders", "Working orders.", symbol.open_orders as f64),
        ("shrike_signal", "Newest signal.", money(symbol.signal)),
    ];
    for (metric, help, value) in gauges {
        families.gauge(metric, help, &pairs, value);
    }
    let counters: [(&str, &str, u64); 4] = [
        ("shrike_symbol_events_total", "Market events.", symbol.events),
        ("shrike_symbol_orders_total", "Orders sent.", symbol.orders),
        ("shrike_symbol_fills_total", "Fills booked.", symbol.fills),
        ("shrike_book_gaps_total", "Gaps found in the book's updates.", symbol.book_gaps),
    ];
    for (metric, help, value) in counters {
        families.counter(metric, help, &pairs, value);
    }
}

#[cfg(test)]
mod tests;
