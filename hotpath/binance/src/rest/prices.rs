//! Prices by REST, for when no stream brings them.

use schema::{Mark, Price, SymbolId};

use super::value::{RestError, Row, reply};

/// `GET /fapi/v1/premiumIndex?symbol=`: mark price, index and funding of one symbol.
///
/// # Errors
/// [`RestError`].
pub fn parse_premium_index(body: &[u8], symbol: SymbolId) -> Result<Mark, RestError> {
    let value = reply(body)?;
    let row = Row::new("premiumIndex", &value)?;
    Ok(Mark {
        symbol,
        mark_price: Price::from_units(row.decimal_cut("markPrice")?),
        index_price: Price::from_units(row.decimal_cut("indexPrice")?),
        // Empty for contracts with a delivery date.
        funding_rate_e8: row.decimal_cut("lastFundingRate").unwrap_or(0),
        next_funding_time: row.time("nextFundingTime")?,
        event_time: row.time("time")?,
    })
}
