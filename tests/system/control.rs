//! Whole systems under control: risk, guard, the kill switch, releases, and the tools that act.

mod alerts;
mod canary;
mod crash;
mod guard;
mod inbox;
mod kill;
mod release;
mod tools;
