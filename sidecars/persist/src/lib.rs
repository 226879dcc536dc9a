//! `persist` writes the record: what the trader's journal says becomes rows of a database.
//!
//! ```text
//! journal ring ──gate "persist"──▶ follow ──records──▶ rows::Core ──Batch──▶ store::Store
//!      ▲                              │                                        │ one transaction:
//!      └────── commit (only after) ◀──┴────────────────────────────────────────┘ rows and cursor
//! ```
//! Exactly once, whatever dies: rows and cursor are one transaction, the gate is committed after
//! it, and a start seeks to the cursor in the database. After any error the connection and
//! everything in memory are given up and read again from the tables, so that a commit whose answer
//! was lost is neither lost nor done twice. Natural keys (symbol and trade id, order id, minute,
//! day) make a report that comes again under another sequence number harmless.
//!
//! The journal is never overwritten before its rows are safe. With the database away it fills up,
//! the trader stops adding risk, and nothing is lost; what is lost all the same (a host that lost
//! its shared memory) is a row of `journal_gaps`.
//!
//! One database holds the record of one account. Left out: Redis, TLS to PostgreSQL, partitions.

pub mod follow;
pub mod options;
pub mod rows;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod value;
