//! Orders, own trades and the depth snapshot.

use schema::{
    AlgoId, ClientOrderId, DepthBuf, DepthHead, DepthKind, Level, Notional, OrderStatus, OrderType,
    Price, Qty, Side, SymbolId, SymbolName, TimeInForce, TradeId, VenueOrderId, WallNs,
    parse_decimal,
};

use serde_json::Value;

use super::value::{RestError, Row, reply, rows};

/// An order as `GET /fapi/v1/openOrders`, `/order` and the acknowledgements show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenOrder {
    /// Symbol.
    pub symbol: SymbolName,
    /// Our id, or [`ClientOrderId::NONE`].
    pub client_order_id: ClientOrderId,
    /// The client id as it stands, whoever gave it.
    pub client_order_id_text: String,
    /// The venue's id.
    pub venue_order_id: VenueOrderId,
    /// Side.
    pub side: Side,
    /// Type.
    pub order_type: OrderType,
    /// Time in force.
    pub time_in_force: TimeInForce,
    /// State.
    pub status: OrderStatus,
    /// Limit price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Filled in all.
    pub cum_qty: Qty,
    /// Reduce-only flag.
    pub reduce_only: bool,
    /// Last change.
    pub update_time: WallNs,
}

/// One own fill of `GET /fapi/v1/userTrades`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTrade {
    /// Symbol.
    pub symbol: SymbolName,
    /// Trade id, the same as in the execution report.
    pub trade_id: TradeId,
    /// The order filled.
    pub venue_order_id: VenueOrderId,
    /// Side.
    pub side: Side,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Commission in `commission_asset`.
    pub commission: Notional,
    /// Asset of the commission.
    pub commission_asset: String,
    /// Realised profit before commission.
    pub realized_pnl: Notional,
    /// Whether it was as maker.
    pub is_maker: bool,
    /// Trade time.
    pub time: WallNs,
}

/// Reads `GET /fapi/v1/openOrders`.
///
/// # Errors
/// [`RestError`].
pub fn parse_open_orders(body: &[u8]) -> Result<Vec<OpenOrder>, RestError> {
    let value = reply(body)?;
    rows("openOrders", &value)?.into_iter().map(order).collect()
}

/// Reads one order: `GET /fapi/v1/order`, or the reply to placing, changing or cancelling one.
///
/// # Errors
/// [`RestError`].
pub fn parse_order(body: &[u8]) -> Result<OpenOrder, RestError> {
    let value = reply(body)?;
    order(Row::new("order", &value)?)
}

fn order(row: Row) -> Result<OpenOrder, RestError> {
    let client_order_id_text = row.text("clientOrderId")?;
    let client_order_id = ClientOrderId::parse(client_order_id_text.as_bytes());
    Ok(OpenOrder {
        symbol: row.symbol("symbol")?,
        client_order_id: client_order_id.unwrap_or(ClientOrderId::NONE),
        client_order_id_text,
        venue_order_id: VenueOrderId(row.integer("orderId")?),
        side: row.word("side", Side::from_wire)?,
        order_type: row.word("type", OrderType::from_wire)?,
        time_in_force: row.word("timeInForce", TimeInForce::from_wire)?,
        status: row.word("status", OrderStatus::from_wire)?,
        price: Price::from_units(row.decimal("price")?),
        qty: Qty::from_units(row.decimal("origQty")?),
        cum_qty: Qty::from_units(row.decimal("executedQty")?),
        reduce_only: row.flag("reduceOnly")?,
        update_time: row.time("updateTime")?,
    })
}

/// An open conditional order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenAlgo {
    /// Symbol.
    pub symbol: SymbolName,
    /// Our id, or [`ClientOrderId::NONE`] for one of someone else.
    pub client_order_id: ClientOrderId,
    /// The id as the venue has it.
    pub client_order_id_text: String,
    /// The venue's id.
    pub algo_id: AlgoId,
    /// Side.
    pub side: Side,
    /// Price at which it acts; zero for trailing stops.
    pub trigger_price: Price,
    /// Whether it closes the position.
    pub close_position: bool,
}

/// Reads `GET /fapi/v1/openAlgoOrders` (PROTOCOL 3.5).
///
/// # Errors
/// [`RestError`].
pub fn parse_open_algos(body: &[u8]) -> Result<Vec<OpenAlgo>, RestError> {
    let value = reply(body)?;
    rows("openAlgoOrders", &value)?.into_iter().map(open_algo).collect()
}

fn open_algo(row: Row) -> Result<OpenAlgo, RestError> {
    let client_order_id_text = row.text("clientAlgoId")?;
    let client_order_id = ClientOrderId::parse(client_order_id_text.as_bytes());
    let trigger_price = match row.text("triggerPrice")?.as_str() {
        "" => 0,
        _ => row.decimal("triggerPrice")?,
    };
    Ok(OpenAlgo {
        symbol: row.symbol("symbol")?,
        client_order_id: client_order_id.unwrap_or(ClientOrderId::NONE),
        client_order_id_text,
        algo_id: AlgoId(row.integer("algoId")?),
        side: row.word("side", Side::from_wire)?,
        trigger_price: Price::from_units(trigger_price),
        close_position: row.flag("closePosition")?,
    })
}

/// Reads `GET /fapi/v1/userTrades`.
///
/// # Errors
/// [`RestError`].
pub fn parse_user_trades(body: &[u8]) -> Result<Vec<UserTrade>, RestError> {
    let value = reply(body)?;
    rows("userTrades", &value)?.into_iter().map(user_trade).collect()
}

fn user_trade(row: Row) -> Result<UserTrade, RestError> {
    Ok(UserTrade {
        symbol: row.symbol("symbol")?,
        trade_id: TradeId(row.integer("id")?),
        venue_order_id: VenueOrderId(row.integer("orderId")?),
        side: row.word("side", Side::from_wire)?,
        price: Price::from_units(row.decimal("price")?),
        qty: Qty::from_units(row.decimal("qty")?),
        commission: Notional::from_units(row.decimal_cut("commission")?),
        commission_asset: row.text("commissionAsset")?,
        realized_pnl: Notional::from_units(row.decimal_cut("realizedPnl")?),
        is_maker: row.flag("maker")?,
        time: row.time("time")?,
    })
}

/// Reads `GET /fapi/v1/depth` of one symbol into `depth`.
///
/// # Errors
/// [`RestError`]; what `depth` holds then means nothing.
pub fn parse_depth(
    body: &[u8],
    symbol: SymbolId,
    depth: &mut DepthBuf,
) -> Result<DepthHead, RestError> {
    let value = reply(body)?;
    let row = Row::new("depth", &value)?;
    let last_update_id = row.integer("lastUpdateId")?;
    depth.clear();
    levels(row, "bids", |level| depth.push_bid(level))?;
    levels(row, "asks", |level| depth.push_ask(level))?;
    // Absent in old recordings.
    let time = |name| if row.find(name).is_some() { row.time(name) } else { Ok(WallNs(0)) };
    Ok(DepthHead {
        symbol,
        kind: DepthKind::Snapshot,
        last_update_id: u64::try_from(last_update_id)
            .map_err(|_| RestError::Shape(format!("depth: lastUpdateId {last_update_id}")))?,
        transaction_time: time("T")?,
        event_time: time("E")?,
        ..DepthHead::default()
    })
}

fn levels(row: Row, name: &str, mut push: impl FnMut(Level) -> bool) -> Result<(), RestError> {
    let wrong = |why: &str| RestError::Shape(format!("depth: field `{name}`: {why}"));
    let items = row.find(name).and_then(Value::as_array).ok_or_else(|| wrong("not an array"))?;
    for item in items {
        let units = |index| {
            let text = match item.get(index) {
                Some(Value::String(text)) => text.as_str(),
                Some(Value::Number(number)) => number.as_str(),
                _ => return Err(wrong("a level is not [price, qty]")),
            };
            parse_decimal(text.as_bytes()).map_err(|error| wrong(&error.to_string()))
        };
        let level = Level { price: Price::from_units(units(0)?), qty: Qty::from_units(units(1)?) };
        if !push(level) {
            return Err(wrong("more than 1000 levels"));
        }
    }
    Ok(())
}
