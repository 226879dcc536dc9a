//! What the judge says of requests: those that leave, and those the venue carried out.

use backtest::{Exchange, OrderKey};
use engine::{Engine, Input, Now};
use schema::{LimitKind, LimitUse, Side, Status, TradingState};
use serde_json::Value;

use super::{ACCOUNT, Judge};
use crate::network::MS;
use crate::setup::{ACK_NS, FEED_AGE_NS, Setup};

/// What timers of 100 ms and flights add to the engine's own limits.
const SLACK_NS: u64 = 150 * MS;
/// A gap that the other connection has not made up for by now is one.
const GAP_NS: u64 = 2_500 * MS;

impl Judge {
    /// A request leaves: may it?
    pub(crate) fn leaves(
        &mut self,
        engine: &Engine,
        now: Now,
        input: &Input<'_>,
        text: &str,
        banned_until: u64,
    ) {
        let at = now.mono.0;
        let Ok(request) = serde_json::from_str::<Value>(text) else {
            return self.fail("I1", format!("a request that is not JSON: {text}"));
        };
        if at < banned_until {
            self.fail("I3", format!("sent while the venue banned: {text}"));
        }
        let params = &request["params"];
        let text_of = |key: &str| params[key].as_str().unwrap_or_default().to_owned();
        let number = request["id"].as_str().and_then(|id| id.parse().ok());
        let number = number.or(request["id"].as_u64()).unwrap_or_default();
        let method = request["method"].as_str().unwrap_or_default();
        let id = match method {
            "order.place" => text_of("newClientOrderId"),
            _ => text_of("origClientOrderId"),
        };
        self.requests.insert(number, (id.clone(), at));
        if self.is_killed {
            self.judge_killed(engine, method, params, text);
        }
        if method != "order.place" {
            return;
        }
        self.orders_sent += 1;
        let is_new = self.ids.insert(id.clone());
        self.unanswered.entry(id.clone()).or_insert(at);
        if params["reduceOnly"] == "true" || params["reduceOnly"] == true {
            return;
        }
        let answers = matches!(input, Input::Reply(_) | Input::SendFailed(_) | Input::Link(..));
        if is_new && answers {
            self.fail("I1", format!("an answer made a new order: {text}"));
        }
        let symbol = engine.symbols().position(|name| name.as_str() == text_of("symbol"));
        let Some(index) = symbol else { return };
        let held = self.symbols[index].qty;
        let is_buy = params["side"] == "BUY";
        let qty = schema::parse_decimal(text_of("quantity").as_bytes()).unwrap_or(i64::MAX);
        let reduces = held != 0 && (held < 0) == is_buy && qty <= held.abs();
        if !reduces {
            self.judge_risk(engine, at, index, &id);
            let after = if is_buy { held + qty } else { qty - held };
            self.judge_limits(index, qty, after, &id);
        }
    }

    /// While the switch is pressed nothing leaves but cancels, questions and orders that reduce and
    /// cannot turn what is held.
    fn judge_killed(&mut self, engine: &Engine, method: &str, params: &Value, text: &str) {
        match method {
            "order.place" => {}
            "order.modify" | "algoOrder.place" => {
                return self.fail("I11", format!("left after the kill: {text}"));
            }
            _ => return,
        }
        if params["reduceOnly"] != "true" && params["reduceOnly"] != true {
            return self.fail("I11", format!("an order that may open left after the kill: {text}"));
        }
        let name = params["symbol"].as_str().unwrap_or_default();
        let index = engine.symbols().position(|symbol| symbol.as_str() == name);
        let held = index.map_or(0, |index| self.symbols[index].qty);
        let qty = params["quantity"].as_str().unwrap_or_default();
        let qty = schema::parse_decimal(qty.as_bytes()).unwrap_or(i64::MAX);
        let is_against = (held < 0) == (params["side"] == "BUY");
        if held == 0 || !is_against || qty > held.abs() {
            self.fail("I12", format!("after the kill, with {held} held, it may turn: {text}"));
        }
    }

    /// An order that adds risk keeps to what a person set.
    fn judge_limits(&mut self, index: usize, qty: i64, after: i64, id: &str) {
        let Some([qty_max, position_max, restricted]) = self.limits.get(&index).copied() else {
            return;
        };
        if qty > qty_max || after > position_max || restricted != 0 {
            let why = format!(
                "order {id} of {qty} makes {after}; in force: {qty_max} an order, {position_max} \
                 held, restricted {restricted}"
            );
            self.fail("I13", why);
        }
    }

    /// A limit was to be changed: what is in force now, never looser than the file's.
    pub(super) fn learn_limits(&mut self, engine: &Engine, now: Now) {
        let mut status = Box::<Status>::default();
        engine.fill_status(now, &mut status);
        for (index, _) in engine.symbols().enumerate() {
            let limits = &status.symbols[index].limits;
            let in_force = [LimitKind::Qty, LimitKind::Position, LimitKind::Restricted];
            self.limits.insert(index, in_force.map(|kind| limits[kind.place()].limit));
        }
        for kind in LimitKind::ALL {
            let all: Vec<LimitUse> = match kind.is_of_symbol() {
                true => status.symbols.iter().map(|symbol| symbol.limits[kind.place()]).collect(),
                false => vec![status.limits[kind.place()]],
            };
            if all.iter().any(|one| !kind.is_as_tight(one.limit, one.file)) {
                self.fail("I13", format!("limit {kind} is looser than the file's: {all:?}"));
            }
        }
    }

    /// Whether risk may be added now.
    fn judge_risk(&mut self, engine: &Engine, at: u64, index: usize, id: &str) {
        let model = &self.symbols[index];
        let silent_ns =
            model.heard_at.map_or(u64::MAX, |heard| self.timer_at.saturating_sub(heard));
        let gap = model.beyond.values().map(|(_, _, since)| *since).min();
        let doubtful = self
            .unanswered
            .iter()
            .find(|(other, since)| *other != id && self.timer_at > *since + ACK_NS + SLACK_NS);
        let why = if self.is_killed {
            return self.fail("I11", format!("order {id} left after the kill"));
        } else if self.is_halted {
            "a person halted".to_owned()
        } else if self.is_pressed {
            "the journal is nearly full".to_owned()
        } else if let Some(lost_at) = self.lost_at {
            format!("truth was lost at {lost_at} and not told since")
        } else if silent_ns > FEED_AGE_NS + SLACK_NS {
            format!("nothing of the market was heard for {} ms", silent_ns / MS)
        } else if gap.is_some_and(|since| at > since + GAP_NS) {
            let book = engine.book(schema::SymbolId(index as u16));
            let sync = book.map(|book| (book.sync(), book.last_update_id()));
            let beyond = model.beyond.first_key_value();
            format!("the book ({sync:?}) has a gap behind {:?}, before {beyond:?}", model.tail)
        } else if let Some((other, since)) = doubtful {
            format!("nothing is known of order {other}, sent {} ms ago", (at - since) / MS)
        } else if engine.state() != TradingState::Armed {
            format!("the state is {}", engine.state())
        } else {
            return;
        };
        self.fail("I3", format!("order {id} added risk although {why}"));
    }

    /// A request was carried out at the venue, or not.
    pub(crate) fn at_venue(&mut self, exchange: &Exchange, setup: &Setup, text: &str) {
        let is_place = text.contains("\"order.place\"");
        if !is_place && !text.contains("\"order.modify\"") {
            return;
        }
        let Ok(request) = serde_json::from_str::<Value>(text) else { return };
        let params = &request["params"];
        let Some(symbol) = exchange.symbol(params["symbol"].as_str().unwrap_or_default()) else {
            return;
        };
        if is_place && let Some(id) = params["newClientOrderId"].as_str() {
            let key = OrderKey::client(id);
            if let Ok(order) = exchange.status(ACCOUNT, symbol, &key) {
                let first = *self.placed.entry(id.to_owned()).or_insert(order.order_id);
                if first != order.order_id {
                    let why = format!("id {id} is on two orders: {first} and {}", order.order_id);
                    self.fail("I1", why);
                }
            }
        }
        if self.is_disturbed || self.unheard_since.is_some() {
            return;
        }
        let rows = exchange.positions(ACCOUNT);
        let Some(row) = rows.get(symbol.index()) else { return };
        let mut worst = [row.qty.units(), -row.qty.units()];
        for order in exchange.open_orders(ACCOUNT, Some(symbol)) {
            if !order.reduce_only {
                let leaves = order.qty.units() - order.executed_qty.units();
                worst[usize::from(order.side == Side::Sell)] += leaves;
            }
        }
        let limit = setup.symbols[symbol.index()].limits.position_max.units();
        if worst.iter().any(|worst| *worst > limit) {
            let why =
                format!("worst cases {worst:?} of {} at the venue, limit {limit}", row.symbol_name);
            self.fail("I2", why);
        }
    }
}
