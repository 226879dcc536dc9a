//! Records as people and scripts read them: one line of text, or one JSON object.

use schema::{BadRecord, Event, NewOrder, Notional, Price, Qty, Record, RunInfo, Stage, SymbolId};
use serde_json::{Map, Value, json};

use crate::human;

mod safety;
mod taken;

/// A record's sequence number, kind, symbol, times and fields.
pub(crate) fn to_json(seq: u64, record: &Record, info: &RunInfo) -> Value {
    let mut object = Map::new();
    object.insert("seq".into(), seq.into());
    match record.kind() {
        Some(kind) => object.insert("kind".into(), kind.as_str().into()),
        None => object.insert("kind".into(), record.kind.into()),
    };
    let symbol = SymbolId(record.symbol);
    if symbol != SymbolId::NONE {
        object.insert("symbol".into(), symbol_name(symbol, info).into());
    }
    object.insert("at_ns".into(), record.at_ns.into());
    object.insert("input".into(), record.input.into());
    match fields(record, info) {
        Ok(fields) => {
            for (name, value) in fields {
                object.insert(name.to_owned(), value);
            }
        }
        Err(error) => {
            object.insert("error".into(), error.to_string().into());
        }
    }
    Value::Object(object)
}

/// `seq  seconds  kind  symbol  field=value …`
pub(crate) fn to_line(seq: u64, record: &Record, info: &RunInfo) -> String {
    let kind =
        record.kind().map_or_else(|| format!("kind {}", record.kind), |kind| kind.to_string());
    let symbol = SymbolId(record.symbol);
    let name = if symbol == SymbolId::NONE { "-" } else { symbol_name(symbol, info) };
    let mut line = format!(
        "{seq:>9} {:>6}.{:09} {kind:<11} {name:<9}",
        record.at_ns / 1_000_000_000,
        record.at_ns % 1_000_000_000
    );
    match fields(record, info) {
        Ok(fields) => {
            for (name, value) in fields {
                let text = match &value {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                line.push_str(&format!(" {name}={text}"));
            }
        }
        Err(error) => line.push_str(&format!(" unreadable: {error}")),
    }
    line
}

/// Name of a symbol of the run; `?` for one that is not in its table.
pub(crate) fn symbol_name(symbol: SymbolId, info: &RunInfo) -> &str {
    info.symbols().get(symbol.index()).map_or("?", |symbol| symbol.name.as_str())
}

type Fields = Vec<(&'static str, Value)>;

fn price(value: Price) -> Value {
    value.to_string().into()
}
fn qty(value: Qty) -> Value {
    value.to_string().into()
}
fn amount(value: Notional) -> Value {
    value.to_string().into()
}
fn e8(value: i64) -> Value {
    Notional::from_units(value).to_string().into()
}

fn order(order: &NewOrder) -> Fields {
    vec![
        ("client_order_id", order.client_order_id.to_string().into()),
        ("side", order.side.as_str().into()),
        ("type", order.order_type.as_str().into()),
        ("tif", order.time_in_force.as_str().into()),
        ("price", price(order.price)),
        ("qty", qty(order.qty)),
        ("reduce_only", order.reduce_only.into()),
    ]
}

/// The fields of an event, in reading order; amounts as exact decimal text.
fn fields(record: &Record, info: &RunInfo) -> Result<Fields, BadRecord> {
    Ok(match Event::from_record(record)? {
        Event::BookTicker(_)
        | Event::Trade(_)
        | Event::Mark(_)
        | Event::Depth(_)
        | Event::Levels(_)
        | Event::Bar(_)
        | Event::Timer(_)
        | Event::Link(..) => market_fields(record)?,
        Event::Taken(input) => taken::fields(&input),
        Event::Stages(stages) => {
            let mut out: Fields =
                vec![("client_order_id", stages.client_order_id.to_string().into())];
            let first = Stage::ALL.iter().find(|stage| stages.tsc[**stage as usize] != 0);
            for stage in Stage::ALL {
                let Some(first) = first else { break };
                if let Some(ns) = stages.between_ns(*first, *stage, info.tsc_hz) {
                    out.push((stage_key(*stage), ns.into()));
                }
            }
            out
        }
        Event::State(e) => vec![
            ("from", e.from.as_str().into()),
            ("to", e.to.as_str().into()),
            ("reason", e.reason.as_str().into()),
            ("time", human::time_of_day(e.wall.0).into()),
        ],
        Event::Command(e) => vec![
            ("command", e.kind.as_str().into()),
            ("nonce", e.nonce.to_string().into()),
            ("uid", e.uid.into()),
            ("reason", e.reason.as_str().into()),
        ],
        Event::Answer(e) => vec![
            ("command", e.kind.as_str().into()),
            ("result", e.result.as_str().into()),
            ("nonce", e.nonce.to_string().into()),
        ],
        Event::Boot(epoch, wall) => {
            vec![("epoch", epoch.0.into()), ("time", human::time_of_day(wall.0).into())]
        }
        Event::Balance(e, time, is_funding) => vec![
            ("wallet", amount(e.wallet)),
            ("change", amount(e.change)),
            ("quote", e.is_quote.into()),
            ("funding", is_funding.into()),
            ("time_ms", time.ms().into()),
        ],
        Event::Position(e, time) => vec![
            ("qty", qty(e.qty)),
            ("entry_price", price(e.entry_price)),
            ("unrealized_pnl", amount(e.unrealized_pnl)),
            ("time_ms", time.ms().into()),
        ],
        event => order_fields(&event),
    })
}

/// Fields of what happens to orders.
fn order_fields(event: &Event) -> Fields {
    match event {
        Event::Decision(e) => {
            let mut out = order(&e.order);
            out.extend([
                ("request", e.request_id.0.into()),
                ("bid", price(e.bid_price)),
                ("ask", price(e.ask_price)),
                ("signal", e8(e.signal_e8)),
                ("worst_position", qty(e.worst_position)),
            ]);
            out
        }
        Event::Refused(refused, reject) => {
            let mut out: Fields = vec![("reject", reject.as_str().into())];
            out.extend(order(refused));
            out
        }
        Event::Cancel(e, request) => vec![
            ("client_order_id", e.order.client_order_id.to_string().into()),
            ("request", request.0.into()),
        ],
        Event::Modify(e, request) => vec![
            ("client_order_id", e.order.client_order_id.to_string().into()),
            ("side", e.side.as_str().into()),
            ("price", price(e.price)),
            ("qty", qty(e.qty)),
            ("request", request.0.into()),
        ],
        Event::Report(e) => vec![
            ("client_order_id", e.client_order_id.to_string().into()),
            ("order_id", e.venue_order_id.0.into()),
            ("what", e.exec_type.as_str().into()),
            ("status", e.status.as_str().into()),
            ("side", e.side.as_str().into()),
            ("type", e.order_type.as_str().into()),
            ("tif", e.time_in_force.as_str().into()),
            ("price", price(e.price)),
            ("qty", qty(e.qty)),
            ("last_price", price(e.last_price)),
            ("last_qty", qty(e.last_qty)),
            ("cum_qty", qty(e.cum_qty)),
            ("commission", amount(e.commission)),
            ("realized_pnl", amount(e.realized_pnl)),
            ("trade_id", e.trade_id.0.into()),
            ("maker", e.is_maker.into()),
            ("time_ms", e.transaction_time.ms().into()),
        ],
        Event::TradeLite(e) => vec![
            ("client_order_id", e.client_order_id.to_string().into()),
            ("order_id", e.venue_order_id.0.into()),
            ("side", e.side.as_str().into()),
            ("last_price", price(e.last_price)),
            ("last_qty", qty(e.last_qty)),
            ("trade_id", e.trade_id.0.into()),
            ("maker", e.is_maker.into()),
            ("time_ms", e.transaction_time.ms().into()),
        ],
        Event::Reply(e) => vec![
            ("request", e.request_id.0.into()),
            ("http", e.status.into()),
            ("code", e.code.into()),
            ("status", e.order_status.as_str().into()),
            ("client_order_id", e.client_order_id.to_string().into()),
            ("order_id", e.venue_order_id.0.into()),
            ("cum_qty", qty(e.cum_qty)),
        ],
        other => safety::fields(other),
    }
}

/// Fields of what the market and the clock say.
fn market_fields(record: &Record) -> Result<Fields, BadRecord> {
    Ok(match Event::from_record(record)? {
        Event::BookTicker(e) => vec![
            ("bid", price(e.bid_price)),
            ("bid_qty", qty(e.bid_qty)),
            ("ask", price(e.ask_price)),
            ("ask_qty", qty(e.ask_qty)),
            ("update_id", e.update_id.into()),
            ("time_ms", e.transaction_time.ms().into()),
        ],
        Event::Trade(e) => vec![
            ("price", price(e.price)),
            ("qty", qty(e.qty)),
            ("buyer_is_maker", e.buyer_is_maker.into()),
            ("trade_id", e.trade_id.0.into()),
            ("time_ms", e.trade_time.ms().into()),
        ],
        Event::Mark(e) => vec![
            ("mark", price(e.mark_price)),
            ("index", price(e.index_price)),
            ("funding_rate", e8(e.funding_rate_e8)),
            ("time_ms", e.event_time.ms().into()),
        ],
        Event::Depth(e) => vec![
            ("depth", format!("{:?}", e.kind).to_lowercase().into()),
            ("first_update_id", e.first_update_id.into()),
            ("last_update_id", e.last_update_id.into()),
            ("previous_update_id", e.previous_update_id.into()),
            ("records", record.count.into()),
            ("time_ms", e.transaction_time.ms().into()),
        ],
        Event::Levels(e) => {
            let levels = e
                .as_slice()
                .iter()
                .map(|level| json!([level.price.to_string(), level.qty.to_string()]));
            vec![("side", e.side.as_str().into()), ("levels", levels.collect::<Vec<_>>().into())]
        }
        Event::Bar(e) => vec![
            ("open", price(e.open)),
            ("high", price(e.high)),
            ("low", price(e.low)),
            ("close", price(e.close)),
            ("volume", qty(e.volume)),
            ("trades", e.trade_count.into()),
            ("open_time_ms", e.open_time.ms().into()),
        ],
        Event::Timer(wall) => vec![("time", human::time_of_day(wall.0).into())],
        Event::Link(link, up) => vec![("link", link.as_str().into()), ("up", up.into())],
        _ => vec![],
    })
}

/// Key of a stage: nanoseconds since the first stamp.
const fn stage_key(stage: Stage) -> &'static str {
    match stage {
        Stage::Ready => "ready_ns",
        Stage::Read => "read_ns",
        Stage::Tls => "tls_ns",
        Stage::Frame => "frame_ns",
        Stage::Decode => "decode_ns",
        Stage::Engine => "engine_ns",
        Stage::Encode => "encode_ns",
        Stage::WriteCall => "write_call_ns",
        Stage::WriteReturn => "write_return_ns",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::tests::{fill, run_info, stages};
    use schema::{Kind, MonoNs, Side};

    #[test]
    fn a_fill_is_one_readable_line() {
        let record = Event::Report(fill(9, Side::Sell, "64000.1", "0.002"))
            .to_record()
            .stamped(MonoNs(1_500_000_000), 3);
        let line = to_line(42, &record, &run_info());
        for part in [
            "42",
            "1.500000000",
            "report",
            "BTCUSDT",
            "side=SELL",
            "last_price=64000.1",
            "commission=0.01234567",
            "realized_pnl=-0.5",
            "trade_id=9",
        ] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }

    #[test]
    fn json_keeps_amounts_as_exact_text() {
        let record = Event::Report(fill(9, Side::Sell, "64000.1", "0.002")).to_record();
        let value = to_json(42, &record, &run_info());
        assert_eq!(value["seq"], 42);
        assert_eq!(value["kind"], "report");
        assert_eq!(value["symbol"], "BTCUSDT");
        assert_eq!(value["last_qty"], "0.002");
        assert_eq!(value["commission"], "0.01234567");
    }

    #[test]
    fn stages_count_from_the_first_stamp() {
        let value = to_json(1, &stages(2_500), &run_info());
        assert_eq!(value["ready_ns"], 0);
        assert_eq!(value["read_ns"], 100);
        assert_eq!(value["write_call_ns"], 2_600);
        assert!(value.get("tls_ns").is_none(), "no stamp, no number");
    }

    #[test]
    fn an_unknown_record_says_so_and_does_not_panic() {
        let record = Record { kind: 999, symbol: 77, ..Record::default() };
        assert!(to_line(1, &record, &run_info()).contains("unreadable"));
        assert!(to_json(1, &record, &run_info())["error"].is_string());
    }

    #[test]
    fn every_kind_has_text() {
        for kind in Kind::ALL {
            let record = Record { kind: *kind as u16, ..Record::default() };
            if Event::from_record(&record).is_ok() {
                let text = to_line(1, &record, &run_info());
                assert!(text.contains(kind.as_str()) && text.contains('='), "{text}");
            }
        }
    }
}
