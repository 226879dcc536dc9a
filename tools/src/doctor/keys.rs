//! The keys: whose they are to read, whether they work, and what they may do.
//!
//! Nothing of a key is printed, not even its length.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use guard::config::{Config, KeyType, Keys};
use guard::look::Client;
use serde_json::Value;

use super::{Check, File};

/// Where the trader's and guard's keys must differ, and where rights can be asked for.
const REAL_VENUE: &str = "https://fapi.binance.com";
const RIGHTS_HOST: &str = "https://api.binance.com";

/// All checks of keys; without `may_ask` only their files.
pub(super) fn checks(file: &File, may_ask: bool) -> Vec<Check> {
    let trader = Keys {
        api_key_file: file.place("keys", "api_key_file"),
        api_secret_file: file.place("keys", "api_secret_file"),
        key_type: match file.text("keys", "key_type") {
            Some("ed25519") => KeyType::Ed25519,
            _ => KeyType::Hmac,
        },
    };
    let guard = file.config.guard.keys.clone();
    let mut checks = vec![differ(&trader, &guard)];
    for (whose, keys) in [("trader's key", trader), ("guard's key", guard)] {
        let files = files(whose, &keys);
        let is_readable = files.state != super::State::Fail && keys.api_key_file.is_some();
        checks.push(files);
        if may_ask && is_readable {
            checks.extend(at_venue(whose, keys, &file.config));
        }
    }
    checks
}

fn files(whose: &'static str, keys: &Keys) -> Check {
    let paths: Vec<&PathBuf> =
        [&keys.api_key_file, &keys.api_secret_file].into_iter().flatten().collect();
    if paths.len() < 2 {
        return Check::warn(
            whose,
            "not in files: from the environment or systemd's credentials, which this cannot see",
            "check it from within the unit: systemd-run with the same LoadCredential",
        );
    }
    for path in &paths {
        let shown = path.display();
        let mode = match std::fs::metadata(path) {
            Err(error) => {
                let remedy = "write the key there, as the trader's user, with mode 600";
                return Check::fail(whose, format!("{shown}: {error}"), remedy);
            }
            Ok(metadata) => metadata.permissions().mode() & 0o777,
        };
        if mode & 0o077 != 0 {
            let found = format!("{shown} has mode {mode:o}: others may read it");
            return Check::fail(whose, found, format!("chmod 600 {shown}, and change the key"));
        }
        if let Err(error) = std::fs::File::open(path) {
            let remedy = "run the doctor as the trader's user";
            return Check::warn(whose, format!("{shown}: {error}"), remedy);
        }
    }
    Check::ok(whose, "its files are readable by their owner alone")
}

fn same_text(a: Option<&Path>, b: Option<&Path>) -> Option<bool> {
    let read = |path: Option<&Path>| std::fs::read_to_string(path?).ok();
    Some(read(a)?.trim() == read(b)?.trim())
}

fn differ(trader: &Keys, guard: &Keys) -> Check {
    const NAME: &str = "two keys";
    match same_text(trader.api_key_file.as_deref(), guard.api_key_file.as_deref()) {
        Some(false) => Check::ok(NAME, "guard's key is not the trader's"),
        Some(true) => Check::fail(
            NAME,
            "guard uses the trader's key",
            "make a second key at the venue: a limit or a revocation must not hit both",
        ),
        None => Check::warn(
            NAME,
            "not known whether guard's key differs from the trader's",
            "run the doctor as a user who may read both",
        ),
    }
}

/// What the venue says of a key.
fn at_venue(whose: &'static str, keys: Keys, config: &Config) -> Vec<Check> {
    let mut config = config.clone();
    config.guard.keys = keys;
    let client = |config: &Config| Client::new(config).map_err(|error| format!("{error:#}"));
    let ask = |config: &Config, path: &str| -> Result<Value, String> {
        let body = client(config)?.ask(path, &[]).map_err(|unanswered| unanswered.why)?;
        serde_json::from_slice(&body).map_err(|error| format!("{path}: {error}"))
    };
    let account = match ask(&config, "/fapi/v3/account") {
        Err(why) => Check::fail(
            whose,
            format!("the venue does not answer it: {why}"),
            "check the key's address list and its right for futures at the venue",
        ),
        Ok(account) => match account["canTrade"].as_bool() {
            Some(true) => Check::ok(whose, "the venue knows it; the account may trade"),
            Some(false) => Check::fail(
                whose,
                "the venue knows it, but the account may not trade",
                "ask the venue why the account is restricted",
            ),
            None => Check::ok(whose, "the venue knows it; it does not tell whether it may trade"),
        },
    };
    let rights = if config.venue.rest_url == REAL_VENUE {
        config.venue.rest_url = RIGHTS_HOST.to_owned();
        rights(whose, ask(&config, "/sapi/v1/account/apiRestrictions"))
    } else {
        Check::ok(whose, "its right to withdraw is not known: this venue cannot be asked")
    };
    vec![account, rights]
}

fn rights(whose: &'static str, told: Result<Value, String>) -> Check {
    let told = match told {
        Ok(told) => told,
        Err(why) => {
            return Check::warn(
                whose,
                format!("its rights are not known: {why}"),
                "look at them on the venue's page: no withdrawals, futures, fixed addresses",
            );
        }
    };
    match (told["enableWithdrawals"].as_bool(), told["ipRestrict"].as_bool()) {
        (Some(false), Some(true)) => {
            Check::ok(whose, "it may not withdraw, and only from listed addresses")
        }
        (Some(true), _) => Check::fail(
            whose,
            "it may withdraw",
            "take the right away at the venue: nothing here needs it",
        ),
        (Some(false), _) => Check::warn(
            whose,
            "it may not withdraw, but be used from any address",
            "list this host's address at the venue",
        ),
        (None, _) => {
            Check::warn(whose, "the venue does not tell its rights", "look at the venue's page")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::State;
    use serde_json::json;

    fn keys(dir: &Path, name: &str, text: &str, mode: u32) -> Keys {
        let path = dir.join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        Keys {
            api_key_file: Some(path.clone()),
            api_secret_file: Some(path),
            key_type: KeyType::Hmac,
        }
    }

    #[test]
    fn keys_of_everyone_and_the_same_twice_fail_and_are_not_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let good = keys(dir.path(), "a", "canary-one\n", 0o600);
        let open = keys(dir.path(), "b", "canary-two", 0o644);
        let same = keys(dir.path(), "c", "canary-one", 0o600);
        assert_eq!(files("trader's key", &good).state, State::Ok);
        assert_eq!(files("trader's key", &open).state, State::Fail);
        assert_eq!(differ(&good, &open).state, State::Ok);
        assert_eq!(differ(&good, &same).state, State::Fail);
        for check in [files("x", &good), files("x", &open), differ(&good, &same)] {
            assert!(!format!("{check:?}").contains("canary"), "{check:?}");
        }
        let none = Keys { api_key_file: None, ..good };
        assert_eq!(files("guard's key", &none).state, State::Warn);
        assert_eq!(differ(&none, &same).state, State::Warn);
    }

    #[test]
    fn a_key_that_may_withdraw_fails() {
        let told = |withdraw, ip| Ok(json!({ "enableWithdrawals": withdraw, "ipRestrict": ip }));
        assert_eq!(rights("x", told(true, true)).state, State::Fail);
        assert_eq!(rights("x", told(false, true)).state, State::Ok);
        assert_eq!(rights("x", told(false, false)).state, State::Warn);
        assert_eq!(rights("x", Err("no".to_owned())).state, State::Warn);
        assert_eq!(rights("x", Ok(json!({}))).state, State::Warn);
    }
}
