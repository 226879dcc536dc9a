//! From records to rows: a state machine without a database, a clock or a journal.
//!
//! [`Core`] takes one record after the other and keeps the rows that changed; [`Core::batch`] hands
//! them over. What it needs to know of the past is in the tables: positions and days are loaded at
//! the start, orders, fills and commands when a batch names them ([`Core::wants`]). So a new `Core`
//! on the same tables goes on exactly where another one died, and its memory stays small.

mod batch;
mod control;
mod day;
mod fact;
mod machine;
mod order;
mod position;
mod table;

pub use batch::{Batch, Known, Memory, Wants};
pub use control::{CommandRow, KillRow, LimitRow, limit_e8, nonce_text};
pub use day::{Day, RETURNS_MIN};
pub use fact::{Cursor, Fill, Gap, Minute, Refusal, Run, StateRow};
pub use machine::Core;
pub use order::{Order, Trade, order_id};
pub use position::{PENDING_US, Pending, Position, PositionFill, PositionRow};
pub use table::{Conflict, Fields, Row, Stored, Table, ratio};
