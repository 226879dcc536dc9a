-- The four tables of the record. Names and columns are those of the architecture chapter, 10.3;
-- what is added stands below a comment. All times are UTC.
-- `id` is 64 bits wide because every upsert takes a number, also one that only updates.

CREATE TABLE positions (
    id BIGSERIAL PRIMARY KEY,
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(10) NOT NULL,                -- LONG or SHORT
    size DECIMAL(20, 8) NOT NULL,             -- open: quantity now; closed: the most that was held
    entry_price DECIMAL(20, 8) NOT NULL,      -- average cost of what is (or was last) open
    current_price DECIMAL(20, 8),             -- last fill or closed minute
    leverage DECIMAL(5, 2),                   -- the highest leverage the run allows
    margin DECIMAL(20, 8),                    -- cost / leverage
    liquidation_price DECIMAL(20, 8),         -- not known from the journal: NULL
    unrealized_pnl DECIMAL(20, 8),
    realized_pnl DECIMAL(20, 8),              -- before commission
    open_time TIMESTAMP NOT NULL,
    close_time TIMESTAMP,
    status VARCHAR(20) NOT NULL,              -- OPEN or CLOSED
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    -- Added: the natural key (symbol and what opened it), and what the fills cost.
    position_key VARCHAR(64) NOT NULL UNIQUE,
    commission DECIMAL(20, 8) NOT NULL,
    fill_count INTEGER NOT NULL,
    adjustments INTEGER NOT NULL              -- times the venue's quantity was taken without a fill
);

CREATE TABLE trades (
    id BIGSERIAL PRIMARY KEY,
    order_id VARCHAR(50) UNIQUE NOT NULL,     -- symbol, '-', venue order id: unique per symbol only
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(10) NOT NULL,
    order_type VARCHAR(20) NOT NULL,
    size DECIMAL(20, 8) NOT NULL,             -- filled so far
    price DECIMAL(20, 8) NOT NULL,            -- average, rounded half away from zero
    notional DECIMAL(20, 8) NOT NULL,
    commission DECIMAL(20, 8),
    slippage DECIMAL(10, 6),                  -- (price - mid) / mid, positive is worse for us
    strategy VARCHAR(50),                     -- NULL: an order that is not ours
    signal_strength DECIMAL(5, 4),
    execution_time TIMESTAMP NOT NULL,        -- of the newest fill
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    -- Added.
    client_order_id VARCHAR(36),
    realized_pnl DECIMAL(20, 8) NOT NULL,
    fill_count INTEGER NOT NULL,
    first_fill_time TIMESTAMP NOT NULL
);

CREATE TABLE performance_metrics (
    id BIGSERIAL PRIMARY KEY,
    date DATE NOT NULL UNIQUE,                -- UTC
    equity DECIMAL(20, 8) NOT NULL,           -- wallet and unrealised profit, newest of the day
    daily_return DECIMAL(10, 6),
    sharpe_ratio DECIMAL(10, 4),
    sortino_ratio DECIMAL(10, 4),
    max_drawdown DECIMAL(10, 6),
    var_daily DECIMAL(20, 8),
    trade_count INTEGER,
    win_rate DECIMAL(5, 4),
    total_commission DECIMAL(20, 8),
    funding_pnl DECIMAL(20, 8),
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    -- Added: what the columns above are computed from.
    opening_equity DECIMAL(20, 8),
    wallet DECIMAL(20, 8),
    transfers DECIMAL(20, 8) NOT NULL,
    peak_equity DECIMAL(20, 8),
    realized_pnl DECIMAL(20, 8) NOT NULL,
    win_count INTEGER NOT NULL,
    loss_count INTEGER NOT NULL
);

CREATE TABLE market_data (
    id BIGSERIAL PRIMARY KEY,
    symbol VARCHAR(20) NOT NULL,
    timestamp TIMESTAMP NOT NULL,             -- start of the minute
    open DECIMAL(20, 8),
    high DECIMAL(20, 8),
    low DECIMAL(20, 8),
    close DECIMAL(20, 8),
    volume DECIMAL(20, 8),
    funding_rate DECIMAL(10, 8),
    open_interest DECIMAL(20, 8),             -- not on the followed streams: NULL
    -- Added.
    quote_volume DECIMAL(20, 8),
    trade_count INTEGER,
    UNIQUE (symbol, timestamp)
);

CREATE INDEX idx_positions_symbol ON positions(symbol);
CREATE INDEX idx_positions_status ON positions(status);
CREATE INDEX idx_trades_symbol ON trades(symbol);
CREATE INDEX idx_trades_execution_time ON trades(execution_time);
CREATE INDEX idx_performance_date ON performance_metrics(date);
CREATE INDEX idx_market_data_symbol_timestamp ON market_data(symbol, timestamp);
