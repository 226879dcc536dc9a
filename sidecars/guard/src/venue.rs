//! The venue by REST, with guard's own key.
