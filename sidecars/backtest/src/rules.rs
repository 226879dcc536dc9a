//! What the venue demands of an order: filters of exchangeInfo (PROTOCOL 3.3) and margin brackets.

use schema::{Notional, Price, Qty, SCALE, Side, SymbolName};

use crate::error::VenueError;

mod exchange_info;

pub use exchange_info::RulesError;

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

impl Rules {
    /// BTCUSDT as on 2026-09-30 (PROTOCOL 3.3).
    pub fn btcusdt() -> Self {
        Self {
            min_price: price(55_680_000_000),
            max_price: price(4_529_764 * SCALE),
            max_qty: qty(1_000 * SCALE),
            market_max_qty: qty(120 * SCALE),
            min_notional: usdt(50),
            tick_size: price(SCALE / 10),
            brackets: brackets(&BRACKETS_LARGE),
            ..Self::derived(name(b"BTCUSDT"), 2, 3)
        }
    }
    /// ETHUSDT: notional of PROTOCOL 3.3, the rest as listed in July 2026.
    pub fn ethusdt() -> Self {
        Self {
            min_price: price(3_986_000_000),
            max_price: price(306_177 * SCALE),
            max_qty: qty(10_000 * SCALE),
            market_max_qty: qty(2_000 * SCALE),
            min_notional: usdt(20),
            brackets: brackets(&BRACKETS_LARGE),
            ..Self::derived(name(b"ETHUSDT"), 2, 3)
        }
    }
    /// Known rules, or derived ones from the decimals a tape shows.
    pub fn for_symbol(symbol: SymbolName, price_decimals: u32, qty_decimals: u32) -> Self {
        match symbol.as_bytes() {
            b"BTCUSDT" => Self::btcusdt(),
            b"ETHUSDT" => Self::ethusdt(),
            _ => Self::derived(symbol, price_decimals, qty_decimals),
        }
    }
    /// Tick and step of one unit in the last decimal, minimum notional 5, generous limits.
    pub fn derived(symbol: SymbolName, price_decimals: u32, qty_decimals: u32) -> Self {
        let (price_precision, qty_precision) = (price_decimals.min(8), qty_decimals.min(8));
        let (tick, step) = (unit(price_precision), qty(unit(qty_precision)));
        let base = symbol.as_str().trim_end_matches("USDT").to_owned();
        Self {
            name: symbol,
            base_asset: base,
            quote_asset: "USDT".to_owned(),
            trading: true,
            price_precision,
            qty_precision,
            tick_size: price(tick),
            min_price: price(tick),
            max_price: price(tick.saturating_mul(1_000_000_000).min(10_000_000 * SCALE)),
            step_size: step,
            min_qty: step,
            max_qty: qty(10_000_000 * SCALE),
            market_step_size: step,
            market_min_qty: step,
            market_max_qty: qty(1_000_000 * SCALE),
            min_notional: usdt(5),
            multiplier_up_e4: 10_500,
            multiplier_down_e4: 9_500,
            market_take_bound_e4: 500,
            max_num_orders: 200,
            brackets: brackets(&BRACKETS_SMALL),
        }
    }
    /// Symbols of an `exchangeInfo` answer; brackets are not in it and stay the defaults.
    ///
    /// # Errors
    /// [`RulesError`] naming the symbol and the field.
    pub fn from_exchange_info(json: &[u8]) -> Result<Vec<Self>, RulesError> {
        exchange_info::parse(json)
    }

    /// Largest leverage of the symbol.
    pub fn leverage_max(&self) -> u32 {
        self.brackets.iter().map(|bracket| bracket.initial_leverage).max().unwrap_or(1)
    }
    /// Largest notional at a leverage; zero if the symbol has no such leverage.
    pub fn max_notional(&self, leverage: u32) -> Notional {
        let allowed = self.brackets.iter().filter(|bracket| bracket.initial_leverage >= leverage);
        allowed.map(|bracket| bracket.notional_cap).max().unwrap_or(Notional::ZERO)
    }
    /// Maintenance margin of a position's notional (not negative): notional × rate − cum.
    pub fn maint_margin(&self, notional: Notional) -> Notional {
        let bracket = self.brackets.iter().rev().find(|b| b.notional_floor <= notional);
        let Some(bracket) = bracket else { return Notional::ZERO };
        let margin = notional.ppm(bracket.maint_margin_ppm).unwrap_or(Notional::MAX);
        margin.checked_sub(bracket.cum).unwrap_or(margin)
    }

    /// Checks a quantity by LOT_SIZE, or MARKET_LOT_SIZE.
    ///
    /// # Errors
    /// -4003, -1111, -4004, -4005, -4023.
    pub fn check_qty(&self, qty: Qty, is_market: bool) -> Result<(), VenueError> {
        let (min, max, step) = if is_market {
            (self.market_min_qty, self.market_max_qty, self.market_step_size)
        } else {
            (self.min_qty, self.max_qty, self.step_size)
        };
        if qty <= Qty::ZERO {
            return Err(VenueError::new(-4003, "Quantity less than or equal to zero."));
        }
        if qty.units() % unit(self.qty_precision) != 0 {
            return Err(VenueError::precision());
        }
        if qty < min {
            return Err(VenueError::new(-4004, "Quantity less than min quantity."));
        }
        if qty > max {
            return Err(VenueError::new(-4005, "Quantity greater than max quantity."));
        }
        if !Qty::from_units(qty.units() - min.units()).is_multiple_of(step) {
            return Err(VenueError::new(-4023, "Qty not increased by step size."));
        }
        Ok(())
    }
    /// Checks a price by PRICE_FILTER.
    ///
    /// # Errors
    /// -4001, -1111, -4013, -4002, -4014.
    pub fn check_price(&self, price: Price) -> Result<(), VenueError> {
        if price <= Price::ZERO {
            return Err(VenueError::new(-4001, "Price less than 0."));
        }
        if price.units() % unit(self.price_precision) != 0 {
            return Err(VenueError::precision());
        }
        if price < self.min_price {
            return Err(VenueError::new(-4013, "Price less than min price."));
        }
        if price > self.max_price {
            return Err(VenueError::new(-4002, "Price greater than max price."));
        }
        let above = Price::from_units(price.units() - self.min_price.units());
        if !above.is_multiple_of(self.tick_size) {
            return Err(VenueError::new(-4014, "Price not increased by tick size."));
        }
        Ok(())
    }
    /// Checks a limit price by PERCENT_PRICE around the mark; one-sided.
    ///
    /// # Errors
    /// -4016 for a buy too high, -4024 for a sell too low.
    pub fn check_band(&self, side: Side, price: Price, mark: Price) -> Result<(), VenueError> {
        let shown = self.price_precision as usize;
        let bound = match side {
            Side::Buy => share(mark, self.multiplier_up_e4),
            Side::Sell => share(mark, self.multiplier_down_e4),
        };
        match side {
            Side::Buy if price > bound => Err(VenueError::new(
                -4016,
                format!(
                    "Limit price can't be higher than {:.shown$}.",
                    bound.round_down(self.tick_size)
                ),
            )),
            Side::Sell if price < bound => Err(VenueError::new(
                -4024,
                format!(
                    "Limit price can't be lower than {:.shown$}.",
                    bound.round_down(self.tick_size)
                ),
            )),
            _ => Ok(()),
        }
    }
    /// Price beyond which a market order does not fill.
    pub fn take_bound(&self, side: Side, mark: Price) -> Price {
        share(mark, 10_000 + side.sign() * self.market_take_bound_e4)
    }
    /// Checks the notional.
    ///
    /// # Errors
    /// -4164.
    pub fn check_notional(&self, price: Price, qty: Qty) -> Result<(), VenueError> {
        if price.times(qty) < i128::from(self.min_notional.units()) * i128::from(SCALE) {
            return Err(VenueError::new(
                -4164,
                format!(
                    "Order's notional must be no smaller than {} (unless you choose reduce only).",
                    self.min_notional
                ),
            ));
        }
        Ok(())
    }
}

/// First brackets of BTCUSDT and ETHUSDT: leverage, cap in USDT, maintenance ppm.
const BRACKETS_LARGE: [(u32, i64, i64); 5] = [
    (125, 300_000, 4_000),
    (100, 800_000, 5_000),
    (75, 3_000_000, 6_500),
    (50, 12_000_000, 10_000),
    (20, 300_000_000, 20_000),
];
/// Brackets of a symbol nothing is known about.
const BRACKETS_SMALL: [(u32, i64, i64); 3] =
    [(50, 50_000, 10_000), (20, 500_000, 20_000), (10, 5_000_000, 50_000)];

fn brackets(table: &[(u32, i64, i64)]) -> Vec<Bracket> {
    let (mut floor, mut cum, mut rate_before) = (0i64, 0i64, 0i64);
    let mut out = Vec::with_capacity(table.len());
    for &(initial_leverage, cap, maint_margin_ppm) in table {
        // Continuity at the floor: cum grows by floor × the step of the rate.
        if floor > 0 {
            cum +=
                (i128::from(floor) * i128::from(SCALE) * i128::from(maint_margin_ppm - rate_before)
                    / 1_000_000) as i64;
        }
        out.push(Bracket {
            initial_leverage,
            notional_floor: usdt(floor),
            notional_cap: usdt(cap),
            maint_margin_ppm,
            cum: Notional::from_units(cum),
        });
        (floor, rate_before) = (cap, maint_margin_ppm);
    }
    out
}

fn share(mark: Price, e4: i64) -> Price {
    let units = i128::from(mark.units()) * i128::from(e4) / 10_000;
    Price::from_units(i64::try_from(units).unwrap_or(i64::MAX))
}

/// One unit in the last of `decimals` places, in units of 1e-8.
fn unit(decimals: u32) -> i64 {
    10i64.pow(8u32.saturating_sub(decimals))
}

const fn price(units: i64) -> Price {
    Price::from_units(units)
}
const fn qty(units: i64) -> Qty {
    Qty::from_units(units)
}
const fn usdt(whole: i64) -> Notional {
    Notional::from_units(whole * SCALE)
}
const fn name(text: &[u8]) -> SymbolName {
    match SymbolName::new(text) {
        Ok(name) => name,
        Err(_) => panic!("a built-in name is 1 to 23 bytes"),
    }
}

#[cfg(test)]
mod tests;
