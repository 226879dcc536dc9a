//! What `shrike flatten` would do, computed from what the trader shows.

use schema::{LimitKind, Notional, Qty, RunInfo, SCALE, Status};
use serde_json::{Value, json};

use crate::cli::FlattenArgs;
use crate::exit::{Exit, Failure};
use crate::instance::{View, resolve};
use crate::orders::{self, Order};

/// How one position would be closed.
#[derive(Debug, PartialEq, Eq)]
struct Closing {
    symbol: String,
    held: Qty,
    /// Quantity of each slice but the last.
    slice: Qty,
    count: i64,
}

/// `shrike flatten --dry-run`: sends nothing and is no row of the trail.
///
/// # Errors
/// No such instance or symbol.
pub(super) fn dry_run(args: &FlattenArgs) -> Result<Exit, Failure> {
    let view = View::open(&resolve(args.confirmed.command.instance.as_deref())?)?;
    let symbol = args.symbol.as_ref().map(|symbol| symbol.to_uppercase());
    if let Some(symbol) = &symbol {
        view.symbol(symbol)?;
    }
    let is_meant = |name: &str| symbol.as_deref().is_none_or(|symbol| symbol == name);
    let book = orders::read(&view)?;
    let status = view.status().unwrap_or_default();
    let cancels: Vec<&Order> = book.orders.iter().filter(|order| is_meant(&order.symbol)).collect();
    let closings: Vec<Closing> =
        closings(&view.info, &status).into_iter().filter(|one| is_meant(&one.symbol)).collect();
    if args.confirmed.command.json {
        let cancels: Vec<Value> = cancels.iter().map(|order| order.to_json()).collect();
        let closings: Vec<Value> = closings.iter().map(to_json).collect();
        println!(
            "{:#}",
            json!({ "instance": view.instance, "command": "flatten", "dry_run": true,
                "cancel": cancels, "cancel_is_whole": book.doubt().is_none(), "close": closings })
        );
        return Ok(Exit::Ok);
    }
    println!("{}: dry run, nothing is sent. `shrike flatten` would now", view.instance);
    for order in &cancels {
        println!("  cancel  {}", order.line(view.info.symbols()));
    }
    for one in &closings {
        println!("  close   {} {}", one.symbol, words(one));
    }
    if cancels.is_empty() && closings.is_empty() {
        println!("  find nothing to cancel and nothing to close");
    }
    println!("  halt, until `shrike resume`");
    if let Some(doubt) = book.doubt() {
        println!("{doubt}");
    }
    Ok(Exit::Ok)
}

fn words(one: &Closing) -> String {
    let side = if one.held.units() > 0 { "SELL" } else { "BUY" };
    match one.count {
        1 => format!("{side} {} reduce-only IOC in the collar", one.held.abs()),
        count => format!(
            "{side} {} in {count} slices of at most {}, reduce-only IOC in the collar",
            one.held.abs(),
            one.slice
        ),
    }
}

fn to_json(one: &Closing) -> Value {
    json!({
        "symbol": one.symbol, "held": one.held.to_string(),
        "side": if one.held.units() > 0 { "SELL" } else { "BUY" },
        "slice_qty": one.slice.to_string(), "slices": one.count,
    })
}

/// Slices as the limits bound them; the venue's own largest order is not shown to us.
fn closings(info: &RunInfo, status: &Status) -> Vec<Closing> {
    let symbols = info.symbols().iter().zip(&status.symbols);
    let held = symbols.filter(|(_, symbol)| symbol.position_qty != 0);
    held.map(|(info, symbol)| {
        let held = symbol.position();
        let limit = |kind: LimitKind| symbol.limits[kind.place()].limit;
        let price = if held.units() > 0 { symbol.bid_price } else { symbol.ask_price };
        let price = if price > 0 { price } else { symbol.mark_price.max(1) };
        let money = Notional::from_units(limit(LimitKind::Notional)).units();
        let by_money = i128::from(money) * i128::from(SCALE) / i128::from(price);
        let by_money = i64::try_from(by_money).unwrap_or(i64::MAX);
        let most = held.abs().units().min(limit(LimitKind::Qty)).min(by_money);
        let step = Qty::from_units(info.step_size.max(1));
        let slice = Qty::from_units(most).round_down(step).max(step);
        let count = (held.abs().units() + slice.units() - 1) / slice.units();
        Closing { symbol: info.name.to_string(), held, slice, count }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::run_info;

    #[test]
    fn slices_are_bounded_by_quantity_and_money() {
        let mut status = Status::default();
        let symbol = &mut status.symbols[1];
        symbol.position_qty = -10 * SCALE;
        symbol.ask_price = 3_000 * SCALE;
        symbol.limits[LimitKind::Qty.place()].limit = 4 * SCALE;
        symbol.limits[LimitKind::Notional.place()].limit = 1_000_000 * SCALE;
        let one = |status: &Status| closings(&run_info(), status).remove(0);
        assert_eq!((one(&status).slice, one(&status).count), (Qty::from_units(4 * SCALE), 3));
        assert!(words(&one(&status)).starts_with("BUY 10 in 3 slices"), "{}", words(&one(&status)));
        status.symbols[1].limits[LimitKind::Notional.place()].limit = 3_000 * SCALE;
        assert_eq!((one(&status).slice, one(&status).count), (Qty::from_units(SCALE), 10));
        status.symbols[1].position_qty = SCALE / 2;
        assert_eq!(one(&status).count, 1);
        assert_eq!(one(&Status { symbols: status.symbols, ..status }).symbol, "ETHUSDT");
    }
}
