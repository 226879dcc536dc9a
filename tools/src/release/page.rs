//! People are told of a release that was taken back, by the ways of guard's alerts.

use std::time::Duration;

use guard::alert::{About, Alert, AlertName, Alerts};

use super::settings::Settings;

/// How long the messages may take.
const WAIT: Duration = Duration::from_secs(10);

/// Pages: `ShrikeRolledBack` over every channel of the environment's file. Says so when nobody
/// could be told; the caller ends with an error either way.
pub(crate) fn people(settings: &Settings, release: &str, text: &str) {
    eprintln!("shrike: ShrikeRolledBack: {text}");
    let channels = match guard::config::load(&settings.config) {
        Ok(config) => config.alerts,
        Err(mistakes) => {
            let count = mistakes.len();
            eprintln!("shrike: nobody was paged: {count} mistakes in the file, `guard --check`");
            return;
        }
    };
    if channels.is_empty() {
        eprintln!("shrike: nobody was paged: the file has no [[alert]]");
        return;
    }
    let about =
        About { environment: settings.environment.clone(), instance: settings.instance.clone() };
    match Alerts::start(&channels, &about) {
        Ok(mut alerts) => {
            let alert = Alert::new(AlertName::RolledBack, text).with("release", release);
            alerts.set(alert, true);
            alerts.finish(WAIT);
        }
        Err(error) => eprintln!("shrike: nobody was paged: {error:#}"),
    }
}
