//! Faults that are states and deeds of the venue itself, carried out on the core.

use backtest::{
    AccountEvent, AccountId, AlgoRequest, OrderKey, OrderRequest, OrderView, VenueEvent,
};
use schema::{Notional, OrderType, Price, Qty, Side, SymbolId, TimeInForce, parse_decimal};

use super::{Family, Fault, Kind};
use crate::{core::Core, params::Params};

/// A close frame's code for a venue that goes down.
const GOING_AWAY: u16 = 1001;
/// Quantity of somebody's order by hand, in units of 1e-8.
const BY_HAND_UNITS: i64 = 200_000;
/// Money moved by the owner, in units of 1e-8.
const TRANSFER_UNITS: i64 = -100_000_000_000;
/// How much later a fill is told that raced a cancel, in milliseconds.
const RACE_MS: i64 = 20;

/// Brings states up to date and does the deeds that are due.
pub(crate) fn turn(core: &mut Core) {
    let is_bent = core.faults.has(Family::State);
    if !core.faults.is_turning() && !is_bent && !core.is_bent {
        return;
    }
    let now_ms = core.now_ms();
    let names: Vec<String> = core.formats.iter().map(|format| format.name.clone()).collect();
    for deed in core.faults.turn(&names, now_ms) {
        act(core, &deed, now_ms);
        core.flush();
    }
    let shift = core.faults.holds(Kind::ClockShift, "", now_ms);
    core.faults.set_shift_ms(shift.map_or(0, |fault| fault.ms.unwrap_or(5_000)));
    let lowered = core.faults.holds(Kind::LimitsLowered, "", now_ms);
    core.meter.scale(lowered.map_or(1_000_000, |fault| fault.ppm.unwrap_or(100_000)));
    maintain(core, now_ms);
    change_rules(core, now_ms);
    // One more turn after the last state has ended undoes it.
    core.is_bent = is_bent;
}

fn maintain(core: &mut Core, now_ms: i64) {
    let is_down = core.faults.holds(Kind::Maintenance, "", now_ms).is_some();
    if !core.faults.set_down(is_down) {
        return;
    }
    if is_down {
        log::debug!("maintenance begins");
        core.hub.close_all(GOING_AWAY);
    } else {
        log::debug!("maintenance is over; the books are empty");
        core.exchange.wipe_orders(now_ms);
        for account in 0..core.account_count {
            for index in 0..core.formats.len() {
                let (account, symbol) = (AccountId(account as u32), SymbolId(index as u16));
                let wiped = core.exchange.cancel_all_algos(now_ms, account, symbol);
                if let Err(error) = wiped {
                    log::warn!("conditional orders stay: {error}");
                }
            }
        }
        drop(core.exchange.drain_events());
        core.users.expire_all(&mut core.hub, now_ms, false);
    }
}

/// Halts symbols and changes their filters, or undoes it.
fn change_rules(core: &mut Core, now_ms: i64) {
    for index in 0..core.formats.len() {
        let symbol = SymbolId(index as u16);
        let name = core.formats[index].name.clone();
        let is_halted = core.faults.holds(Kind::Halted, &name, now_ms).is_some();
        let is_coarse = core.faults.holds(Kind::FiltersChanged, &name, now_ms).is_some();
        let Some(usual) = core.usual_rules.get(index) else { continue };
        let mut rules = usual.clone();
        rules.trading &= !is_halted;
        if is_coarse {
            let ten = |qty: Qty| Qty::from_units(qty.units() * 10);
            rules.tick_size = Price::from_units(rules.tick_size.units() * 10);
            (rules.step_size, rules.min_qty) = (ten(rules.step_size), ten(rules.min_qty));
            rules.market_step_size = ten(rules.market_step_size);
            rules.market_min_qty = ten(rules.market_min_qty);
            rules.min_notional = Notional::from_units(rules.min_notional.units() * 10);
        }
        if core.exchange.rules(symbol) != Some(&rules) {
            core.exchange.set_rules(symbol, rules);
        }
    }
}

fn act(core: &mut Core, deed: &Fault, now_ms: i64) {
    if deed.kind == Kind::ListenKeyExpired {
        let is_told = deed.value.as_deref() != Some("untold");
        return core.users.expire_all(&mut core.hub, now_ms, is_told);
    }
    if deed.kind == Kind::Funding {
        return core.exchange.fund_now(now_ms);
    }
    let account = AccountId(deed.place.account.unwrap_or(0) as u32);
    if deed.kind == Kind::Transfer {
        let units = deed.qty.as_deref().map_or(TRANSFER_UNITS, signed_units);
        return core.exchange.transfer(now_ms, account, Notional::from_units(units));
    }
    let wanted = deed.place.symbol.as_deref().and_then(|name| core.exchange.symbol(name));
    let all = (0..core.formats.len()).map(|index| SymbolId(index as u16));
    let symbols: Vec<SymbolId> = match (wanted, deed.kind) {
        (Some(symbol), _) => vec![symbol],
        (None, Kind::PartialFill | Kind::Adl | Kind::Liquidation | Kind::LeverageChanged) => {
            all.collect()
        }
        (None, _) => all.take(1).collect(),
    };
    for symbol in symbols {
        match deed.kind {
            Kind::ExternalOrder | Kind::ExternalFill | Kind::ExternalAlgo => {
                by_hand(core, deed, account, symbol)
            }
            Kind::PartialFill => begin_fills(core, deed, account, symbol),
            Kind::Adl | Kind::Liquidation => close(core, deed, account, symbol),
            Kind::LeverageChanged => {
                let leverage = deed.value.as_deref().and_then(|text| text.parse().ok());
                let set =
                    core.exchange.set_leverage(now_ms, account, symbol, leverage.unwrap_or(5));
                if let Err(error) = set {
                    log::debug!("leverage stays: {error}");
                }
            }
            _ => {}
        }
    }
}

/// An order of somebody who uses the same account.
fn by_hand(core: &mut Core, deed: &Fault, account: AccountId, symbol: SymbolId) {
    let now_ms = core.now_ms();
    let units = deed.qty.as_deref().map_or(BY_HAND_UNITS, signed_units);
    let (side, qty) =
        (if units < 0 { Side::Sell } else { Side::Buy }, Qty::from_units(units.abs()));
    let client_id = format!("web_{}", core.faults.random() % 1_000_000_000);
    if deed.kind == Kind::ExternalAlgo {
        // A stop beyond the far price: a sale below the market, a purchase above it.
        let Some(trigger) = far_price(core, symbol, side.opposite()) else { return };
        let request = AlgoRequest::market(symbol, side, OrderType::StopMarket, trigger, qty);
        let request = AlgoRequest { client_algo_id: Some(client_id), ..request };
        if let Err(error) = core.exchange.place_algo(now_ms, account, &request) {
            log::debug!("a conditional order by hand is refused: {error}");
        }
        return;
    }
    let mut request = if deed.kind == Kind::ExternalFill {
        OrderRequest::market(symbol, side, qty)
    } else {
        let Some(price) = far_price(core, symbol, side) else { return };
        OrderRequest::limit(symbol, side, TimeInForce::Gtc, price, qty)
    };
    request.client_order_id = Some(client_id);
    if let Err(error) = core.exchange.place(now_ms, account, &request) {
        log::debug!("an order by hand is refused: {error}");
    }
}

/// Two per cent away from the mark, on the order's own side.
fn far_price(core: &Core, symbol: SymbolId, side: Side) -> Option<Price> {
    let mark = core.exchange.mark(symbol)?.mark_price.units();
    let tick = core.exchange.rules(symbol)?.tick_size.units().max(1);
    let price = if side == Side::Buy { mark / 100 * 98 } else { mark / 100 * 102 };
    Some(Price::from_units(price / tick * tick))
}

/// The venue closes a part of a position.
fn close(core: &mut Core, deed: &Fault, account: AccountId, symbol: SymbolId) {
    let now_ms = core.now_ms();
    let is_adl = deed.kind == Kind::Adl;
    let ppm = deed.ppm.unwrap_or(if is_adl { 500_000 } else { 1_000_000 });
    let positions = core.exchange.positions(account);
    let Some(row) = positions.iter().find(|row| row.symbol == symbol) else { return };
    let qty = part_of(core, symbol, row.qty.abs(), ppm);
    let client_id = if is_adl {
        "adl_autoclose".to_owned()
    } else {
        format!("autoclose-{now_ms}-{}", symbol.0)
    };
    core.exchange.close_by_venue(now_ms, account, symbol, qty, client_id);
}

/// Resting orders without a fill get a first one.
fn begin_fills(core: &mut Core, deed: &Fault, account: AccountId, symbol: SymbolId) {
    let now_ms = core.now_ms();
    for order in core.exchange.open_orders(account, Some(symbol)) {
        if order.executed_qty.is_zero() {
            let key = OrderKey::client(&order.client_order_id);
            let part = part_of(core, symbol, order.qty, deed.ppm.unwrap_or(300_000));
            core.exchange.fill_resting(now_ms, account, symbol, &key, part);
        }
    }
}

/// A part of a quantity in whole steps of the symbol, at least one.
fn part_of(core: &Core, symbol: SymbolId, qty: Qty, ppm: i64) -> Qty {
    let step = core.exchange.rules(symbol).map_or(Qty::from_units(1), |rules| rules.step_size);
    let units = i128::from(qty.units()) * i128::from(ppm) / 1_000_000;
    let part = Qty::from_units(i64::try_from(units).unwrap_or(i64::MAX));
    part.round_down(step).max(step).min(qty)
}

fn signed_units(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    sign * parse_decimal(digits.as_bytes()).unwrap_or(0)
}

/// An order fills just before a cancel or an amendment of it is executed; the fill is told later.
pub(crate) fn fill_first(core: &mut Core, fault: &Fault, account: usize, params: &Params) {
    let now_ms = core.now_ms();
    let Some(symbol) = params.get("symbol").and_then(|name| core.exchange.symbol(name)) else {
        return;
    };
    let key = OrderKey {
        order_id: params.get("orderId").and_then(|text| text.parse().ok()),
        client_order_id: params.get("origClientOrderId").map(str::to_owned),
    };
    let account = AccountId(account as u32);
    let Ok(OrderView { qty, executed_qty, .. }) = core.exchange.status(account, symbol, &key)
    else {
        return;
    };
    let left = Qty::from_units(qty.units() - executed_qty.units());
    let part = part_of(core, symbol, left, fault.ppm.unwrap_or(1_000_000));
    core.flush();
    core.exchange.fill_resting(now_ms, account, symbol, &key, part);
    let told: Vec<(AccountId, AccountEvent)> = core
        .exchange
        .drain_events()
        .into_iter()
        .filter_map(|event| match event {
            VenueEvent::Account(account, event) => Some((account, event)),
            _ => None,
        })
        .collect();
    core.defer(
        fault.ms.unwrap_or(RACE_MS),
        Box::new(move |core| {
            for (account, event) in &told {
                core.tell(*account, event);
            }
        }),
    );
}

/// A quantity told instead of the true one.
pub(crate) fn told_qty(fault: &Fault, name: &str, qty: Qty) -> Qty {
    let symbol = fault.place.symbol.as_deref();
    if symbol.is_some_and(|symbol| !symbol.eq_ignore_ascii_case(name)) {
        return qty;
    }
    let units = fault.qty.as_deref().map_or(500_000, signed_units);
    Qty::from_units(qty.units().saturating_add(units))
}
