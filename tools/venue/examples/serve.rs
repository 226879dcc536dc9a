//! Serves a local venue until SIGINT or SIGTERM and prints where it is.
//!
//! `cargo run -p venue --example serve -- --seed 1 --dir DIR --port P [--tape F…]`

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use clap::Parser;
use venue::{AtEnd, MarketSource, VenueConfig};

/// A local exchange on loopback.
#[derive(Parser)]
struct Arguments {
    /// Seed of keys and market.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where ca.pem, api_key, api_secret and ed25519.pem are written.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// TLS port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Plain port; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    plain_port: u16,
    /// Recorded files; without them the market is generated from the seed.
    #[arg(long, num_args = 1..)]
    tape: Vec<PathBuf>,
    /// How much faster than recorded.
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// Starts the tape again at its end.
    #[arg(long = "loop")]
    repeat: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let shutdown = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&shutdown))?;
    }
    let mut config = VenueConfig {
        tls_port: arguments.port,
        plain_port: arguments.plain_port,
        seed: arguments.seed,
        speed: arguments.speed,
        dir: arguments.dir,
        ..VenueConfig::default()
    };
    if !arguments.tape.is_empty() {
        let at_end = if arguments.repeat { AtEnd::Loop } else { AtEnd::Stand };
        config.source = MarketSource::Tape { files: arguments.tape, at_end };
    }
    venue::run(config, &shutdown, |venue| {
        println!(
            "rest    {}\nstreams {}\norders  {}",
            venue.rest_url, venue.stream_url, venue.order_url
        );
        println!("plain   {} {}", venue.plain_rest_url, venue.plain_order_url);
        println!("api key {}", venue.credentials().api_key);
    })
}
