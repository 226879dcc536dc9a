-- Every order and every fill. `orders` is also what the writer remembers of an order.

CREATE TABLE orders (
    order_key TEXT PRIMARY KEY,               -- our client order id, or order_id for others' orders
    order_id TEXT,                            -- as in trades; NULL until the venue gave one
    client_order_id TEXT,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    order_type TEXT NOT NULL,
    time_in_force TEXT NOT NULL,
    reduce_only INTEGER NOT NULL,
    price TEXT NOT NULL,                      -- zero for market orders
    qty TEXT NOT NULL,
    status TEXT NOT NULL,
    cum_qty TEXT NOT NULL,                    -- what the venue says is filled
    filled_qty TEXT NOT NULL,                 -- sum of the fills we have
    cost TEXT NOT NULL,                       -- sum of price * quantity, exact
    commission TEXT NOT NULL,
    realized_pnl TEXT NOT NULL,
    fill_count INTEGER NOT NULL,
    first_fill_time TEXT,
    last_fill_time TEXT,
    strategy TEXT,
    signal_e8 INTEGER,                        -- signal when decided, units of 1e-8
    bid_price TEXT,                           -- best bid and ask when decided
    ask_price TEXT,
    request_id INTEGER,                       -- of the request that placed it
    error_code INTEGER,                       -- the venue's code if it refused
    tick_to_order_ns INTEGER,                 -- read() returned to write() called
    decided_at TEXT,
    changed_at TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX idx_orders_order_id ON orders(order_id);
CREATE INDEX idx_orders_status ON orders(status);
CREATE INDEX idx_orders_changed_at ON orders(changed_at);

CREATE TABLE fills (
    symbol TEXT NOT NULL,
    trade_id INTEGER NOT NULL,                -- the venue's; minus the order id for a liquidation
    order_key TEXT NOT NULL,
    order_id TEXT NOT NULL,
    side TEXT NOT NULL,
    price TEXT NOT NULL,
    qty TEXT NOT NULL,
    notional TEXT NOT NULL,
    commission TEXT NOT NULL,
    realized_pnl TEXT NOT NULL,               -- the venue's
    is_maker INTEGER NOT NULL,
    trade_time TEXT NOT NULL,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (symbol, trade_id)
);
CREATE INDEX idx_fills_order_key ON fills(order_key);
CREATE INDEX idx_fills_trade_time ON fills(trade_time);
