use ratatui::Terminal;
use ratatui::backend::TestBackend;
use schema::{Event, LinkStatus, Side, Status, SymbolStatus};

use super::*;
use crate::live::tests::{fill, run_info, stages};

fn frame() -> Frame {
    Frame {
        instance: "demo-4711".to_owned(),
        market: "generated market, seed 1".to_owned(),
        phase: "trading".to_owned(),
        elapsed_s: 23,
        total_s: Some(60),
        processes: vec![
            ("venue", Health::Up),
            ("trader", Health::Up),
            ("persist", Health::Failed),
            ("metrics", Health::Waiting),
        ],
        page: Some("http://127.0.0.1:9464/".to_owned()),
        dir: ".run/demo-20261122-101500".to_owned(),
        log: (1..=30).map(|n| format!("10:15:{n:02} INFO trading: line {n}")).collect(),
        now_mono_ns: 5_000_000_000,
    }
}

fn live() -> Live {
    let mut live = Live::new(run_info());
    let mut status = Status {
        mono_ns: 4_990_000_000,
        trading_state: TradingState::Armed as u64,
        state_reason: StateReason::Reconciled as u64,
        equity: 771_234_000_000,
        wallet_at_start: 770_000_000_000,
        exposure_worst: 150_000_000_000,
        exposure_max: 1_000_000_000_000,
        ticks: 123_456,
        orders: 321,
        fills: 300,
        journal_used: 10,
        journal_capacity: 100,
        ..Status::default()
    };
    for link in &mut status.links {
        *link = LinkStatus {
            up: 1,
            frames: 4_321,
            last_frame_mono_ns: 4_988_000_000,
            connects: 1,
            ..LinkStatus::default()
        };
    }
    status.links[2].up = 0;
    status.symbols[0] = SymbolStatus {
        bid_price: 6_400_010_000_000,
        ask_price: 6_400_020_000_000,
        position_qty: -200_000,
        entry_price: 6_400_000_000_000,
        unrealized_pnl: -20_000_000,
        book_synced: 1,
        book_age_ns: 3_000_000,
        fills: 300,
        ..SymbolStatus::default()
    };
    live.take_status(status);
    for id in 1..=40 {
        let side = if id % 2 == 0 { Side::Buy } else { Side::Sell };
        live.take_record(&Event::Report(fill(id, side, "64000.1", "0.002")).to_record());
        live.take_record(&stages(1_000 + id as u64 * 100));
    }
    live
}

fn rendered(width: u16, height: u16, live: &Live, frame: &Frame) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("in memory");
    terminal.draw(|target| draw(target.area(), target.buffer_mut(), live, frame)).expect("draws");
    let buffer = terminal.backend().buffer();
    (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>()).collect()
}

#[test]
fn the_screen_shows_what_matters_at_every_size() {
    for (width, height) in [(80, 24), (100, 30), (140, 45)] {
        let text = rendered(width, height, &live(), &frame()).join("\n");
        for part in [
            "SHRIKE",
            "demo-4711",
            "● Armed",
            "reconciled",
            "✗ persist",
            "0:23",
            "1:00",
            "public",
            "down",
            "7,712.34",
            "+12.34",
            "BTCUSDT",
            "64000.1",
            "-0.002",
            "tick → order",
            "p50",
            "p99",
            "123,456",
            "321",
            "SELL",
            "BUY",
            "q ",
            "127.0.0.1:9464",
            "line 30",
        ] {
            assert!(text.contains(part), "{width}x{height} lacks {part:?}:\n{text}");
        }
    }
}

#[test]
fn before_the_trader_is_there_the_phase_is_shown() {
    let live = Live::new(schema::RunInfo::default());
    let frame = Frame { phase: "starting the venue".to_owned(), total_s: None, ..frame() };
    let text = rendered(100, 30, &live, &frame).join("\n");
    assert!(text.contains("starting the venue"), "{text}");
    assert!(text.contains("no order yet") && text.contains("none yet"), "{text}");
    assert!(!text.contains("Armed"), "{text}");
}

#[test]
fn a_halted_trader_is_red() {
    let mut live = live();
    live.status.trading_state = TradingState::Halted as u64;
    live.status.state_reason = StateReason::Command as u64;
    let mut terminal = Terminal::new(TestBackend::new(100, 30)).expect("in memory");
    terminal
        .draw(|target| draw(target.area(), target.buffer_mut(), &live, &frame()))
        .expect("draws");
    let buffer = terminal.backend().buffer();
    let row: Vec<&str> = (0..100).map(|x| buffer[(x, 0)].symbol()).collect();
    let is_word = |x: &usize| row[*x..].concat().starts_with("Halted");
    let x = (0..100).find(is_word).expect("Halted is in the first row") as u16;
    assert_eq!(buffer[(x, 0)].fg, Color::Red);
}

#[test]
fn tiny_terminals_do_not_panic() {
    for (width, height) in [(1, 1), (10, 3), (40, 10), (200, 5)] {
        rendered(width, height, &live(), &frame());
    }
}
