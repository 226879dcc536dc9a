-- The four tables of the record. Names and columns are those of the architecture chapter, 10.3;
-- what is added stands below a comment. All times are UTC.
-- Decimals are TEXT with all their digits: a column of numeric affinity would make floats of them.
-- Times are TEXT as SQLite's date functions read it.

CREATE TABLE positions (
    id INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,                       -- LONG or SHORT
    size TEXT NOT NULL,                       -- open: quantity now; closed: the most that was held
    entry_price TEXT NOT NULL,                -- average cost of what is (or was last) open
    current_price TEXT,                       -- last fill or closed minute
    leverage TEXT,                            -- the highest leverage the run allows
    margin TEXT,                              -- cost / leverage
    liquidation_price TEXT,                   -- not known from the journal: NULL
    unrealized_pnl TEXT,
    realized_pnl TEXT,                        -- before commission
    open_time TEXT NOT NULL,
    close_time TEXT,
    status TEXT NOT NULL,                     -- OPEN or CLOSED
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP,
    -- Added: the natural key (symbol and what opened it), and what the fills cost.
    position_key TEXT NOT NULL UNIQUE,
    commission TEXT NOT NULL,
    fill_count INTEGER NOT NULL,
    adjustments INTEGER NOT NULL              -- times the venue's quantity was taken without a fill
);

CREATE TABLE trades (
    id INTEGER PRIMARY KEY,
    order_id TEXT UNIQUE NOT NULL,            -- symbol, '-', venue order id: unique per symbol only
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    size TEXT NOT NULL,                       -- filled so far
    price TEXT NOT NULL,                      -- average, rounded half away from zero
    notional TEXT NOT NULL,
    commission TEXT,
    slippage TEXT,                            -- (price - mid) / mid, positive is worse for us
    strategy TEXT,                            -- NULL: an order that is not ours
    signal_strength TEXT,
    execution_time TEXT NOT NULL,             -- of the newest fill
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    -- Added.
    client_order_id TEXT,
    realized_pnl TEXT NOT NULL,
    fill_count INTEGER NOT NULL,
    first_fill_time TEXT NOT NULL
);

CREATE TABLE performance_metrics (
    id INTEGER PRIMARY KEY,
    date TEXT NOT NULL UNIQUE,                -- UTC
    equity TEXT NOT NULL,                     -- wallet and unrealised profit, newest of the day
    daily_return TEXT,
    sharpe_ratio TEXT,
    sortino_ratio TEXT,
    max_drawdown TEXT,
    var_daily TEXT,
    trade_count INTEGER,
    win_rate TEXT,
    total_commission TEXT,
    funding_pnl TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    -- Added: what the columns above are computed from.
    opening_equity TEXT,
    wallet TEXT,
    transfers TEXT NOT NULL,
    peak_equity TEXT,
    realized_pnl TEXT NOT NULL,
    win_count INTEGER NOT NULL,
    loss_count INTEGER NOT NULL
);

CREATE TABLE market_data (
    id INTEGER PRIMARY KEY,
    symbol TEXT NOT NULL,
    timestamp TEXT NOT NULL,                  -- start of the minute
    open TEXT,
    high TEXT,
    low TEXT,
    close TEXT,
    volume TEXT,
    funding_rate TEXT,
    open_interest TEXT,                       -- not on the followed streams: NULL
    -- Added.
    quote_volume TEXT,
    trade_count INTEGER,
    UNIQUE (symbol, timestamp)
);

CREATE INDEX idx_positions_symbol ON positions(symbol);
CREATE INDEX idx_positions_status ON positions(status);
CREATE INDEX idx_trades_symbol ON trades(symbol);
CREATE INDEX idx_trades_execution_time ON trades(execution_time);
CREATE INDEX idx_performance_date ON performance_metrics(date);
CREATE INDEX idx_market_data_symbol_timestamp ON market_data(symbol, timestamp);
