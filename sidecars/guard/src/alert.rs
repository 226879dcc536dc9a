//! Alerts to people: by Alertmanager, and directly when that is down.
