//! Whole-system tests: the rules of the tree, and real processes that trade and get killed.

mod arrows;
mod crash;
mod demo;
mod tidy;
