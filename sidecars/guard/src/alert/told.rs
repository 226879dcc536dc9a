//! What one channel has told, and what it has to tell next. No thread, no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::board::Notice;
use super::{Key, Severity};

/// A change of an alert told shortly before waits so long: one that flaps is told of six times a
/// minute at most, and its last state always.
const FLAP: Duration = Duration::from_secs(10);

/// How long until people are told again of what is still on.
const fn repeat(severity: Severity) -> Duration {
    match severity {
        Severity::Critical => Duration::from_secs(15 * 60),
        Severity::Warning => Duration::from_secs(4 * 3600),
    }
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct News {
    pub(super) notice: Notice,
    /// It was told before and is still on.
    pub(super) is_repeat: bool,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    firing: u64,
    is_on: bool,
    at: Instant,
}

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<Key, Last>);

impl Told {
    /// What has to be told now.
    pub(super) fn news(&self, wanted: &[Notice], now: Instant) -> Vec<News> {
        let news = |notice: &Notice| {
            let new = |is_repeat| Some(News { notice: notice.clone(), is_repeat });
            let Some(last) = self.0.get(&notice.alert.key()) else { return new(false) };
            let age = now.duration_since(last.at);
            if (last.firing, last.is_on) != (notice.firing, notice.is_on) {
                return if age >= FLAP { new(false) } else { None };
            }
            if notice.is_on && age >= repeat(notice.alert.severity) { new(true) } else { None }
        };
        let mut all: Vec<_> = wanted.iter().filter_map(news).collect();
        all.sort_by_key(|news| std::cmp::Reverse(news.notice.alert.severity));
        all
    }

    /// Notes what was taken, and forgets what nobody wants told any more.
    pub(super) fn took(&mut self, news: &[News], wanted: &[Notice], now: Instant) {
        for one in news {
            let (firing, is_on) = (one.notice.firing, one.notice.is_on);
            self.0.insert(one.notice.alert.key(), Last { firing, is_on, at: now });
        }
        self.forget(wanted);
    }
    /// Forgets what nobody wants told any more.
    pub(super) fn forget(&mut self, wanted: &[Notice]) {
        self.0.retain(|key, _| wanted.iter().any(|notice| notice.alert.key() == *key));
    }
    /// Key, firing and state of all.
    pub(super) fn done(&self) -> BTreeMap<Key, (u64, bool)> {
        self.0.iter().map(|(key, last)| (key.clone(), (last.firing, last.is_on))).collect()
    }
}
