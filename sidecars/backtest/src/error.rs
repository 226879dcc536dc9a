//! The venue's refusals: HTTP status, code and message of PROTOCOL 7.

use core::fmt;

/// A refusal as the venue words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VenueError {
    /// HTTP status.
    pub http: u16,
    /// Code, negative.
    pub code: i32,
    /// Message.
    pub msg: String,
}

impl fmt::Display for VenueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (HTTP {})", self.code, self.msg, self.http)
    }
}
impl core::error::Error for VenueError {}

impl VenueError {
    /// A refusal with HTTP 400.
    pub fn new(code: i32, msg: impl Into<String>) -> Self {
        Self { http: 400, code, msg: msg.into() }
    }
    /// -1102: a mandatory parameter is missing, empty or malformed.
    pub fn mandatory(name: &str) -> Self {
        Self::new(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }
    /// -1106: a parameter was sent that must not be.
    pub fn not_required(name: &str) -> Self {
        Self::new(-1106, format!("Parameter '{name}' sent when not required."))
    }
    /// -1111: more decimals than the symbol has.
    pub fn precision() -> Self {
        Self::new(-1111, "Precision is over the maximum defined for this asset.")
    }
    /// -1115: a time in force this endpoint does not take.
    pub fn time_in_force() -> Self {
        Self::new(-1115, "Invalid timeInForce.")
    }
    /// -1116: not an order type.
    pub fn order_type() -> Self {
        Self::new(-1116, "Invalid orderType.")
    }
    /// -1121: not a symbol here.
    pub fn invalid_symbol() -> Self {
        Self::new(-1121, "Invalid symbol.")
    }
    /// -1128: parameters that do not go together.
    pub fn combination() -> Self {
        Self::new(-1128, "Combination of optional parameters invalid.")
    }
    /// -1130: a value that a parameter cannot have.
    pub fn invalid_parameter(name: &str) -> Self {
        Self::new(-1130, format!("Data sent for parameter '{name}' is not valid."))
    }
    /// -2011: no such working order.
    pub fn unknown_order() -> Self {
        Self::new(-2011, "Unknown order sent.")
    }
    /// -2013: no such order.
    pub fn no_such_order() -> Self {
        Self::new(-2013, "Order does not exist.")
    }
    /// -2019: not enough margin.
    pub fn margin() -> Self {
        Self::new(-2019, "Margin is insufficient.")
    }
    /// -2022: would not reduce.
    pub fn reduce_only() -> Self {
        Self::new(-2022, "ReduceOnly Order is rejected.")
    }
    /// -2025: too many open orders.
    pub fn open_orders() -> Self {
        Self::new(-2025, "Reach max open order limit.")
    }
    /// -2027: position larger than the leverage allows.
    pub fn max_position() -> Self {
        Self::new(-2027, "Exceeded the maximum allowable position at current leverage.")
    }
    /// -2028: leverage too small for the position.
    pub fn leverage_too_small() -> Self {
        Self::new(-2028, "Leverage is smaller than permitted: insufficient margin balance.")
    }
    /// -4028: not a leverage of the symbol.
    pub fn leverage(leverage: u32) -> Self {
        Self::new(-4028, format!("Leverage {leverage} is not valid."))
    }
    /// -5021: fill-or-kill that cannot fill.
    pub fn fill_or_kill() -> Self {
        Self::new(
            -5021,
            "Due to the order could not be filled immediately, the FOK order has been rejected. \
             The order will not be recorded in the order history.",
        )
    }
    /// -5022: post-only that would take.
    pub fn post_only() -> Self {
        Self::new(
            -5022,
            "Due to the order could not be executed as maker, the Post Only order will be \
             rejected. The order will not be recorded in the order history.",
        )
    }
}
