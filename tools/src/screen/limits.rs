//! How much of each limit is used, as bars.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};
use schema::{LimitKind, LimitUnit, LimitUse, SCALE};

use super::latency::bar;
use super::{BAD, DIM, GOOD, WARN, panel};
use crate::human;
use crate::live::Live;

/// Width of a limit's name, and of the figures behind its bar.
const NAME: usize = 21;
const FIGURES: usize = 18;
/// From this share on a bar is yellow, and red; per mille.
const WARN_FROM: u64 = 600;
const BAD_FROM: u64 = 850;

/// One limit with its name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    name: String,
    kind: LimitKind,
    of: LimitUse,
}

impl Row {
    /// How much is used, per mille; over 1,000 beyond it.
    fn share(&self) -> u64 {
        let (used, limit) = (self.of.used.max(0), self.of.limit.max(0));
        // For a floor: how near what there is has come to it.
        let (part, whole) = if self.kind.is_floor() { (limit, used) } else { (used, limit) };
        match (part, whole) {
            (0, _) => 0,
            (_, 0) => 1_000,
            _ => (i128::from(part) * 1_000 / i128::from(whole)).min(9_999) as u64,
        }
    }
    /// Whether a person set it: what bounds nothing is not worth a line.
    fn is_set(&self) -> bool {
        let limit = self.of.limit;
        if self.kind.is_floor() {
            return limit > 0;
        }
        let loose = match self.kind.unit() {
            LimitUnit::Ppm => 1_000_000,
            LimitUnit::Amount => 1_000_000 * SCALE,
            LimitUnit::Hundredths | LimitUnit::Count => i64::from(u32::MAX),
            LimitUnit::Flag => 1,
        };
        limit > 0 && limit < loose
    }
}

/// Draws the panel: all limits in their order if there is room, else those used most.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, live: &Live) {
    let block = panel("limits");
    let inner = block.inner(area);
    block.render(area, buffer);
    let mut rows = rows(live);
    let room = usize::from(inner.height);
    if rows.len() > room {
        rows.sort_by_key(|row| std::cmp::Reverse(row.share()));
        rows.truncate(room);
    }
    if rows.is_empty() {
        Paragraph::new(Line::styled(" none told yet", DIM)).render(inner, buffer);
        return;
    }
    let width = usize::from(inner.width).saturating_sub(NAME + FIGURES + 3);
    let lines: Vec<Line> = rows.iter().map(|row| line(row, width)).collect();
    Paragraph::new(lines).render(inner, buffer);
    let version = live.status.limits_version;
    if version > 0 {
        let title = Rect { height: 1, width: area.width.saturating_sub(1), ..area };
        let text = format!(" tightened {version}× ");
        Paragraph::new(Line::styled(text, WARN)).right_aligned().render(title, buffer);
    }
}

fn rows(live: &Live) -> Vec<Row> {
    let status = &live.status;
    let account = LimitKind::ALL.iter().filter(|kind| !kind.is_of_symbol());
    let account = account.map(|kind| Row {
        name: kind.as_str().replace('_', " "),
        kind: *kind,
        of: status.limits[kind.place()],
    });
    let symbols = live.info.symbols().iter().zip(&status.symbols);
    let of_symbols = symbols.flat_map(|(info, symbol)| {
        let kinds = LimitKind::ALL.iter().filter(|kind| kind.is_of_symbol());
        kinds.map(move |kind| Row {
            name: format!("{} {}", info.name, kind.as_str()),
            kind: *kind,
            of: symbol.limits[kind.place()],
        })
    });
    // What an order may be at most is used by no state.
    let is_told = |row: &Row| !matches!(row.kind, LimitKind::Qty | LimitKind::Notional);
    account.chain(of_symbols).filter(|row| row.is_set() && is_told(row)).collect()
}

fn line(row: &Row, width: usize) -> Line<'static> {
    let share = row.share();
    let style = match share {
        0..WARN_FROM => GOOD,
        WARN_FROM..BAD_FROM => WARN,
        _ => BAD,
    };
    let figures = format!("{} / {}", figure(row.of.used, row.kind), figure(row.of.limit, row.kind));
    let is_tightened = row.of.file != row.of.limit;
    let bar = bar(share.min(1_000), 1_000, width);
    Line::from(vec![
        Span::styled(format!(" {:<NAME$}", row.name), if is_tightened { WARN } else { DIM }),
        Span::styled(bar, style.bg(ratatui::style::Color::Rgb(40, 40, 40))),
        Span::styled(format!(" {figures:>FIGURES$}"), Style::new()),
    ])
}

/// A value in the unit of its kind, short.
fn figure(value: i64, kind: LimitKind) -> String {
    match kind.unit() {
        _ if value == i64::MAX => "-".to_owned(),
        LimitUnit::Amount if kind == LimitKind::Position => {
            let text = format!("{:.4}", value as f64 / SCALE as f64);
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        LimitUnit::Amount => {
            let sign = if value < 0 { "-" } else { "" };
            format!("{sign}{}", human::count(value.unsigned_abs() / SCALE.unsigned_abs()))
        }
        LimitUnit::Ppm => format!("{:.2}%", value as f64 / 10_000.0),
        LimitUnit::Hundredths => format!("{:.2}", value as f64 / 100.0),
        LimitUnit::Count => human::count(value.unsigned_abs()),
        LimitUnit::Flag => (if value == 0 { "no" } else { "yes" }).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::run_info;

    fn row(kind: LimitKind, used: i64, limit: i64) -> Row {
        Row { name: "x".to_owned(), kind, of: LimitUse { used, limit, file: limit } }
    }

    #[test]
    fn shares_are_of_the_limit_and_of_a_floor_the_other_way_round() {
        assert_eq!(row(LimitKind::Exposure, 25, 100).share(), 250);
        assert_eq!(row(LimitKind::Exposure, 150, 100).share(), 1_500);
        assert_eq!(row(LimitKind::DailyLoss, -5, 100).share(), 0);
        assert_eq!(row(LimitKind::LiquidationDistance, 400_000, 100_000).share(), 250);
        assert_eq!(row(LimitKind::LiquidationDistance, 0, 100_000).share(), 1_000);
        assert_eq!(row(LimitKind::Exposure, i64::MAX, 1).share(), 9_999);
    }

    #[test]
    fn what_bounds_nothing_has_no_line() {
        assert!(!row(LimitKind::Drawdown, 0, 1_000_000).is_set());
        assert!(!row(LimitKind::DailyLoss, 0, i64::MAX).is_set());
        assert!(!row(LimitKind::RepeatedOrders, 0, i64::from(u32::MAX)).is_set());
        assert!(!row(LimitKind::LiquidationDistance, 5, 0).is_set());
        assert!(row(LimitKind::Drawdown, 0, 80_000).is_set());
        let mut live = Live::new(run_info());
        assert!(rows(&live).is_empty());
        live.status.limits[LimitKind::Exposure.place()] =
            LimitUse { used: 1, limit: 10 * SCALE, file: 10 * SCALE };
        live.status.symbols[1].limits[LimitKind::Position.place()] =
            LimitUse { used: 1, limit: SCALE, file: SCALE };
        let names: Vec<String> = rows(&live).into_iter().map(|row| row.name).collect();
        assert_eq!(names, ["exposure", "ETHUSDT position"]);
    }

    #[test]
    fn figures_are_short() {
        let cases = [
            (40_000 * SCALE, LimitKind::Exposure, "40,000"),
            (SCALE / 5, LimitKind::Position, "0.2"),
            (5_000, LimitKind::PriceCollar, "0.50%"),
            (125, LimitKind::Leverage, "1.25"),
            (280, LimitKind::Messages10s, "280"),
            (i64::MAX, LimitKind::LiquidationDistance, "-"),
        ];
        for (value, kind, text) in cases {
            assert_eq!(figure(value, kind), text);
        }
    }
}
