//! What one channel has told, and what it has to tell next. No thread, no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::board::Notice;
use super::{Key, Severity};

/// How fast one channel is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// A change of an alert told shortly before waits so long.
    pub(super) flap: Duration,
    /// Time between two messages.
    pub(super) between: Duration,
}

/// One that flaps is told of six times a minute at most, and its last state always. Telegram takes
/// 20 messages a minute to a group, Slack one a second.
pub(super) const PACE: Pace =
    Pace { flap: Duration::from_secs(10), between: Duration::from_secs(3) };

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
#[derive(Debug)]
pub(super) struct Told {
    last: BTreeMap<Key, Last>,
    flap: Duration,
}

impl Told {
    pub(super) fn new(flap: Duration) -> Self {
        Self { last: BTreeMap::new(), flap }
    }
    /// What has to be told now.
    pub(super) fn news(&self, wanted: &[Notice], now: Instant) -> Vec<News> {
        let news = |notice: &Notice| {
            let new = |is_repeat| Some(News { notice: notice.clone(), is_repeat });
            let Some(last) = self.last.get(&notice.alert.key()) else { return new(false) };
            let age = now.duration_since(last.at);
            if (last.firing, last.is_on) != (notice.firing, notice.is_on) {
                return if age >= self.flap { new(false) } else { None };
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
            self.last.insert(one.notice.alert.key(), Last { firing, is_on, at: now });
        }
        self.forget(wanted);
    }
    /// Forgets what nobody wants told any more.
    pub(super) fn forget(&mut self, wanted: &[Notice]) {
        self.last.retain(|key, _| wanted.iter().any(|notice| notice.alert.key() == *key));
    }
    /// Key, firing and state of all.
    pub(super) fn done(&self) -> BTreeMap<Key, (u64, bool)> {
        self.last.iter().map(|(key, last)| (key.clone(), (last.firing, last.is_on))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Alert, AlertName};

    const FLAP: Duration = PACE.flap;

    fn notice(name: AlertName, firing: u64, is_on: bool) -> Notice {
        let since = chrono::DateTime::UNIX_EPOCH;
        let until = (!is_on).then_some(since);
        Notice { alert: Alert::new(name, "figures"), is_on, firing, since, until }
    }

    /// Takes what there is to tell, as (firing, on, repeat).
    fn tell(told: &mut Told, wanted: &[Notice], now: Instant) -> Vec<(u64, bool, bool)> {
        let news = told.news(wanted, now);
        told.took(&news, wanted, now);
        news.iter().map(|n| (n.notice.firing, n.notice.is_on, n.is_repeat)).collect()
    }

    #[test]
    fn an_alert_is_told_once_and_its_end_once() {
        let (mut told, t) = (Told::new(FLAP), Instant::now());
        let on = [notice(AlertName::Drawdown, 1, true)];
        let off = [notice(AlertName::Drawdown, 1, false)];
        assert_eq!(tell(&mut told, &on, t), [(1, true, false)]);
        assert_eq!(tell(&mut told, &on, t + FLAP), []);
        assert_eq!(tell(&mut told, &off, t + FLAP), [(1, false, false)]);
        assert_eq!(tell(&mut told, &off, t + FLAP * 3), []);
    }

    #[test]
    fn what_flaps_is_told_seldom_and_last_as_it_is() {
        let (mut told, t) = (Told::new(FLAP), Instant::now());
        let mut count = 0;
        for second in 0..60u64 {
            let wanted = [notice(AlertName::Latency, second / 2, second % 2 == 0)];
            count += tell(&mut told, &wanted, t + Duration::from_secs(second)).len();
        }
        assert!((4..=6).contains(&count), "{count} messages in a minute");
        let last = [notice(AlertName::Latency, 29, false)];
        let end = tell(&mut told, &last, t + Duration::from_secs(75));
        assert!(end.is_empty() || end == [(29, false, false)], "{end:?}");
        assert_eq!(told.done().values().next(), Some(&(29, false)));
    }

    #[test]
    fn what_stays_on_is_told_again_sooner_if_it_is_critical() {
        let (mut told, t) = (Told::new(FLAP), Instant::now());
        let on = [notice(AlertName::Latency, 1, true), notice(AlertName::Killed, 2, true)];
        assert_eq!(tell(&mut told, &on, t), [(2, true, false), (1, true, false)]);
        let quarter = Duration::from_secs(15 * 60);
        assert_eq!(tell(&mut told, &on, t + quarter), [(2, true, true)]);
        assert_eq!(tell(&mut told, &on, t + quarter * 16), [(2, true, true), (1, true, true)]);
    }

    #[test]
    fn what_was_not_taken_is_still_news() {
        let (told, t) = (Told::new(FLAP), Instant::now());
        let on = [notice(AlertName::Killed, 1, true)];
        assert_eq!(told.news(&on, t).len(), 1);
        assert_eq!(told.news(&on, t).len(), 1);
    }
}
