//! Local order book.
