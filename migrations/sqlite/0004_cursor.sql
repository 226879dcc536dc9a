-- What makes the record exactly once: the place in the journal up to which everything above is
-- true, written in the same transaction as the rows; and what was lost, when something was.

CREATE TABLE persist_cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    instance TEXT NOT NULL,
    journal_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,                     -- the newest record that is in the tables
    drained INTEGER NOT NULL,                 -- the journal had ended there
    boot_epoch INTEGER NOT NULL,
    wall_minus_mono_ns INTEGER NOT NULL,
    tsc_hz INTEGER NOT NULL,
    capital TEXT NOT NULL,
    leverage_max TEXT NOT NULL,
    symbols TEXT NOT NULL,                    -- names by symbol id, separated by commas
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE journal_gaps (
    journal_id INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER,                         -- NULL: not known
    reason TEXT NOT NULL,
    detected_at TEXT DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (journal_id, first_seq)
);

-- The writer's memory of positions: one row a symbol, also when flat.
CREATE TABLE position_state (
    symbol TEXT PRIMARY KEY,
    qty TEXT NOT NULL,                        -- signed
    cost TEXT NOT NULL,                       -- of what is open, exact, not negative
    position_key TEXT,
    peak_qty TEXT NOT NULL,
    realized_pnl TEXT NOT NULL,
    commission TEXT NOT NULL,
    fill_count INTEGER NOT NULL,
    adjustments INTEGER NOT NULL,
    open_time TEXT,
    current_price TEXT NOT NULL,
    newest_time TEXT,                         -- of the newest fill or accepted position
    pending_qty TEXT,                         -- the venue's quantity while fills do not explain it
    pending_price TEXT,
    pending_time TEXT,
    pending_since TEXT
);
