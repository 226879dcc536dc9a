//! Alerts reach people, whoever carries them.
