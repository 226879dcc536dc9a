//! The tick-to-order panel: percentiles and bars.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use super::{DIM, panel};
use crate::human;
use crate::live::{Bars, Live, bars};

/// Width of the label in front of a bar, and of the count behind it.
const LABEL: usize = 10;
const COUNT: usize = 8;

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, live: &Live) {
    let block = panel("tick → order");
    let inner = block.inner(area);
    block.render(area, buffer);
    let Some(percentiles) = live.percentiles() else {
        Paragraph::new(Line::styled(" no order yet", DIM)).render(inner, buffer);
        return;
    };
    let count = format!(" n {} ", human::count(live.tick_to_order.len()));
    let title = Rect { height: 1, width: area.width.saturating_sub(1), ..area };
    Paragraph::new(Line::styled(count, DIM)).right_aligned().render(title, buffer);
    let mut lines = vec![headline(percentiles, usize::from(inner.width))];
    let rows = usize::from(inner.height).saturating_sub(lines.len());
    let width = usize::from(inner.width).saturating_sub(LABEL + COUNT + 2);
    lines.extend(bar_lines(&fit(bars(&live.tick_to_order), rows), width));
    Paragraph::new(lines).render(inner, buffer);
}

/// The percentiles; a narrow panel leaves p90 out.
fn headline([p50, p90, p99, max]: [u64; 4], width: usize) -> Line<'static> {
    let mut spans = vec![];
    for (name, ns) in [("p50", p50), ("p90", p90), ("p99", p99), ("max", max)] {
        if name == "p90" && width < 50 {
            continue;
        }
        spans.push(Span::styled(format!(" {name} "), DIM));
        spans.push(Span::raw(human::duration(ns)).bold());
    }
    Line::from(spans)
}

/// Joins the neighbours that hold least until there are at most `rows`.
fn fit(mut bars: Bars, rows: usize) -> Bars {
    while bars.counts.len() > rows.max(1) {
        let pairs = 0..bars.counts.len() - 1;
        let least = pairs.min_by_key(|at| bars.counts[*at] + bars.counts[*at + 1]).unwrap_or(0);
        let joined = bars.counts.remove(least);
        bars.upper_ns.remove(least);
        bars.counts[least] += joined;
    }
    bars
}

fn bar_lines(bars: &Bars, width: usize) -> Vec<Line<'static>> {
    let highest = bars.counts.iter().copied().max().unwrap_or(0).max(1);
    let mut lines = vec![];
    let mut lower = 0;
    for (upper, count) in bars.upper_ns.iter().zip(&bars.counts) {
        let label = if *upper == u64::MAX {
            format!("more {}", short(lower))
        } else {
            format!("≤ {}", short(*upper))
        };
        lines.push(Line::from(vec![
            Span::styled(format!("{label:>LABEL$} "), DIM),
            Span::styled(bar(*count, highest, width), Style::new().fg(Color::Cyan)),
            Span::raw(format!("{:>COUNT$}", human::count(*count))),
        ]));
        lower = *upper;
    }
    lines
}

/// `1.5 µs`, `20 µs`: bounds are round numbers.
fn short(ns: u64) -> String {
    match ns {
        0..=999_999 => format!("{} µs", ns as f64 / 1e3),
        _ => format!("{} ms", ns as f64 / 1e6),
    }
}

/// A bar with eighths of a cell, so that it visibly moves.
pub(super) fn bar(count: u64, highest: u64, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (u128::from(count) * (width as u128 * 8) / u128::from(highest)) as usize;
    let mut text = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        text.push(EIGHTHS[eighths % 8]);
    } else if eighths == 0 && count > 0 {
        text.push('▏');
    }
    let drawn = text.chars().count();
    text.push_str(&" ".repeat(width.saturating_sub(drawn)));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(bar(8, 8, 4), "████");
        assert_eq!(bar(4, 8, 4), "██  ");
        assert_eq!(bar(1, 8, 4), "▌   ");
        assert_eq!(bar(1, 1_000_000, 4), "▏   ");
        assert_eq!(bar(0, 8, 4), "    ");
    }

    #[test]
    fn too_many_bars_are_joined_where_least_is_lost() {
        let upper_ns = vec![1_000, 2_000, 3_000, u64::MAX];
        let bars = Bars { upper_ns, counts: vec![1, 1, 300, 2] };
        let fitted = fit(bars, 2);
        assert_eq!(fitted.upper_ns, [3_000, u64::MAX]);
        assert_eq!(fitted.counts, [302, 2]);
        let one = fit(fitted, 0);
        assert_eq!(one.counts, [304]);
    }
}
