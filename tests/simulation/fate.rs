//! The venue's side of a run: requests that arrive, what befalls them, and what befalls the account.

use engine::Input;
use schema::{CommandKind, Counter, Link, StateReason, TradingState};
use venue::faults::{Fault, Kind, Outcome, Part};

use crate::judge::ACCOUNT;
use crate::network::{MS, Wire};
use crate::sites::Site;
use crate::world::{Event, World};

mod switch;

impl World {
    /// A request of the WebSocket API arrives.
    pub(crate) fn request(&mut self, wire: Wire, text: &str) {
        if !self.lines[wire].is_served {
            return;
        }
        if self.random.chance(self.plan.request_lost) {
            return self.note(|| "   that request is lost".to_owned());
        }
        let fault = self.order_fault(text);
        let has_fault = fault.is_some();
        if let Some(fault) = fault {
            self.note(|| format!("   fault {}", fault.kind.as_str()));
            self.venue.fault(fault.on(Part::Order).count(1));
        }
        let (now_ms, connection) = (self.venue_ms(), self.lines[wire].venue);
        self.venue.text(now_ms, connection, text);
        if has_fault {
            self.venue.clear_faults();
        }
        self.judge.at_venue(self.venue.exchange(), &self.setup, text);
        self.drain();
    }

    fn order_fault(&mut self, text: &str) -> Option<Fault> {
        let is_change = text.contains("order.cancel") || text.contains("order.modify");
        if is_change && self.random.chance(self.plan.fill_first) {
            let is_amend = text.contains("order.modify");
            self.sites.hit(if is_amend { Site::AmendRace } else { Site::CancelRace });
            let part = self.random.between(200_000, 1_000_000) as i64;
            return Some(Fault::new(Kind::FillFirst).ppm(part));
        }
        if self.random.chance(self.plan.reply_lost) {
            return Some(Fault::new(Kind::SwallowReply));
        }
        if !self.random.chance(self.plan.refused) {
            return None;
        }
        let coded =
            |code: i32, outcome: Outcome| Fault::new(Kind::Answer).code(code).outcome(outcome);
        Some(match self.random.below(16) {
            0..=2 => coded(-1_007, Outcome::Either),
            3 => coded(-1_006, Outcome::Either),
            4..=5 => Fault::new(Kind::UnknownError).outcome(Outcome::Either),
            6 => Fault::new(Kind::ServiceUnavailable),
            7 => coded(-1_001, Outcome::Not),
            8 => coded(-1_008, Outcome::Not),
            9 => Fault::new(Kind::TooMany).ms(1_000),
            10 => Fault::new(Kind::Ban).ms(2_000),
            11 => coded(-1_021, Outcome::Not),
            12 => coded(-2_010, Outcome::Not),
            13 => coded(-2_019, Outcome::Not),
            14 => coded(-5_022, Outcome::Not),
            _ => Fault::new(Kind::CutRequest).outcome(Outcome::Either),
        })
    }

    /// What may befall the account, the trader or the clock in a tenth of a second.
    pub(crate) fn misfortunes(&mut self) {
        let plan = self.plan;
        if self.random.chance(plan.user_frozen) {
            self.freeze();
        }
        if self.random.chance(plan.listen_key) {
            let mut fault = Fault::new(Kind::ListenKeyExpired).count(1);
            if self.random.chance(500_000) {
                fault.value = Some("untold".to_owned());
            }
            self.deed(fault);
        }
        if self.random.chance(plan.crash) {
            return self.die();
        }
        if self.random.chance(plan.clock) {
            let jump_ms = self.random.between(0, 4_000) as i64 - 2_000;
            self.skew_ns = jump_ms * MS as i64;
            self.note(|| format!("== our clock is {jump_ms} ms off"));
            if jump_ms.abs() > 600 {
                self.sites.hit(Site::ClockJumped);
            }
        }
        if self.random.chance(plan.external) {
            self.sites.hit(Site::External);
            let qty = self.random.pick(&["0.002", "-0.002", "0.004", "-0.003"]);
            let mut fault = Fault::new(Kind::ExternalFill).symbol("BTCUSDT").count(1);
            fault.qty = Some(qty.to_owned());
            self.judge.is_disturbed = true;
            self.note(|| format!("== somebody trades {qty}"));
            self.deed(fault);
        }
        if self.random.chance(plan.external_algo) {
            self.sites.hit(Site::ExternalAlgo);
            let mut fault = Fault::new(Kind::ExternalAlgo).symbol("BTCUSDT").count(1);
            fault.qty = Some(self.random.pick(&["0.002", "-0.002"]).to_owned());
            self.judge.is_disturbed = true;
            self.note(|| "== somebody places a conditional order".to_owned());
            self.deed(fault);
        }
        if self.random.chance(plan.liquidation) {
            self.sites.hit(Site::Liquidated);
            let kind = self.random.pick(&[Kind::Adl, Kind::Liquidation]);
            self.note(|| "== the venue takes a position down".to_owned());
            self.judge.taken_down(self.now_ns);
            self.deed(Fault::new(kind).count(1));
        }
        if self.random.chance(plan.journal) {
            self.sites.hit(Site::JournalPressed);
            let used = self.random.pick(&[800, 970, 100, 100]);
            self.judge.journal_used(used);
            self.feed(&Input::JournalUsed { used, capacity: 1_000 });
        }
        if self.random.chance(plan.command) {
            let kind = self.random.pick(&[
                CommandKind::Halt,
                CommandKind::Resume,
                CommandKind::Flatten,
                CommandKind::CancelAll,
                CommandKind::Reconcile,
            ]);
            match kind {
                CommandKind::Halt => self.sites.hit(Site::Halted),
                CommandKind::Resume => self.sites.hit(Site::Resumed),
                CommandKind::Flatten => self.sites.hit(Site::Flattened),
                _ => {}
            }
            self.command(kind);
        }
        if self.random.chance(plan.limit) {
            self.change_a_limit();
        }
        if self.random.chance(plan.kill) {
            if !self.is_latched {
                self.press();
            } else if self.random.chance(300_000) {
                self.release();
                self.command(CommandKind::Resume);
            }
        }
        if self.random.chance(plan.standstill) && self.side.is_some() {
            self.sites.hit(Site::LoopStood);
            let pause = self.random.between(300, 3_000) * MS;
            self.note(|| format!("== the loop stands for {} ms", pause / MS));
            self.stands_until = self.now_ns + pause;
            self.after(pause, Event::Continue);
        }
    }

    /// Something the venue does of itself.
    fn deed(&mut self, fault: Fault) {
        // It strikes at the venue's next turn, which is due at once.
        self.venue.fault(fault);
    }

    fn freeze(&mut self) {
        let until = self.now_ns + self.random.between(500, 6_000) * MS;
        let is_both = self.random.chance(400_000);
        let life = self.life;
        for line in self.lines.iter_mut().filter(|line| line.life == life && line.is_user()) {
            line.frozen_until = until;
            if !is_both {
                break;
            }
        }
        self.note(|| {
            format!("== the user stream is frozen, {}", if is_both { "all" } else { "one" })
        });
    }

    /// After the last fault a person starts again what a person stopped.
    pub(crate) fn person_resumes(&mut self) {
        self.judge.journal_used(0);
        self.feed(&Input::JournalUsed { used: 0, capacity: 1_000 });
        // What a kill ends it ends within the limits of then.
        if self.is_latched {
            return;
        }
        self.give_limits_back();
        if self.needs_a_person() {
            self.command(CommandKind::Resume);
        }
    }

    /// Whether it waits for a person: halted, or stopped by a loss.
    fn needs_a_person(&self) -> bool {
        self.side.as_ref().is_some_and(|side| {
            let reason = side.desk.engine.state_reason();
            side.desk.engine.state() == TradingState::Halted
                || matches!(reason, StateReason::LossLimit | StateReason::Drawdown)
        })
    }

    /// Whether trader and venue agree on everything, and the trader trades again.
    pub(crate) fn is_settled(&mut self) -> bool {
        self.gather_sites();
        if self.side.is_none() || self.is_on_the_way() || self.now_ns < self.stands_until {
            return false;
        }
        if self.is_latched {
            let is_killed = self.side.as_ref().map(|side| side.desk.engine.state())
                == Some(TradingState::Killed);
            if is_killed && self.left_at_venue().is_none() {
                self.sites.hit(Site::EndedFlat);
                self.release();
                self.give_limits_back();
            }
            return false;
        }
        if self.needs_a_person() {
            // It halted after the faults, for what they left; a person starts it again.
            self.command(CommandKind::Resume);
            return false;
        }
        self.difference().is_none()
    }

    /// What still differs.
    pub(crate) fn why_unsettled(&self) -> String {
        self.difference().unwrap_or_else(|| "messages are always on their way".to_owned())
    }

    fn difference(&self) -> Option<String> {
        let Some(side) = self.side.as_ref() else { return Some("there is no trader".to_owned()) };
        let engine = &side.desk.engine;
        if self.is_latched {
            let left = self.left_at_venue().unwrap_or_else(|| "nothing is left".to_owned());
            return Some(format!("the switch is pressed, the state {}, {left}", engine.state()));
        }
        let exchange = self.venue.exchange();
        if engine.state() != TradingState::Armed {
            return Some(format!("the state is {} ({})", engine.state(), engine.state_reason()));
        }
        for link in Link::ALL {
            if !side.session.is_up(*link) {
                return Some(format!("the {link} link is down"));
            }
        }
        for (index, row) in exchange.positions(ACCOUNT).iter().enumerate() {
            let ours = engine.position(schema::SymbolId(index as u16)).qty();
            if index < self.setup.names.len() && ours != row.qty {
                return Some(format!(
                    "position of {}: ours {ours}, the venue's {}",
                    row.symbol_name, row.qty
                ));
            }
        }
        if engine.lacks_fills() {
            return Some("fills or their reports are missing".to_owned());
        }
        let mut theirs: Vec<String> =
            exchange.open_orders(ACCOUNT, None).into_iter().map(|o| o.client_order_id).collect();
        let live = engine.orders().live();
        let mut ours: Vec<String> = live.map(|(_, order)| order.id.to_string()).collect();
        theirs.sort();
        ours.sort();
        if ours != theirs {
            return Some(format!("orders: ours {ours:?}, the venue's {theirs:?}"));
        }
        let wallet = exchange.account(ACCOUNT).wallet_balance;
        if engine.wallet() != wallet {
            return Some(format!("wallet: ours {}, the venue's {wallet}", engine.wallet()));
        }
        None
    }

    /// Sites that are told by counters.
    fn gather_sites(&mut self) {
        let all = [
            (Counter::FillBeforeAck, Site::FillBeforeAck),
            (Counter::FillDuplicate, Site::FillDuplicate),
            (Counter::OrderAbsent, Site::UnknownAbsent),
            (Counter::BookResync, Site::BookResynced),
            (Counter::SuspectAccount, Site::SuspectConfirmed),
            (Counter::Difference, Site::Difference),
            (Counter::OrderResent, Site::Resent),
        ];
        for (counter, site) in all {
            if self.counted(counter) > 0 {
                self.sites.hit(site);
            }
        }
        if self.judge.late > 0 {
            self.sites.hit(Site::FillAfterCancel);
        }
        if self.judge.resolved > 0 {
            self.sites.hit(Site::UnknownAdopted);
        }
        if self.judge.made_up > 0 {
            self.sites.hit(Site::FillMadeUp);
        }
        if self.judge.held_made_up > 0 {
            self.sites.hit(Site::HeldBackMadeUp);
        }
        if self.judge.adopted > 0 {
            self.sites.hit(Site::RestartAdopted);
        }
        if self.judge.expired_by_venue > 0 {
            self.sites.hit(Site::DeadManStruck);
        }
    }
}
