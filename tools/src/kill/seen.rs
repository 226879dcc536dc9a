//! What trader and guard show of a kill that is being carried out.

use std::time::Duration;

use schema::{KillStep, PortfolioRisk, Status, TradingState};

use super::seconds;
use crate::act::Done;
use crate::command::open_positions;
use crate::instance::mono_ns;
use crate::orders::portfolio;
use crate::run_place::Place;
use crate::screen::trading_state;

/// A trader whose status is older does not act, ns; it publishes ten times a second.
const TRADER_AGE_MAX_NS: u64 = 1_000_000_000;
/// guard publishes once a second, ns.
const GUARD_AGE_MAX_NS: u64 = 3_000_000_000;

/// One look.
pub(super) struct Seen {
    /// A living trader's status.
    trader: Option<Status>,
    positions: Vec<String>,
    /// A living guard's numbers, published since the switch was pressed.
    guard: Option<PortfolioRisk>,
}

impl Seen {
    /// Looks; what guard published before `pressed_ns` (monotonic) says nothing of this press.
    pub(super) fn look(place: &Place, pressed_ns: u64) -> Self {
        let now = mono_ns();
        let is_fresh = |status: &Status| now.saturating_sub(status.mono_ns) <= TRADER_AGE_MAX_NS;
        let trader = place.status().filter(|status| place.is_live() && is_fresh(status));
        let positions = match (&place.view, &trader) {
            (Some(view), Some(status)) => open_positions(view, status),
            _ => vec![],
        };
        let positions = positions.into_iter().map(|(_, text)| text).collect();
        let guard = portfolio(&place.instance)
            .filter(|(risk, age)| *age <= GUARD_AGE_MAX_NS && risk.mono_ns > pressed_ns)
            .map(|(risk, _)| risk);
        Self { trader, positions, guard }
    }

    fn is_trader_killed(&self) -> bool {
        self.trader.is_some_and(|status| trading_state(&status) == Some(TradingState::Killed))
    }

    fn guard_step(&self) -> KillStep {
        self.guard.map_or(KillStep::None, |risk| risk.step())
    }

    /// Whether somebody carries it out.
    pub(super) fn is_acted_on(&self) -> bool {
        self.is_trader_killed() || self.guard_step() != KillStep::None
    }

    fn is_trader_flat(&self) -> bool {
        self.is_trader_killed()
            && self.positions.is_empty()
            && self.trader.is_some_and(|status| status.open_orders + status.open_algos == 0)
    }

    /// guard asked the venue, and a living trader does not say otherwise.
    pub(super) fn is_flat(&self) -> bool {
        self.guard_step() == KillStep::Flat && (self.trader.is_none() || self.is_trader_flat())
    }

    /// The trader says so, but no guard does: nobody asked the venue on its own.
    pub(super) fn is_flat_but_unproven(&self) -> bool {
        self.is_trader_flat() && self.guard.is_none()
    }

    /// For people.
    pub(super) fn line(&self) -> String {
        let trader = match &self.trader {
            None => "trader silent".to_owned(),
            Some(status) => {
                let state = trading_state(status).map_or("?", TradingState::as_str);
                let held = match self.positions.as_slice() {
                    [] => "none".to_owned(),
                    some => some.join(", "),
                };
                let orders = status.open_orders + status.open_algos;
                format!("trader {state}, {orders} orders, position {held}")
            }
        };
        let guard = match self.guard {
            None => "guard silent".to_owned(),
            Some(_) => format!("guard {}", self.guard_step()),
        };
        format!("{trader}; {guard}")
    }

    /// The result when it is flat.
    pub(super) fn done(&self, after: Duration) -> Done {
        let risk = self.guard.unwrap_or_default();
        let by = if self.trader.is_some() { "trader+guard" } else { "guard" };
        Done::new(
            "flat",
            format!(
                "flat, as {by} tell: no order could leave after {}, none was open after {}, flat \
                 after {}. `shrike unkill` releases it",
                seconds(risk.kill_halted_ns),
                seconds(risk.kill_cancelled_ns),
                seconds(risk.kill_flat_ns)
            ),
        )
        .with("by", by)
        .with("halted_ms", risk.kill_halted_ns / 1_000_000)
        .with("cancelled_ms", risk.kill_cancelled_ns / 1_000_000)
        .with("flat_ms", risk.kill_flat_ns / 1_000_000)
        .with("waited_ms", after.as_millis() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(state: TradingState, orders: u64, step: Option<KillStep>) -> Seen {
        let status =
            Status { trading_state: state as u64, open_orders: orders, ..Status::default() };
        let risk = |step| PortfolioRisk { kill_step: step as u64, ..PortfolioRisk::default() };
        Seen { trader: Some(status), positions: vec![], guard: step.map(risk) }
    }

    #[test]
    fn flat_is_what_guard_and_a_living_trader_agree_on() {
        let flat = seen(TradingState::Killed, 0, Some(KillStep::Flat));
        assert!(flat.is_flat() && flat.is_acted_on());
        assert!(!seen(TradingState::Killed, 1, Some(KillStep::Flat)).is_flat());
        assert!(!seen(TradingState::Armed, 0, Some(KillStep::Flat)).is_flat());
        assert!(!seen(TradingState::Killed, 0, Some(KillStep::Stuck)).is_flat());
        let held = Seen { positions: vec!["BTCUSDT 1".to_owned()], ..flat };
        assert!(!held.is_flat() && held.line().contains("BTCUSDT 1"));
        let gone = Seen { trader: None, positions: vec![], guard: held.guard };
        assert!(gone.is_flat(), "guard asked the venue");
    }

    #[test]
    fn the_trader_alone_proves_nothing() {
        let alone = seen(TradingState::Killed, 0, None);
        assert!(!alone.is_flat() && alone.is_flat_but_unproven());
        let idle = seen(TradingState::Armed, 0, Some(KillStep::None));
        assert!(!idle.is_acted_on());
    }
}
