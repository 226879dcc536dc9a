//! What guard reads of the environment's file.
