//! The terminal screen of a run.
//!
//! Drawn from [`Live`] and [`Frame`] alone, four times a second: who runs, whether the links live,
//! what the trader may do, prices and positions, money, fills, and how long a tick takes to become
//! an order. Everything fits 80 × 24; larger terminals show more fills, bars and log lines.

mod feeds;
mod guard;
mod latency;
mod limits;
mod panels;
mod top;

pub(crate) use top::{TopFrame, draw as draw_top};

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph, Widget};
use schema::{KillStep, StateReason, TradingState};

use crate::human;
use crate::live::Live;

/// How a child process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Not started yet.
    Waiting,
    /// Runs.
    Up,
    /// Ended when it was told to.
    Done,
    /// Ended on its own, or badly.
    Failed,
}

/// What the screen shows besides the run itself.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// Name of the instance.
    pub(crate) instance: String,
    /// Where the market comes from.
    pub(crate) market: String,
    /// What is going on: `starting`, `trading`, `stopping` …
    pub(crate) phase: String,
    /// Seconds traded.
    pub(crate) elapsed_s: u64,
    /// Seconds to trade, if they are known.
    pub(crate) total_s: Option<u64>,
    /// The processes.
    pub(crate) processes: Vec<(&'static str, Health)>,
    /// Address of the live page.
    pub(crate) page: Option<String>,
    /// Where files go.
    pub(crate) dir: String,
    /// Newest log lines, oldest first.
    pub(crate) log: Vec<String>,
    /// Wall clock now minus the trader's monotonic clock, to show ages: monotonic now, ns.
    pub(crate) now_mono_ns: u64,
}

const DIM: Style = Style::new().fg(Color::DarkGray);
const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red);
const WARN: Style = Style::new().fg(Color::Yellow);

/// Draws everything.
pub(crate) fn draw(area: Rect, buffer: &mut Buffer, live: &Live, frame: &Frame) {
    let symbols = live.info.symbols().len().max(1) as u16;
    let [head, top, table, middle, counters, guarded, log, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(6),
        Constraint::Length(symbols + 3),
        Constraint::Fill(3),
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area);
    draw_head(head, buffer, live, frame);
    let [links, account, equity] =
        Layout::horizontal([Constraint::Length(34), Constraint::Length(28), Constraint::Fill(1)])
            .areas(top);
    panels::links(links, buffer, live, frame.now_mono_ns);
    panels::account(account, buffer, live);
    panels::equity(equity, buffer, live);
    panels::symbols(table, buffer, live);
    let [bars, fills] =
        Layout::horizontal([Constraint::Percentage(48), Constraint::Fill(1)]).areas(middle);
    if live.guarded.kill_step() == KillStep::None {
        latency::draw(bars, buffer, live);
    } else {
        guard::kill(bars, buffer, &live.guarded);
    }
    panels::fills(fills, buffer, live);
    panels::counters(counters, buffer, live);
    guard::line(guarded, buffer, &live.guarded, frame.now_mono_ns);
    panels::log(log, buffer, frame);
    draw_foot(foot, buffer, frame);
}

/// A panel's frame.
fn panel(title: &str) -> Block<'_> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(DIM)
        .title(Span::styled(format!(" {title} "), Style::new().fg(Color::Reset).bold()))
}

/// Colour of a trading state.
fn state_style(state: Option<TradingState>) -> Style {
    match state {
        Some(TradingState::Armed) => GOOD,
        Some(TradingState::Reducing) => WARN,
        Some(TradingState::Halted) => BAD,
        Some(TradingState::Killed) => BAD.add_modifier(Modifier::REVERSED),
        Some(TradingState::Starting | TradingState::Reconciling) => Style::new().fg(Color::Cyan),
        None => DIM,
    }
}

/// The trading state a status holds.
pub(crate) fn trading_state(status: &schema::Status) -> Option<TradingState> {
    u8::try_from(status.trading_state).ok().and_then(TradingState::from_u8)
}

/// The reason of the last change a status holds.
pub(crate) fn state_reason(status: &schema::Status) -> Option<StateReason> {
    u8::try_from(status.state_reason).ok().and_then(StateReason::from_u8)
}

fn draw_head(area: Rect, buffer: &mut Buffer, live: &Live, frame: &Frame) {
    let [first, second] = Layout::vertical([Constraint::Length(1); 2]).areas(area);
    let state = trading_state(&live.status);
    let mut right = vec![];
    if live.status.mono_ns == 0 {
        right.push(Span::styled(format!("○ {} ", frame.phase), DIM));
    } else if let Some(state) = state {
        right.push(Span::styled(format!("● {state}"), state_style(Some(state)).bold()));
        let reason = state_reason(&live.status).map_or("?", StateReason::as_str);
        right.push(Span::styled(format!(" {reason} "), DIM));
    }
    let left = Line::from(vec![
        Span::styled(" SHRIKE ", Style::new().fg(Color::Black).bg(Color::Cyan).bold()),
        Span::raw(format!(" {}", frame.instance)).bold(),
        Span::styled(format!("  {}", frame.market), DIM),
    ]);
    left.render(first, buffer);
    Paragraph::new(Line::from(right)).right_aligned().render(right_part(first, 34), buffer);

    let mut processes = vec![Span::raw(" ")];
    for (name, health) in &frame.processes {
        let (mark, style) = match health {
            Health::Waiting => ("○", DIM),
            Health::Up => ("●", GOOD),
            Health::Done => ("✓", DIM),
            Health::Failed => ("✗", BAD),
        };
        processes.push(Span::styled(mark, style));
        processes.push(Span::raw(format!(" {name}  ")));
    }
    Line::from(processes).render(second, buffer);
    // A narrow terminal has no room for the phase beside the processes.
    let shown = if area.width < 90 { "" } else { &frame.phase };
    let line = Line::from(progress(frame, shown));
    Paragraph::new(line).right_aligned().render(right_part(second, 52), buffer);
}

/// The right end of a row, so that a long left part is cut and not overwritten letter by letter.
fn right_part(area: Rect, width: u16) -> Rect {
    let width = width.min(area.width);
    Rect { x: area.right() - width, width, ..area }
}

fn progress(frame: &Frame, phase: &str) -> Vec<Span<'static>> {
    const WIDTH: u64 = 20;
    let phase = Span::styled(format!("{phase}  "), DIM);
    let elapsed = Span::raw(human::clock(frame.elapsed_s));
    let Some(total) = frame.total_s else { return vec![phase, elapsed, Span::raw(" ")] };
    let done = (frame.elapsed_s.min(total) * WIDTH / total.max(1)) as usize;
    vec![
        phase,
        elapsed,
        Span::raw(" "),
        Span::styled("━".repeat(done), Style::new().fg(Color::Cyan)),
        Span::styled("━".repeat(WIDTH as usize - done), DIM),
        Span::raw(format!(" {} ", human::clock(total))),
    ]
}

fn draw_foot(area: Rect, buffer: &mut Buffer, frame: &Frame) {
    let mut spans =
        vec![Span::styled(" q ", Style::new().reversed()), Span::raw(" end the run cleanly   ")];
    if let Some(page) = &frame.page {
        spans.push(Span::styled("page ", DIM));
        spans.push(Span::styled(page.clone(), Style::new().fg(Color::Cyan)));
        spans.push(Span::raw("   "));
    }
    spans.push(Span::styled("files ", DIM));
    spans.push(Span::raw(frame.dir.clone()));
    Line::from(spans).render(area, buffer);
}

#[cfg(test)]
mod tests;
