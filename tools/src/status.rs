//! `shrike status`: the trader as it is now.

use std::fmt::Write as _;

use schema::{
    CONNECTIONS_PER_LINK, ConnectionState, ConnectionStatus, Link, Notional, Price, Qty, RunInfo,
    Status, StrategyId,
};
use serde_json::{Value, json};

use crate::cli::StatusArgs;
use crate::exit::{Exit, Failure};
use crate::human;
use crate::instance::{View, is_live, mono_ns, resolve};
use crate::reconcile;
use crate::screen::{state_reason, trading_state};

mod control;

use control::Control;

/// A status older than this is a hung trader, ns; it publishes ten times a second.
const STALE_NS: u64 = 2_000_000_000;

/// `shrike status`.
///
/// # Errors
/// No such instance; for `--reconcile` whatever keeps it from comparing.
pub(crate) fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    if args.reconcile {
        return reconcile::run(args);
    }
    print(&View::open(&resolve(args.instance.as_deref())?)?, args.json)
}

/// Prints a run's status.
///
/// # Errors
/// The trader has not published one yet.
pub(crate) fn print(view: &View, as_json: bool) -> Result<Exit, Failure> {
    let status = view.status().ok_or_else(|| {
        Failure::new(
            Exit::Busy,
            format!("{}: the trader has not published a status yet", view.instance),
            "try again in a second",
        )
    })?;
    let alive = is_live(&view.instance);
    let now = mono_ns();
    let control = Control::look(&view.instance, &view.info);
    if as_json {
        let mut value = to_json(&view.instance, &view.info, &status, alive, now);
        if let Some(object) = value.as_object_mut() {
            object.extend(control.to_json(&status));
        }
        println!("{value:#}");
    } else {
        print!("{}", to_text(&view.instance, &view.info, &status, alive, now, &control));
    }
    Ok(Exit::Ok)
}

/// `alive`, `dead` or `hangs`, with the age of the last word.
fn heartbeat(status: &Status, alive: bool, now_ns: u64) -> (&'static str, u64) {
    let age = now_ns.saturating_sub(status.mono_ns);
    let word = match alive {
        false => "dead",
        true if age > STALE_NS => "hangs",
        true => "alive",
    };
    (word, age)
}

fn wait_word(wait: u64) -> &'static str {
    match wait {
        0 => "busy",
        1 => "yield",
        2 => "park",
        _ => "?",
    }
}

fn to_text(
    instance: &str,
    info: &RunInfo,
    status: &Status,
    alive: bool,
    now_ns: u64,
    control: &Control,
) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_text(&mut out, instance, info, status, alive, now_ns)
        .and_then(|()| control.write(&mut out, status))
        .and_then(|()| write_links(&mut out, status, now_ns))
        .and_then(|()| write_symbols(&mut out, info, status));
    out
}

fn write_text(
    out: &mut String,
    instance: &str,
    info: &RunInfo,
    status: &Status,
    alive: bool,
    now_ns: u64,
) -> std::fmt::Result {
    let (beat, age) = heartbeat(status, alive, now_ns);
    let state = trading_state(status).map_or("?", |state| state.as_str());
    let reason = state_reason(status).map_or("?", |reason| reason.as_str());
    let strategy = StrategyId(info.strategy as u8).name();
    writeln!(
        out,
        "{instance}  {} {}  strategy {strategy}  pid {} {beat}, status {} old",
        info.environment,
        info.build,
        info.pid,
        human::duration(age)
    )?;
    writeln!(out, "state     {state} ({reason})")?;
    writeln!(
        out,
        "account   equity {}  wallet {}  since arming {}  exposure {} of {}",
        human::money(status.equity),
        human::money(status.wallet_balance),
        human::signed_money(status.equity.saturating_sub(status.wallet_at_start)),
        human::money(status.exposure_worst),
        human::money(status.exposure_max),
    )?;
    writeln!(
        out,
        "counters  ticks {}  orders {}  fills {}  cancels {}  refused {}  venue refused {}  open {}  \
         conditional {}  unknown {}",
        human::count(status.ticks),
        human::count(status.orders),
        human::count(status.fills),
        human::count(status.cancels),
        human::count(status.rejects),
        human::count(status.venue_rejects),
        status.open_orders,
        status.open_algos,
        status.unknown_orders,
    )?;
    writeln!(
        out,
        "loop      {}  turns {}  longest {}  over {} {}  allocations {} (TLS {})  log dropped {}",
        wait_word(status.wait),
        human::count(status.turns),
        human::duration(status.turn_max_ns),
        human::duration(status.turn_budget_ns),
        human::count(status.turns_over_budget),
        human::count(status.hot_allocations),
        human::count(status.tls_allocations),
        status.log_dropped,
    )?;
    writeln!(
        out,
        "journal   {} of {} records unread",
        human::count(status.journal_used),
        human::count(status.journal_capacity),
    )
}

fn write_links(out: &mut String, status: &Status, now_ns: u64) -> std::fmt::Result {
    writeln!(
        out,
        "\nlink     state      frames        bytes  connects  errors  last frame   connections"
    )?;
    for link in Link::ALL {
        let link_status = &status.links[*link as usize];
        let age = match link_status.last_frame_mono_ns {
            0 => "-".to_owned(),
            last => format!("{} ago", human::duration(now_ns.saturating_sub(last))),
        };
        writeln!(
            out,
            "{:<8} {:<5} {:>11} {:>12} {:>9} {:>7}  {age:<12} {}",
            link.as_str(),
            if link_status.up == 1 { "up" } else { "down" },
            human::count(link_status.frames),
            human::count(link_status.bytes),
            link_status.connects,
            link_status.decode_errors,
            connections(status, *link),
        )?;
    }
    Ok(())
}

/// The connections of a link that stand, with how often each was first.
fn connections(status: &Status, link: Link) -> String {
    let first = link as usize * CONNECTIONS_PER_LINK;
    let places = status.connections[first..first + CONNECTIONS_PER_LINK].iter().enumerate();
    let standing = places.filter(|(_, one)| one.state != ConnectionState::None as u64);
    let texts: Vec<String> = standing
        .map(|(place, one)| {
            let state = u8::try_from(one.state).ok().and_then(ConnectionState::from_u8);
            let state = state.map_or("?", ConnectionState::as_str);
            match one.wins {
                0 => format!("{place} {state}"),
                wins => format!("{place} {state}, first {}", human::count(wins)),
            }
        })
        .collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join("; ") }
}

fn write_symbols(out: &mut String, info: &RunInfo, status: &Status) -> std::fmt::Result {
    writeln!(
        out,
        "\nsymbol            bid          ask    position        entry     unreal.       real.  \
         commission  open   orders    fills  book"
    )?;
    for (info, symbol) in info.symbols().iter().zip(&status.symbols) {
        let tick = human::decimals(info.tick_size);
        let step = human::decimals(info.step_size);
        let book = if symbol.book_synced == 1 { "in sync" } else { "no sync" };
        writeln!(
            out,
            "{:<9} {:>12.tick$} {:>12.tick$} {:>11.step$} {:>12.tick$} {:>11} {:>11} {:>11} {:>5} \
             {:>8} {:>8}  {book}, {} old, {} gaps",
            info.name,
            symbol.bid(),
            symbol.ask(),
            symbol.position(),
            Price::from_units(symbol.entry_price),
            human::signed_money(symbol.unrealized_pnl),
            human::signed_money(symbol.realized_pnl),
            human::money(symbol.commission),
            symbol.open_orders,
            human::count(symbol.orders),
            human::count(symbol.fills),
            human::duration(symbol.book_age_ns),
            symbol.book_gaps,
        )?;
    }
    Ok(())
}

fn connections_json(status: &Status, link: Link, now_ns: u64) -> Vec<Value> {
    let first = link as usize * CONNECTIONS_PER_LINK;
    let places = &status.connections[first..first + CONNECTIONS_PER_LINK];
    let age = |at: u64| if at == 0 { Value::Null } else { now_ns.saturating_sub(at).into() };
    let json = |one: &ConnectionStatus| {
        let state = u8::try_from(one.state).ok().and_then(ConnectionState::from_u8);
        json!({
            "state": state.map_or("?", ConnectionState::as_str), "frames": one.frames,
            "connects": one.connects, "age_ns": age(one.opened_mono_ns),
            "last_frame_age_ns": age(one.last_frame_mono_ns), "wins": one.wins,
            "duplicates": one.duplicates, "lead_ns": one.lead_ns,
        })
    };
    places.iter().map(json).collect()
}

fn amount(units: i64) -> Value {
    Notional::from_units(units).to_string().into()
}

fn to_json(instance: &str, info: &RunInfo, status: &Status, alive: bool, now_ns: u64) -> Value {
    let (beat, age) = heartbeat(status, alive, now_ns);
    let links: serde_json::Map<String, Value> = Link::ALL
        .iter()
        .map(|link| {
            let s = &status.links[*link as usize];
            let age = match s.last_frame_mono_ns {
                0 => Value::Null,
                last => now_ns.saturating_sub(last).into(),
            };
            let value = json!({
                "up": s.up == 1, "frames": s.frames, "bytes": s.bytes, "connects": s.connects,
                "decode_errors": s.decode_errors, "last_frame_age_ns": age,
                "connections": connections_json(status, *link, now_ns),
            });
            (link.as_str().to_owned(), value)
        })
        .collect();
    let symbols: Vec<Value> = info
        .symbols()
        .iter()
        .zip(&status.symbols)
        .map(|(info, s)| {
            json!({
                "symbol": info.name.as_str(),
                "bid_price": amount(s.bid_price), "ask_price": amount(s.ask_price),
                "bid_qty": amount(s.bid_qty), "ask_qty": amount(s.ask_qty),
                "mark_price": amount(s.mark_price),
                "book_synced": s.book_synced == 1, "book_age_ns": s.book_age_ns,
                "book_gaps": s.book_gaps, "events": s.events,
                "position_qty": Qty::from_units(s.position_qty).to_string(),
                "entry_price": amount(s.entry_price),
                "realized_pnl": amount(s.realized_pnl),
                "unrealized_pnl": amount(s.unrealized_pnl),
                "commission": amount(s.commission), "open_orders": s.open_orders,
                "orders": s.orders, "fills": s.fills, "signal": amount(s.signal),
            })
        })
        .collect();
    json!({
        "instance": instance, "environment": info.environment.as_str(),
        "build": info.build.as_str(), "pid": info.pid, "trader": beat, "age_ns": age,
        "strategy": StrategyId(info.strategy as u8).name(),
        "trading_state": trading_state(status).map(|state| state.as_str()),
        "state_reason": state_reason(status).map(|reason| reason.as_str()),
        "equity": amount(status.equity), "wallet_balance": amount(status.wallet_balance),
        "wallet_at_start": amount(status.wallet_at_start),
        "exposure_worst": amount(status.exposure_worst),
        "exposure_max": amount(status.exposure_max),
        "ticks": status.ticks, "orders": status.orders, "cancels": status.cancels,
        "fills": status.fills, "rejects": status.rejects,
        "venue_rejects": status.venue_rejects, "unknown_orders": status.unknown_orders,
        "open_orders": status.open_orders, "open_algos": status.open_algos,
        "loop": {
            "wait": wait_word(status.wait), "turns": status.turns,
            "turn_max_ns": status.turn_max_ns, "turn_budget_ns": status.turn_budget_ns,
            "turns_over_budget": status.turns_over_budget,
            "hot_allocations": status.hot_allocations,
            "tls_allocations": status.tls_allocations, "log_dropped": status.log_dropped,
        },
        "journal": { "used": status.journal_used, "capacity": status.journal_capacity },
        "links": links, "symbols": symbols,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::run_info;

    fn status() -> Status {
        let mut status = Status {
            mono_ns: 1_000_000_000,
            trading_state: 2,
            state_reason: 1,
            equity: 770_012_345_678,
            wallet_at_start: 770_000_000_000,
            ticks: 1_234_567,
            journal_capacity: 65_535,
            ..Status::default()
        };
        status.symbols[1].position_qty = -1_500_000;
        status.symbols[1].bid_price = 350_050_000_000;
        status.links[0].up = 1;
        status
    }

    #[test]
    fn text_names_state_money_links_and_symbols() {
        let text =
            to_text("paper", &run_info(), &status(), true, 1_050_000_000, &Control::default());
        for part in [
            "paper",
            "alive",
            "50.0 ms old",
            "Armed (reconciled)",
            "7,700.12",
            "+0.12",
            "1,234,567",
            "65,535",
            "public",
            "BTCUSDT",
            "ETHUSDT",
            "3500.5",
            "-0.015",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn a_silent_trader_hangs_and_a_gone_one_is_dead() {
        assert_eq!(heartbeat(&status(), true, 4_000_000_000), ("hangs", 3_000_000_000));
        assert_eq!(heartbeat(&status(), false, 1_000_000_001).0, "dead");
    }

    #[test]
    fn json_has_exact_amounts() {
        let value = to_json("paper", &run_info(), &status(), true, 1_050_000_000);
        assert_eq!(value["trading_state"], "Armed");
        assert_eq!(value["equity"], "7700.12345678");
        assert_eq!(value["symbols"][1]["position_qty"], "-0.015");
        assert_eq!(value["links"]["public"]["up"], true);
        assert_eq!(value["links"]["user"]["last_frame_age_ns"], Value::Null);
        assert_eq!(value["age_ns"], 50_000_000);
    }
}
