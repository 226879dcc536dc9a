//! The exact record: every fill and every change of a balance.

use schema::{Notional, Price, Qty, Side, SymbolId, SymbolName};

/// One fill of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// Symbol.
    pub symbol: SymbolId,
    /// Its name.
    pub symbol_name: SymbolName,
    /// Trade id, unique with the symbol and side of the account.
    pub trade_id: i64,
    /// The venue's order id.
    pub order_id: i64,
    /// The client's order id.
    pub client_order_id: String,
    /// Side.
    pub side: Side,
    /// Price.
    pub price: Price,
    /// Quantity.
    pub qty: Qty,
    /// Commission, USDT.
    pub commission: Notional,
    /// Realised profit before commission.
    pub realized_pnl: Notional,
    /// Whether as maker.
    pub maker: bool,
    /// When, ms.
    pub time_ms: i64,
}

/// Why a balance changed (names of `income`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Money put in or taken out.
    Transfer,
    /// Realised profit of a fill.
    RealizedPnl,
    /// Commission of a fill.
    Commission,
    /// Funding.
    FundingFee,
    /// The insurance fund made good a negative balance.
    InsuranceClear,
}

impl ChangeKind {
    /// The venue's word (`incomeType`).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transfer => "TRANSFER",
            Self::RealizedPnl => "REALIZED_PNL",
            Self::Commission => "COMMISSION",
            Self::FundingFee => "FUNDING_FEE",
            Self::InsuranceClear => "INSURANCE_CLEAR",
        }
    }
}

/// One change of a wallet (a row of `income`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceChange {
    /// Number, increasing within the venue (`tranId`).
    pub id: i64,
    /// Why.
    pub kind: ChangeKind,
    /// Symbol, or [`SymbolId::NONE`].
    pub symbol: SymbolId,
    /// Amount, signed: a commission is negative.
    pub amount: Notional,
    /// Wallet after it.
    pub wallet_balance: Notional,
    /// Trade id of a fill, else zero.
    pub trade_id: i64,
    /// When, ms.
    pub time_ms: i64,
}

/// Everything that happened to one account's money, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Every fill.
    pub fills: Vec<Fill>,
    /// Every change of the wallet.
    pub changes: Vec<BalanceChange>,
}

impl Ledger {
    /// Sum of the changes of one kind.
    pub fn total(&self, kind: ChangeKind) -> Notional {
        let units = self.changes.iter().filter(|change| change.kind == kind);
        Notional::from_units(units.map(|change| change.amount.units()).sum())
    }
}
