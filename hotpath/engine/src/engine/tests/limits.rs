//! Limits that commands tighten, and conduct that stops the strategy.

use TradingState::{Armed, Halted, Reducing};
use schema::{LimitChange, LimitKind, LimitUse, NewLimit};

use super::*;

fn set_limit(
    rig: &mut Rig,
    nonce: u64,
    symbol: SymbolId,
    limit: LimitKind,
    new: NewLimit,
) -> CommandResult {
    let command = Command {
        symbol,
        limit: Some((limit, new)),
        ..Command::plain(nonce, CommandKind::SetLimit, rig.now().wall, 1_000)
    };
    rig.apply(&Input::Command(&command));
    let answer = rig.records.iter().rev().find_map(|record| match Event::from_record(record) {
        Ok(Event::Answer(answer)) => Some(answer),
        _ => None,
    });
    answer.expect("every command is answered").result
}

fn changes(rig: &Rig) -> Vec<LimitChange> {
    let change = |record| match Event::from_record(record) {
        Ok(Event::Limit(change)) => Some(change),
        _ => None,
    };
    rig.records.iter().filter_map(change).collect()
}

fn status(rig: &Rig) -> Box<Status> {
    let mut status = Box::<Status>::default();
    rig.engine.fill_status(rig.now(), &mut status);
    status
}

const ALL: SymbolId = SymbolId::NONE;
const BTC: SymbolId = SymbolId(0);
use NewLimit::{File, Value};

#[test]
fn a_limit_is_tightened_given_back_and_never_loosened() {
    let mut rig = Rig::idle();
    let file = usd(50_000).units();
    let exposure = |rig: &mut Rig, nonce, new| set_limit(rig, nonce, ALL, LimitKind::Exposure, new);
    assert_eq!(exposure(&mut rig, 1, Value(file + 1)), CommandResult::Refused);
    assert_eq!(exposure(&mut rig, 2, Value(-1)), CommandResult::Refused);
    assert_eq!(status(&rig).limits_version, 0);
    assert_eq!(exposure(&mut rig, 3, Value(usd(1_000).units())), CommandResult::Accepted);
    let place = LimitKind::Exposure.place();
    let tightened = LimitUse { used: 0, limit: usd(1_000).units(), file };
    assert_eq!(status(&rig).limits[place], tightened);
    // Looser than before is possible as long as the file's is not passed.
    assert_eq!(exposure(&mut rig, 4, Value(usd(2_000).units())), CommandResult::Accepted);
    assert_eq!(exposure(&mut rig, 5, File), CommandResult::Accepted);
    assert_eq!(status(&rig).limits[place].limit, file);
    let versions: Vec<u64> = changes(&rig).iter().map(|change| change.version).collect();
    assert_eq!(versions, [1, 2, 3]);
    let last = changes(&rig)[2];
    assert_eq!((last.from, last.to, last.uid), (usd(2_000).units(), file, 1_000));
}

#[test]
fn every_limit_can_be_set_to_the_files_value_and_none_beyond() {
    let mut rig = Rig::idle();
    let mut nonce = 0;
    for kind in LimitKind::ALL {
        let symbol = if kind.is_of_symbol() { BTC } else { ALL };
        let status = status(&rig);
        let place = kind.place();
        let now = match kind.is_of_symbol() {
            true => status.symbols[0].limits[place],
            false => status.limits[place],
        };
        assert_eq!(now.limit, now.file, "{kind}");
        let looser = if kind.is_floor() { now.file - 1 } else { now.file.saturating_add(1) };
        for (new, expected) in [
            (Value(now.file), CommandResult::Accepted),
            (File, CommandResult::Accepted),
            (Value(looser), CommandResult::Refused),
        ] {
            nonce += 1;
            assert_eq!(set_limit(&mut rig, nonce, symbol, *kind, new), expected, "{kind} {new:?}");
        }
        nonce += 1;
        let elsewhere = if kind.is_of_symbol() { ALL } else { BTC };
        let result = set_limit(&mut rig, nonce, elsewhere, *kind, File);
        assert_eq!(result, CommandResult::Malformed, "{kind}");
    }
    let plain = rig.command(1_000, CommandKind::SetLimit);
    assert_eq!(plain, CommandResult::Malformed);
}

#[test]
fn a_tightened_limit_binds_the_next_order() {
    let (mut rig, order, request) = Rig::one_order(TestStyle::Ioc);
    rig.reply(request, 200, 0, OrderStatus::Expired, Qty::ZERO);
    rig.report(&order, ExecType::Expired, OrderStatus::Expired, NO_FILL);
    for symbol in [0, 1] {
        let nonce = 1 + u64::from(symbol);
        let restricted = LimitKind::Restricted;
        let result = set_limit(&mut rig, nonce, SymbolId(symbol), restricted, Value(1));
        assert_eq!(result, CommandResult::Accepted);
    }
    rig.placed();
    rig.live(5_000);
    assert!(rig.placed().is_empty());
    assert!(status(&rig).refused[Reject::Restricted] > 0);
    set_limit(&mut rig, 9, BTC, LimitKind::Restricted, File);
    rig.live(5_000);
    let placed = rig.placed();
    assert!(!placed.is_empty() && placed.iter().all(|(order, _)| order.symbol == BTC));
}

#[test]
fn a_strategy_that_repeats_itself_is_stopped_until_a_person_resumes() {
    let mut strict = config(test_strategy(TestStyle::Ioc));
    strict.limits.repeated_orders_max = 2;
    strict.limits.repeated_window_ns = 60_000 * MS;
    let mut rig = Rig::armed(strict);
    let mut opening = 0;
    for _ in 0..200 {
        for (order, _) in rig.placed() {
            opening += u32::from(!order.reduce_only);
            rig.report(&order, ExecType::Expired, OrderStatus::Expired, NO_FILL);
        }
        rig.live(100);
    }
    assert_eq!(
        (rig.engine.state(), rig.engine.state_reason()),
        (Halted, StateReason::RepeatedOrders)
    );
    assert!((2..=8).contains(&opening), "at most two a side and symbol: {opening}");
    assert!(status(&rig).symbols.iter().any(|symbol| symbol.is_throttled == 1));
    rig.command(1, CommandKind::Resume);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    rig.live(100);
    assert_eq!(rig.engine.state(), Armed);
    assert!(status(&rig).symbols.iter().all(|symbol| symbol.is_throttled == 0));
}

#[test]
fn a_fall_from_the_highest_equity_reduces_until_a_person_resumes() {
    let mut strict = config(StrategyConfig::Test(TestConfig {
        style: TestStyle::EveryTick,
        every_ticks: 1_000_000,
        ..TestConfig::default()
    }));
    strict.limits.drawdown_ppm_max = 50_000;
    strict.limits.daily_loss_max = Notional::MAX;
    let mut rig = Rig::armed(strict);
    let change = |rig: &mut Rig, whole| {
        let mut update = AccountUpdate { balance_count: 1, ..AccountUpdate::default() };
        update.balances[0] =
            BalanceDelta { is_quote: true, change: usd(whole), ..BalanceDelta::default() };
        rig.apply(&Input::Account(&update));
        rig.live(200);
    };
    change(&mut rig, 1_000);
    assert_eq!(status(&rig).peak_equity, usd(11_000).units());
    change(&mut rig, -549);
    assert_eq!(rig.engine.state(), Armed);
    change(&mut rig, -1);
    assert_eq!((rig.engine.state(), rig.engine.state_reason()), (Reducing, StateReason::Drawdown));
    assert_eq!(status(&rig).limits[LimitKind::Drawdown.place()].used, 50_000);
    // What comes back does not undo it.
    change(&mut rig, 500);
    assert_eq!(rig.engine.state(), Reducing);
    rig.command(1, CommandKind::Resume);
    let truth = rig.agreeing_truth();
    rig.apply(&Input::Reconciled(&truth));
    rig.live(200);
    assert_eq!(rig.engine.state(), Armed);
    assert_eq!(status(&rig).peak_equity, usd(10_950).units());
}

#[test]
fn builds_that_differ_open_nothing() {
    let mut rig = Rig::idle();
    rig.apply(&Input::Builds(false));
    let reducing = (Reducing, StateReason::BuildMismatch);
    assert_eq!((rig.engine.state(), rig.engine.state_reason()), reducing);
    assert_ne!(status(&rig).state_causes & 1 << StateReason::BuildMismatch as u64, 0);
    rig.apply(&Input::Builds(true));
    assert_eq!(rig.engine.state(), Armed);
}
