//! Account, positions and their settings.

use schema::{Notional, Price, Qty, SymbolName, WallNs};

use super::value::{RestError, Row, reply, rows};

/// Side of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionSide {
    /// One-way mode.
    Both,
    /// Hedge mode.
    Long,
    /// Hedge mode.
    Short,
}

/// `GET /fapi/v3/account`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountInfo {
    /// Wallet balance over all assets, in USD.
    pub total_wallet_balance: Notional,
    /// Unrealised profit.
    pub total_unrealized_pnl: Notional,
    /// Wallet plus unrealised profit.
    pub total_margin_balance: Notional,
    /// What can back new orders.
    pub available_balance: Notional,
    /// Assets with a balance.
    pub assets: Vec<AssetBalance>,
    /// Positions.
    pub positions: Vec<AccountPosition>,
}

impl AccountInfo {
    /// Wallet balance of one asset; zero if the account has none of it.
    pub fn wallet(&self, asset: &str) -> Notional {
        self.assets.iter().find(|a| a.asset == asset).map_or(Notional::ZERO, |a| a.wallet_balance)
    }
}

/// One asset of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetBalance {
    /// Asset.
    pub asset: String,
    /// Wallet balance.
    pub wallet_balance: Notional,
    /// Wallet balance of cross positions.
    pub cross_wallet_balance: Notional,
    /// Unrealised profit.
    pub unrealized_pnl: Notional,
    /// What can back new orders.
    pub available_balance: Notional,
}

/// One position as the account reply has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountPosition {
    /// Symbol.
    pub symbol: SymbolName,
    /// Side.
    pub side: PositionSide,
    /// Signed quantity.
    pub qty: Qty,
    /// Unrealised profit.
    pub unrealized_pnl: Notional,
}

/// One row of `GET /fapi/v3/positionRisk` (v2 and the WebSocket spelling are read too).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionRisk {
    /// Symbol.
    pub symbol: SymbolName,
    /// Side.
    pub side: PositionSide,
    /// Signed quantity.
    pub qty: Qty,
    /// Entry price.
    pub entry_price: Price,
    /// Mark price.
    pub mark_price: Price,
    /// Liquidation price; zero if none.
    pub liquidation_price: Price,
    /// Unrealised profit.
    pub unrealized_pnl: Notional,
    /// Last change.
    pub update_time: WallNs,
}

/// One row of `GET /fapi/v1/symbolConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SymbolConfig {
    /// Symbol.
    pub symbol: SymbolName,
    /// Whether margin is cross, not isolated.
    pub is_cross: bool,
    /// Leverage in force.
    pub leverage: u32,
}

/// Reply of `POST /fapi/v1/leverage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeverageSet {
    /// Symbol.
    pub symbol: SymbolName,
    /// Leverage in force.
    pub leverage: u32,
}

/// Reads `GET /fapi/v3/account` (v2 too).
///
/// # Errors
/// [`RestError`].
pub fn parse_account(body: &[u8]) -> Result<AccountInfo, RestError> {
    let value = reply(body)?;
    let row = Row::new("account", &value)?;
    let assets: Result<Vec<_>, _> = row.list("assets")?.into_iter().map(asset).collect();
    let positions: Result<Vec<_>, _> =
        row.list("positions")?.into_iter().filter_map(account_position).collect();
    Ok(AccountInfo {
        total_wallet_balance: Notional::from_units(row.decimal_cut("totalWalletBalance")?),
        total_unrealized_pnl: Notional::from_units(row.decimal_cut("totalUnrealizedProfit")?),
        total_margin_balance: Notional::from_units(row.decimal_cut("totalMarginBalance")?),
        available_balance: Notional::from_units(row.decimal_cut("availableBalance")?),
        assets: assets?,
        positions: positions?,
    })
}

fn asset(row: Row) -> Result<AssetBalance, RestError> {
    Ok(AssetBalance {
        asset: row.text("asset")?,
        wallet_balance: Notional::from_units(row.decimal_cut("walletBalance")?),
        cross_wallet_balance: Notional::from_units(row.decimal_cut("crossWalletBalance")?),
        unrealized_pnl: Notional::from_units(row.decimal_cut("unrealizedProfit")?),
        available_balance: Notional::from_units(row.decimal_cut("availableBalance")?),
    })
}

/// A position; `None` if there is none and its name does not fit (v2 lists every symbol there is).
fn account_position(row: Row) -> Option<Result<AccountPosition, RestError>> {
    let read = || {
        Ok(AccountPosition {
            symbol: row.symbol("symbol")?,
            side: side(row)?,
            qty: Qty::from_units(row.decimal("positionAmt")?),
            unrealized_pnl: Notional::from_units(row.decimal_cut("unrealizedProfit")?),
        })
    };
    let is_empty = row.decimal("positionAmt") == Ok(0);
    Some(read()).filter(|position| position.is_ok() || !is_empty)
}

fn side(row: Row) -> Result<PositionSide, RestError> {
    row.word("positionSide", |word| match word {
        b"BOTH" => Some(PositionSide::Both),
        b"LONG" => Some(PositionSide::Long),
        b"SHORT" => Some(PositionSide::Short),
        _ => None,
    })
}

/// Reads the wallet balance of one asset from `GET /fapi/v3/balance`; zero if the account has none.
///
/// # Errors
/// [`RestError`].
pub fn parse_balance(body: &[u8], asset: &str) -> Result<Notional, RestError> {
    let value = reply(body)?;
    for row in rows("balance", &value)? {
        if row.text("asset")? == asset {
            return Ok(Notional::from_units(row.decimal_cut("balance")?));
        }
    }
    Ok(Notional::ZERO)
}

/// Reads `GET /fapi/v3/positionRisk`.
///
/// # Errors
/// [`RestError`].
pub fn parse_positions(body: &[u8]) -> Result<Vec<PositionRisk>, RestError> {
    let value = reply(body)?;
    rows("positionRisk", &value)?.into_iter().map(position_risk).collect()
}

fn position_risk(row: Row) -> Result<PositionRisk, RestError> {
    // REST writes `unRealizedProfit`, the WebSocket API `unrealizedProfit`.
    let profit = ["unRealizedProfit", "unrealizedProfit"];
    let profit = if row.find(profit[0]).is_some() { profit[0] } else { profit[1] };
    Ok(PositionRisk {
        symbol: row.symbol("symbol")?,
        side: side(row)?,
        qty: Qty::from_units(row.decimal("positionAmt")?),
        entry_price: Price::from_units(row.decimal_cut("entryPrice")?),
        mark_price: Price::from_units(row.decimal_cut("markPrice")?),
        liquidation_price: Price::from_units(row.decimal_cut_or_zero("liquidationPrice")?),
        unrealized_pnl: Notional::from_units(row.decimal_cut(profit)?),
        update_time: row.time("updateTime")?,
    })
}

/// Reads `GET /fapi/v1/symbolConfig`.
///
/// # Errors
/// [`RestError`].
pub fn parse_symbol_config(body: &[u8]) -> Result<Vec<SymbolConfig>, RestError> {
    let value = reply(body)?;
    let config = |row: Row| {
        Ok(SymbolConfig {
            symbol: row.symbol("symbol")?,
            is_cross: row.word("marginType", |word| match word {
                b"CROSSED" | b"cross" => Some(true),
                b"ISOLATED" | b"isolated" => Some(false),
                _ => None,
            })?,
            leverage: leverage(row)?,
        })
    };
    rows("symbolConfig", &value)?.into_iter().map(config).collect()
}

fn leverage(row: Row) -> Result<u32, RestError> {
    let leverage = row.integer("leverage")?;
    u32::try_from(leverage).map_err(|_| RestError::Shape(format!("leverage {leverage}")))
}

/// Reads `GET /fapi/v1/positionSide/dual`: `true` is hedge mode, which this system does not trade.
///
/// # Errors
/// [`RestError`].
pub fn parse_position_mode(body: &[u8]) -> Result<bool, RestError> {
    let value = reply(body)?;
    Row::new("positionSide/dual", &value)?.flag("dualSidePosition")
}

/// Reads the reply of `POST /fapi/v1/leverage`.
///
/// # Errors
/// [`RestError`].
pub fn parse_leverage(body: &[u8]) -> Result<LeverageSet, RestError> {
    let value = reply(body)?;
    let row = Row::new("leverage", &value)?;
    Ok(LeverageSet { symbol: row.symbol("symbol")?, leverage: leverage(row)? })
}
