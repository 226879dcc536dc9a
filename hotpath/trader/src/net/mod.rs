//! Connections to the venue: TLS, the opening handshake, frames, and the hot end of a socket.

pub mod connection;
pub mod frame;
pub mod handshake;
pub mod tls;

pub use connection::{Connection, LinkError, Received, Sent, Wire};
pub use frame::{FrameError, HEAD_BYTES_MAX, Inbox, Masks, Message, Opcode, frame_in_place};
pub use handshake::{Target, dial};

#[cfg(test)]
mod tests;
