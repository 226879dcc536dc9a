//! The crate from outside: recorded frames, damaged frames, requests read back, allocations.

mod allocation;
mod damage;
mod data;
mod fixtures;
mod order_of_keys;
mod recorded;
mod reference;
mod replies;
mod requests;
mod rest;
