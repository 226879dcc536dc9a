//! The venue over real sockets: what a client sees, byte by byte.

mod algo;
mod faults;
mod limits;
mod orders;
mod rest;
mod streams;
mod support;
mod tape;
mod users;
mod wsapi;
