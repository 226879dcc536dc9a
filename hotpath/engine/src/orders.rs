//! Orders and their states.
