//! One rig for all tests of the machine: time, market and a venue's word in a few calls.

use super::*;
use crate::config::{Safety, Timing};
use crate::input::{OpenAlgo, OpenOrder, Truth};
use crate::outbox::Action;
use crate::risk::{Limits, SymbolConfig, SymbolLimits, SymbolRules};
use crate::strategy::{StrategyConfig, TestConfig, TestStyle};
use schema::*;

mod commands;
mod kill;
mod limits;
mod markets;
mod outcomes;
mod sequences;
mod states;
mod tape;
mod truths;

const MS: u64 = 1_000_000;
const START_MONO: u64 = 1_000_000 * MS;
const START_WALL: i64 = 1_800_000_000_000_000_000;

fn usd(whole: i64) -> Notional {
    Notional::from_units(whole * SCALE)
}
fn milli(count: i64) -> Qty {
    Qty::from_units(count * SCALE / 1_000)
}
fn price(whole: i64) -> Price {
    Price::from_units(whole * SCALE)
}

fn rules() -> SymbolRules {
    SymbolRules {
        tick: Price::from_units(SCALE / 10),
        price_min: price(1),
        price_max: price(1_000_000),
        step: milli(1),
        qty_min: milli(1),
        qty_max: milli(1_000_000),
        market_step: milli(1),
        market_qty_min: milli(1),
        market_qty_max: milli(100_000),
        notional_min: usd(100),
        percent_up_e4: 10_500,
        percent_down_e4: 9_500,
        open_orders_max: 200,
        is_trading: true,
    }
}

fn limits() -> Limits {
    Limits {
        capital: usd(100_000),
        exposure_max: usd(50_000),
        leverage_max_e2: 500,
        price_collar_ppm: 10_000,
        open_orders_max: 20,
        messages_10s_max: 250,
        messages_1m_max: 1_000,
        messages_cancel_reserve: 20,
        book_age_ns_max: 2_000 * MS,
        feed_delay_ns_max: 2_000 * MS,
        mark_age_ns_max: 10_000 * MS,
        duplicate_window_ns: 50 * MS,
        daily_loss_max: usd(1_000),
        venue_rejects_max: 5,
        ..Limits::LOOSE
    }
}

fn config(strategy: StrategyConfig) -> Config {
    let symbol = |name: &[u8]| SymbolConfig {
        name: SymbolName::new(name).expect("short"),
        rules: rules(),
        limits: SymbolLimits {
            is_restricted: false,
            qty_max: milli(100),
            notional_max: usd(5_000),
            position_max: milli(200),
        },
    };
    Config {
        symbols: vec![symbol(b"BTCUSDT"), symbol(b"ETHUSDT")],
        limits: limits(),
        // Tests let time pass in large steps and tell truth once; those about it say so.
        timing: Timing {
            loop_gap_ns_max: 1_000_000_000 * MS,
            truth_age_ns_max: 1_000_000_000 * MS,
            ..Timing::default()
        },
        strategy,
        params: crate::signal::DEFAULT_PARAMS,
        epoch: BootEpoch(7),
        require_verdict: false,
        is_enabled: true,
        is_killed: false,
        safety: Safety::default(),
    }
}

fn test_strategy(style: TestStyle) -> StrategyConfig {
    StrategyConfig::Test(TestConfig { style, ..TestConfig::default() })
}

/// An engine with its clock and everything it has said.
struct Rig {
    engine: Engine,
    out: Outbox,
    elapsed_ns: u64,
    actions: Vec<Action>,
    records: Vec<Record>,
    update_id: u64,
}

impl Rig {
    fn new(config: Config) -> Self {
        Self {
            engine: Engine::new(config).expect("a usable configuration"),
            out: Outbox::new(),
            elapsed_ns: 0,
            actions: Vec::new(),
            records: Vec::new(),
            update_id: 100,
        }
    }
    /// Armed, with a fresh market in both symbols and nothing sent yet.
    fn armed(config: Config) -> Self {
        let mut rig = Self::new(config);
        for link in [Link::Public, Link::User, Link::Order] {
            rig.apply(&Input::Link(link, true));
        }
        rig.apply(&Input::Reconciled(&rig.truth()));
        for symbol in 0..2 {
            rig.mark(symbol, 50_000);
        }
        rig.ticker(1, 49_999, 50_000);
        assert_eq!(rig.engine.state(), TradingState::Reducing);
        rig.apply(&Input::Link(Link::Market, true));
        assert_eq!(rig.engine.state(), TradingState::Armed);
        rig.ticker(0, 49_999, 50_000);
        rig
    }
    /// Armed, with no strategy orders in the way.
    fn idle() -> Self {
        let strategy = StrategyConfig::Test(TestConfig {
            style: TestStyle::EveryTick,
            every_ticks: 1_000_000,
            ..TestConfig::default()
        });
        Self::armed(config(strategy))
    }
    fn now(&self) -> Now {
        Now {
            mono: MonoNs(START_MONO + self.elapsed_ns),
            wall: WallNs(START_WALL + self.elapsed_ns as i64),
        }
    }
    fn apply(&mut self, input: &Input<'_>) {
        self.out.clear();
        self.engine.apply(self.now(), input, &mut self.out);
        self.actions.extend(self.out.actions());
        self.records.extend(self.out.records());
        assert_eq!(self.out.lost(), 0);
        for record in self.out.records() {
            assert_eq!(record.input, self.engine.input_number());
            assert!(Event::from_record(record).is_ok());
        }
    }
    fn wait(&mut self, ms: u64) {
        self.elapsed_ns += ms * MS;
        self.apply(&Input::Timer);
    }
    /// Time passes with a live market.
    fn live(&mut self, ms: u64) {
        for _ in 0..ms.div_ceil(100) {
            self.elapsed_ns += 100 * MS;
            for symbol in 0..2 {
                self.mark(symbol, 50_000);
                self.ticker(symbol, 49_999, 50_000);
            }
            self.apply(&Input::Timer);
        }
    }
    fn ticker(&mut self, symbol: u16, bid: i64, ask: i64) {
        self.update_id += 1;
        let ticker = BookTicker {
            symbol: SymbolId(symbol),
            update_id: self.update_id,
            bid_price: price(bid),
            bid_qty: milli(1_000),
            ask_price: price(ask),
            ask_qty: milli(1_000),
            transaction_time: self.now().wall,
            event_time: self.now().wall,
        };
        self.apply(&Input::BookTicker(&ticker));
    }
    fn mark(&mut self, symbol: u16, whole: i64) {
        let mark = Mark { symbol: SymbolId(symbol), mark_price: price(whole), ..Mark::default() };
        self.apply(&Input::Mark(&mark));
    }
    fn truth(&self) -> Truth {
        Truth { requested_at: self.now().mono, wallet: usd(10_000), ..Truth::default() }
    }
    /// Truth that agrees with the engine, asked for now.
    fn agreeing_truth(&self) -> Truth {
        let mut truth = Truth { wallet: self.engine.wallet(), ..self.truth() };
        truth.requested_at = MonoNs(truth.requested_at.0 + 1);
        for (symbol, position) in truth.positions.iter_mut().enumerate() {
            position.qty = self.engine.position(SymbolId(symbol as u16)).qty();
        }
        truth
    }
    fn command(&mut self, nonce: u64, kind: CommandKind) -> CommandResult {
        let command = Command::plain(nonce, kind, self.now().wall, 1);
        self.apply(&Input::Command(&command));
        let answer =
            self.records.iter().rev().find_map(|record| match Event::from_record(record) {
                Ok(Event::Answer(answer)) => Some(answer),
                _ => None,
            });
        answer.expect("every command is answered").result
    }
    /// Orders placed since the last call, with their requests.
    fn placed(&mut self) -> Vec<(NewOrder, RequestId)> {
        let placed = |action: &Action| match action {
            Action::Place(order, request, _) => Some((*order.get(), *request)),
            _ => None,
        };
        let orders = self.actions.iter().filter_map(placed).collect();
        self.actions.retain(|action| !matches!(action, Action::Place(..)));
        orders
    }
    fn cancels(&mut self) -> Vec<(OrderRef, RequestId)> {
        let cancel = |action: &Action| match action {
            Action::Cancel(cancel, request) => Some((cancel.get().order, *request)),
            _ => None,
        };
        let cancels = self.actions.iter().filter_map(cancel).collect();
        self.actions.retain(|action| !matches!(action, Action::Cancel(..)));
        cancels
    }
    fn questions(&mut self) -> Vec<(OrderRef, RequestId)> {
        let question = |action: &Action| match action {
            Action::Status(order, request) => Some((*order, *request)),
            _ => None,
        };
        let questions = self.actions.iter().filter_map(question).collect();
        self.actions.retain(|action| !matches!(action, Action::Status(..)));
        questions
    }
    fn reply(&mut self, request: RequestId, status: u16, code: i32, order: OrderStatus, cum: Qty) {
        let reply = OrderReply {
            request_id: request,
            status,
            code,
            order_status: order,
            client_order_id: ClientOrderId::NONE,
            venue_order_id: VenueOrderId(0),
            price: Price::ZERO,
            qty: Qty::ZERO,
            cum_qty: cum,
            order_count_10s: u32::MAX,
            order_count_1m: u32::MAX,
            weight_1m: u32::MAX,
            retry_after_ms: 0,
        };
        self.apply(&Input::Reply(&reply));
    }
    fn refuse(&mut self, request: RequestId, status: u16, code: i32) {
        self.reply(request, status, code, OrderStatus::Unknown, Qty::ZERO);
    }
    fn report(&mut self, order: &NewOrder, exec: ExecType, status: OrderStatus, fill: Fill) {
        let report = report(order, exec, status, fill);
        self.apply(&Input::Report(&report));
    }
    fn lite(&mut self, order: &NewOrder, fill: Fill) {
        let lite = TradeLite {
            symbol: order.symbol,
            client_order_id: order.client_order_id,
            venue_order_id: VenueOrderId(1),
            side: order.side,
            last_price: fill.price,
            last_qty: fill.qty,
            trade_id: TradeId(fill.trade_id),
            is_maker: false,
            transaction_time: WallNs(START_WALL),
        };
        self.apply(&Input::TradeLite(&lite));
    }
    fn account_position(&mut self, symbol: u16, qty: Qty) {
        let mut update = AccountUpdate { position_count: 1, ..AccountUpdate::default() };
        update.positions[0] =
            PositionDelta { symbol: SymbolId(symbol), qty, ..PositionDelta::default() };
        self.apply(&Input::Account(&update));
    }
    fn qty(&self, symbol: u16) -> Qty {
        self.engine.position(SymbolId(symbol)).qty()
    }
    /// Places one order through the test strategy and gives it back.
    fn one_order(style: TestStyle) -> (Self, NewOrder, RequestId) {
        let mut rig = Self::armed(config(test_strategy(style)));
        let placed = rig.placed();
        let (order, request) = placed[0];
        assert_eq!((placed.len(), order.symbol), (1, SymbolId(0)));
        (rig, order, request)
    }
}

#[derive(Debug, Clone, Copy)]
struct Fill {
    trade_id: i64,
    qty: Qty,
    cum: Qty,
    price: Price,
}

const NO_FILL: Fill = Fill { trade_id: 0, qty: Qty::ZERO, cum: Qty::ZERO, price: Price::ZERO };

fn fill(trade_id: i64, qty: Qty, cum: Qty) -> Fill {
    Fill { trade_id, qty, cum, price: price(50_000) }
}

fn report(order: &NewOrder, exec: ExecType, status: OrderStatus, fill: Fill) -> ExecutionReport {
    ExecutionReport {
        symbol: order.symbol,
        client_order_id: order.client_order_id,
        venue_order_id: VenueOrderId(1),
        side: order.side,
        order_type: order.order_type,
        time_in_force: order.time_in_force,
        exec_type: exec,
        status,
        price: order.price,
        qty: order.qty,
        last_qty: fill.qty,
        last_price: fill.price,
        cum_qty: fill.cum,
        commission: Notional::from_units(fill.qty.units() / 100),
        realized_pnl: Notional::ZERO,
        trade_id: TradeId(fill.trade_id),
        is_maker: false,
        reduce_only: order.reduce_only,
        expiry_reason: 0,
        transaction_time: WallNs(START_WALL),
        event_time: WallNs(START_WALL),
    }
}
