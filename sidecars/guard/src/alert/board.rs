//! What is on, who has heard of it, and when Alertmanager is told next. No thread, no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::{Alert, Key, UNHEARD_AFTER};

/// Alertmanager is told again after so long; it forgets nothing for 5 minutes.
const AGAIN: Duration = Duration::from_secs(15);
/// The next try after the first failure, and after more of them.
const RETRY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];
/// So many failures in a row, and people are told directly.
const PATIENCE: usize = 2;
/// The board is looked at this often without news.
const LOOK: Duration = Duration::from_millis(200);
/// An alert that is over is kept so long for channels that could not be told.
const KEPT: Duration = Duration::from_secs(3600);
/// Most alerts on the board: names times symbols, with room.
const ENTRIES_MAX: usize = 256;

/// One alert as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Notice {
    pub(super) alert: Alert,
    pub(super) is_on: bool,
    /// Which time it went on; no two are the same.
    pub(super) firing: u64,
    pub(super) since: DateTime<Utc>,
    pub(super) until: Option<DateTime<Utc>>,
}

impl Notice {
    /// Where the runbook tells what to do.
    pub(super) fn runbook(&self) -> String {
        format!("systemd/RUNBOOK.md#{}", self.alert.name.as_str().to_ascii_lowercase())
    }
}

#[derive(Debug)]
struct Entry {
    notice: Notice,
    /// What an Alertmanager took last: firing, and whether it was on.
    managed: Option<(u64, bool)>,
    /// The channels are told, until it is over.
    is_direct: bool,
    /// Somebody took the newest firing.
    is_heard: bool,
    changed: Instant,
}

impl Entry {
    fn is_managed(&self) -> bool {
        self.managed == Some((self.notice.firing, self.notice.is_on))
    }
}

/// All alerts.
#[derive(Debug)]
pub(super) struct Board {
    has_manager: bool,
    has_direct: bool,
    entries: BTreeMap<Key, Entry>,
    next_post: Option<Instant>,
    failures: usize,
    firings: u64,
    /// Alerts that were over before anybody took them, and those without room.
    given_up: u64,
}

impl Board {
    pub(super) fn new(has_manager: bool, has_direct: bool) -> Self {
        let entries = BTreeMap::new();
        Self {
            has_manager,
            has_direct,
            entries,
            next_post: None,
            failures: 0,
            firings: 0,
            given_up: 0,
        }
    }

    /// Whether people are told directly: there is no Alertmanager, or none answers.
    fn goes_direct(&self) -> bool {
        self.has_direct && (!self.has_manager || self.failures >= PATIENCE)
    }

    /// Posts in a row that no Alertmanager took.
    pub(super) fn failures(&self) -> usize {
        self.failures
    }

    /// Takes a change.
    pub(super) fn set(&mut self, alert: Alert, is_on: bool, now: Instant, wall: DateTime<Utc>) {
        let key = alert.key();
        let goes_direct = self.goes_direct();
        let entry = self.entries.get_mut(&key);
        match entry {
            Some(entry) if entry.notice.is_on && is_on => {
                entry.notice.alert = alert;
                return;
            }
            Some(entry) if entry.notice.is_on => {
                log::info!("alert {} is over", alert.name.as_str());
                entry.notice.is_on = false;
                entry.notice.until = Some(wall);
                entry.changed = now;
            }
            _ if !is_on => return,
            entry => {
                log::warn!("alert {}: {}", alert.name.as_str(), alert.description);
                self.firings += 1;
                let firing = self.firings;
                let notice = Notice { alert, is_on, firing, since: wall, until: None };
                if let Some(entry) = entry {
                    entry.notice = notice;
                    (entry.is_heard, entry.changed) = (false, now);
                    entry.is_direct |= goes_direct;
                } else if self.entries.len() >= ENTRIES_MAX {
                    self.given_up += 1;
                    return;
                } else {
                    let (managed, is_heard) = (None, false);
                    let is_direct = goes_direct;
                    let entry = Entry { notice, managed, is_direct, is_heard, changed: now };
                    self.entries.insert(key, entry);
                }
            }
        }
        self.next_post = Some(now);
    }

    /// How long nothing need be done here.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let due = self.next_post.filter(|_| self.has_manager && !self.entries.is_empty());
        due.map_or(LOOK, |due| due.saturating_duration_since(now).min(LOOK))
    }
    /// Whether Alertmanager is told now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let has_any = self.has_manager && !self.entries.is_empty();
        has_any && self.next_post.is_none_or(|due| due <= now)
    }
    /// Whether Alertmanager does not know all of it.
    pub(super) fn has_news(&self) -> bool {
        self.entries.values().any(|entry| !entry.is_managed())
    }
    /// All of it, for Alertmanager.
    pub(super) fn entries(&self) -> Vec<Notice> {
        self.entries.values().map(|entry| entry.notice.clone()).collect()
    }
    /// Whether an Alertmanager took it.
    pub(super) fn answered(&mut self, is_taken: bool, now: Instant) {
        if is_taken {
            self.failures = 0;
            self.next_post = Some(now + AGAIN);
            for entry in self.entries.values_mut() {
                entry.managed = Some((entry.notice.firing, entry.notice.is_on));
                entry.is_heard = true;
            }
            return;
        }
        let retry = RETRY[self.failures.min(RETRY.len() - 1)];
        self.failures += 1;
        self.next_post = Some(now + retry);
        if self.goes_direct() {
            // Those it took before, too: it may have died before it told anybody.
            for entry in self.entries.values_mut() {
                entry.is_direct |= entry.notice.is_on || !entry.is_managed();
            }
        }
    }

    /// Takes what the channels have told, and forgets what is over and told.
    pub(super) fn heard(&mut self, done: &[BTreeMap<Key, (u64, bool)>], now: Instant) {
        let has_manager = self.has_manager;
        let given_up = &mut self.given_up;
        self.entries.retain(|key, entry| {
            let firing = entry.notice.firing;
            let told = |is_on: bool| move |told: &(u64, bool)| *told == (firing, is_on);
            let by =
                |is_on| done.iter().filter(|map| map.get(key).is_some_and(told(is_on))).count();
            let over = by(false);
            entry.is_heard |= over + by(true) > 0;
            if entry.notice.is_on {
                return true;
            }
            let is_told = if entry.is_direct {
                over == done.len()
            } else {
                entry.is_managed() || !has_manager
            };
            let is_kept = !is_told && now.duration_since(entry.changed) < KEPT;
            if !is_kept && !entry.is_heard {
                *given_up += 1;
            }
            is_kept
        });
    }
    /// What the channels are to tell.
    pub(super) fn notices(&self) -> Vec<Notice> {
        let direct = self.entries.values().filter(|entry| entry.is_direct);
        direct.map(|entry| entry.notice.clone()).collect()
    }
    /// Whether everybody who can be told was told.
    pub(super) fn is_told(&self) -> bool {
        self.entries.values().all(|entry| entry.is_heard && entry.notice.is_on)
    }
    /// Alerts that are on, and alerts that nobody took in time.
    pub(super) fn counts(&self, now: Instant) -> (u64, u64) {
        let on = self.entries.values().filter(|entry| entry.notice.is_on).count();
        let is_unheard =
            |entry: &&Entry| !entry.is_heard && now.duration_since(entry.changed) > UNHEARD_AFTER;
        let unheard = self.entries.values().filter(is_unheard).count();
        (on as u64, unheard as u64 + self.given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::AlertName;

    struct Try {
        board: Board,
        now: Instant,
    }

    impl Try {
        fn new(has_manager: bool, has_direct: bool) -> Self {
            Self { board: Board::new(has_manager, has_direct), now: Instant::now() }
        }
        fn set(&mut self, is_on: bool) {
            let alert = Alert::new(AlertName::Drawdown, "figures");
            self.board.set(alert, is_on, self.now, DateTime::UNIX_EPOCH);
        }
        /// Tells Alertmanager if it is due; the answer is `is_taken`.
        fn post(&mut self, after: Duration, is_taken: bool) -> bool {
            self.now += after;
            let is_due = self.board.is_due(self.now);
            if is_due {
                self.board.answered(is_taken, self.now);
            }
            is_due
        }
        /// One channel has told all it is to tell.
        fn channel_tells(&mut self) -> Vec<(u64, bool)> {
            let notices = self.board.notices();
            let told = |notice: &Notice| (notice.alert.key(), (notice.firing, notice.is_on));
            let done: BTreeMap<_, _> = notices.iter().map(told).collect();
            self.board.heard(std::slice::from_ref(&done), self.now);
            done.into_values().collect()
        }
    }

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn alertmanager_is_told_at_once_and_again_within_30_s() {
        let mut t = Try::new(true, true);
        assert!(!t.post(NOW, true), "nothing to tell");
        t.set(true);
        assert!(t.board.has_news() && t.post(NOW, true) && !t.board.has_news());
        assert!(!t.post(Duration::from_secs(1), true));
        assert!(t.post(Duration::from_secs(29), true));
        assert_eq!(t.channel_tells(), [], "nobody is told directly");
        t.set(false);
        assert!(t.post(NOW, true));
        t.channel_tells();
        assert!(t.board.entries().is_empty(), "over and told");
    }

    #[test]
    fn without_an_answer_people_are_told_directly_and_of_the_end_too() {
        let mut t = Try::new(true, true);
        t.set(true);
        assert!(t.post(NOW, false));
        assert_eq!(t.channel_tells(), [], "one more try");
        assert!(t.post(RETRY[0], false));
        assert_eq!(t.channel_tells(), [(1, true)]);
        // Alertmanager comes back; the end is told to both.
        assert!(t.post(RETRY[1], true));
        t.set(false);
        assert!(t.post(NOW, true));
        assert_eq!(t.channel_tells(), [(1, false)]);
        assert!(t.board.entries().is_empty());
    }

    #[test]
    fn one_that_died_after_it_took_an_alert_is_not_trusted_to_have_told() {
        let mut t = Try::new(true, true);
        t.set(true);
        t.post(NOW, true);
        t.post(AGAIN, false);
        t.post(RETRY[0], false);
        assert_eq!(t.channel_tells(), [(1, true)]);
    }

    #[test]
    fn without_alertmanager_the_channels_are_told_at_once() {
        let mut t = Try::new(false, true);
        t.set(true);
        assert!(!t.post(NOW, true));
        assert_eq!(t.channel_tells(), [(1, true)]);
        t.set(false);
        t.set(true);
        assert_eq!(t.channel_tells(), [(2, true)], "a second time is another alert");
    }

    #[test]
    fn what_nobody_took_is_counted_and_what_was_over_before_too() {
        let mut t = Try::new(true, false);
        t.set(true);
        t.post(NOW, false);
        assert_eq!(t.board.counts(t.now), (1, 0));
        t.now += UNHEARD_AFTER + Duration::from_secs(1);
        assert_eq!(t.board.counts(t.now), (1, 1));
        t.set(false);
        t.now += KEPT + Duration::from_secs(1);
        t.board.heard(&[], t.now);
        assert_eq!(t.board.counts(t.now), (0, 1), "given up");
    }
}
