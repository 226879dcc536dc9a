//! The screen of `shrike top`: one run as it is, for as many lines as there are.
//!
//! 80 × 24 holds what a person needs to decide: state and causes, links, money, guard's word,
//! books and positions, the limits used most, latency. More room adds each connection, working
//! orders, fills and all limits.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};
use rings::Process;
use schema::{KillStep, RiskReason, StateReason};

use super::{BAD, DIM, GOOD, WARN, feeds, guard, latency, limits, panels, right_part};
use super::{state_reason, state_style, trading_state};
use crate::human;
use crate::live::Live;

/// A status older than this is a hung trader, ns; it publishes ten times a second.
const STALE_NS: u64 = 2_000_000_000;
/// From this size on everything has its own panel.
const WIDE: (u16, u16) = (110, 34);
/// Symbols shown at once on a small screen.
const PAGE_SMALL: usize = 3;

/// What is shown besides the run itself.
#[derive(Debug, Clone)]
pub(crate) struct TopFrame {
    /// Name of the instance.
    pub(crate) instance: String,
    /// Whether its trader lives.
    pub(crate) is_live: bool,
    /// The processes that told their build.
    pub(crate) processes: Vec<Process>,
    /// Which page of symbols, from zero; taken modulo how many there are.
    pub(crate) page: usize,
    /// Seconds from the trader's start to its last word.
    pub(crate) up_s: u64,
    /// Monotonic time now, ns.
    pub(crate) now_mono_ns: u64,
}

/// Draws everything.
pub(crate) fn draw(area: Rect, buffer: &mut Buffer, live: &Live, frame: &TopFrame) {
    if area.width >= WIDE.0 && area.height >= WIDE.1 {
        draw_wide(area, buffer, live, frame);
    } else {
        draw_small(area, buffer, live, frame);
    }
}

fn draw_small(area: Rect, buffer: &mut Buffer, live: &Live, frame: &TopFrame) {
    let shown = page(live, frame, PAGE_SMALL);
    let [head, top, table, middle, alerts, counters, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(6),
        Constraint::Length(shown.len().max(1) as u16 + 3),
        Constraint::Fill(1),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_head(head, buffer, live, frame);
    let [links, account, guarded] =
        Layout::horizontal([Constraint::Length(33), Constraint::Length(25), Constraint::Fill(1)])
            .areas(top);
    panels::links(links, buffer, live, frame.now_mono_ns);
    panels::account(account, buffer, live);
    guard::portfolio(guarded, buffer, &live.guarded, frame.now_mono_ns);
    panels::symbols_page(table, buffer, live, shown);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(62), Constraint::Fill(1)]).areas(middle);
    limits::draw(left, buffer, live);
    if live.guarded.kill_step() == KillStep::None {
        latency::draw(right, buffer, live);
    } else {
        guard::kill(right, buffer, &live.guarded);
    }
    draw_alerts(alerts, buffer, live, frame);
    panels::counters(counters, buffer, live);
    draw_foot(foot, buffer, live, frame, PAGE_SMALL);
}

fn draw_wide(area: Rect, buffer: &mut Buffer, live: &Live, frame: &TopFrame) {
    let shown = page(live, frame, schema::SYMBOLS_MAX);
    let [head, top, table, middle, bottom, alerts, counters, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(11),
        Constraint::Length(shown.len().max(1) as u16 + 3),
        Constraint::Fill(3),
        Constraint::Fill(2),
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_head(head, buffer, live, frame);
    let [links, money, guarded] =
        Layout::horizontal([Constraint::Length(60), Constraint::Length(28), Constraint::Fill(1)])
            .areas(top);
    feeds::draw(links, buffer, live, frame.now_mono_ns);
    let [account, equity] =
        Layout::vertical([Constraint::Length(6), Constraint::Fill(1)]).areas(money);
    panels::account(account, buffer, live);
    panels::equity(equity, buffer, live);
    guard::portfolio(guarded, buffer, &live.guarded, frame.now_mono_ns);
    panels::symbols_page(table, buffer, live, shown);
    let halves = [Constraint::Percentage(56), Constraint::Fill(1)];
    let [left, right] = Layout::horizontal(halves).areas(middle);
    limits::draw(left, buffer, live);
    latency::draw(right, buffer, live);
    let [left, right] = Layout::horizontal(halves).areas(bottom);
    panels::fills(left, buffer, live);
    if live.guarded.kill_step() == KillStep::None {
        panels::orders(right, buffer, live);
    } else {
        guard::kill(right, buffer, &live.guarded);
    }
    draw_alerts(alerts, buffer, live, frame);
    panels::counters(counters, buffer, live);
    draw_foot(foot, buffer, live, frame, schema::SYMBOLS_MAX);
}

/// The symbols of this page.
fn page(live: &Live, frame: &TopFrame, size: usize) -> std::ops::Range<usize> {
    let count = live.info.symbols().len();
    let first = frame.page % count.div_ceil(size).max(1) * size;
    first..(first + size).min(count)
}

/// Instance, environment and state; below, what keeps it from adding risk, and the processes.
fn draw_head(area: Rect, buffer: &mut Buffer, live: &Live, frame: &TopFrame) {
    let [first, second] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let status = &live.status;
    let left = Line::from(vec![
        Span::styled(" SHRIKE ", Style::new().fg(Color::Black).bg(Color::Cyan).bold()),
        Span::raw(format!(" {}", frame.instance)).bold(),
        Span::styled(format!("  {}  up {}", live.info.environment, uptime(frame.up_s)), DIM),
    ]);
    left.render(first, buffer);
    let state = trading_state(status);
    let mut right = vec![];
    match heartbeat(live, frame) {
        Heartbeat::Waiting => right.push(Span::styled("○ no status yet ", DIM)),
        Heartbeat::Dead => right.push(Span::styled(" ✗ trader is gone ", BAD.reversed())),
        Heartbeat::Hung(age) => {
            let text = format!(" ✗ trader silent for {} ", human::duration(age));
            right.push(Span::styled(text, BAD.add_modifier(Modifier::REVERSED)));
        }
        Heartbeat::Alive => {}
    }
    if let (Some(state), true) = (state, status.mono_ns != 0) {
        let reason = state_reason(status).map_or("?", StateReason::as_str);
        right.push(Span::styled(format!(" ● {state}"), state_style(Some(state)).bold()));
        right.push(Span::styled(format!(" {reason} "), DIM));
    }
    Paragraph::new(Line::from(right)).right_aligned().render(right_part(first, 60), buffer);
    draw_processes(second, buffer, frame);
}

/// Processes with their builds: one build is told once, several each.
fn draw_processes(area: Rect, buffer: &mut Buffer, frame: &TopFrame) {
    let mut builds: Vec<&str> = frame.processes.iter().map(|one| one.build.as_str()).collect();
    builds.sort_unstable();
    builds.dedup();
    let mut spans = vec![Span::raw(" ")];
    for process in &frame.processes {
        spans.push(Span::styled("● ", GOOD));
        spans.push(Span::raw(format!("{} ", process.name)));
        if builds.len() > 1 {
            spans.push(Span::styled(format!("{} ", process.build), WARN));
        }
        spans.push(Span::raw(" "));
    }
    if frame.processes.is_empty() {
        spans.push(Span::styled("no process of this instance has told its build", DIM));
    }
    Line::from(spans).render(area, buffer);
    if let [build] = builds[..] {
        let line = Line::styled(format!("{build} "), DIM);
        Paragraph::new(line).right_aligned().render(right_part(area, 28), buffer);
    }
}

/// `1:05`, `3 h 12`, `2 d 4 h`.
fn uptime(seconds: u64) -> String {
    match seconds {
        0..3_600 => human::clock(seconds),
        3_600..86_400 => format!("{} h {:02}", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

enum Heartbeat {
    /// It has not published.
    Waiting,
    /// It publishes.
    Alive,
    /// It lives and has not published for so long, ns.
    Hung(u64),
    /// It does not live.
    Dead,
}

fn heartbeat(live: &Live, frame: &TopFrame) -> Heartbeat {
    let age = frame.now_mono_ns.saturating_sub(live.status.mono_ns);
    match (live.status.mono_ns, frame.is_live) {
        (0, true) => Heartbeat::Waiting,
        (_, false) => Heartbeat::Dead,
        _ if age > STALE_NS => Heartbeat::Hung(age),
        _ => Heartbeat::Alive,
    }
}

/// What is on: causes of the trader's state, and guard's reasons.
fn draw_alerts(area: Rect, buffer: &mut Buffer, live: &Live, frame: &TopFrame) {
    let [first, second] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let mut spans = vec![Span::styled(" causes ", DIM)];
    let causes: Vec<&str> = live.status.causes().map(StateReason::as_str).collect();
    if causes.is_empty() {
        spans.push(Span::styled("none", GOOD));
    } else {
        spans.push(Span::styled(causes.join(", "), WARN));
    }
    Line::from(spans).render(first, buffer);
    let mut spans = vec![Span::styled(" alerts ", DIM)];
    let reasons: Vec<&str> = match &live.guarded.risk {
        Some(risk) => risk.reasons().map(RiskReason::as_str).collect(),
        None => vec![],
    };
    let unheard = live.guarded.risk.map_or(0, |risk| risk.alerts_undelivered);
    match (reasons.is_empty(), live.guarded.fresh_verdict(frame.now_mono_ns)) {
        (true, Some(_)) => spans.push(Span::styled("none", GOOD)),
        (true, None) => spans.push(Span::styled("guard says nothing", WARN)),
        (false, _) => spans.push(Span::styled(reasons.join(", "), BAD)),
    }
    if unheard > 0 {
        spans.push(Span::styled(format!("  {unheard} reached nobody"), BAD));
    }
    Line::from(spans).render(second, buffer);
}

fn draw_foot(area: Rect, buffer: &mut Buffer, live: &Live, frame: &TopFrame, size: usize) {
    let pages = live.info.symbols().len().div_ceil(size);
    let mut spans = vec![Span::styled(" q ", Style::new().reversed()), Span::raw(" quit   ")];
    if pages > 1 {
        spans.push(Span::styled(" s ", Style::new().reversed()));
        spans.push(Span::raw(format!(" symbols {} of {pages}   ", frame.page % pages + 1)));
    }
    spans.push(Span::styled("looks only; `shrike halt`, `flatten` and `kill` act", DIM));
    Line::from(spans).render(area, buffer);
}
