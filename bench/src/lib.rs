//! What the benches share: timing of contenders in one run, and the line that says where.
//!
//! `benches/decode.rs` and `benches/ring.rs` are the micro-benches, `src/wire` measures whole
//! processes over TLS. Other systems' crates are dependencies here and nowhere else.

pub mod timing;
