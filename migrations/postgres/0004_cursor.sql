-- What makes the record exactly once: the place in the journal up to which everything above is
-- true, written in the same transaction as the rows; and what was lost, when something was.

CREATE TABLE persist_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    instance VARCHAR(64) NOT NULL,
    journal_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,                      -- the newest record that is in the tables
    drained BOOLEAN NOT NULL,                 -- the journal had ended there
    boot_epoch BIGINT NOT NULL,
    wall_minus_mono_ns BIGINT NOT NULL,
    tsc_hz BIGINT NOT NULL,
    capital DECIMAL(20, 8) NOT NULL,
    leverage_max DECIMAL(5, 2) NOT NULL,
    symbols TEXT NOT NULL,                    -- names by symbol id, separated by commas
    updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE journal_gaps (
    journal_id BIGINT NOT NULL,
    first_seq BIGINT NOT NULL,
    last_seq BIGINT,                          -- NULL: not known
    reason VARCHAR(100) NOT NULL,
    detected_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (journal_id, first_seq)
);

-- The writer's memory of positions: one row a symbol, also when flat.
CREATE TABLE position_state (
    symbol VARCHAR(20) PRIMARY KEY,
    qty DECIMAL(20, 8) NOT NULL,              -- signed
    cost DECIMAL(38, 16) NOT NULL,            -- of what is open, exact, not negative
    position_key VARCHAR(64),
    peak_qty DECIMAL(20, 8) NOT NULL,
    realized_pnl DECIMAL(20, 8) NOT NULL,
    commission DECIMAL(20, 8) NOT NULL,
    fill_count INTEGER NOT NULL,
    adjustments INTEGER NOT NULL,
    open_time TIMESTAMP,
    current_price DECIMAL(20, 8) NOT NULL,
    newest_time TIMESTAMP,                    -- of the newest fill or accepted position
    pending_qty DECIMAL(20, 8),               -- the venue's quantity while fills do not explain it
    pending_price DECIMAL(20, 8),
    pending_time TIMESTAMP,
    pending_since TIMESTAMP
);
