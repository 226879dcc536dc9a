//! URLs: the right scheme, a futures host, the environment's host.

use super::Environment;

/// What a URL is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    Rest,
    Market,
    User,
    Order,
}

/// Hosts of another product; `binance.vision` serves spot only (PROTOCOL 1.5).
const SPOT_HOSTS: &[&str] = &[
    "api.binance.com",
    "api-gcp.binance.com",
    "api1.binance.com",
    "api2.binance.com",
    "api3.binance.com",
    "api4.binance.com",
    "stream.binance.com",
    "ws-api.binance.com",
];
const SPOT_DOMAIN: &str = "binance.vision";

const LIVE_HOSTS: &[&str] = &["fapi.binance.com", "fstream.binance.com", "ws-fapi.binance.com"];
const TEST_HOSTS: &[&str] = &[
    "demo-fapi.binance.com",
    "demo-fstream.binance.com",
    "testnet.binancefuture.com",
    "fstream.binancefuture.com",
    "stream.binancefuture.com",
];

/// The venue's own URL for a use in an environment.
pub(super) fn example(environment: Environment, for_use: Use) -> &'static str {
    let is_test = matches!(environment, Environment::Demo | Environment::Paper);
    match (for_use, is_test) {
        (Use::Rest, true) => "https://demo-fapi.binance.com",
        (Use::Market | Use::User, true) => "wss://demo-fstream.binance.com",
        (Use::Order, true) => "wss://testnet.binancefuture.com/ws-fapi/v1",
        (Use::Rest, false) => "https://fapi.binance.com",
        (Use::Market | Use::User, false) => "wss://fstream.binance.com",
        (Use::Order, false) => "wss://ws-fapi.binance.com/ws-fapi/v1",
    }
}

/// What is wrong with a URL, and what to do.
pub(super) fn check(
    url: &str,
    for_use: Use,
    environment: Environment,
) -> Result<(), (String, String)> {
    let scheme = if for_use == Use::Rest { "https://" } else { "wss://" };
    let instead = || format!("use {}", example(environment, for_use));
    let Some(rest) = url.strip_prefix(scheme) else {
        return Err((format!("\"{url}\" does not start with {scheme}"), instead()));
    };
    let (authority, path) = match rest.find('/') {
        Some(index) => rest.split_at(index),
        None => (rest, ""),
    };
    let host = host_of(authority);
    if host.is_empty() || authority.contains(['@', '?', '#', ' ']) {
        return Err((format!("\"{url}\" names no host"), instead()));
    }
    if SPOT_HOSTS.contains(&host) || host == SPOT_DOMAIN || host.ends_with(".binance.vision") {
        return Err((format!("{host} is a spot host, not futures"), instead()));
    }
    let is_loopback = matches!(host, "localhost" | "::1") || host.starts_with("127.");
    match environment {
        Environment::Demo if !is_loopback => {
            let remedy = "start it with `shrike demo`, which fills in a venue on 127.0.0.1";
            return Err((
                format!("the demo trades on this host only, not on {host}"),
                remedy.into(),
            ));
        }
        Environment::Paper if LIVE_HOSTS.contains(&host) => {
            return Err((format!("{host} trades real money, and this is paper"), instead()));
        }
        Environment::Staging | Environment::Production if TEST_HOSTS.contains(&host) => {
            let what = format!("{host} is a test host, and this is {}", environment.name());
            return Err((what, instead()));
        }
        _ => {}
    }
    let is_path_fine = match for_use {
        Use::Rest | Use::Market | Use::User => matches!(path, "" | "/"),
        Use::Order => path.trim_end_matches('/') == "/ws-fapi/v1",
    };
    if is_path_fine {
        return Ok(());
    }
    let what = format!("the path \"{path}\" does not belong here");
    let remedy = match for_use {
        Use::Order => format!("end it with /ws-fapi/v1, like {}", example(environment, for_use)),
        _ => "give scheme and host only; /public, /market and /private are added".to_owned(),
    };
    Err((what, remedy))
}

/// The host of `host:port` or `[v6]:port`.
pub(crate) fn host_of(authority: &str) -> &str {
    if let Some(v6) = authority.strip_prefix('[') {
        return v6.split(']').next().unwrap_or("");
    }
    authority.split(':').next().unwrap_or("")
}
