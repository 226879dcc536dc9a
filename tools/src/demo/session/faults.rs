//! A demo whose venue misbehaves: what struck, and the calm before the end.

use std::time::{Duration, Instant};

use schema::TradingState;

use super::Session;
use crate::exchange::Struck;
use crate::exit::{Exit, Failure};
use crate::human;

/// After the faults have ended the trader is armed again within this time (promise I4).
const CALM: Duration = Duration::from_secs(60);
/// What was held up goes out and is dealt with in this time.
const SETTLE: Duration = Duration::from_secs(5);

impl Session {
    /// How often faults struck, if any are on.
    pub(super) fn faults_text(&self, before: &str) -> String {
        match &self.setup.faults {
            Some(_) => format!("{before}{}", human::count(Struck::read(&self.venue_dir()).total)),
            None => String::new(),
        }
    }

    /// Ends the venue's faults and waits until the trader trades as before: what is compared
    /// afterwards is what was dealt with, not what was under way.
    pub(super) fn end_faults(&mut self) {
        let Some(url) = self.faults_url.take().filter(|_| self.setup.faults.is_some()) else {
            return;
        };
        self.phase("ending the faults");
        if let Err(error) = ureq::post(&url).send(r#"{"clear":true}"#) {
            let what = format!("the venue's faults cannot be ended: {error}");
            return self.fail(Failure::new(Exit::Unavailable, what, "see the venue's log"));
        }
        let deadline = Instant::now() + CALM;
        let settled = Instant::now() + SETTLE;
        while Instant::now() < deadline {
            if let Err(failure) = self.turn() {
                return self.fail(failure);
            }
            if Instant::now() >= settled && self.state == Some(TradingState::Armed) {
                return;
            }
        }
        let what =
            format!("not armed {} s after the faults: {}", CALM.as_secs(), self.state_text());
        self.fail(Failure::new(Exit::Failed, what, "`shrike inspect` shows the journal"));
    }
}
