//! A falling market: triggers, kill, flat account.
