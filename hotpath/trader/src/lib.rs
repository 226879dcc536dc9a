//! The trading process: sockets, the hot loop, the gate to the wire, the cold threads beside it.
//!
//! One thread ([`turn`]) does everything that is on the way from a tick to an order: poll, read,
//! open, parse, decode, decide, encode, sign, seal, write; it never waits, allocates, logs or
//! formats. The rest ([`cold`]) connects and shakes hands, speaks REST, reconciles, keeps the
//! listen key alive and watches the hot thread's heart; the two talk through bounded queues. What
//! the hot thread has to say to people it leaves in a queue too, and [`logging`] writes it.
//!
//! Left out: deciding (`engine`), the venue's bytes (`binance`), memory (`rings`). Nobody depends
//! on this crate but its binary.

pub mod alloc;
pub mod chaos;
pub mod cli;
pub mod cold;
pub mod config;
pub mod counters;
pub mod desk;
pub mod feed;
pub mod gate;
pub mod journal;
pub mod links;
pub mod logging;
pub mod net;
pub mod queues;
pub mod run;
mod segments;
pub mod session;
pub mod tsc;
pub mod turn;

#[cfg(test)]
mod stand_in;

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: alloc::Counting = alloc::Counting;
