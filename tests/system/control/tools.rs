//! The tools to look and to act.
