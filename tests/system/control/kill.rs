//! The kill switch in every state of the system, by every way.
