//! Metrics, health and the live page of one trader.
//!
//! A sidecar: it reads the trader's status and journal from shared memory and serves what it finds
//! over HTTP. The hot thread only stamps cycles; all histograms are built here. It never gates the
//! journal, so that a slow or dead metrics process changes nothing in the order stream; what it
//! missed it counts. The rules by which Prometheus raises alerts stand in `prometheus/`. Left out:
//! dashboards.

pub mod exposition;
pub mod follow;
pub mod health;
pub mod latency;
pub mod page;
pub mod serve;
