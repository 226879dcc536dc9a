//! The kill switch and limits that change: who presses, who releases, what a person tightens.

use engine::Input;
use schema::{
    Command, CommandKind, KillTrigger, LimitKind, NewLimit, Status, SymbolId, TradingState, Verdict,
};

use crate::judge::ACCOUNT;
use crate::sites::Site;
use crate::world::World;

/// No limit of a count is set to more: those of the file may be as large as the type.
const COUNT_MAX: i64 = 1_000_000_000_000_000;

impl World {
    /// Somebody presses the switch: the latch is written first, then the trader is told, if there
    /// is one. What it misses it finds at its next start.
    pub(crate) fn press(&mut self) {
        self.sites.hit(Site::Killed);
        self.is_latched = true;
        let is_by_guard = self.random.chance(500_000);
        self.note(|| "== the kill switch is pressed".to_owned());
        if self.side.is_none() {
            self.sites.hit(Site::KilledWhileDead);
        } else if is_by_guard {
            self.verdict(true);
        } else {
            self.command(CommandKind::Kill);
        }
    }

    /// guard's word.
    fn verdict(&mut self, is_killed: bool) {
        self.feed(&Input::Verdict(&Verdict {
            mono_ns: self.now_ns,
            sequence: 1,
            may_add_risk: u64::from(!is_killed),
            killed: u64::from(is_killed),
            trigger: if is_killed { KillTrigger::Drawdown as u64 } else { 0 },
            ..Verdict::default()
        }));
    }

    /// A person releases the switch; a trader that is there must be halted then.
    pub(crate) fn release(&mut self) {
        self.note(|| "== the kill switch is released".to_owned());
        if self.side.is_none() {
            self.is_latched = false;
            return;
        }
        self.verdict(false);
        self.command(CommandKind::Unkill);
        // It may have died over the inputs.
        let state = self.side.as_ref().map(|side| side.desk.engine.state());
        if state != Some(TradingState::Killed) {
            self.is_latched = false;
            self.sites.hit(Site::Released);
        }
        if state == Some(TradingState::Armed) {
            self.judge.fail("I11", "released, it trades without a person's resume".to_owned());
        }
    }

    /// What the venue still shows of an account that is to be empty.
    pub(crate) fn left_at_venue(&self) -> Option<String> {
        let exchange = self.venue.exchange();
        let held = exchange.positions(ACCOUNT).iter().find(|row| !row.qty.is_zero()).cloned();
        if let Some(row) = held {
            return Some(format!("{} of {} are held", row.qty, row.symbol_name));
        }
        let orders = exchange.open_orders(ACCOUNT, None).len();
        let algos = exchange.open_algos(ACCOUNT, None).len();
        let is_any = orders + algos > 0;
        is_any.then(|| format!("{orders} orders and {algos} conditional ones are open"))
    }

    /// A person tightens a limit, gives it back, or tries what is not allowed.
    pub(crate) fn change_a_limit(&mut self) {
        let Some(status) = self.status() else { return };
        let kind = LimitKind::ALL[self.random.below(LimitKind::ALL.len() as u64) as usize];
        let symbol = match kind.is_of_symbol() {
            true => SymbolId(self.random.below(self.setup.names.len() as u64) as u16),
            false => SymbolId::NONE,
        };
        let file = match status.symbols.get(symbol.index()) {
            Some(of_symbol) if kind.is_of_symbol() => of_symbol.limits[kind.place()].file,
            _ => status.limits[kind.place()].file,
        };
        let part = self.random.pick(&[0, 1, 10, 100, 300, 600, 1_000, 1_001, 2_000]);
        let value = i128::from(file.min(COUNT_MAX)) * part / 1_000 + i128::from(part == 1);
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let is_back = self.random.chance(300_000);
        let new = if is_back { NewLimit::File } else { NewLimit::Value(value) };
        self.set_limit(kind, symbol, new);
        self.sites.hit(Site::LimitSet);
    }

    /// Every limit is the file's again.
    pub(crate) fn give_limits_back(&mut self) {
        for kind in LimitKind::ALL {
            let symbols = if kind.is_of_symbol() { self.setup.names.len() } else { 1 };
            for index in 0..symbols {
                let of_symbol = SymbolId(index as u16);
                let symbol = if kind.is_of_symbol() { of_symbol } else { SymbolId::NONE };
                self.set_limit(*kind, symbol, NewLimit::File);
            }
        }
    }

    fn set_limit(&mut self, kind: LimitKind, symbol: SymbolId, new: NewLimit) {
        let now = self.now();
        let Some(side) = self.side.as_mut() else { return };
        side.nonce += 1;
        let command = Command {
            symbol,
            limit: Some((kind, new)),
            ..Command::plain(side.nonce, CommandKind::SetLimit, now.wall, 0)
        };
        self.note(|| format!("== limit {kind} becomes {new:?}"));
        self.feed(&Input::Command(&command));
    }

    fn status(&self) -> Option<Box<Status>> {
        let side = self.side.as_ref()?;
        let mut status = Box::<Status>::default();
        side.desk.engine.fill_status(self.now(), &mut status);
        Some(status)
    }
}
