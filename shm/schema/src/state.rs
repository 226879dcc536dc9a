//! Trading states, why they change, and why an order is refused.

use crate::order::wire_enum;

wire_enum!(
    /// What the engine may do now.
    TradingState {
        /// Connecting; nothing may be sent.
        Starting = 0 "Starting",
        /// Comparing with the venue; cancels only.
        Reconciling = 1 "Reconciling",
        /// May add risk.
        Armed = 2 "Armed",
        /// May cancel and reduce.
        Reducing = 3 "Reducing",
        /// May cancel.
        Halted = 4 "Halted",
        /// May cancel; latched on disk, cleared only by a person.
        Killed = 5 "Killed",
    }
);

wire_enum!(
    /// Why the trading state changed.
    StateReason {
        /// The process started.
        Boot = 0 "boot",
        /// Account, positions and orders agree with the venue.
        Reconciled = 1 "reconciled",
        /// A person or a tool asked.
        Command = 2 "command",
        /// Market data is too old.
        StaleFeed = 3 "stale_feed",
        /// The local book has a gap.
        BookGap = 4 "book_gap",
        /// Best bid at or above best ask.
        CrossedBook = 5 "crossed_book",
        /// The order connection is down.
        OrderLinkDown = 6 "order_link_down",
        /// The user-data connection is down.
        UserLinkDown = 7 "user_link_down",
        /// A market connection is down.
        MarketLinkDown = 8 "market_link_down",
        /// An order's outcome is unknown.
        UnknownOrder = 9 "unknown_order",
        /// Our position is not the venue's.
        PositionMismatch = 10 "position_mismatch",
        /// guard's verdict is old or forbids risk.
        Verdict = 11 "verdict",
        /// The journal is more than three quarters full.
        JournalPressure = 12 "journal_pressure",
        /// The wall clock jumped.
        ClockJump = 13 "clock_jump",
        /// The process is stopping.
        Stopping = 14 "stopping",
        /// The venue refused with a code that forbids going on (-1022, -2015, -2023 …).
        VenueRefused = 15 "venue_refused",
        /// A rate limit or a ban of the venue.
        RateLimited = 16 "rate_limited",
        /// What had been wrong is right again.
        Recovered = 17 "recovered",
        /// Loss limit reached.
        LossLimit = 18 "loss_limit",
        /// The venue's clock is too far from ours, or not known.
        ClockSkew = 19 "clock_skew",
        /// The venue's dead-man timers are not set.
        DeadMan = 20 "dead_man",
        /// The loop stood still for too long.
        LoopGap = 21 "loop_gap",
        /// The account looks emptier than it can be; asked again before it is believed.
        AccountSuspect = 22 "account_suspect",
        /// Another trader of ours trades on this account.
        ForeignOrders = 23 "foreign_orders",
        /// Someone else moved the account: liquidation, deleveraging, a person.
        External = 24 "external",
        /// The account differs from what is held here.
        Difference = 25 "difference",
        /// The account could not be compared with the venue for too long.
        Unreconciled = 26 "unreconciled",
        /// The kill switch is pressed.
        Kill = 27 "kill",
        /// The strategy repeated itself too often; a person lets it go on.
        RepeatedOrders = 28 "repeated_orders",
        /// Processes of the system are of different builds.
        BuildMismatch = 29 "build_mismatch",
        /// Equity fell too far from its highest; a person lets it go on.
        Drawdown = 30 "drawdown",
        /// It starts halted, as configured; a person lets it trade.
        NotEnabled = 31 "not_enabled",
    }
);

wire_enum!(
    /// Why the engine refused to send an order; data, not an error.
    Reject {
        /// The trading state does not allow it.
        TradingState = 0 "trading_state",
        /// Price is not a multiple of the tick, or outside the filter's range.
        PriceFilter = 1 "price_filter",
        /// Quantity is not a multiple of the step, or outside the filter's range.
        LotSize = 2 "lot_size",
        /// Notional below the venue's minimum.
        MinNotional = 3 "min_notional",
        /// Price outside the venue's band around the mark.
        PercentPrice = 4 "percent_price",
        /// Quantity above our own limit.
        MaxQty = 5 "max_qty",
        /// Notional above our own limit.
        MaxNotional = 6 "max_notional",
        /// Price outside our own collar around the reference.
        PriceCollar = 7 "price_collar",
        /// Worst-case position above the limit.
        PositionLimit = 8 "position_limit",
        /// Worst-case gross exposure above the limit.
        ExposureLimit = 9 "exposure_limit",
        /// Exposure above equity times leverage.
        Leverage = 10 "leverage",
        /// Too many open orders.
        OpenOrders = 11 "open_orders",
        /// Message budget spent; the rest is kept for cancels.
        MessageRate = 12 "message_rate",
        /// Book too old.
        StaleBook = 13 "stale_book",
        /// Book crossed or not in sync.
        CrossedBook = 14 "crossed_book",
        /// The same order was decided a moment ago.
        Duplicate = 15 "duplicate",
        /// A reduce-only order that would not reduce.
        ReduceOnly = 16 "reduce_only",
        /// Order table full.
        TableFull = 17 "table_full",
        /// An amount does not fit its type.
        Overflow = 18 "overflow",
        /// The symbol is not trading or not permitted.
        SymbolStatus = 19 "symbol_status",
        /// No mark price yet.
        NoMark = 20 "no_mark",
        /// No such order to cancel or modify.
        UnknownOrder = 21 "unknown_order",
        /// Daily loss limit reached.
        DailyLoss = 22 "daily_loss",
        /// The symbol's market is not believed for now.
        Quarantined = 23 "quarantined",
        /// The venue refused to take more for now.
        BackOff = 24 "back_off",
        /// It would trade with a working order of our own.
        SelfMatch = 25 "self_match",
        /// Too many orders alike in a short time; a person re-enables the strategy.
        RepeatedOrders = 26 "repeated_orders",
        /// Too many messages for the fills they brought.
        OrderToTrade = 27 "order_to_trade",
        /// Equity fell too far from its highest.
        Drawdown = 28 "drawdown",
        /// The margin of the worst case would be too large a part of equity.
        Margin = 29 "margin",
        /// The worst case would be liquidated by too small a move.
        LiquidationDistance = 30 "liquidation_distance",
        /// Price too far from where the market was a moment ago.
        WindowCollar = 31 "window_collar",
        /// The symbol may only be reduced.
        Restricted = 32 "restricted",
    }
);
