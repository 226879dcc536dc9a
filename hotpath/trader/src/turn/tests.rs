use std::cell::Cell;
use std::sync::atomic::AtomicU32;
use std::time::Instant;

use binance::sign::{HmacKey, Signer};
use binance::{Encoder, SymbolFormat};
use engine::strategy::SettingValue;
use engine::{Engine, StrategyConfig, SymbolLimits, SymbolRules, Timing, Truth};
use rings::{Identity, Next, Ring, journal};
use schema::{
    BootEpoch, LAYOUT_HASH, Notional, Price, Qty, SCALE, Stage, Stages, SymbolName, TradingState,
};

use super::*;
use crate::feed::Patience;
use crate::gate::Gate;
use crate::journal::Journal;
use crate::net::{Target, dial};
use crate::queues::{LOG_ENTRIES, MESSAGES, Reconciliation, Slot};
use crate::stand_in::{Peer, StandIn};

mod by_rest;
mod kill;
mod standby;

thread_local! {
    static PLANTED: Cell<bool> = const { Cell::new(false) };
}

/// The planted mistake: one allocation a market event, when a test asks for it.
pub(super) fn allocate_if_planted() {
    if PLANTED.get() {
        drop(std::hint::black_box(String::from("a harmless little string")));
    }
}

/// A loop over loopback TLS, with the test as the venue.
struct Rig {
    turn: Turn,
    stand_in: StandIn,
    /// By slot.
    peers: Vec<Peer>,
    to_hot: rtrb::Producer<ToHot>,
    journal: journal::Reader<Record>,
    from_hot: rtrb::Consumer<ToCold>,
    /// The order that was heard last.
    heard: String,
    _log: rtrb::Consumer<LogEntry>,
    _instance: Instance,
}

/// Removes the segments; the last field of [`Rig`], so that their writers are gone by then.
struct Instance(String);

impl Drop for Instance {
    fn drop(&mut self) {
        let removed = rings::remove_instance(&self.0);
        assert!(std::thread::panicking() || removed.is_ok(), "{removed:?}");
    }
}

fn units(text: &str) -> i64 {
    schema::parse_decimal(text.as_bytes()).expect("a decimal")
}

pub(crate) fn engine() -> Engine {
    engine_of(|_| {})
}

/// With other settings.
fn engine_of(change: impl FnOnce(&mut engine::Config)) -> Engine {
    let mut strategy = StrategyConfig::by_name("test").expect("there is one");
    strategy.set("style", SettingValue::Word("every_tick")).expect("a style");
    let symbol = engine::SymbolConfig {
        name: SymbolName::new(b"BTCUSDT").expect("short"),
        rules: SymbolRules {
            tick: Price::from_units(units("0.1")),
            price_min: Price::from_units(units("0.1")),
            price_max: Price::from_units(units("1000000")),
            step: Qty::from_units(units("0.001")),
            qty_min: Qty::from_units(units("0.001")),
            qty_max: Qty::from_units(units("1000")),
            market_step: Qty::from_units(units("0.001")),
            market_qty_min: Qty::from_units(units("0.001")),
            market_qty_max: Qty::from_units(units("1000")),
            notional_min: Notional::from_units(units("50")),
            percent_up_e4: 10_500,
            percent_down_e4: 9_500,
            open_orders_max: 200,
            is_trading: true,
        },
        limits: SymbolLimits {
            is_restricted: false,
            qty_max: Qty::from_units(units("10")),
            notional_max: Notional::from_units(units("100000")),
            position_max: Qty::from_units(units("100000")),
        },
    };
    let limits = engine::Limits {
        capital: Notional::from_units(1_000_000 * SCALE),
        exposure_max: Notional::from_units(1_000_000 * SCALE),
        leverage_max_e2: 200,
        price_collar_ppm: 50_000,
        open_orders_max: 190,
        messages_10s_max: 10_000,
        messages_1m_max: 10_000,
        messages_cancel_reserve: 10,
        book_age_ns_max: 60_000_000_000,
        feed_delay_ns_max: 60_000_000_000,
        mark_age_ns_max: 60_000_000_000,
        duplicate_window_ns: 0,
        daily_loss_max: Notional::from_units(100_000 * SCALE),
        venue_rejects_max: 1_000,
        ..engine::Limits::LOOSE
    };
    let timing = Timing {
        feed_age_ns_max: 60_000_000_000,
        ack_timeout_ns: 60_000_000_000,
        clock_jump_ns_max: 60_000_000_000,
        settle_ns: 60_000_000_000,
        ..Timing::default()
    };
    let mut config = engine::Config {
        symbols: vec![symbol],
        limits,
        timing,
        strategy,
        params: engine::signal::DEFAULT_PARAMS,
        epoch: BootEpoch(7),
        require_verdict: false,
        is_enabled: true,
        is_killed: false,
        safety: engine::Safety { last_way_ns: 20_000_000, ..engine::Safety::default() },
    };
    change(&mut config);
    Engine::new(config).expect("usable settings")
}

/// Settings that give nothing up while a test looks at something else.
fn patient() -> Settings {
    const LONG_NS: u64 = 600_000_000_000;
    let patience =
        Patience { first_ns: LONG_NS, ticker_ns: LONG_NS, depth_ns: LONG_NS, mark_ns: LONG_NS };
    let (answer_ns, report_ns, ping_ns) = (LONG_NS, LONG_NS, LONG_NS);
    Settings { patience, answer_ns, report_ns, ping_ns, ..Settings::default() }
}

impl Rig {
    fn new() -> Self {
        Self::armed(|_| {})
    }

    /// Armed, with other settings of the engine.
    fn armed(change: impl FnOnce(&mut engine::Config)) -> Self {
        let mut rig = Self::made_of(patient(), change);
        for link in Link::ALL {
            rig.connect(Slot::of(*link, 0));
        }
        rig.arm();
        rig
    }

    /// Without connections.
    fn with(settings: Settings) -> Self {
        Self::made_of(settings, |_| {})
    }

    /// Without connections, with other settings of the engine.
    fn made_of(settings: Settings, change: impl FnOnce(&mut engine::Config)) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let instance = format!("turn-test-{}-{number}", std::process::id());
        let identity = Identity { layout_hash: LAYOUT_HASH, build_id: 1, boot_epoch: 7 };
        let journal_writer =
            journal::Writer::open_or_create(&instance, 1 << 14, identity, &[], &["none"])
                .expect("a journal");
        let journal = journal::Reader::open_at_oldest(&instance, LAYOUT_HASH).expect("a journal");
        let name = SymbolName::new(b"BTCUSDT").expect("short");
        let formats = [SymbolFormat { name, price_decimals: 1, qty_decimals: 3 }];
        let signer = Signer::Hmac(HmacKey::new(b"secret"));
        let encoder = Encoder::new("key", signer, &formats, 5_000).expect("usable settings");
        let (log_in, log) = rtrb::RingBuffer::new(LOG_ENTRIES);
        let (to_hot, from_cold) = rtrb::RingBuffer::new(MESSAGES);
        let (to_cold, from_hot) = rtrb::RingBuffer::new(MESSAGES);
        let desk =
            Desk::new(engine_of(change), Gate::new(encoder), Journal::new(journal_writer), log_in);
        let ring = |ring| {
            broadcast::Writer::create(&instance, ring, 1 << 14, identity, &[]).expect("a ring")
        };
        let parts = Parts {
            desk,
            links: Links::new().expect("a poll"),
            symbols: SymbolTable::new(&[name]),
            market: ring(Ring::Market),
            status: latest::Writer::create(&instance, Ring::Status, identity, &[])
                .expect("a status"),
            control: control::Receiver::create(&instance, 64, identity, &[]).expect("a control"),
            from_cold,
            to_cold,
            counters: Default::default(),
            heart: Arc::new(AtomicU64::new(0)),
            wait: Wait::Park,
            turn_budget_ns: 100_000,
            session: settings,
            stale_ns: 60_000_000_000,
            tsc_hz: tsc::calibrate(),
            flatten_on_stop: false,
            stop_timeout_ns: 5_000_000_000,
            left: None,
        };
        Self {
            turn: Turn::new(parts),
            stand_in: StandIn::new(),
            peers: (0..SLOTS).map(|_| dead_peer()).collect(),
            to_hot,
            journal,
            from_hot,
            heard: String::new(),
            _log: log,
            _instance: Instance(instance),
        }
    }

    fn connect(&mut self, slot: Slot) {
        let target = Target::new(&format!("{}/ws", self.stand_in.url)).expect("a URL");
        let (peer, connection) = std::thread::scope(|scope| {
            let accepted = scope.spawn(|| self.stand_in.accept());
            let dialled = dial(&target, self.stand_in.client.clone(), Duration::from_secs(5));
            (accepted.join().expect("accepted"), dialled.expect("loopback"))
        });
        self.peers[slot.index()] = peer;
        let fresh = ToHot::Fresh(slot, Box::new(connection));
        self.to_hot.push(fresh).map_err(drop).expect("room");
        self.until("a connection stands", |turn| turn.session.opened_at(slot).is_some());
    }

    /// Brings the engine to Armed, with a mark and a first book.
    fn arm(&mut self) {
        // Before the first order: the stand-in answers pings, not orders.
        self.until("pings are answered", |turn| turn.session.is_answered());
        self.until("reconciling", |turn| {
            turn.parts.desk.engine.state() == TradingState::Reconciling
        });
        let truth = Truth {
            requested_at: tsc::mono(),
            wallet: Notional::from_units(1_000_000 * SCALE),
            ..Truth::default()
        };
        let reconciliation = Box::new(Reconciliation { missed: Vec::new(), truth });
        self.to_hot.push(ToHot::Reconciled(reconciliation)).map_err(drop).expect("room");
        self.say(Slot::of(Link::Market, 0), &mark());
        self.until("a mark", |turn| turn.ticks == 1);
        self.tick(1);
        self.until("armed, with an order", |turn| turn.parts.desk.sent() == 1);
        let _ = self.order();
    }

    fn say(&self, slot: Slot, text: &str) {
        self.peers[slot.index()].say.send(text.to_owned()).expect("the peer lives");
    }

    fn tick(&self, update: u64) {
        self.say(Slot::of(Link::Public, 0), &ticker(update));
    }

    /// The next request the venue heard on the first order connection.
    fn order(&mut self) -> String {
        self.heard = self.order_on(Slot::of(Link::Order, 0));
        self.heard.clone()
    }

    /// The venue reports the order that was heard last: `NEW`, or `EXPIRED`.
    fn report(&mut self, status: &str) {
        let text = report(&self.heard, status);
        self.say(Slot::of(Link::User, 0), &text);
        let is_over = status == "EXPIRED";
        let frames = |turn: &Turn| turn.parts.links.traffic[Link::User as usize].frames;
        let before = frames(&self.turn);
        self.until("the report", |turn| {
            frames(turn) > before && (!is_over || turn.parts.desk.engine.is_quiet())
        });
    }
    fn order_on(&self, slot: Slot) -> String {
        let heard = &self.peers[slot.index()].heard;
        heard.recv_timeout(Duration::from_secs(10)).expect("an order")
    }

    fn until(&mut self, what: &str, is_done: impl Fn(&Turn) -> bool) {
        let begun = Instant::now();
        while !is_done(&self.turn) {
            self.turn.turn();
            let waited = begun.elapsed();
            let state = self.turn.parts.desk.engine.state();
            assert!(waited < Duration::from_secs(20), "still waiting: {what}; {state}");
        }
    }

    /// Sends ticks one by one; returns the most allocations one tick and its order took.
    fn measure(&mut self, ticks: u64) -> alloc::Counts {
        let mut most = alloc::Counts::default();
        self.report("EXPIRED");
        alloc::arm();
        for update in 0..ticks {
            alloc::disarm();
            let sent = self.turn.parts.desk.sent();
            self.tick(100 + update);
            alloc::arm();
            self.until("an order", |turn| turn.parts.desk.sent() > sent);
            let counts = alloc::disarm();
            most.hot = most.hot.max(counts.hot);
            most.tls = most.tls.max(counts.tls);
            let order = self.order();
            assert!(order.contains("order.place") && order.contains("signature"), "{order}");
            self.report("EXPIRED"); // the next one is of the other side
            alloc::arm();
        }
        alloc::disarm();
        most
    }

    fn stages(&mut self) -> Vec<Stages> {
        let mut found = Vec::new();
        loop {
            match self.journal.next() {
                Next::Item(_, record) => {
                    if let Ok(Event::Stages(stages)) = Event::from_record(&record) {
                        found.push(stages);
                    }
                }
                Next::Empty => return found,
                Next::Lost { first, count } => panic!("lost {count} from {first}"),
            }
        }
    }
}

fn mark() -> String {
    format!(
        concat!(
            r#"{{"stream":"btcusdt@markPrice@1s","data":{{"e":"markPriceUpdate","E":{},"#,
            r#""s":"BTCUSDT","p":"100.0","P":"100.0","i":"100.0","r":"0.0001","T":0}}}}"#
        ),
        tsc::wall().ms()
    )
}

fn ticker(update: u64) -> String {
    let at = tsc::wall().ms();
    format!(
        concat!(
            r#"{{"stream":"btcusdt@bookTicker","data":{{"e":"bookTicker","u":{update},"#,
            r#""s":"BTCUSDT","ps":"BTCUSDT","b":"99.9","B":"2.646","a":"100.0","#,
            r#""A":"5.302","T":{at},"E":{at},"st":1}}}}"#
        ),
        update = update,
        at = at
    )
}

/// What the venue reports of an order it was asked to place.
fn report(order: &str, status: &str) -> String {
    let of = |key: &str| {
        let from = order.find(&format!("\"{key}\":\"")).expect(key) + key.len() + 4;
        order[from..].split('"').next().expect("a text")
    };
    format!(
        concat!(
            r#"{{"e":"ORDER_TRADE_UPDATE","T":{at},"E":{at},"o":{{"s":"BTCUSDT","c":"{id}","#,
            r#""S":"{side}","o":"LIMIT","f":"IOC","q":"{qty}","p":"{price}","ap":"0","sp":"0","#,
            r#""x":"{status}","X":"{status}","i":77,"l":"0","z":"0","L":"0","n":"0","N":"USDT","#,
            r#""T":{at},"t":0,"b":"0","a":"0","m":false,"R":false,"wt":"CONTRACT_PRICE","#,
            r#""ot":"LIMIT","ps":"BOTH","cp":false,"rp":"0","pP":false,"si":0,"ss":0,"#,
            r#""V":"EXPIRE_TAKER","pm":"NONE","gtd":0,"er":"0"}}}}"#
        ),
        at = tsc::wall().ms(),
        id = of("newClientOrderId"),
        side = of("side"),
        qty = of("quantity"),
        price = of("price"),
        status = status,
    )
}

fn dead_peer() -> Peer {
    Peer { say: std::sync::mpsc::channel().0, heard: std::sync::mpsc::channel().1 }
}

#[test]
fn a_tick_becomes_an_order_without_an_allocation_of_ours() {
    let mut rig = Rig::new();
    let most = rig.measure(60);
    assert_eq!(most.hot, 0, "the hot turn allocated");
    println!("tls allocations per tick and order: at most {}", most.tls);
    assert!((1..=2).contains(&most.tls), "exempt scope: {} a tick and order", most.tls);
}

#[test]
fn a_planted_allocation_is_counted() {
    let mut rig = Rig::new();
    PLANTED.set(true);
    let most = rig.measure(3);
    PLANTED.set(false);
    assert!(most.hot >= 1, "the check above would not have seen an allocation in the turn");
}

#[test]
fn every_order_of_a_tick_has_its_stages_in_order() {
    let mut rig = Rig::new();
    rig.measure(5);
    let stages = rig.stages();
    assert_eq!(stages.len(), 6, "one for each order");
    for stages in stages {
        assert!(stages.tsc.is_sorted() && stages.tsc[0] > 0, "{stages:?}");
        assert!(stages.between_ns(Stage::Read, Stage::WriteCall, 1).is_some());
        assert!(stages.event_time.ms() > 0);
    }
}

#[test]
fn a_lost_order_link_leaves_armed_and_is_handed_to_the_cold_thread() {
    let mut rig = Rig::new();
    rig.peers[Slot::of(Link::Order, 0).index()] = dead_peer(); // the server hangs up
    rig.until("the link is down", |turn| !turn.session.is_up(Link::Order));
    assert_ne!(rig.turn.parts.desk.engine.state(), TradingState::Armed);
    let sent = rig.turn.parts.desk.sent();
    rig.tick(500);
    let ticks = rig.turn.ticks;
    rig.until("the tick came", |turn| turn.ticks > ticks);
    assert_eq!(rig.turn.parts.desk.sent(), sent, "nothing is sent without a link");
    let mut is_told = false;
    while let Ok(message) = rig.from_hot.pop() {
        is_told |= matches!(message, ToCold::Lost(slot, _, Some(_)) if slot.link() == Link::Order);
    }
    assert!(is_told);
}

#[test]
fn the_end_cancels_confirms_and_is_journalled() {
    let mut rig = Rig::new();
    rig.to_hot.push(ToHot::Stop).map_err(drop).expect("room");
    rig.until("the end has begun", |turn| turn.ending != Ending::No);
    rig.tick(600);
    let ticks = rig.turn.ticks;
    let sent = rig.turn.parts.desk.sent();
    rig.until("the tick came", |turn| turn.ticks > ticks);
    assert_eq!(rig.turn.parts.desk.engine.state(), TradingState::Halted);
    let after = rig.turn.parts.desk.sent() - sent;
    for _ in 0..after {
        assert!(!rig.order().contains("order.place"), "no new order after the end has begun");
    }
    let mut is_journalled = false;
    while let Next::Item(_, record) = rig.journal.next() {
        is_journalled |= matches!(
            Event::from_record(&record),
            Ok(Event::State(change)) if change.to == TradingState::Halted
        );
    }
    assert!(is_journalled);
}
