//! A run as lines, for pipes and logs.

use std::fmt::Write as _;

use schema::{KillStep, Price};

use crate::human;
use crate::live::Live;
use crate::screen::{state_reason, trading_state};

/// One line about now.
pub(super) fn line(live: &Live, elapsed_s: u64) -> String {
    let status = &live.status;
    let state = match (trading_state(status), state_reason(status)) {
        (Some(state), Some(reason)) if state != schema::TradingState::Armed => {
            format!("{state} ({reason})")
        }
        (Some(state), _) => state.to_string(),
        (None, _) => "?".to_owned(),
    };
    let mut out = format!(
        "{:>5} {state:<9} ticks {}  orders {}  fills {}  P&L {}  fees {}",
        human::clock(elapsed_s),
        human::count(status.ticks),
        human::count(status.orders),
        human::count(status.fills),
        human::signed_money(live.pnl()),
        human::money(status.symbols.iter().map(|symbol| symbol.commission).sum()),
    );
    if let Some(risk) = &live.guarded.risk {
        let drawdown = risk.drawdown_ppm as f64 / 10_000.0;
        // Writing to a String cannot fail.
        let _ = match live.guarded.kill_step() {
            KillStep::None => write!(out, "  drawdown {drawdown:.2} %"),
            step => write!(out, "  drawdown {drawdown:.2} %, kill switch: {step}"),
        };
    }
    for (info, symbol) in live.info.symbols().iter().zip(&status.symbols) {
        let tick = human::decimals(info.tick_size);
        let step = human::decimals(info.step_size);
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "  {} {:.tick$} {:+.step$}",
            info.name,
            Price::from_units(symbol.bid_price),
            symbol.position().to_f64(),
        );
    }
    if let Some([p50, p90, p99, max]) = live.percentiles() {
        let _ = write!(
            out,
            "  tick→order p50 {} p90 {} p99 {} max {} (n {})",
            human::duration(p50),
            human::duration(p90),
            human::duration(p99),
            human::duration(max),
            human::count(live.tick_to_order.len()),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::{run_info, stages};
    use schema::Status;

    #[test]
    fn a_line_says_how_it_goes() {
        let mut live = Live::new(run_info());
        let mut status = Status {
            mono_ns: 1_000_000_000,
            trading_state: 2,
            ticks: 12_345,
            orders: 67,
            equity: 770_150_000_000,
            wallet_at_start: 770_000_000_000,
            ..Status::default()
        };
        status.symbols[0].bid_price = 6_400_010_000_000;
        status.symbols[0].position_qty = -200_000;
        live.take_status(status);
        live.take_record(&stages(2_000));
        let text = line(&live, 62);
        for part in [
            "1:02",
            "Armed",
            "ticks 12,345",
            "orders 67",
            "P&L +1.50",
            "BTCUSDT 64000.1 -0.002",
            "p50 2.00 µs",
            "(n 1)",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
        let kill_step = KillStep::Liquidating as u64;
        let risk = schema::PortfolioRisk {
            mono_ns: 1,
            drawdown_ppm: 105_000,
            kill_step,
            ..Default::default()
        };
        live.guarded.take(risk);
        assert!(line(&live, 62).contains("drawdown 10.50 %, kill switch: liquidating"));
        live.status.trading_state = 4;
        live.status.state_reason = 2;
        assert!(line(&live, 62).contains("Halted (command)"));
    }
}
