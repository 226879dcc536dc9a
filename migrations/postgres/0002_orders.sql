-- Every order and every fill. `orders` is also what the writer remembers of an order.

CREATE TABLE orders (
    order_key VARCHAR(50) PRIMARY KEY,        -- our client order id, or order_id for others' orders
    order_id VARCHAR(50),                     -- as in trades; NULL until the venue gave one
    client_order_id VARCHAR(36),
    symbol VARCHAR(20) NOT NULL,
    side VARCHAR(10) NOT NULL,
    order_type VARCHAR(20) NOT NULL,
    time_in_force VARCHAR(10) NOT NULL,
    reduce_only BOOLEAN NOT NULL,
    price DECIMAL(20, 8) NOT NULL,            -- zero for market orders
    qty DECIMAL(20, 8) NOT NULL,
    status VARCHAR(20) NOT NULL,
    cum_qty DECIMAL(20, 8) NOT NULL,          -- what the venue says is filled
    filled_qty DECIMAL(20, 8) NOT NULL,       -- sum of the fills we have
    cost DECIMAL(38, 16) NOT NULL,            -- sum of price * quantity, exact
    commission DECIMAL(20, 8) NOT NULL,
    realized_pnl DECIMAL(20, 8) NOT NULL,
    fill_count INTEGER NOT NULL,
    first_fill_time TIMESTAMP,
    last_fill_time TIMESTAMP,
    strategy VARCHAR(50),
    signal_e8 BIGINT,                         -- signal when decided, units of 1e-8
    bid_price DECIMAL(20, 8),                 -- best bid and ask when decided
    ask_price DECIMAL(20, 8),
    request_id BIGINT,                        -- of the request that placed it
    error_code INTEGER,                       -- the venue's code if it refused
    tick_to_order_ns BIGINT,                  -- read() returned to write() called
    decided_at TIMESTAMP,
    changed_at TIMESTAMP NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_orders_order_id ON orders(order_id);
CREATE INDEX idx_orders_status ON orders(status);
CREATE INDEX idx_orders_changed_at ON orders(changed_at);

CREATE TABLE fills (
    symbol VARCHAR(20) NOT NULL,
    trade_id BIGINT NOT NULL,                 -- the venue's; minus the order id for a liquidation
    order_key VARCHAR(50) NOT NULL,
    order_id VARCHAR(50) NOT NULL,
    side VARCHAR(10) NOT NULL,
    price DECIMAL(20, 8) NOT NULL,
    qty DECIMAL(20, 8) NOT NULL,
    notional DECIMAL(20, 8) NOT NULL,
    commission DECIMAL(20, 8) NOT NULL,
    realized_pnl DECIMAL(20, 8) NOT NULL,     -- the venue's
    is_maker BOOLEAN NOT NULL,
    trade_time TIMESTAMP NOT NULL,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (symbol, trade_id)
);
CREATE INDEX idx_fills_order_key ON fills(order_key);
CREATE INDEX idx_fills_trade_time ON fills(trade_time);
