//! Whole-system tests: the rules of the tree, and real processes that trade, are broken and killed.

mod arrows;
mod chaos;
mod control;
mod crash;
mod demo;
mod ledgers;
mod processes;
mod record;
mod table;
mod tidy;
