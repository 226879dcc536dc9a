//! What the venue demands of an order: filters of exchangeInfo (PROTOCOL 3.3) and margin brackets.

use schema::{Notional, Price, Qty, SymbolName};

/// A leverage bracket: up to `notional_cap` this leverage and maintenance rate hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bracket {
    /// Largest leverage.
    pub initial_leverage: u32,
    /// Where it begins.
    pub notional_floor: Notional,
    /// Where it ends.
    pub notional_cap: Notional,
    /// Maintenance margin, ppm of the notional.
    pub maint_margin_ppm: i64,
    /// Taken off the product, so that the margin is continuous.
    pub cum: Notional,
}

/// The rules of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Name.
    pub name: SymbolName,
    /// Base asset.
    pub base_asset: String,
    /// Quote and margin asset.
    pub quote_asset: String,
    /// Whether it is TRADING.
    pub trading: bool,
    /// `pricePrecision`.
    pub price_precision: u32,
    /// `quantityPrecision`.
    pub qty_precision: u32,
    /// Tick.
    pub tick_size: Price,
    /// Lowest price.
    pub min_price: Price,
    /// Highest price.
    pub max_price: Price,
    /// Step.
    pub step_size: Qty,
    /// Smallest quantity.
    pub min_qty: Qty,
    /// Largest quantity.
    pub max_qty: Qty,
    /// Step of market orders.
    pub market_step_size: Qty,
    /// Smallest quantity of market orders.
    pub market_min_qty: Qty,
    /// Largest quantity of market orders.
    pub market_max_qty: Qty,
    /// Smallest notional.
    pub min_notional: Notional,
    /// `multiplierUp`, in units of 1e-4: buys at most mark × this.
    pub multiplier_up_e4: i64,
    /// `multiplierDown`, in units of 1e-4: sells at least mark × this.
    pub multiplier_down_e4: i64,
    /// `marketTakeBound`, in units of 1e-4: market orders not beyond mark × (1 ± this).
    pub market_take_bound_e4: i64,
    /// `MAX_NUM_ORDERS`: open orders of one account.
    pub max_num_orders: usize,
    /// Brackets, lowest first.
    pub brackets: Vec<Bracket>,
}
