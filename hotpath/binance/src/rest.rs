//! REST, the cold side: signed queries and typed replies, on serde_json.
//!
//! Replies are matched by field name; unknown fields are ignored, numbers may be strings or numbers.
//! Amounts a decision rests on are exact; averages the venue itself rounds (entry price, liquidation
//! price, unrealised profit) lose what lies past the eighth decimal.

mod account;
mod exchange_info;
mod orders;
mod prices;
mod signer;
mod value;

pub use account::{
    AccountInfo, AccountPosition, AssetBalance, LeverageSet, PositionRisk, PositionSide,
    SymbolConfig, parse_account, parse_balance, parse_leverage, parse_position_mode,
    parse_positions, parse_symbol_config,
};
pub use exchange_info::{ExchangeInfo, RateLimit, SymbolRules, parse_exchange_info};
pub use orders::{
    OpenAlgo, OpenOrder, UserTrade, parse_depth, parse_open_algos, parse_open_orders, parse_order,
    parse_user_trades,
};
pub use prices::parse_premium_index;
pub use signer::RestSigner;
pub use value::{RestError, parse_error, parse_listen_key, parse_server_time};
