//! The threads that speak REST for the supervisor: one for questions, one for orders.

use std::sync::Arc;

use anyhow::Context as _;
use crossbeam::channel::{Receiver, Sender};
use engine::Action;
use schema::{
    ClientOrderId, Mark, OrderReply, OrderStatus, Price, Qty, RequestId, SymbolId, SymbolName,
    TradeId, VenueOrderId,
};

use super::api::{Api as _, Method, Security};
use super::clock::{self, Skew};
use super::deadman;
use super::last_way::{self, Answer};
use super::left::Left;
use super::prices::prices;
use super::reconcile::{newest_trades, reconcile, snapshot};
use super::rest::Rest;
use super::start::{Listed, listing};
use crate::config::Config;
use crate::queues::{HotConnection, Missed, Reconciliation, Slot, Snapshot};

/// What the REST worker does.
pub(super) enum Job {
    Snapshot(SymbolId),
    Reconcile(Option<Missed>),
    KeepAlive,
    Prices,
    DeadMan(u64),
    Clock,
    Listing,
}

/// What came of it.
pub(super) enum Done {
    Dialled(Slot, anyhow::Result<Box<HotConnection>>),
    Snapshot(SymbolId, anyhow::Result<Snapshot>),
    Reconciled(anyhow::Result<Reconciliation>, Option<Missed>),
    ListenKeyGone,
    Prices(anyhow::Result<Vec<(Snapshot, Mark)>>),
    DeadMan(anyhow::Result<()>),
    Clock(anyhow::Result<Skew>),
    Listing(anyhow::Result<Vec<Listed>>),
    Answered(Answer),
}

/// What an answer of this status would say that belongs to no request.
pub(super) fn limited(status: u16, until_ms: i64) -> OrderReply {
    OrderReply {
        request_id: RequestId(0),
        status,
        code: -1_003,
        order_status: OrderStatus::Unknown,
        client_order_id: ClientOrderId::NONE,
        venue_order_id: VenueOrderId(0),
        price: Price::ZERO,
        qty: Qty::ZERO,
        cum_qty: Qty::ZERO,
        order_count_10s: u32::MAX,
        order_count_1m: u32::MAX,
        weight_1m: u32::MAX,
        retry_after_ms: until_ms,
    }
}

/// The thread that carries what no order connection can.
pub(super) fn start_carrier(
    rest: Arc<Rest>,
    names: Vec<SymbolName>,
    to_carry: Receiver<Action>,
    done: Sender<Done>,
) -> anyhow::Result<()> {
    let carry = move || {
        for action in to_carry {
            if done.send(Done::Answered(last_way::carry(&*rest, &names, &action))).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("rest-orders".to_owned());
    thread.spawn(carry).context("cannot start the thread of REST orders")?;
    Ok(())
}

/// The REST worker: one job after the other.
pub(super) fn work(
    rest: &Rest,
    config: &Config,
    names: &[SymbolName],
    todo: &Receiver<Job>,
    done: &Sender<Done>,
    mut left: Option<Left>,
) {
    // What was traded before the first truth, which a later look by time must not find again.
    let mut known: Vec<TradeId> = Vec::new();
    for job in todo {
        let result = match job {
            Job::Snapshot(symbol) => {
                let Some(name) = names.get(symbol.index()) else { continue };
                Done::Snapshot(symbol, snapshot(rest, symbol, name))
            }
            Job::Reconcile(missed) => {
                let from = missed.map(|missed| missed.after(&known));
                let mut result = reconcile(rest, names, from, left.as_ref());
                if result.is_ok() && missed.is_none() && known.is_empty() {
                    match newest_trades(rest, names) {
                        Ok(newest) => known = newest,
                        Err(error) => result = Err(error),
                    }
                }
                if result.is_ok() {
                    left = None;
                }
                Done::Reconciled(result, missed)
            }
            Job::Prices => Done::Prices(prices(rest, names)),
            Job::DeadMan(countdown_ms) => Done::DeadMan(deadman::set(rest, names, countdown_ms)),
            Job::Clock => Done::Clock(clock::measure(rest)),
            Job::Listing => Done::Listing(listing(rest, config)),
            Job::KeepAlive => {
                match rest.call(Method::Put, "/fapi/v1/listenKey", &[], Security::Key) {
                    Ok(_) => continue,
                    Err(error) => {
                        log::warn!(target: "execution", "listen key not extended: {error}");
                        // Without an answer it lives on for half an hour: the next time is enough.
                        if error.is_transient() {
                            continue;
                        }
                        Done::ListenKeyGone
                    }
                }
            }
        };
        if done.send(result).is_err() {
            return;
        }
    }
}
