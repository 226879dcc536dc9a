//! Releases, probation and roll-back.
