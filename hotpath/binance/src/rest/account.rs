//! Account, positions and their settings.

use schema::{Notional, Price, Qty, SymbolName, WallNs};

use super::RestError;

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
    let _ = body;
    unimplemented!()
}

/// Reads `GET /fapi/v3/positionRisk`.
///
/// # Errors
/// [`RestError`].
pub fn parse_positions(body: &[u8]) -> Result<Vec<PositionRisk>, RestError> {
    let _ = body;
    unimplemented!()
}

/// Reads `GET /fapi/v1/symbolConfig`.
///
/// # Errors
/// [`RestError`].
pub fn parse_symbol_config(body: &[u8]) -> Result<Vec<SymbolConfig>, RestError> {
    let _ = body;
    unimplemented!()
}

/// Reads `GET /fapi/v1/positionSide/dual`: `true` is hedge mode, which this system does not trade.
///
/// # Errors
/// [`RestError`].
pub fn parse_position_mode(body: &[u8]) -> Result<bool, RestError> {
    let _ = body;
    unimplemented!()
}

/// Reads the reply of `POST /fapi/v1/leverage`.
///
/// # Errors
/// [`RestError`].
pub fn parse_leverage(body: &[u8]) -> Result<LeverageSet, RestError> {
    let _ = body;
    unimplemented!()
}
