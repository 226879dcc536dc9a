//! Inputs that only a replay needs.

use schema::{RiskReason, Taken};

use super::{Fields, amount, price, qty};

/// Their fields, in reading order.
pub(super) fn fields(taken: &Taken) -> Fields {
    match taken {
        Taken::Clock(offset) => vec![("wall_minus_mono_ns", (*offset).into())],
        Taken::SendFailed(request) => vec![("request", request.0.into())],
        Taken::Params(e) => vec![
            ("version", e.version.into()),
            ("microprice_weight", super::e8(e.microprice_weight)),
            ("flow_weight", super::e8(e.flow_weight)),
            ("flow_half_life_ns", e.flow_half_life_ns.into()),
            ("variance_half_life_ns", e.variance_half_life_ns.into()),
            ("entry_threshold", super::e8(e.entry_threshold)),
        ],
        Taken::Verdict(e) => vec![
            ("sequence", e.sequence.into()),
            ("may_add_risk", (e.may_add_risk != 0).into()),
            ("killed", (e.killed != 0).into()),
            ("reasons", e.reasons().map(RiskReason::as_str).collect::<Vec<_>>().join(" ").into()),
        ],
        Taken::Builds { agree } => vec![("agree", (*agree).into())],
        Taken::JournalUsed { used, capacity } => {
            vec![("used", (*used).into()), ("capacity", (*capacity).into())]
        }
        Taken::Account(e) => vec![
            ("balances", e.balances.into()),
            ("positions", e.positions.into()),
            ("funding", e.is_funding.into()),
            ("time_ms", e.transaction_time.ms().into()),
        ],
        Taken::ClockSkew { offset_ns, rtt_ns } => {
            vec![("offset_ns", (*offset_ns).into()), ("rtt_ns", (*rtt_ns).into())]
        }
        Taken::DeadMan(is_set) => vec![("set", (*is_set).into())],
        Taken::FeedDiverged(_) => vec![("books", "differ".into())],
        Taken::Rules(_, e) => vec![
            ("tick", price(e.tick)),
            ("step", qty(e.step)),
            ("qty_min", qty(e.qty_min)),
            ("notional_min", amount(e.notional_min)),
            ("trading", e.is_trading.into()),
        ],
        Taken::Truth(e) => vec![
            ("wallet", amount(e.wallet)),
            ("positions", e.positions.into()),
            ("orders", e.orders.into()),
            ("conditional", e.algos.into()),
            ("complete", e.is_complete.into()),
        ],
        Taken::TruthOrder(e) => vec![
            ("client_order_id", e.client_order_id.to_string().into()),
            ("venue_order_id", e.venue_order_id.0.into()),
            ("side", e.side.as_str().into()),
            ("price", price(e.price)),
            ("qty", qty(e.qty)),
            ("cum_qty", qty(e.cum_qty)),
        ],
        Taken::TruthAlgo(e) => vec![
            ("client_order_id", e.client_order_id.to_string().into()),
            ("algo_id", e.algo_id.0.into()),
            ("side", e.side.as_str().into()),
            ("trigger_price", price(e.trigger_price)),
        ],
        Taken::LastTrades(trades) => {
            vec![("trade_ids", trades.iter().map(|trade| trade.0).collect::<Vec<_>>().into())]
        }
        Taken::Blob(e) => {
            let text = String::from_utf8_lossy(e.as_slice()).into_owned();
            vec![("what", e.what.as_str().into()), ("more", e.more.into()), ("text", text.into())]
        }
    }
}
