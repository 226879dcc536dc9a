//! Every connection of every link: which stands, which is first and by how much.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};
use schema::{CONNECTIONS_PER_LINK, ConnectionState, ConnectionStatus, Link};

use super::{BAD, DIM, GOOD, WARN, panel};
use crate::human;
use crate::live::Live;

/// Draws the panel.
pub(super) fn draw(area: Rect, buffer: &mut Buffer, live: &Live, now_mono_ns: u64) {
    let block = panel("feeds");
    let inner = block.inner(area);
    block.render(area, buffer);
    let head =
        format!(" {:<8}{:<10}{:>11}{:>8}{:>10}{:>9}", "", "", "frames", "first", "by", "age");
    let mut lines = vec![Line::styled(head, DIM)];
    for link in Link::ALL {
        let first = *link as usize * CONNECTIONS_PER_LINK;
        let places = &live.status.connections[first..first + CONNECTIONS_PER_LINK];
        // The third place is empty but while one connection is replaced.
        let used = places.iter().enumerate().filter(|(at, one)| *at < 2 || one.state > 0);
        for (at, place) in used {
            let name = if at == 0 { link.as_str() } else { "" };
            lines.push(place_line(name, place, now_mono_ns));
        }
    }
    Paragraph::new(lines).render(inner, buffer);
}

fn place_line(name: &str, place: &ConnectionStatus, now_mono_ns: u64) -> Line<'static> {
    let state = u8::try_from(place.state).ok().and_then(ConnectionState::from_u8);
    let (mark, style) = match state {
        Some(ConnectionState::Ready | ConnectionState::Active) => ("●", GOOD),
        Some(ConnectionState::Open) => ("●", WARN),
        _ if place.connects > 0 => ("○", BAD),
        _ => ("○", DIM),
    };
    let state = state.map_or("?", ConnectionState::as_str);
    let told = place.wins + place.duplicates;
    let wins = match told {
        0 => String::new(),
        _ => format!("{} %", (u128::from(place.wins) * 100 / u128::from(told)) as u64),
    };
    let lead = match place.lead_ns {
        ns @ 1.. => human::duration(ns.unsigned_abs()),
        _ => String::new(),
    };
    let age = match place.last_frame_mono_ns {
        0 => String::new(),
        at => human::duration(now_mono_ns.saturating_sub(at)),
    };
    Line::from(vec![
        Span::raw(format!(" {name:<8}")),
        Span::styled(format!("{mark} "), style),
        Span::styled(format!("{state:<8}"), DIM),
        Span::raw(format!("{:>11}", human::count(place.frames))),
        Span::raw(format!("{wins:>8}{lead:>10}")),
        Span::styled(format!("{age:>9}"), Style::new().patch(DIM)),
    ])
}
