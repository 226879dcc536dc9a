-- Who pressed the kill switch, who changed a limit, and why.

ALTER TABLE commands ADD COLUMN reason VARCHAR(60);         -- in the sender's words; NULL: none given
ALTER TABLE commands ADD COLUMN limit_name VARCHAR(30);     -- NULL: changes no limit
ALTER TABLE commands ADD COLUMN limit_value DECIMAL(20, 8); -- NULL with a name: the file's value again
ALTER TABLE commands ADD COLUMN kill_trigger VARCHAR(20);   -- NULL: does not press the kill switch

-- Values are in the limit's own unit: USDT or base units, ppm, times, or a count.
CREATE TABLE limit_changes (
    journal_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    limit_name VARCHAR(30) NOT NULL,
    symbol VARCHAR(20),                       -- NULL: a limit of the account
    from_value DECIMAL(20, 8) NOT NULL,
    to_value DECIMAL(20, 8) NOT NULL,
    version BIGINT NOT NULL,                  -- counts the changes since the trader's start
    nonce CHAR(16) NOT NULL,                  -- of the command, hexadecimal
    uid BIGINT NOT NULL,
    changed_at TIMESTAMP NOT NULL,
    PRIMARY KEY (journal_id, seq)
);

CREATE TABLE kill_changes (
    journal_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    is_on BOOLEAN NOT NULL,                   -- pressed, or released
    kill_trigger VARCHAR(20) NOT NULL,
    uid BIGINT NOT NULL,                      -- 0: nobody
    nonce CHAR(16),                           -- of the command; NULL: by another way
    changed_at TIMESTAMP NOT NULL,
    PRIMARY KEY (journal_id, seq)
);
CREATE INDEX idx_kill_changes_changed_at ON kill_changes(changed_at);
