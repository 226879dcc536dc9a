//! The panels of the screen.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Sparkline, Table, Widget};
use schema::{
    AlgoUpdate, CONNECTIONS_PER_LINK, ConnectionState, ExecutionReport, Link, Price, Qty, Side,
    SymbolInfo, SymbolStatus,
};

use super::{BAD, DIM, Frame, GOOD, WARN, panel};
use crate::human;
use crate::live::Live;

/// A quiet link is worth a warning after this long, ns; mark prices come every second.
const LINK_QUIET_NS: u64 = 3_000_000_000;

fn gain_style(units: i64) -> Style {
    match units {
        0 => Style::new(),
        1.. => GOOD,
        _ => BAD,
    }
}

/// Connections, with frames and the age of the newest one.
pub(super) fn links(area: Rect, buffer: &mut Buffer, live: &Live, now_mono_ns: u64) {
    let block = panel("links");
    let inner = block.inner(area);
    block.render(area, buffer);
    let line = |link: &Link| link_line(*link, live, now_mono_ns);
    let lines: Vec<Line> = Link::ALL.iter().map(line).collect();
    Paragraph::new(lines).render(inner, buffer);
}

fn link_line(link: Link, live: &Live, now_mono_ns: u64) -> Line<'static> {
    let status = live.status.links[link as usize];
    if status.up == 0 {
        let mark = if status.connects == 0 { DIM } else { BAD };
        return Line::from(vec![
            Span::styled("○○", mark),
            Span::raw(format!(" {:<7}", link.as_str())),
            Span::styled("down", mark),
        ]);
    }
    let age = now_mono_ns.saturating_sub(status.last_frame_mono_ns);
    // Users and orders are silent when nothing happens; markets are not.
    let quiet = matches!(link, Link::Public | Link::Market) && age > LINK_QUIET_NS;
    let age = if status.last_frame_mono_ns == 0 { "-".to_owned() } else { human::duration(age) };
    let first = link as usize * CONNECTIONS_PER_LINK;
    let places = &live.status.connections[first..first + CONNECTIONS_PER_LINK];
    let ready = places.iter().filter(|one| one.state >= ConnectionState::Ready as u64).count();
    // Two stand, each for the other; one alone is worth a warning.
    let marks = match ready {
        0 | 1 => Span::styled("●○", WARN),
        _ => Span::styled("●●", if quiet { WARN } else { GOOD }),
    };
    Line::from(vec![
        marks,
        Span::raw(format!(" {:<7}", link.as_str())),
        Span::raw(format!("{:>11}", human::count(status.frames))),
        Span::styled(format!("{age:>10}"), if quiet { WARN } else { DIM }),
    ])
}

/// Money.
pub(super) fn account(area: Rect, buffer: &mut Buffer, live: &Live) {
    let block = panel("account USDT");
    let inner = block.inner(area);
    block.render(area, buffer);
    let status = &live.status;
    let row = |name: &str, text: String, style: Style| {
        let width = usize::from(inner.width).saturating_sub(12);
        Line::from(vec![
            Span::styled(format!(" {name:<10}"), DIM),
            Span::styled(format!("{text:>width$}"), style),
        ])
    };
    let fees = status.symbols.iter().map(|symbol| symbol.commission).sum::<i64>();
    let mut exposure =
        format!("{} of {}", whole(status.exposure_worst), whole(status.exposure_max));
    if exposure.len() + 12 > usize::from(inner.width) {
        exposure = whole(status.exposure_worst);
    }
    let lines = vec![
        row("equity", human::money(status.equity), Style::new().bold()),
        row("P&L", human::signed_money(live.pnl()), gain_style(live.pnl()).bold()),
        row("fees", human::money(fees), Style::new()),
        row("exposure", exposure, Style::new()),
    ];
    Paragraph::new(lines).render(inner, buffer);
}

/// Money in whole units.
fn whole(units: i64) -> String {
    human::count((units.max(0) / schema::SCALE) as u64)
}

/// Equity over time.
pub(super) fn equity(area: Rect, buffer: &mut Buffer, live: &Live) {
    let block = panel("equity");
    let inner = block.inner(area);
    block.render(area, buffer);
    let width = usize::from(inner.width);
    let skip = live.equity.len().saturating_sub(width);
    let seen: Vec<i64> = live.equity.iter().skip(skip).copied().collect();
    let (Some(low), Some(high)) = (seen.iter().min(), seen.iter().max()) else { return };
    // The lowest value keeps one eighth of a row, so that a line is seen from the first sample on.
    let span = (high - low).max(1);
    let floor = span / (i64::from(inner.height).max(1) * 8) + 1;
    let data: Vec<u64> = seen.iter().map(|value| (value - low + floor) as u64).collect();
    Sparkline::default()
        .data(&data)
        .max((span + floor) as u64)
        .style(gain_style(live.pnl()))
        .render(inner, buffer);
    let text = format!(" {} … {} ", human::money(*low), human::money(*high));
    if text.chars().count() + " equity ".len() + 2 <= usize::from(area.width) {
        let row = Rect { height: 1, width: area.width - 1, ..area };
        Paragraph::new(Line::styled(text, DIM)).right_aligned().render(row, buffer);
    }
}

/// A column of the symbols' table: title, width, and whether a narrow screen shows it.
type Column = (&'static str, u16, bool);

/// Widest terminal that gets the narrow table; all columns and their spaces need 114.
const NARROW: u16 = 113;
/// Terminals from here on get two spaces between columns.
const ROOMY: u16 = 126;
/// The columns, in the order of [`symbol_cells`].
const COLUMNS: [Column; 12] = [
    ("symbol", 9, true),
    ("bid", 10, true),
    ("ask", 10, true),
    ("position", 9, true),
    ("entry", 10, false),
    ("unreal.", 9, true),
    ("real.", 9, true),
    ("fees", 7, false),
    ("orders", 7, false),
    ("fills", 6, true),
    ("signal", 7, false),
    ("book", 8, true),
];

/// One row a symbol.
pub(super) fn symbols(area: Rect, buffer: &mut Buffer, live: &Live) {
    symbols_page(area, buffer, live, 0..schema::SYMBOLS_MAX);
}

/// Rows of some of the symbols.
pub(super) fn symbols_page(area: Rect, buffer: &mut Buffer, live: &Live, shown: Range<usize>) {
    let (skip, take) = (shown.start, shown.len());
    let fits = |(_, _, narrow): &Column| *narrow || area.width > NARROW;
    let columns: Vec<usize> = (0..COLUMNS.len()).filter(|at| fits(&COLUMNS[*at])).collect();
    let all = live.info.symbols().iter().zip(&live.status.symbols);
    let rows = all.skip(skip).take(take).map(|(info, status)| {
        let cells = symbol_cells(info, status);
        Row::new(columns.iter().map(|at| cells[*at].clone()).collect::<Vec<_>>())
    });
    let header = columns.iter().map(|at| {
        let line = Line::styled(COLUMNS[*at].0, DIM);
        Cell::from(if *at == 0 { line } else { line.right_aligned() })
    });
    Table::new(rows, columns.iter().map(|at| Constraint::Length(COLUMNS[*at].1)))
        .header(Row::new(header))
        .column_spacing(if area.width >= ROOMY { 2 } else { 1 })
        .block(panel("symbols"))
        .render(area, buffer);
}

fn symbol_cells(info: &SymbolInfo, status: &SymbolStatus) -> [Cell<'static>; 12] {
    let tick = human::decimals(info.tick_size);
    let step = human::decimals(info.step_size);
    let price = |units: i64| match units {
        0 => "-".to_owned(),
        _ => format!("{:.tick$}", Price::from_units(units)),
    };
    let position = Qty::from_units(status.position_qty);
    let book = if status.bid_price == 0 {
        ("-".to_owned(), DIM)
    } else if status.book_synced == 0 {
        ("no sync".to_owned(), WARN)
    } else {
        (human::duration(status.book_age_ns), DIM)
    };
    // An average has more digits than a price; the nearest tick is enough to look at.
    let tick_size = info.tick_size.max(1);
    let rounded = (status.entry_price + tick_size / 2) / tick_size * tick_size;
    let entry = if status.position_qty == 0 { 0 } else { rounded };
    let right = |text: String, style: Style| Cell::from(Line::styled(text, style).right_aligned());
    [
        Cell::from(Span::raw(info.name.as_str().to_owned()).bold()),
        right(price(status.bid_price), Style::new()),
        right(price(status.ask_price), Style::new()),
        right(format!("{position:.step$}"), gain_style(status.position_qty)),
        right(price(entry), DIM),
        right(human::signed_money(status.unrealized_pnl), gain_style(status.unrealized_pnl)),
        right(human::signed_money(status.realized_pnl), gain_style(status.realized_pnl)),
        right(human::money(status.commission), Style::new()),
        right(human::count(status.orders), Style::new()),
        right(human::count(status.fills), Style::new()),
        right(format!("{:+.2}", status.signal as f64 / schema::SCALE as f64), DIM),
        right(book.0, book.1),
    ]
}

/// Newest fills first.
pub(super) fn fills(area: Rect, buffer: &mut Buffer, live: &Live) {
    let block = panel("fills");
    let inner = block.inner(area);
    block.render(area, buffer);
    let is_narrow = inner.width < 50;
    let shown = live.recent_fills.iter().take(usize::from(inner.height));
    let lines: Vec<Line> = shown.map(|fill| fill_line(fill, live, is_narrow)).collect();
    if lines.is_empty() {
        Paragraph::new(Line::styled(" none yet", DIM)).render(inner, buffer);
    } else {
        Paragraph::new(lines).render(inner, buffer);
    }
}

/// One fill; a narrow panel leaves out milliseconds and profit.
fn fill_line(fill: &ExecutionReport, live: &Live, is_narrow: bool) -> Line<'static> {
    let info = live.info.symbols().get(fill.symbol.index());
    let (tick, step) = info
        .map_or((2, 3), |info| (human::decimals(info.tick_size), human::decimals(info.step_size)));
    let side = if fill.side == Side::Buy { GOOD } else { BAD };
    let time = human::time_of_day(fill.transaction_time.0);
    let time = if is_narrow { &time[..time.len().min(8)] } else { &time };
    let width = if is_narrow { 5 } else { 8 };
    let mut spans = vec![
        Span::styled(format!(" {time} "), DIM),
        Span::styled(format!("{:<4} ", fill.side.as_str()), side),
        Span::raw(format!("{:>width$} ", format!("{:.step$}", fill.last_qty))),
        Span::raw(format!("{:<8} ", live.symbol(fill.symbol))).bold(),
        Span::raw(format!("{:>width$}", format!("{:.tick$}", fill.last_price))),
    ];
    if !is_narrow {
        let pnl = fill.realized_pnl.units();
        spans.push(Span::styled(format!("{:>10}", human::small_gain(pnl)), gain_style(pnl)));
        spans.push(Span::styled(if fill.is_maker { " maker" } else { "" }, DIM));
    }
    Line::from(spans)
}

/// Orders that work, newest first.
pub(super) fn orders(area: Rect, buffer: &mut Buffer, live: &Live) {
    let block = panel("orders");
    let inner = block.inner(area);
    block.render(area, buffer);
    let line = |order: &ExecutionReport| {
        let info = live.info.symbols().get(order.symbol.index());
        let decimals = |units: Option<i64>, otherwise| units.map_or(otherwise, human::decimals);
        let tick = decimals(info.map(|info| info.tick_size), 2);
        let step = decimals(info.map(|info| info.step_size), 3);
        let side = if order.side == Side::Buy { GOOD } else { BAD };
        let left = Qty::from_units(order.qty.units() - order.cum_qty.units());
        let reduces = if order.reduce_only { " reduces" } else { "" };
        Line::from(vec![
            Span::styled(format!(" {:<4} ", order.side.as_str()), side),
            Span::raw(format!("{:>8} ", format!("{left:.step$}"))),
            Span::raw(format!("{:<8} ", live.symbol(order.symbol))).bold(),
            Span::raw(format!("{:>10} ", format!("{:.tick$}", order.price))),
            Span::styled(format!("{}{reduces}", order.time_in_force.as_str()), DIM),
        ])
    };
    let stop = |stop: &AlgoUpdate| {
        let info = live.info.symbols().get(stop.symbol.index());
        let tick = info.map_or(2, |info| human::decimals(info.tick_size));
        let side = if stop.side == Side::Buy { GOOD } else { BAD };
        let qty = if stop.close_position { "all".to_owned() } else { stop.qty.to_string() };
        Line::from(vec![
            Span::styled(format!(" {:<4} ", stop.side.as_str()), side),
            Span::raw(format!("{qty:>8} ")),
            Span::raw(format!("{:<8} ", live.symbol(stop.symbol))).bold(),
            Span::raw(format!("{:>10} ", format!("{:.tick$}", stop.trigger_price))),
            Span::styled(stop.order_type.as_str(), DIM),
        ])
    };
    let orders = live.working.values().rev().map(line);
    let stops = live.stops.values().rev().map(stop);
    let lines: Vec<Line> = orders.chain(stops).take(usize::from(inner.height)).collect();
    if lines.is_empty() {
        let told = match live.status.open_orders {
            0 => " none work".to_owned(),
            count => format!(" {count} work, from before this look"),
        };
        Paragraph::new(Line::styled(told, DIM)).render(inner, buffer);
    } else {
        Paragraph::new(lines).render(inner, buffer);
    }
}

/// Counters in one line.
pub(super) fn counters(area: Rect, buffer: &mut Buffer, live: &Live) {
    let status = &live.status;
    let mut spans = vec![];
    let mut left = usize::from(area.width);
    let mut add = |name: &str, text: String, style: Style| {
        // What does not fit is left out whole.
        left = left.saturating_sub(name.chars().count() + text.chars().count() + 2);
        if left > 0 {
            spans.push(Span::styled(format!(" {name} "), DIM));
            spans.push(Span::styled(text, style));
        }
    };
    let alarm = |value: u64, style: Style| if value == 0 { Style::new() } else { style };
    add("ticks", human::count(status.ticks), Style::new().bold());
    add("orders", human::count(status.orders), Style::new().bold());
    add("fills", human::count(status.fills), Style::new().bold());
    add("working", human::count(status.open_orders), Style::new());
    add("cancels", human::count(status.cancels), Style::new());
    add("refused", human::count(status.rejects), Style::new());
    let rejects = status.venue_rejects;
    add("venue refused", human::count(rejects), alarm(rejects, WARN));
    add("unknown", human::count(status.unknown_orders), alarm(status.unknown_orders, WARN));
    let used = status.journal_used * 100 / status.journal_capacity.max(1);
    add("journal", format!("{used} %"), if used >= 75 { BAD } else { Style::new() });
    add("alloc", human::count(status.hot_allocations), alarm(status.hot_allocations, BAD));
    add("turn max", human::duration(status.turn_max_ns), Style::new());
    Line::from(spans).render(area, buffer);
}

/// Newest log lines.
pub(super) fn log(area: Rect, buffer: &mut Buffer, frame: &Frame) {
    let [rule, body] = Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    let title = format!("── log {}", "─".repeat(usize::from(area.width).saturating_sub(7)));
    Line::styled(title, DIM).render(rule, buffer);
    let skip = frame.log.len().saturating_sub(usize::from(body.height));
    let lines: Vec<Line> = frame.log.iter().skip(skip).map(|line| log_line(line)).collect();
    Paragraph::new(lines).render(body, buffer);
}

fn log_line(text: &str) -> Line<'static> {
    let style = if text.contains("ERROR") {
        BAD
    } else if text.contains("WARN") {
        WARN
    } else {
        Style::new().fg(Color::Gray)
    };
    Line::styled(format!(" {}", without_date(text)), style)
}

/// A line without the calendar date in it: a run is of today, and the line is short.
fn without_date(text: &str) -> String {
    let is_date = |at: usize| {
        let bytes = text.as_bytes();
        let date = bytes.get(at..at + 11);
        date.is_some_and(|date| {
            date.iter().enumerate().all(|(index, byte)| match index {
                4 | 7 => *byte == b'-',
                10 => matches!(byte, b' ' | b'T'),
                _ => byte.is_ascii_digit(),
            })
        })
    };
    match (0..text.len().min(16)).find(|at| is_date(*at)) {
        Some(at) => format!("{}{}", &text[..at], &text[at + 11..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_lose_their_date_and_nothing_else() {
        let cases = [
            ("trader   2026-11-22 23:24:02.1 - INFO - x", "trader   23:24:02.1 - INFO - x"),
            ("persist  2026-11-22T23:24:11Z INFO x", "persist  23:24:11Z INFO x"),
            ("shrike   trading", "shrike   trading"),
            ("", ""),
            ("vénue → 2026", "vénue → 2026"),
        ];
        for (line, expected) in cases {
            assert_eq!(without_date(line), expected);
        }
    }
}
