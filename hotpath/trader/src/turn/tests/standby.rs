//! Two connections of a link: one dies, is silent, lies or is replaced.

use std::sync::atomic::AtomicBool;

use schema::Counter;

use super::*;
use crate::net::LinkError;
use crate::session::GiveUp;

const MS: u64 = 1_000_000;

fn place(link: Link, index: usize) -> Slot {
    Slot::of(link, index)
}

fn diff(previous: u64, last: u64) -> String {
    let (first, at) = (previous + 1, tsc::wall().ms());
    format!(
        concat!(
            r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":{at},"T":{at},"#,
            r#""s":"BTCUSDT","ps":"BTCUSDT","U":{first},"u":{last},"pu":{previous},"#,
            r#""b":[["99.8","1.000"]],"a":[["100.1","1.000"]],"st":1}}}}"#
        ),
        at = at,
        first = first,
        last = last,
        previous = previous
    )
}

impl Rig {
    /// Two connections of every link, armed.
    fn twin(settings: Settings) -> Self {
        let mut rig = Self::with(settings);
        for link in Link::ALL {
            rig.connect(place(*link, 0));
            rig.connect(place(*link, 1));
        }
        rig.arm();
        rig.say(place(Link::Public, 1), &ticker(1));
        rig.say(place(Link::Market, 1), &mark());
        rig.until("all stand", |turn| {
            let mut all = Link::ALL.iter().flat_map(|link| [place(*link, 0), place(*link, 1)]);
            all.all(|slot| turn.session.is_ready(slot))
        });
        rig
    }

    fn hang_up(&mut self, slot: Slot) {
        self.peers[slot.index()] = dead_peer();
        self.until("it is lost", |turn| turn.session.opened_at(slot).is_none());
    }

    /// How often a link changed, as the market ring tells.
    fn status(&mut self) -> Status {
        self.turn.publish_status();
        *self.turn.status
    }

    fn why_lost(&mut self, wanted: Slot) -> Option<LinkError> {
        let mut why = None;
        while let Ok(message) = self.from_hot.pop() {
            if let ToCold::Lost(slot, error, _) = message
                && slot == wanted
            {
                why = Some(error);
            }
        }
        why
    }
}

#[test]
fn a_message_of_two_connections_is_acted_on_once() {
    let mut rig = Rig::twin(patient());
    rig.report("EXPIRED");
    let (ticks, sent) = (rig.turn.ticks, rig.turn.parts.desk.sent());
    let text = ticker(500);
    rig.say(place(Link::Public, 1), &text);
    rig.until("an order", |turn| turn.parts.desk.sent() > sent);
    let duplicates = rig.status().counters[Counter::FeedDuplicate];
    rig.say(place(Link::Public, 0), &text);
    rig.until("the copy came", |turn| {
        turn.arbiter.counts()[Counter::FeedDuplicate] + turn.twice.counts()[Counter::FeedDuplicate]
            > duplicates
    });
    assert_eq!((rig.turn.ticks, rig.turn.parts.desk.sent()), (ticks + 1, sent + 1));
    let status = rig.status();
    assert_eq!(status.connections[place(Link::Public, 1).index()].wins, 1);
}

#[test]
fn the_death_of_one_market_connection_is_not_noticed_by_the_engine() {
    let mut rig = Rig::twin(patient());
    rig.report("EXPIRED");
    let sent = rig.turn.parts.desk.sent();
    rig.hang_up(place(Link::Public, 0));
    rig.hang_up(place(Link::Market, 1));
    assert!(rig.turn.session.is_up(Link::Public) && rig.turn.session.is_up(Link::Market));
    assert_eq!(rig.turn.parts.desk.engine.state(), TradingState::Armed);
    rig.say(place(Link::Public, 1), &ticker(500));
    rig.until("an order", |turn| turn.parts.desk.sent() > sent);
    let status = rig.status();
    assert_eq!(status.counters[Counter::LinkLost], 2);
    assert_eq!(status.links[Link::Public as usize].up, 1);
    assert_eq!(status.connections[place(Link::Public, 0).index()].state, 0);
}

#[test]
fn what_one_connection_lost_does_not_cost_the_book() {
    let mut rig = Rig::twin(patient());
    let snapshot = crate::queues::Snapshot {
        head: schema::DepthHead {
            kind: schema::DepthKind::Snapshot,
            last_update_id: 1_000,
            ..Default::default()
        },
        depth: DepthBuf::new(),
    };
    rig.to_hot.push(ToHot::Snapshot(Box::new(snapshot))).map_err(drop).expect("room");
    rig.say(place(Link::Public, 0), &diff(1_000, 1_010));
    rig.until("in sync", |turn| {
        let book = turn.parts.desk.engine.book(schema::SymbolId(0)).expect("followed");
        book.last_update_id() == 1_010
    });
    // The second event is lost on the first connection and late on the other.
    rig.say(place(Link::Public, 0), &diff(1_020, 1_030));
    let frames = rig.status().connections[place(Link::Public, 0).index()].frames;
    rig.until("it came", |turn| {
        turn.parts.links.connections[place(Link::Public, 0).index()].frames >= frames
    });
    rig.say(place(Link::Public, 1), &diff(1_010, 1_020));
    rig.until("both are applied", |turn| {
        let book = turn.parts.desk.engine.book(schema::SymbolId(0)).expect("followed");
        book.last_update_id() == 1_030
    });
    let status = rig.status();
    assert_eq!(status.counters[Counter::BookGap], 0);
    assert_eq!(status.symbols[0].book_gaps, 0);
}

#[test]
fn orders_leave_on_the_warm_connection_in_the_turn_the_active_one_dies() {
    let mut rig = Rig::twin(patient());
    let (active, warm) = (place(Link::Order, 0), place(Link::Order, 1));
    assert_eq!(rig.turn.session.orders(), Some(active));
    rig.hang_up(active);
    assert_eq!(rig.turn.session.orders(), Some(warm));
    assert!(rig.turn.session.is_up(Link::Order));
    assert_eq!(rig.status().counters[Counter::OrderLinkPromoted], 1);
    // What was unanswered is asked about on the new connection.
    assert!(rig.order_on(warm).contains("order.status"));
}

#[test]
fn a_silent_stream_is_replaced_while_the_other_carries_on() {
    let mut rig = Rig::twin(patient());
    let silent = place(Link::Public, 1);
    let ticks = rig.turn.ticks;
    rig.tick(1_000);
    rig.until("a tick", |turn| turn.ticks > ticks);
    rig.turn.session.settings_mut().patience.ticker_ns = 2_000 * MS;
    let begun = Instant::now();
    let mut update = 1_000;
    while rig.turn.session.opened_at(silent).is_some() {
        update += 1;
        rig.tick(update);
        rig.turn.turn();
        std::thread::sleep(Duration::from_millis(5));
        assert!(begun.elapsed() < Duration::from_secs(20), "still there");
    }
    let why = rig.why_lost(silent).expect("handed to the cold thread");
    assert!(matches!(why, LinkError::GivenUp(GiveUp::Silent(..))), "{why}");
    assert!(rig.turn.session.is_up(Link::Public));
    assert_eq!(rig.status().counters[Counter::LinkSilent], 1);
}

#[test]
fn a_connection_that_answers_no_ping_is_given_up() {
    // Half open: the peer neither reads nor closes.
    let settings = Settings { answer_ns: 300 * MS, ping_ns: 50 * MS, ..patient() };
    let mut rig = Rig::with(settings);
    let slot = place(Link::User, 0);
    let (stand_in, is_over) = (StandIn::new(), AtomicBool::new(false));
    let url = format!("{}/ws", stand_in.url);
    std::thread::scope(|scope| {
        scope.spawn(|| stand_in.accept_deaf(&is_over));
        let target = Target::new(&url).expect("a URL");
        let dialled = dial(&target, stand_in.client.clone(), Duration::from_secs(5));
        let fresh = ToHot::Fresh(slot, Box::new(dialled.expect("loopback")));
        rig.to_hot.push(fresh).map_err(drop).expect("room");
        rig.until("it stands", |turn| turn.session.opened_at(slot).is_some());
        rig.until("it is given up", |turn| turn.session.opened_at(slot).is_none());
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(rig.why_lost(slot), Some(LinkError::GivenUp(GiveUp::Unanswered)));
}

#[test]
fn an_event_that_one_user_connection_does_not_bring_shows_that_it_is_frozen() {
    let mut rig = Rig::twin(Settings { report_ns: 200 * MS, ..patient() });
    let at = tsc::wall().ms();
    let text = format!(
        concat!(
            r#"{{"e":"ACCOUNT_UPDATE","T":{at},"E":{at},"a":{{"B":[{{"a":"USDT","#,
            r#""wb":"1000000.0","cw":"1000000.0","bc":"0"}}],"P":[],"m":"DEPOSIT"}}}}"#
        ),
        at = at
    );
    let frozen = place(Link::User, 1);
    rig.say(place(Link::User, 0), &text);
    rig.until("it is given up", |turn| turn.session.opened_at(frozen).is_none());
    assert_eq!(rig.why_lost(frozen), Some(LinkError::GivenUp(GiveUp::Frozen)));
    assert!(rig.turn.session.is_up(Link::User), "the other tells");
    assert_eq!(rig.status().counters[Counter::UserStreamFrozen], 1);
}

#[test]
fn a_connection_is_replaced_before_its_time_and_no_message_is_lost() {
    let mut rig = Rig::twin(Settings { max_age_ns: 400 * MS, ..patient() });
    let (olds, new) = ([0, 1].map(|index| place(Link::Public, index)), place(Link::Public, 2));
    let is_dialled = |rig: &mut Rig| {
        let mut is_dialled = false;
        while let Ok(message) = rig.from_hot.pop() {
            is_dialled |= matches!(message, ToCold::Dial(slot) if slot == new);
        }
        is_dialled
    };
    let begun = Instant::now();
    while !is_dialled(&mut rig) {
        rig.turn.turn();
        assert!(begun.elapsed() < Duration::from_secs(20), "not asked for");
    }
    rig.connect(new);
    rig.tick(600);
    let ticks = rig.turn.ticks;
    rig.until("a tick of the old one", |turn| turn.ticks > ticks);
    let all_stand = olds.iter().all(|old| rig.turn.session.is_ready(*old));
    assert!(all_stand, "the new one has not spoken");
    rig.say(new, &ticker(601));
    let closed = |turn: &Turn| olds.into_iter().find(|old| turn.session.opened_at(*old).is_none());
    rig.until("an old one is closed", |turn| closed(turn).is_some());
    let old = closed(&rig.turn).expect("just seen");
    assert_eq!(rig.why_lost(old), Some(LinkError::GivenUp(GiveUp::RolledOver)));
    let ticks = rig.turn.ticks;
    rig.say(new, &ticker(602));
    rig.until("a tick of the new one", |turn| turn.ticks > ticks);
    let status = rig.status();
    assert_eq!(status.counters[Counter::LinkRolledOver], 1);
    assert_eq!(status.links[Link::Public as usize].up, 1);
}

#[test]
fn frames_that_cannot_be_read_are_counted_and_end_a_connection_that_sends_only_such() {
    let mut rig = Rig::twin(patient());
    let slot = place(Link::Public, 1);
    for _ in 0..20 {
        let _ = rig.peers[slot.index()].say.send("{\"e\":\"bookTicker\",".to_owned());
    }
    rig.until("it is given up", |turn| turn.session.opened_at(slot).is_none());
    assert_eq!(rig.why_lost(slot), Some(LinkError::GivenUp(GiveUp::Garbage)));
    assert!(rig.status().counters[Counter::FrameRefused] >= 8);
    assert!(rig.turn.session.is_up(Link::Public));
}
