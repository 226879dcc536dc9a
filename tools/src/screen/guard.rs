//! guard on the screen: its word, its numbers, and how far the kill switch has come.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};
use schema::{KillStep, KillTrigger, PortfolioRisk, RiskReason};

use super::{BAD, DIM, GOOD, WARN, panel};
use crate::human;
use crate::live::Guarded;

/// guard's word now, and the colour it deserves.
fn word(guarded: &Guarded, now_mono_ns: u64) -> (String, Style) {
    let step = guarded.kill_step();
    if step != KillStep::None {
        return (format!("KILLED, {step}"), BAD.add_modifier(Modifier::REVERSED));
    }
    match guarded.fresh_verdict(now_mono_ns) {
        None if guarded.risk.is_none() => ("not there".to_owned(), WARN),
        None => ("silent".to_owned(), BAD),
        Some(verdict) if verdict.may_add_risk == 1 => ("may add risk".to_owned(), GOOD),
        Some(verdict) => {
            let reasons: Vec<&str> = verdict.reasons().map(RiskReason::as_str).collect();
            (format!("no new risk: {}", reasons.join(", ")), WARN)
        }
    }
}

/// Parts per million as per cent.
pub(super) fn percent(ppm: i64) -> String {
    if ppm == i64::MAX { "-".to_owned() } else { format!("{:.2} %", ppm as f64 / 10_000.0) }
}

/// Hundredths as a multiple.
fn times(hundredths: i64) -> String {
    if hundredths == i64::MAX {
        "-".to_owned()
    } else {
        format!("{:.2}×", hundredths as f64 / 100.0)
    }
}

/// Money that may not be known yet.
fn known(units: i64) -> String {
    if units < 0 { "-".to_owned() } else { human::money(units) }
}

/// One line: the word, and the numbers a person asks for first.
pub(super) fn line(area: Rect, buffer: &mut Buffer, guarded: &Guarded, now_mono_ns: u64) {
    let (text, style) = word(guarded, now_mono_ns);
    let mut spans = vec![Span::styled(" guard ", DIM), Span::styled(text, style.bold())];
    if let Some(risk) = &guarded.risk {
        let mut add = |name: &str, text: String, style: Style| {
            spans.push(Span::styled(format!("  {name} "), DIM));
            spans.push(Span::styled(text, style));
        };
        let fall = if risk.drawdown_ppm >= 50_000 { BAD } else { Style::new() };
        add("drawdown", percent(risk.drawdown_ppm), fall);
        add("leverage", times(risk.leverage_e2), Style::new());
        add("VaR 99", known(risk.var_99), Style::new());
        add("alerts", human::count(risk.alerts), if risk.alerts > 0 { BAD } else { Style::new() });
    }
    Line::from(spans).render(area, buffer);
}

/// The account's risk as guard sees it.
pub(super) fn portfolio(area: Rect, buffer: &mut Buffer, guarded: &Guarded, now_mono_ns: u64) {
    let block = panel("guard");
    let inner = block.inner(area);
    block.render(area, buffer);
    let (text, style) = word(guarded, now_mono_ns);
    let mut lines = vec![Line::styled(format!(" {text}"), style.bold())];
    if let Some(risk) = &guarded.risk {
        let height = usize::from(inner.height).saturating_sub(1);
        let cells = cells(risk);
        // Two columns where they fit, and the first ones where not all do.
        let columns = if inner.width >= 44 { 2 } else { 1 };
        let width = usize::from(inner.width) / columns;
        let rows = cells.len().div_ceil(columns).min(height);
        for row in 0..rows {
            let mut spans = vec![];
            for column in 0..columns {
                let Some((name, text, style)) = cells.get(row + column * rows) else { continue };
                let space = width.saturating_sub(name.chars().count() + 3);
                spans.push(Span::styled(format!(" {name} "), DIM));
                spans.push(Span::styled(format!("{text:>space$} "), *style));
            }
            lines.push(Line::from(spans));
        }
    }
    Paragraph::new(lines).render(inner, buffer);
}

/// The numbers, those a person asks for first.
fn cells(risk: &PortfolioRisk) -> Vec<(&'static str, String, Style)> {
    let plain = Style::new();
    let alarm = |value: u64| if value > 0 { WARN } else { plain };
    let fall = |ppm: i64| if ppm >= 50_000 { BAD } else { plain };
    let age = |ns: u64| if ns == u64::MAX { "never".to_owned() } else { human::duration(ns) };
    vec![
        ("drawdown", percent(risk.drawdown_ppm), fall(risk.drawdown_ppm)),
        ("of the day", percent(risk.day_drawdown_ppm), fall(risk.day_drawdown_ppm)),
        ("leverage", times(risk.leverage_e2), plain),
        ("margin", percent(risk.margin_ratio_ppm), plain),
        ("VaR 99", known(risk.var_99), plain),
        ("ES 99", known(risk.es_99), plain),
        ("gross", human::money(risk.gross), plain),
        ("net", human::money(risk.net), plain),
        ("liquidation", percent(risk.liquidation_distance_ppm), plain),
        ("breaches", human::count(risk.var_breaches), alarm(risk.var_breaches)),
        (
            "API errors",
            format!("{}/{}", risk.api_errors, risk.api_requests),
            alarm(risk.api_errors),
        ),
        ("differences", human::count(risk.differences), alarm(risk.differences)),
        ("venue seen", age(risk.venue_age_ns), plain),
        ("alerts on", human::count(risk.alerts), alarm(risk.alerts)),
        ("unheard", human::count(risk.alerts_undelivered), alarm(risk.alerts_undelivered)),
        ("peak", human::money(risk.peak_equity), plain),
    ]
}

/// The way of a kill, with times from its trigger.
pub(super) fn kill(area: Rect, buffer: &mut Buffer, guarded: &Guarded) {
    let block = panel("kill switch");
    let inner = block.inner(area);
    block.render(area, buffer);
    let Some(risk) = &guarded.risk else { return };
    let step = guarded.kill_step();
    let trigger = risk.trigger().map_or("?", KillTrigger::as_str);
    let time = human::time_of_day(risk.kill_wall_ns);
    let time = if inner.width < 36 { "" } else { &time };
    let mut lines = vec![Line::from(vec![
        Span::styled(format!(" {step} "), BAD.add_modifier(Modifier::REVERSED).bold()),
        Span::styled(format!(" {trigger} "), BAD),
        Span::styled(time.to_owned(), DIM),
    ])];
    for (name, ns) in [
        ("no new orders", risk.kill_halted_ns),
        ("books empty", risk.kill_cancelled_ns),
        ("flat", risk.kill_flat_ns),
    ] {
        let (mark, style, text) = match ns {
            0 => ("○", WARN, "not yet".to_owned()),
            _ => ("●", GOOD, format!("+{}", human::duration(ns))),
        };
        lines.push(Line::from(vec![
            Span::styled(format!(" {mark} "), style),
            Span::raw(format!("{name:<14}")),
            Span::styled(text, style.bold()),
        ]));
    }
    let whole = human::count((risk.gross.max(0) / schema::SCALE).unsigned_abs());
    lines.push(Line::from(vec![
        Span::styled(" left ", DIM),
        Span::raw(format!("{} orders, {whole} USDT", risk.open_orders)),
    ]));
    lines.push(Line::styled(" `shrike unkill` releases it", DIM));
    Paragraph::new(lines).render(inner, buffer);
}
