//! The `metrics` process.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use tokio::net::TcpListener;

/// Serves /metrics, /health and the live page of one trader.
///
/// Reads the trader's shared memory only; may be started, killed and restarted at any time.
#[derive(Debug, Parser)]
#[command(version, after_help = "Example: metrics --instance demo --listen 127.0.0.1:9464")]
struct Options {
    /// Instance to follow (the `instance` key of its configuration).
    #[arg(long)]
    instance: String,
    /// Address to serve on; port 0 takes a free one. Keep it on loopback: there is no login.
    #[arg(long, default_value = "127.0.0.1:9464")]
    listen: SocketAddr,
    /// If that port is taken, serve on a free one instead of ending.
    #[arg(long)]
    or_free_port: bool,
    /// Writes the address served on to this file when ready.
    #[arg(long)]
    address_file: Option<PathBuf>,
    /// Directory of metrics.log; without it only the console is written.
    #[arg(long)]
    log_dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("metrics: {error:#}");
            ExitCode::from(70)
        }
    }
}

fn run(options: &Options) -> Result<()> {
    start_log(options)?;
    // Several may watch one instance; the first tells its build.
    let build = rings::build(concat!("shrike ", env!("CARGO_PKG_VERSION")));
    let _presence = match rings::Presence::announce(&options.instance, "metrics", &build) {
        Ok(presence) => Some(presence),
        Err(error) => {
            log::warn!("cannot tell the other processes of its build: {error}");
            None
        }
    };
    let shared = metrics::follow::start(&options.instance).context("starting the follower")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = bind(options.listen, options.or_free_port)
            .await
            .with_context(|| format!("cannot listen on {} (--listen)", options.listen))?;
        let address = listener.local_addr()?;
        if let Some(path) = &options.address_file {
            std::fs::write(path, address.to_string())
                .with_context(|| format!("cannot write {} (--address-file)", path.display()))?;
        }
        log::info!("instance {}: live page at http://{address}/", options.instance);
        // Not under systemd there is nobody to notify, which is no error.
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        metrics::serve::serve(listener, shared, stopped()).await
    })?;
    log::info!("stopped");
    Ok(())
}

/// Asking first which port is free and binding later would lose to whoever comes in between.
async fn bind(listen: SocketAddr, or_free_port: bool) -> std::io::Result<TcpListener> {
    match TcpListener::bind(listen).await {
        Err(error) if or_free_port && error.kind() == ErrorKind::AddrInUse => {
            TcpListener::bind(SocketAddr::new(listen.ip(), 0)).await
        }
        result => result,
    }
}

/// Done at SIGINT or SIGTERM.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
        log::error!("cannot watch signals; stop with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn start_log(options: &Options) -> Result<()> {
    let format = |out: fern::FormatCallback<'_>,
                  message: &std::fmt::Arguments<'_>,
                  record: &log::Record<'_>| {
        let now = chrono::Utc::now().format("%Y-%m-%d %H:%M:%S%.3f");
        out.finish(format_args!("{now} - {} - {} - {message}", record.target(), record.level()));
    };
    let mut dispatch =
        fern::Dispatch::new().format(format).level(log::LevelFilter::Info).chain(std::io::stderr());
    if let Some(dir) = &options.log_dir {
        std::fs::create_dir_all(dir)
            .with_context(|| format!("cannot make {} (--log-dir)", dir.display()))?;
        let file = file_rotate::FileRotate::new(
            dir.join("metrics.log"),
            file_rotate::suffix::AppendCount::new(5),
            file_rotate::ContentLimit::BytesSurpassed(10 << 20),
            file_rotate::compression::Compression::None,
            None,
        );
        let writer: Box<dyn std::io::Write + Send> = Box::new(std::io::LineWriter::new(file));
        dispatch = dispatch.chain(fern::Output::writer(writer, "\n"));
    }
    dispatch.apply().context("starting the log")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_gives_way_to_a_free_one_only_if_asked() {
        let first = bind("127.0.0.1:0".parse().expect("an address"), false).await.expect("free");
        let taken = first.local_addr().expect("bound");
        let refused = bind(taken, false).await.expect_err("taken");
        assert_eq!(refused.kind(), ErrorKind::AddrInUse);
        let second = bind(taken, true).await.expect("another");
        let other = second.local_addr().expect("bound");
        assert_eq!(other.ip(), taken.ip());
        assert_ne!(other.port(), taken.port());
    }
}
