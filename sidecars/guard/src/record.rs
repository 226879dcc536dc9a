//! What guard remembers over a restart: the highest equity, the day's first, and the breaches.
//!
//! One small JSON file in the state folder, replaced as a whole: a restart or a power cut finds the
//! old one or the new one. A value counts as the highest when two answers in a row reach it, and a
//! wallet told as empty after one that was not is not believed: the venue has shown accounts as
//! empty before (2025-10-10), and a false highest would be a false fall for ever.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Name of the file.
pub const FILE: &str = "guard.json";
const DAY_NS: i64 = 24 * 3_600 * 1_000_000_000;

/// What is kept on disk; money in units of 1e-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose account: the venue's origin and the instance.
    pub account: String,
    /// Highest equity since the record began or was begun anew.
    pub peak_equity: i64,
    /// UTC day of `day_equity`, days since the Unix epoch.
    pub day: i64,
    /// Equity when that day began.
    pub day_equity: i64,
    /// Wall times of breaches of the value at risk, ns.
    pub breaches: Vec<i64>,
}

impl Record {
    /// Reads it; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is not one.
    pub fn load(dir: &Path) -> io::Result<Option<Self>> {
        match fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces it on disk.
    ///
    /// # Errors
    /// Of the disk; the old one is still there then.
    pub fn save(&self, dir: &Path) -> io::Result<()> {
        fs::create_dir_all(dir)?;
        let part = dir.join(format!("{FILE}.part"));
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&part, dir.join(FILE))?;
        File::open(dir)?.sync_all()
    }
}

/// How an answer about the equity was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// As it is.
    Believed,
    /// An empty wallet after one that was not.
    Suspect,
}

/// Equity now, its highest, and the day's first; money in units of 1e-8.
#[derive(Debug, Clone)]
pub struct Equity {
    account: String,
    /// Newest that was believed, and the one before it.
    now: Option<(i64, i64)>,
    has_had_wallet: bool,
    peak: Option<i64>,
    day: Option<(i64, i64)>,
}

impl Equity {
    /// Goes on with what an earlier run left, if it was the same account.
    pub fn new(account: &str, record: Option<&Record>) -> Self {
        let record = record.filter(|record| record.account == account);
        Self {
            account: account.to_owned(),
            now: None,
            has_had_wallet: false,
            peak: record.map(|record| record.peak_equity),
            day: record.map(|record| (record.day, record.day_equity)),
        }
    }

    /// Takes an answer of the venue.
    pub fn take(&mut self, wallet: i64, equity: i64, wall_ns: i64) -> Taken {
        let had_money = self.has_had_wallet || self.peak.is_some_and(|peak| peak > 0);
        if wallet == 0 && had_money {
            return Taken::Suspect;
        }
        self.has_had_wallet |= wallet != 0;
        let before = self.now.map_or(equity, |(now, _)| now);
        self.now = Some((equity, before));
        let reached = equity.min(before);
        self.peak = Some(self.peak.map_or(reached, |peak| peak.max(reached)));
        let day = wall_ns.div_euclid(DAY_NS);
        if self.day.is_none_or(|(of, _)| of != day) {
            self.day = Some((day, equity));
        }
        Taken::Believed
    }

    /// Newest equity that was believed.
    pub fn now(&self) -> Option<i64> {
        self.now.map(|(now, _)| now)
    }
    /// The better of the last two answers: a fall is one when both show it. The highest before the
    /// first answer, when nothing is known to have fallen.
    pub fn confirmed(&self) -> i64 {
        self.now.map_or(self.peak(), |(now, before)| now.max(before))
    }
    /// Highest.
    pub fn peak(&self) -> i64 {
        self.peak.unwrap_or(0)
    }
    /// When the UTC day began.
    pub fn of_day(&self) -> i64 {
        self.day.map_or(0, |(_, equity)| equity)
    }
    /// Begins highest and day anew with the equity of now.
    pub fn begin_anew(&mut self) {
        self.peak = self.now();
        self.day = self.day.and_then(|(day, _)| Some((day, self.now()?)));
    }
    /// What is to be remembered; `None` before the first answer.
    pub fn record(&self, breaches: Vec<i64>) -> Option<Record> {
        let (day, day_equity) = self.day?;
        let account = self.account.clone();
        Some(Record { account, peak_equity: self.peak?, day, day_equity, breaches })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_remembers_and_another_account_begins() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(Record::load(dir.path()).expect("readable"), None);
        let mut equity = Equity::new("here", None);
        for now in [100, 120, 120, 90] {
            assert_eq!(equity.take(50, now, 1), Taken::Believed);
        }
        let record = equity.record(vec![7]).expect("something");
        record.save(dir.path()).expect("written");
        record.save(dir.path()).expect("replaced");
        let again = Record::load(dir.path()).expect("readable").expect("there");
        assert_eq!(again, record);
        let same = Equity::new("here", Some(&again));
        assert_eq!((same.peak(), same.of_day()), (120, 100));
        assert_eq!(same.confirmed(), 120, "before the first answer nothing has fallen");
        assert_eq!(Equity::new("there", Some(&again)).peak(), 0);
        fs::write(dir.path().join(FILE), "{").expect("written");
        assert!(Record::load(dir.path()).is_err());
    }

    #[test]
    fn an_empty_wallet_after_a_full_one_is_suspect() {
        let mut equity = Equity::new("here", None);
        equity.take(100, 100, 1);
        assert_eq!(equity.take(0, 0, 1), Taken::Suspect);
        assert_eq!((equity.now(), equity.peak()), (Some(100), 100));
        // One that begins empty is empty, unless an earlier run saw money.
        assert_eq!(Equity::new("here", None).take(0, 0, 1), Taken::Believed);
        let record = equity.record(Vec::new()).expect("something");
        assert_eq!(Equity::new("here", Some(&record)).take(0, 0, 1), Taken::Suspect);
    }

    #[test]
    fn one_answer_makes_neither_a_highest_nor_a_fall() {
        let mut equity = Equity::new("here", None);
        for now in [100, 500, 100, 10, 100] {
            equity.take(1, now, 1);
            assert!(equity.confirmed() >= 100);
        }
        assert_eq!(equity.peak(), 100);
        equity.take(1, 60, 1);
        equity.take(1, 55, 1);
        assert_eq!(equity.confirmed(), 60);
    }

    #[test]
    fn a_day_begins_with_its_first_answer_and_all_anew_after_a_release() {
        let mut equity = Equity::new("here", None);
        equity.take(1, 100, DAY_NS - 1);
        equity.take(1, 110, DAY_NS);
        equity.take(1, 90, DAY_NS + 1);
        assert_eq!(equity.of_day(), 110);
        equity.begin_anew();
        assert_eq!((equity.peak(), equity.of_day()), (90, 90));
    }
}
