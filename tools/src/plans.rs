//! How each process of a run is started; `demo` and `up` share it.

use std::ffi::OsString;
use std::path::Path;

use crate::exit::{Exit, Failure};
use crate::ledger::database::is_postgres;
use crate::process::Plan;
use crate::siblings;

/// Where metrics serves unless that port is taken.
const METRICS_PORT: u16 = 9464;
/// Sidecars give way to the trader.
const SIDECAR_NICE: i32 = 5;

fn arguments(parts: &[&str]) -> Vec<OsString> {
    parts.iter().map(OsString::from).collect()
}

/// The trader.
///
/// # Errors
/// Its binary is missing.
pub(crate) fn trader(config: &Path) -> Result<Plan, Failure> {
    let mut args = arguments(&["--config"]);
    args.push(config.into());
    Ok(Plan { name: "trader", program: siblings::find("trader")?, args, env: vec![], nice: 0 })
}

/// persist, into a SQLite file or a PostgreSQL database. The database goes through the environment
/// because a URL may hold a password, and arguments are everyone's to read.
///
/// # Errors
/// Its binary is missing.
pub(crate) fn persist(
    instance: &str,
    database: Option<&str>,
    log_dir: Option<&Path>,
) -> Result<Plan, Failure> {
    let mut args = arguments(&["--instance", instance]);
    if let Some(dir) = log_dir {
        args.push("--log-dir".into());
        args.push(dir.into());
    }
    // An empty URL is none, so that one in the caller's environment does not win over the file.
    let url = database.map(|database| if is_postgres(database) { database } else { "" });
    if let Some(file) = database.filter(|database| !is_postgres(database)) {
        args.push("--sqlite".into());
        args.push(file.into());
    }
    let env = url.map(|url| ("DATABASE_URL", url.into())).into_iter().collect();
    Ok(Plan { name: "persist", program: siblings::find("persist")?, args, env, nice: SIDECAR_NICE })
}

/// The recorder; it waits for the trader.
///
/// # Errors
/// The path of this program is not known.
pub(crate) fn record(instance: &str, out: &Path) -> Result<Plan, Failure> {
    let program = std::env::current_exe().map_err(|error| {
        Failure::new(Exit::Unavailable, format!("the path of shrike: {error}"), "")
    })?;
    let mut args = arguments(&["record", "--instance", instance, "--wait", "--out"]);
    args.push(out.into());
    Ok(Plan { name: "record", program, args, env: vec![], nice: SIDECAR_NICE })
}

/// metrics.
///
/// # Errors
/// Its binary is missing.
pub(crate) fn metrics(
    instance: &str,
    address_file: Option<&Path>,
    log_dir: Option<&Path>,
) -> Result<Plan, Failure> {
    let listen = format!("127.0.0.1:{METRICS_PORT}");
    let mut args = arguments(&["--instance", instance, "--listen", &listen, "--or-free-port"]);
    if let Some(file) = address_file {
        args.push("--address-file".into());
        args.push(file.into());
    }
    if let Some(dir) = log_dir {
        args.push("--log-dir".into());
        args.push(dir.into());
    }
    let program = siblings::find("metrics")?;
    Ok(Plan { name: "metrics", program, args, env: vec![], nice: SIDECAR_NICE })
}

/// guard; it reads the environment's file itself, to run with no trader.
///
/// # Errors
/// Its binary is missing.
pub(crate) fn guard(config: &Path) -> Result<Plan, Failure> {
    let mut args = arguments(&["--config"]);
    args.push(config.into());
    let program = siblings::find("guard")?;
    Ok(Plan { name: "guard", program, args, env: vec![], nice: 0 })
}
