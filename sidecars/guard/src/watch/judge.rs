//! The numbers, the judgement of them, and their publication.

use schema::{KillStep, PortfolioRisk, PortfolioSymbol, RiskReason, SYMBOLS_MAX, Verdict};

use super::{PUBLISH_EVERY_NS, SECOND_NS, VENUE_PATIENCE_NS, Watch};
use crate::portfolio::{Account, Exposure, fall_ppm, margin_ratio_ppm};
use crate::triggers::{self, Allowed, Facts};

/// The judgement.
impl Watch {
    fn is_anything_on(&self) -> bool {
        let is_held = self.known.account.as_ref().is_some_and(|all| !all.positions.is_empty());
        is_held || self.known.orders + self.known.other_orders > 0
    }

    pub(super) fn facts(&self, now_ns: u64) -> Facts {
        let account = self.known.account.as_ref();
        let margin = account.map_or(0, margin_ratio_ppm);
        let heard_ns = self.trader.heard_ns().max(self.waits_since_ns);
        Facts {
            confirmed_equity: self.equity.confirmed(),
            confirmed_margin_ppm: margin.min(self.known.margin_before),
            requests: self.requests.minute(now_ns / SECOND_NS),
            is_anything_on: self.is_anything_on(),
            trader_silent_ns: now_ns.saturating_sub(heard_ns),
            is_trader_alive: self.trader.is_alive(),
            is_different: self.comparison.is_different(),
            are_builds_alike: self.are_builds_alike,
            is_killed: self.switch.is_some() || self.is_latch_unreadable,
        }
    }

    /// The numbers as they are now, without reasons and what publication adds.
    pub(super) fn risk(&self, now_ns: u64, wall: i64) -> PortfolioRisk {
        let empty = Account::default();
        let account = self.known.account.as_ref().unwrap_or(&empty);
        let exposure = Exposure::of(&account.positions);
        let equity = self.equity.now().unwrap_or(0);
        let requests = self.requests.minute(now_ns / SECOND_NS);
        let is_known = self.known.account.is_some();
        let counts = self.alerts.counts();
        let fall = |from: i64| if is_known { fall_ppm(from, equity) } else { 0 };
        PortfolioRisk {
            mono_ns: now_ns,
            wall_ns: wall,
            venue_age_ns: match self.known.answered_ns {
                0 => u64::MAX,
                answered_ns => now_ns.saturating_sub(answered_ns),
            },
            trader_age_ns: self.trader.age_ns(now_ns),
            equity,
            peak_equity: self.equity.peak(),
            day_equity: self.equity.of_day(),
            drawdown_ppm: fall(self.equity.peak()),
            day_drawdown_ppm: fall(self.equity.of_day()),
            gross: exposure.gross,
            net: exposure.net,
            leverage_e2: exposure.leverage_e2(equity),
            maintenance_margin: account.maintenance_margin,
            margin_ratio_ppm: margin_ratio_ppm(account),
            liquidation_distance_ppm: exposure.liquidation_distance_ppm,
            var_95: self.estimate.var_95,
            var_99: self.estimate.var_99,
            es_95: self.estimate.es_95,
            es_99: self.estimate.es_99,
            var_samples: self.estimate.samples,
            var_breaches: self.minutes.breaches(wall),
            api_requests: requests.requests,
            api_errors: requests.errors,
            api_error_ppm: requests.error_ppm(),
            latency_p99_ns: self.p99_ns,
            comparisons: self.comparison.comparisons,
            differences: self.comparison.differences,
            open_orders: self.known.orders + self.known.other_orders,
            alerts: counts.on,
            alerts_undelivered: counts.undelivered,
            symbols: self.symbols(account),
            ..PortfolioRisk::default()
        }
    }

    fn symbols(&self, account: &Account) -> [PortfolioSymbol; SYMBOLS_MAX] {
        let mut rows = [PortfolioSymbol::default(); SYMBOLS_MAX];
        let names = match self.trader.info() {
            Some(_) => self.trader.symbols(),
            None => self.config.symbols.clone(),
        };
        for (row, name) in rows.iter_mut().zip(&names) {
            row.mark_price = self.known.marks.get(name).copied().unwrap_or(0);
            row.liquidation_distance_ppm = i64::MAX;
            if let Some(held) = account.positions.iter().find(|held| held.symbol == *name) {
                *row = PortfolioSymbol {
                    position_qty: held.qty,
                    mark_price: held.mark,
                    notional: held.notional(),
                    unrealized_pnl: held.unrealized,
                    liquidation_price: held.liquidation,
                    liquidation_distance_ppm: held.liquidation_distance_ppm(),
                };
            }
        }
        rows
    }

    /// Publishes when it is time or something changed, and tells the alerts each second.
    pub(super) fn publish(&mut self, mut risk: PortfolioRisk, now_ns: u64) {
        let facts = self.facts(now_ns);
        let config = &self.config;
        let allowed = Allowed { capital: config.capital, leverage_max: config.leverage_max };
        risk.reasons = triggers::reasons(&risk, &facts, &config.guard.thresholds, allowed);
        let mut verdict = Verdict {
            mono_ns: now_ns,
            sequence: 0,
            may_add_risk: u64::from(risk.reasons == 0),
            killed: u64::from(self.switch.is_some()),
            trigger: 0,
            reasons: risk.reasons,
        };
        if let Some(switch) = &self.switch {
            let progress = self.killer.progress();
            verdict.trigger = switch.pressed.trigger as u64;
            risk.kill_step = progress.step as u64;
            risk.kill_trigger = verdict.trigger;
            risk.kill_wall_ns = switch.pressed.wall_ns;
            risk.kill_halted_ns = progress.halted_ns;
            risk.kill_cancelled_ns = progress.cancelled_ns;
            risk.kill_flat_ns = progress.flat_ns;
        }
        let is_news = self.published.is_none_or(|(_, before, step)| {
            let of = |verdict: &Verdict| (verdict.killed, verdict.trigger, verdict.reasons);
            of(&before) != of(&verdict) || step != risk.kill_step
        });
        let is_due = self
            .published
            .is_none_or(|(at_ns, ..)| now_ns.saturating_sub(at_ns) >= PUBLISH_EVERY_NS);
        if !is_news && !is_due {
            return;
        }
        self.publisher.publish(verdict, risk);
        if is_news {
            self.say(&verdict, risk.step());
        }
        self.published = Some((now_ns, verdict, risk.kill_step));
        // Before the first answer nobody is told that there is none yet.
        let has_begun = self.known.account.is_some();
        if has_begun || now_ns.saturating_sub(self.started_ns) > VENUE_PATIENCE_NS {
            self.alerts.of_risk(&risk);
        }
    }

    fn say(&self, verdict: &Verdict, step: KillStep) {
        let names: Vec<&str> = verdict.reasons().map(RiskReason::as_str).collect();
        match (verdict.killed, names.as_slice()) {
            (0, []) => log::info!("risk may be added"),
            (0, names) => log::warn!("no risk may be added: {}", names.join(", ")),
            _ => log::error!("killed, {step}: {}", names.join(", ")),
        }
    }
}
