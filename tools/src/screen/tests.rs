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

/// A run whose limits, guard and causes say something.
fn guarded() -> Live {
    let mut live = live();
    for (kind, used, limit) in
        [(schema::LimitKind::Exposure, 30_000, 40_000), (schema::LimitKind::DailyLoss, 120, 5_000)]
    {
        let units = |value: i64| value * schema::SCALE;
        let of = schema::LimitUse { used: units(used), limit: units(limit), file: units(limit) };
        live.status.limits[kind.place()] = of;
    }
    live.status.connections[0] = schema::ConnectionStatus {
        state: 2,
        frames: 4_321,
        wins: 3,
        duplicates: 1,
        ..Default::default()
    };
    live.guarded.verdict =
        Some(schema::Verdict { mono_ns: 4_900_000_000, may_add_risk: 1, ..Default::default() });
    live.guarded.take(schema::PortfolioRisk {
        mono_ns: 4_900_000_000,
        drawdown_ppm: 12_300,
        leverage_e2: 31,
        var_99: -1,
        ..Default::default()
    });
    live
}

fn top_frame() -> TopFrame {
    let process = |name: &str| rings::Process {
        name: name.to_owned(),
        pid: 1,
        build: "shrike 0.1.0 r7".to_owned(),
    };
    TopFrame {
        instance: "paper".to_owned(),
        is_live: true,
        processes: vec![process("guard"), process("trader")],
        page: 0,
        up_s: 65,
        now_mono_ns: 5_000_000_000,
    }
}

fn top(width: u16, height: u16, live: &Live, frame: &TopFrame) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("in memory");
    let draw = |target: &mut ratatui::Frame<'_>| {
        draw_top(target.area(), target.buffer_mut(), live, frame);
    };
    terminal.draw(draw).expect("draws");
    let buffer = terminal.backend().buffer();
    let row = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(row).collect::<Vec<String>>().join("\n")
}

#[test]
fn top_shows_what_a_person_decides_by_at_every_size() {
    for (width, height) in [(80, 24), (100, 30), (140, 45)] {
        let text = top(width, height, &guarded(), &top_frame());
        for part in [
            "paper",
            "up 1:05",
            "● Armed",
            "● guard",
            "shrike 0.1.0 r7",
            "public",
            "7,712.34",
            "may add risk",
            "1.23 %",
            "BTCUSDT",
            "exposure",
            "30,000 / 40,000",
            "120 / 5,000",
            "p50",
            "causes none",
            "alerts none",
            "q  quit",
        ] {
            assert!(text.contains(part), "{width}x{height} lacks {part:?}:\n{text}");
        }
    }
    let wide = top(140, 45, &guarded(), &top_frame());
    for part in ["75 %", "orders", "fills", "VaR 99"] {
        assert!(wide.contains(part), "{part:?} is not in\n{wide}");
    }
}

#[test]
fn top_shows_a_trader_that_is_gone_or_silent_and_builds_that_differ() {
    let live = guarded();
    let gone = top(100, 30, &live, &TopFrame { is_live: false, ..top_frame() });
    assert!(gone.contains("trader is gone"), "{gone}");
    let silent = top(100, 30, &live, &TopFrame { now_mono_ns: 9_000_000_000, ..top_frame() });
    assert!(silent.contains("trader silent for 4.01 s") && silent.contains("silent"), "{silent}");
    let mut frame = top_frame();
    frame.processes[0].build = "shrike 0.1.0 r8".to_owned();
    let mixed = top(100, 30, &live, &frame);
    assert!(mixed.contains("guard shrike 0.1.0 r8"), "{mixed}");
}

#[test]
fn top_and_the_demo_show_how_far_a_kill_has_come() {
    let mut live = guarded();
    live.status.trading_state = TradingState::Killed as u64;
    live.status.state_causes = 1 << StateReason::Kill as u64;
    live.guarded.take(schema::PortfolioRisk {
        mono_ns: 4_950_000_000,
        kill_step: schema::KillStep::Liquidating as u64,
        kill_trigger: schema::KillTrigger::Drawdown as u64,
        kill_halted_ns: 12_000_000,
        reasons: 1 << schema::RiskReason::Killed as u64,
        ..Default::default()
    });
    for (width, height) in [(80, 24), (140, 45)] {
        let text = top(width, height, &live, &top_frame());
        for part in ["KILLED, liquidating", "+12.0 ms", "not yet", "causes kill", "alerts killed"] {
            assert!(text.contains(part), "{width}x{height} lacks {part:?}:\n{text}");
        }
        let demo = rendered(width, height, &live, &frame()).join("\n");
        assert!(demo.contains("KILLED, liquidating") && demo.contains("not yet"), "{demo}");
    }
}

#[test]
fn top_turns_the_pages_of_many_symbols_and_fits_any_terminal() {
    let mut live = guarded();
    live.info.symbol_count = 8;
    for (index, info) in live.info.symbols.iter_mut().enumerate().skip(2) {
        let name = format!("SYM{index}USDT");
        info.name = schema::SymbolName::new(name.as_bytes()).expect("short");
    }
    let first = top(80, 24, &live, &top_frame());
    assert!(first.contains("SYM2USDT") && !first.contains("SYM3USDT"), "{first}");
    assert!(first.contains("symbols 1 of 3"), "{first}");
    let last = top(80, 24, &live, &TopFrame { page: 5, ..top_frame() });
    assert!(last.contains("SYM6USDT") && last.contains("SYM7USDT"), "{last}");
    assert!(top(140, 45, &live, &top_frame()).contains("SYM7USDT"));
    for (width, height) in [(1, 1), (10, 3), (40, 10), (200, 5), (300, 100)] {
        top(width, height, &live, &top_frame());
        top(width, height, &Live::new(schema::RunInfo::default()), &top_frame());
    }
}
