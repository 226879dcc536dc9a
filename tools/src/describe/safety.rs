//! Conditional orders, and what guards against a world that is not as it should be.

use schema::{DifferenceKind, Event};

use super::{Fields, e8, price, qty};

/// Their fields, in reading order.
pub(super) fn fields(event: &Event) -> Fields {
    match event {
        Event::Algo(e) => vec![
            ("client_order_id", e.client_order_id.to_string().into()),
            ("algo_id", e.algo_id.0.into()),
            ("status", e.status.as_str().into()),
            ("side", e.side.as_str().into()),
            ("type", e.order_type.as_str().into()),
            ("trigger_price", price(e.trigger_price)),
            ("qty", qty(e.qty)),
            ("order_id", e.venue_order_id.0.into()),
            ("time_ms", e.transaction_time.ms().into()),
        ],
        Event::PlaceAlgo(e, request) => vec![
            ("client_order_id", e.client_order_id.to_string().into()),
            ("side", e.side.as_str().into()),
            ("trigger_price", price(e.trigger_price)),
            ("request", request.0.into()),
        ],
        Event::CancelAlgo(e, request) => vec![
            ("client_order_id", e.client_order_id.to_string().into()),
            ("algo_id", e.algo_id.0.into()),
            ("request", request.0.into()),
        ],
        Event::Difference(e) => {
            use DifferenceKind::{OrderFilled, OrderQty, Position, Suspect, Wallet};
            // Everything else are ids.
            let is_amount = matches!(e.what, Position | Wallet | OrderFilled | OrderQty | Suspect);
            let text = |units: i64| if is_amount { e8(units) } else { units.into() };
            vec![("what", e.what.as_str().into()), ("ours", text(e.ours)), ("venue", text(e.venue))]
        }
        Event::Quarantine(e) => vec![
            ("on", e.is_on.into()),
            ("why", e.why.as_str().into()),
            ("price", price(e.price)),
            ("reference", price(e.reference)),
        ],
        Event::Limit(e) => vec![
            ("limit", e.limit.as_str().into()),
            ("from", e.from.into()),
            ("to", e.to.into()),
            ("version", e.version.into()),
            ("uid", e.uid.into()),
            ("nonce", e.nonce.to_string().into()),
        ],
        Event::Kill(e) => vec![
            ("on", e.is_on.into()),
            ("trigger", e.trigger.as_str().into()),
            ("uid", e.uid.into()),
            ("nonce", e.nonce.to_string().into()),
        ],
        _ => vec![],
    }
}
