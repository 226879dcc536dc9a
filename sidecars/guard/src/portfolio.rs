//! The account's risk: equity, drawdown, exposure, value at risk.
