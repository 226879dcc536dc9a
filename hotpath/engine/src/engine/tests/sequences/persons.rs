//! Persons, guard and prices that jump: whatever they do, no order goes past the limits in force.

use super::*;
use schema::{LimitKind, NewLimit, Verdict};

/// Every limit looks, and none is reached before it is tightened.
pub(super) fn loosen(limits: &mut Limits) {
    limits.repeated_window_ns = 5_000 * MS;
    limits.repeated_orders_max = 1_000;
    limits.order_to_trade_from = 20;
    limits.order_to_trade_e2_max = 1_000_000;
    limits.maintenance_ppm = 10_000;
    limits.drawdown_ppm_max = 500_000;
}

impl World {
    /// Somebody does something.
    pub(super) fn person(&mut self) {
        let is_killed = self.rig.engine.state() == TradingState::Killed;
        match self.dice.roll(40) {
            0 => {
                self.deeds[0] += 1;
                self.command(CommandKind::Kill);
                assert_eq!(self.rig.engine.state(), TradingState::Killed);
            }
            1 => {
                self.deeds[0] += 1;
                self.verdict(1);
                assert_eq!(self.rig.engine.state(), TradingState::Killed);
            }
            2..=6 if is_killed => self.release(),
            7..=29 => self.set_limit(),
            30..=34 => {
                let symbol = self.dice.roll(2) as usize;
                let percent = self.dice.roll(17) as i64 - 8;
                self.mids[symbol] += self.mids[symbol] * percent / 100;
                self.market();
            }
            _ => self.command(CommandKind::Resume),
        }
    }

    fn verdict(&mut self, killed: u64) {
        let verdict = Verdict {
            mono_ns: self.rig.now().mono.0,
            may_add_risk: 1,
            killed,
            ..Verdict::default()
        };
        self.apply(&Input::Verdict(&verdict));
    }

    pub(super) fn release(&mut self) {
        self.deeds[1] += 1;
        self.verdict(0);
        assert_eq!(self.rig.engine.state(), TradingState::Killed, "guard does not release it");
        self.command(CommandKind::Unkill);
        assert_eq!(self.rig.engine.state(), TradingState::Halted);
        self.command(CommandKind::Resume);
    }

    fn set_limit(&mut self) {
        let kind = LimitKind::ALL[self.dice.roll(LimitKind::ALL.len() as u64) as usize];
        let symbol = match kind.is_of_symbol() {
            true => SymbolId(self.dice.roll(2) as u16),
            false => SymbolId::NONE,
        };
        let mut status = Status::default();
        self.rig.engine.fill_status(self.rig.now(), &mut status);
        let one = match kind.is_of_symbol() {
            true => status.symbols[symbol.index()].limits[kind.place()],
            false => status.limits[kind.place()],
        };
        assert!(kind.is_as_tight(one.limit, one.file), "{kind} is looser than the file's");
        let part = [0, 1, 50, 200, 500, 900, 1_000, 1_100][self.dice.roll(8) as usize];
        let to = i128::from(one.file.min(1_000_000_000_000_000)) * part / 1_000;
        let to = i64::try_from(to).expect("small") + i64::from(part == 1);
        let new = if self.dice.one_in(3) { NewLimit::File } else { NewLimit::Value(to) };
        self.tell_limit(kind, symbol, new);
        self.deeds[2] += 1;
    }

    /// All limits are the file's again.
    pub(super) fn give_back(&mut self) {
        for kind in LimitKind::ALL {
            for index in 0..if kind.is_of_symbol() { 2 } else { 1 } {
                let symbol = if kind.is_of_symbol() { SymbolId(index) } else { SymbolId::NONE };
                self.tell_limit(*kind, symbol, NewLimit::File);
            }
        }
    }

    fn tell_limit(&mut self, kind: LimitKind, symbol: SymbolId, new: NewLimit) {
        let nonce = self.rig.engine.input_number() + 1;
        let command = Command {
            symbol,
            limit: Some((kind, new)),
            ..Command::plain(nonce, CommandKind::SetLimit, self.rig.now().wall, 0)
        };
        self.apply(&Input::Command(&command));
    }

    /// Every order that leaves keeps to the limits in force, itself included.
    pub(super) fn watch_limits(&mut self, action: &Action) {
        let engine = &self.rig.engine;
        let is_killed = engine.state() == TradingState::Killed;
        let order = match action {
            Action::Place(approved, ..) => *approved.get(),
            Action::Modify(..) | Action::PlaceAlgo(..) => {
                return assert!(!is_killed, "left while killed: {action:?}");
            }
            Action::Cancel(..) | Action::CancelAlgo(..) | Action::Status(..) => return,
        };
        let index = order.symbol.index();
        let held = engine.position(order.symbol).qty();
        if order.reduce_only {
            let is_against = (held.units() < 0) == (order.side == Side::Buy);
            assert!(is_against && order.qty <= held.abs(), "{order:?} turns {held}");
            self.deeds[3] += u32::from(is_killed);
            return;
        }
        assert_eq!(engine.state(), TradingState::Armed, "{order:?} adds risk");
        let (limits, own) = (&engine.config.limits, &engine.config.symbols[index].limits);
        let exposure = engine.exposure(self.rig.now());
        let worst = exposure.symbols[index].worst(order.side);
        assert!(worst <= i128::from(own.position_max.units()), "position");
        assert!(order.qty <= own.qty_max, "quantity");
        let notional = order.price.notional(order.qty).expect("fits");
        assert!(notional <= own.notional_max, "notional");
        assert!(!own.is_restricted, "restricted");
        assert!(engine.orders.live_count() <= limits.open_orders_max as usize, "open orders");
        let scale = i128::from(SCALE);
        let gross = exposure.gross_e16();
        let equity = i128::from(exposure.equity.units().max(0)) * scale;
        let capital = i128::from(limits.capital.units()) * scale;
        assert!(gross <= i128::from(limits.exposure_max.units()) * scale, "exposure");
        let leverage = i128::from(limits.leverage_max_e2);
        assert!(gross * 100 <= equity.min(capital) * leverage, "leverage");
        let maintenance = gross * i128::from(limits.maintenance_ppm);
        assert!(maintenance <= equity * i128::from(limits.margin_ratio_ppm_max), "margin");
        let least = gross * i128::from(limits.liquidation_distance_ppm_min);
        assert!(least <= equity * 1_000_000 - maintenance, "distance of liquidation");
        let peak = i128::from(engine.peak_equity.unwrap_or_default().units());
        let fall = peak - i128::from(exposure.equity.units());
        let most = i128::from(limits.drawdown_ppm_max);
        assert!(fall <= 0 || fall * 1_000_000 < peak * most, "drawdown");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn whatever_persons_do_no_order_goes_past_the_limits_in_force(seed in any::<u64>()) {
        let mut world = run_with(seed, 600, true);
        let engine = &world.rig.engine;
        prop_assert!(engine.is_quiet(), "no order is left over");
        prop_assert!(world.venue.orders.iter().all(|o| !o.is_live));
        if engine.state() == TradingState::Killed {
            prop_assert!(world.venue.positions.iter().all(Position::is_flat), "a kill ends flat");
            prop_assert!(world.venue.stops.is_empty(), "in both books");
            world.release();
            world.command(CommandKind::Resume);
        }
        for symbol in 0..2 {
            let position = world.rig.engine.position(SymbolId(symbol));
            prop_assert_eq!(position.qty(), world.venue.positions[symbol as usize].qty());
        }
    }
}

#[test]
fn persons_do_all_they_can() {
    let mut deeds = [0; 4];
    for seed in 1..40 {
        let world = run_with(seed * 7_919, 600, true);
        deeds.iter_mut().zip(world.deeds).for_each(|(sum, of_one)| *sum += of_one);
    }
    println!("kills, releases, limits, orders while killed: {deeds:?}");
    assert!(deeds[0] > 30 && deeds[1] > 20 && deeds[2] > 500 && deeds[3] > 20, "{deeds:?}");
}
