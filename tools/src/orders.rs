//! `shrike orders`, `positions` and `fills`: what lives and what happened, from the journal.
//!
//! The trader publishes how many orders work, not which; they follow from the decisions, answers and
//! reports its journal still holds. Where that cannot be the whole truth (records overwritten, or
//! another count than the trader's), it is said with the list.

use rings::{Next, Ring};
use schema::{PortfolioRisk, Price, Qty, SymbolInfo};
use serde_json::{Value, json};

use crate::cli::{FillsArgs, LookArgs};
use crate::exit::{Exit, Failure};
use crate::human;
use crate::instance::{self, View, is_live, mono_ns, newest, resolve};

mod book;
mod fills;

pub(crate) use book::{Book, Order};

/// Opens a run to look, and checks a symbol asked for.
fn open(args: &LookArgs) -> Result<(View, Option<String>), Failure> {
    let view = View::open(&resolve(args.instance.as_deref())?)?;
    let symbol = args.symbol.as_ref().map(|symbol| symbol.to_uppercase());
    if let Some(symbol) = &symbol {
        view.symbol(symbol)?;
    }
    Ok((view, symbol))
}

fn is_meant(asked: &Option<String>, name: &str) -> bool {
    asked.as_deref().is_none_or(|asked| asked == name)
}

/// The orders of a run, as far as its journal tells.
///
/// # Errors
/// There is no journal.
pub(crate) fn read(view: &View) -> Result<Book, Failure> {
    let mut book = Book::new(view.info);
    let mut journal = instance::journal(&view.instance, true)?;
    // Two looks at the count with the same answer, so that the journal belongs to it.
    for _ in 0..LOOKS {
        let before = view.status();
        drain(&mut journal, &mut book);
        book.counted = before.map(|status| status.open_orders);
        if book.counted == Some(book.open_count()) {
            break;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    Ok(book)
}

/// Most records read in one look: several times the largest journal.
const RECORDS_MAX: u64 = 1 << 24;
/// Looks until journal and status agree: an order may come or go between the two.
const LOOKS: u32 = 5;
/// The status is published ten times a second.
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(60);

fn drain(journal: &mut rings::journal::Reader<schema::Record>, book: &mut Book) {
    // Bounded, so that a trader that writes faster than this reads cannot hold it here.
    for _ in 0..RECORDS_MAX {
        match journal.next() {
            Next::Item(seq, record) => book.take(seq, &record),
            Next::Lost { count, .. } => book.lost += count,
            Next::Empty => return,
        }
    }
}

/// `shrike orders`.
///
/// # Errors
/// No such instance or symbol.
pub(crate) fn run(args: &LookArgs) -> Result<Exit, Failure> {
    let (view, symbol) = open(args)?;
    let book = read(&view)?;
    let orders: Vec<&Order> =
        book.orders.iter().filter(|order| is_meant(&symbol, &order.symbol)).collect();
    let doubt = book.doubt();
    if args.json {
        let list: Vec<Value> = orders.iter().map(|order| order.to_json()).collect();
        println!(
            "{:#}",
            json!({
                "instance": view.instance, "trader_alive": is_live(&view.instance),
                "orders": list, "counted_by_trader": book.counted, "is_whole": doubt.is_none(),
                "overwritten_records": book.lost, "doubt": doubt,
            })
        );
        return Ok(Exit::Ok);
    }
    print_dead(&view.instance);
    if orders.is_empty() {
        println!("no order lives");
    } else {
        println!("{}", Order::HEAD);
        orders.iter().for_each(|order| println!("{}", order.line(view.info.symbols())));
    }
    if let Some(doubt) = doubt {
        println!("{doubt}");
    }
    Ok(Exit::Ok)
}

/// Whose words these are, if nobody says them any more.
fn print_dead(instance: &str) {
    if !is_live(instance) {
        println!("the trader of `{instance}` is dead: this is what it said last");
    }
}

/// guard's numbers, with their age.
pub(crate) fn portfolio(instance: &str) -> Option<(PortfolioRisk, u64)> {
    let risk = newest::<PortfolioRisk>(instance, Ring::Portfolio)?;
    Some((risk, mono_ns().saturating_sub(risk.mono_ns)))
}

/// `shrike positions`.
///
/// # Errors
/// No such instance or symbol, or no status yet.
pub(crate) fn positions(args: &LookArgs) -> Result<Exit, Failure> {
    let (view, symbol) = open(args)?;
    let status = view.status().ok_or_else(|| no_status(&view.instance))?;
    let portfolio = portfolio(&view.instance);
    let mut list = Vec::new();
    let mut lines = Vec::new();
    let symbols = view.info.symbols().iter().zip(&status.symbols).enumerate();
    for (index, (info, told)) in
        symbols.filter(|(_, (info, _))| is_meant(&symbol, info.name.as_str()))
    {
        let at_venue = portfolio.map(|(risk, _)| risk.symbols[index]);
        let venue_qty = at_venue.map(|symbol| Qty::from_units(symbol.position_qty));
        let amount = |units: i64| Price::from_units(units).to_string();
        list.push(json!({
            "symbol": info.name.as_str(), "qty": told.position().to_string(),
            "entry_price": amount(told.entry_price), "mark_price": amount(told.mark_price),
            "unrealized_pnl": amount(told.unrealized_pnl),
            "realized_pnl": amount(told.realized_pnl), "commission": amount(told.commission),
            "venue_qty": venue_qty.map(|qty| qty.to_string()),
            "liquidation_price": at_venue.map(|symbol| amount(symbol.liquidation_price)),
        }));
        lines.push(position_line(info, told, venue_qty));
    }
    let age = mono_ns().saturating_sub(status.mono_ns);
    if args.json {
        println!(
            "{:#}",
            json!({
                "instance": view.instance, "trader_alive": is_live(&view.instance),
                "age_ns": age, "venue_age_ns": portfolio.map(|(risk, age)| age + risk.venue_age_ns),
                "positions": list,
            })
        );
        return Ok(Exit::Ok);
    }
    print_dead(&view.instance);
    println!(
        "{:<10} {:>12} {:>14} {:>14} {:>12} {:>12} {:>12}",
        "symbol", "position", "entry", "mark", "unreal.", "real.", "at venue"
    );
    lines.iter().for_each(|line| println!("{line}"));
    match portfolio {
        Some((risk, age)) => println!(
            "the venue's as guard saw them {} ago",
            human::duration(age.saturating_add(risk.venue_age_ns))
        ),
        None => println!("guard tells nothing: the venue's own are not known here"),
    }
    Ok(Exit::Ok)
}

fn position_line(info: &SymbolInfo, told: &schema::SymbolStatus, venue: Option<Qty>) -> String {
    let tick = human::decimals(info.tick_size);
    let step = human::decimals(info.step_size);
    let at_venue = match venue {
        Some(qty) if qty == told.position() => format!("{qty:.step$}"),
        // It may only be older: guard looks once a second.
        Some(qty) => format!("{qty:.step$} differs"),
        None => "-".to_owned(),
    };
    format!(
        "{:<10} {:>12.step$} {:>14.tick$} {:>14.tick$} {:>12} {:>12} {at_venue:>12}",
        info.name,
        told.position(),
        Price::from_units(told.entry_price),
        Price::from_units(told.mark_price),
        human::signed_money(told.unrealized_pnl),
        human::signed_money(told.realized_pnl),
    )
}

/// A trader that has published nothing yet.
pub(crate) fn no_status(instance: &str) -> Failure {
    Failure::new(
        Exit::Busy,
        format!("{instance}: the trader has not published a status yet"),
        "try again in a second",
    )
}

/// `shrike fills`.
///
/// # Errors
/// No such instance or symbol.
pub(crate) fn fills(args: &FillsArgs) -> Result<Exit, Failure> {
    let (view, symbol) = open(&args.look)?;
    let kept = fills::read(&view)?;
    let meant = |fill: &&fills::Fill| is_meant(&symbol, &fill.symbol);
    let all: Vec<&fills::Fill> = kept.fills.iter().filter(meant).collect();
    let shown = &all[all.len().saturating_sub(args.last)..];
    if args.look.json {
        let list: Vec<Value> = shown.iter().map(|fill| fill.to_json()).collect();
        println!(
            "{:#}",
            json!({
                "instance": view.instance, "fills": list, "in_journal": all.len(),
                "overwritten_records": kept.lost, "is_whole": kept.lost == 0,
            })
        );
        return Ok(Exit::Ok);
    }
    print_dead(&view.instance);
    if !shown.is_empty() {
        println!("{}", fills::Fill::HEAD);
    }
    shown.iter().for_each(|fill| println!("{}", fill.line()));
    println!("{} of {} fills that the journal holds", shown.len(), all.len());
    if kept.lost > 0 {
        println!(
            "{} older records are overwritten: all fills are in the database",
            human::count(kept.lost)
        );
    }
    Ok(Exit::Ok)
}
