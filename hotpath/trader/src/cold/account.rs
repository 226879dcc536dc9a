//! One trader an account: a lock on this host, and a look for one elsewhere.
//!
//! Two traders that do not know of each other double every position. On one host a lock named by a
//! hash of the API key keeps the second out, whatever its instance is called. Elsewhere only the
//! account can tell: every order of ours carries the boot epoch of its trader, so an open order of
//! an epoch that is not in our journal is another trader's. One that died leaves its orders as they
//! are; one that lives changes them.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use binance::rest::{OpenOrder, parse_open_orders};
use rustix::fs::{FlockOperation, flock};
use schema::{BootEpoch, ClientOrderId, SymbolName, WallNs};

use super::api::Api;

/// An order of another trader younger than this is a living one's.
const YOUNG_MS: i64 = 60_000;
/// Between two looks at older ones: a living trader moves or ends its orders within it.
const LOOK: Duration = Duration::from_secs(2);

/// The host's lock of an account; held as long as it lives.
#[derive(Debug)]
pub struct AccountLock {
    _file: File,
    path: PathBuf,
}

impl Drop for AccountLock {
    fn drop(&mut self) {
        // Still locked: whoever opened it meanwhile finds that its name is gone and opens anew.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl AccountLock {
    /// Takes the lock of the account that `api_key` belongs to.
    ///
    /// # Errors
    /// If another process holds it, or the file cannot be made.
    pub fn take(api_key: &str) -> anyhow::Result<Self> {
        Self::take_in(Path::new("/dev/shm"), api_key)
    }

    fn take_in(dir: &Path, api_key: &str) -> anyhow::Result<Self> {
        let path = lock_path(dir, api_key);
        loop {
            let file = Self::open(&path)?;
            // A holder that ended removes the file: one that has no name locks nobody out.
            let named = std::fs::metadata(&path).ok().map(|named| named.ino());
            if named == Some(file.metadata()?.ino()) {
                return Ok(Self { _file: file, path });
            }
        }
    }

    /// Opens and locks the file, and writes who holds it.
    fn open(path: &Path) -> anyhow::Result<File> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot open {}", path.display()))?;
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder); // only for the message
            let holder = holder.trim();
            let holder = if holder.is_empty() { "unknown" } else { holder };
            bail!(
                "another trader on this host (process {holder}) trades this account; two would \
                 double every position: stop it first"
            );
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())?;
        Ok(file)
    }
}

/// Named by a hash, because the key itself is nobody's business.
fn lock_path(dir: &Path, api_key: &str) -> PathBuf {
    let hash = api_key.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    dir.join(format!("shrike-account-{hash:016x}.lock"))
}

/// Looks for a trader elsewhere: open orders of an epoch not in `known`.
///
/// # Errors
/// If there is one that lives, or the orders cannot be read.
pub fn refuse_if_traded_elsewhere(
    rest: &dyn Api,
    symbols: &[SymbolName],
    known: &BTreeSet<BootEpoch>,
    sleep: impl Fn(Duration),
) -> anyhow::Result<()> {
    let before = foreign(rest, symbols, known)?;
    let Some(first) = before.first() else { return Ok(()) };
    let describe = |order: &OpenOrder, what: &str| {
        format!(
            "order {} of another trader {what}; stop that one first, or start with --take-over if \
             it is known to be dead",
            order.client_order_id
        )
    };
    let young = WallNs((rest.now().wall.ms() - YOUNG_MS).saturating_mul(1_000_000));
    if let Some(order) = before.iter().find(|order| order.update_time >= young) {
        bail!(describe(order, "is less than a minute old"));
    }
    sleep(LOOK);
    let after = foreign(rest, symbols, known)?;
    let key = |order: &OpenOrder| (order.venue_order_id, order.update_time, order.cum_qty);
    let has_moved = before.len() != after.len()
        || before.iter().zip(&after).any(|(before, after)| key(before) != key(after));
    if has_moved {
        bail!(describe(first, "was changed just now"));
    }
    log::warn!(
        target: "trading",
        "{} open orders of a trader this journal does not know; it looks dead, they are cancelled",
        before.len()
    );
    Ok(())
}

fn foreign(
    rest: &dyn Api,
    symbols: &[SymbolName],
    known: &BTreeSet<BootEpoch>,
) -> anyhow::Result<Vec<OpenOrder>> {
    let mut found = Vec::new();
    for name in symbols {
        let body = rest.signed("/fapi/v1/openOrders", &[("symbol", &name.to_string())])?;
        found.extend(parse_open_orders(&body).context("openOrders")?.into_iter().filter(|order| {
            let id = order.client_order_id;
            id != ClientOrderId::NONE && !known.contains(&id.epoch())
        }));
    }
    found.sort_by_key(|order| order.venue_order_id.0);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use engine::Now;
    use schema::{MonoNs, StrategyId};

    use super::*;
    use crate::cold::api::{CallError, Method, Security};

    #[test]
    fn the_second_trader_of_an_account_is_told_who_holds_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let first = AccountLock::take_in(dir.path(), "key").expect("free");
        let refused = AccountLock::take_in(dir.path(), "key").expect_err("held").to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        AccountLock::take_in(dir.path(), "other").expect("another account");
        drop(first);
        AccountLock::take_in(dir.path(), "key").expect("free again");
    }

    /// Answers with one list of orders after the other.
    struct Orders {
        answers: RefCell<Vec<String>>,
        asked: Cell<usize>,
    }

    const NOW_MS: i64 = 1_800_000_000_000;

    impl Api for Orders {
        fn call(
            &self,
            _: Method,
            _: &str,
            _: &[(&str, &str)],
            _: Security,
        ) -> Result<Vec<u8>, CallError> {
            let answers = self.answers.borrow();
            let answer = answers[self.asked.get().min(answers.len() - 1)].clone();
            self.asked.set(self.asked.get() + 1);
            Ok(answer.into_bytes())
        }
        fn now(&self) -> Now {
            Now { mono: MonoNs(1), wall: WallNs(NOW_MS * 1_000_000) }
        }
    }

    fn order(epoch: u32, age_ms: i64, filled: &str) -> String {
        let id = ClientOrderId::new(BootEpoch(epoch), StrategyId::TEST, 1);
        let time = NOW_MS - age_ms;
        format!(
            r#"[{{"orderId":7,"symbol":"BTCUSDT","status":"NEW","clientOrderId":"{id}",
            "price":"100.0","avgPrice":"0","origQty":"1.000","executedQty":"{filled}",
            "cumQuote":"0","timeInForce":"GTC","type":"LIMIT","reduceOnly":false,
            "closePosition":false,"side":"BUY","positionSide":"BOTH","stopPrice":"0",
            "workingType":"CONTRACT_PRICE","priceProtect":false,"origType":"LIMIT",
            "time":{time},"updateTime":{time}}}]"#
        )
    }

    #[track_caller]
    fn check(answers: &[String], is_refused: bool) {
        let rest = Orders { answers: RefCell::new(answers.to_vec()), asked: Cell::new(0) };
        let name = SymbolName::new(b"BTCUSDT").expect("short");
        let known = BTreeSet::from([BootEpoch(5)]);
        let result = refuse_if_traded_elsewhere(&rest, &[name], &known, |_| {});
        assert_eq!(result.is_err(), is_refused, "{result:?}");
    }

    #[test]
    fn a_trader_elsewhere_is_known_by_orders_that_are_young_or_change() {
        check(&["[]".to_owned()], false);
        check(&[order(5, 10, "0")], false);
        check(&[order(6, 10, "0")], true);
        check(&[order(6, 100_000, "0")], false);
        check(&[order(6, 100_000, "0"), order(6, 100_000, "0.5")], true);
        check(&[order(6, 100_000, "0"), "[]".to_owned()], true);
    }
}
