//! Orders, own trades and the depth snapshot.

use schema::{
    ClientOrderId, DepthBuf, DepthHead, Notional, OrderStatus, OrderType, Price, Qty, Side,
    SymbolId, SymbolName, TimeInForce, TradeId, VenueOrderId, WallNs,
};

use super::RestError;

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
    let _ = body;
    unimplemented!()
}

/// Reads one order: `GET /fapi/v1/order`, or the reply to placing, changing or cancelling one.
///
/// # Errors
/// [`RestError`].
pub fn parse_order(body: &[u8]) -> Result<OpenOrder, RestError> {
    let _ = body;
    unimplemented!()
}

/// Reads `GET /fapi/v1/userTrades`.
///
/// # Errors
/// [`RestError`].
pub fn parse_user_trades(body: &[u8]) -> Result<Vec<UserTrade>, RestError> {
    let _ = body;
    unimplemented!()
}

/// Reads `GET /fapi/v1/depth` of one symbol into `depth`.
///
/// # Errors
/// [`RestError`].
pub fn parse_depth(
    body: &[u8],
    symbol: SymbolId,
    depth: &mut DepthBuf,
) -> Result<DepthHead, RestError> {
    let _ = (body, symbol, depth);
    unimplemented!()
}
