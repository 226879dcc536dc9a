//! For tests, here and in the whole-system tests: a real PostgreSQL that is stopped when dropped, a
//! proxy before it that loses answers, and a journal made from a seed with what its rows must be, computed another way.

mod proxy;
mod script;
mod server;

pub use proxy::Proxy;
pub use script::{BOOT_WALL_NS, MONO_NS, Model, ModelOrder, Script, run_info};
pub use server::Postgres;
