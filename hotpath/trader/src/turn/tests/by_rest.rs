//! What goes out by REST while no order connection is up, and what never does.

use std::cell::RefCell;

use schema::{CommandKind, Counter, PositionDelta, SymbolId};

use super::*;
use crate::cold::last_way::{Answer, carry};
use crate::cold::{Api, CallError, Method, Security};

const NAME: &[u8] = b"BTCUSDT";

type Asked = (Method, Vec<(String, String)>);

/// A venue that takes what reduces, fills nothing, and knows no order.
#[derive(Default)]
struct Venue {
    asked: RefCell<Vec<Asked>>,
}

impl Api for Venue {
    fn call(
        &self,
        method: Method,
        path: &str,
        params: &[(&str, &str)],
        _: Security,
    ) -> Result<Vec<u8>, CallError> {
        assert_eq!(path, "/fapi/v1/order");
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        self.asked.borrow_mut().push((method, params.iter().map(own).collect()));
        let of = |key: &str| params.iter().find(|(k, _)| *k == key).map_or("", |(_, v)| *v);
        if method != Method::Post {
            let message = "no such order".to_owned();
            return Err(CallError::Venue { status: 400, code: -2013, message, retry_after: None });
        }
        let (id, qty) = (of("newClientOrderId"), of("quantity"));
        Ok(format!(
            r#"{{"orderId":5,"clientOrderId":"{id}","status":"EXPIRED","price":"100",
            "origQty":"{qty}","executedQty":"0"}}"#
        )
        .into_bytes())
    }
    fn now(&self) -> Now {
        tsc::now()
    }
}

impl Rig {
    /// Plays the cold thread until `is_done`.
    fn carry_until(&mut self, venue: &Venue, is_done: impl Fn(&Venue, &Turn) -> bool) {
        let names = [SymbolName::new(NAME).expect("short")];
        let begun = Instant::now();
        while !is_done(venue, &self.turn) {
            self.turn.turn();
            while let Ok(message) = self.from_hot.pop() {
                let ToCold::Order(action) = message else { continue };
                let answer = carry(venue, &names, &action);
                assert!(matches!(answer, Answer::Reply(_)), "{answer:?}");
                self.to_hot.push(ToHot::Answered(answer)).map_err(drop).expect("room");
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "nothing goes by REST");
        }
    }
}

#[test]
fn an_order_in_flight_when_the_last_connection_dies_is_asked_about_by_rest() {
    let mut rig = Rig::new();
    rig.report("EXPIRED");
    rig.tick(2);
    rig.until("an order", |turn| turn.parts.desk.sent() == 2);
    let _ = rig.order();
    rig.peers[Slot::of(Link::Order, 0).index()] = dead_peer();
    let venue = Venue::default();
    rig.carry_until(&venue, |venue, _| !venue.asked.borrow().is_empty());
    let asked = venue.asked.borrow();
    let (method, params) = &asked[0];
    assert_eq!(*method, Method::Get);
    assert!(params.iter().any(|(key, id)| key == "origClientOrderId" && id.starts_with("shrk")));
    assert!(rig.turn.parts.counters.read(Counter::RestOrder) >= 1);
}

#[test]
fn a_position_is_closed_by_rest_and_nothing_that_adds_risk_goes_that_way() {
    let mut rig = Rig::new();
    let mut truth = Truth {
        requested_at: tsc::mono(),
        wallet: Notional::from_units(1_000_000 * SCALE),
        ..Truth::default()
    };
    truth.positions[0] = PositionDelta {
        symbol: SymbolId(0),
        qty: Qty::from_units(units("0.5")),
        entry_price: Price::from_units(units("100")),
        ..PositionDelta::default()
    };
    let is_long = |turn: &Turn| turn.parts.desk.engine.position(SymbolId(0)).qty().units() > 0;
    // A position without a trade to explain it must be told twice.
    for _ in 0..3 {
        truth.requested_at = tsc::mono();
        let told = Box::new(Reconciliation { missed: Vec::new(), truth: truth.clone() });
        rig.to_hot.push(ToHot::Reconciled(told)).map_err(drop).expect("room");
        for _ in 0..20 {
            rig.turn.turn();
        }
    }
    rig.until("long", is_long);
    rig.peers[Slot::of(Link::Order, 0).index()] = dead_peer();
    rig.until("alone", |turn| turn.session.orders().is_none());
    rig.turn.command(CommandKind::Flatten);
    let venue = Venue::default();
    let is_placed = |venue: &Venue, _: &Turn| {
        venue.asked.borrow().iter().any(|(method, _)| *method == Method::Post)
    };
    rig.carry_until(&venue, is_placed);
    rig.tick(3);
    for _ in 0..200 {
        rig.turn.turn();
    }
    for (method, params) in &*venue.asked.borrow() {
        let reduces = params.iter().any(|(key, value)| key == "reduceOnly" && value == "true");
        assert!(*method != Method::Post || reduces, "{params:?}");
    }
    let mut decided = 0;
    while let Next::Item(_, record) = rig.journal.next() {
        let Ok(Event::Decision(decision)) = Event::from_record(&record) else { continue };
        decided += u64::from(decision.order.reduce_only);
    }
    assert!(decided >= 1, "what goes by REST is journalled as everything else");
}
