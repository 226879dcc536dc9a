//! The faults that are set: whether one strikes an occasion, and how often each did.
//!
//! Shared by the core and the connections' tasks behind one lock, which nobody takes while no
//! fault of the family in question is set.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering},
    },
};

use rand::{Rng, SeedableRng, rngs::StdRng};

use super::{Family, Fault, Kind, Outcome, Part, Where, mix::Mix};

/// Something that happens and could go wrong.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Occasion<'a> {
    /// Part of the venue.
    pub(crate) part: Option<Part>,
    /// REST verb or WebSocket-API method.
    pub(crate) method: &'a str,
    /// REST path.
    pub(crate) path: &'a str,
    /// What is asked for, over either way: `place`, `cancel`, `modify`, `cancel_all`, `depth`…
    pub(crate) operation: &'a str,
    /// Stream.
    pub(crate) stream: &'a str,
    /// Event, with the execution type of an order event behind a slash.
    pub(crate) event: &'a str,
    /// Symbol.
    pub(crate) symbol: &'a str,
    /// Account.
    pub(crate) account: Option<usize>,
    /// Number of the connection among those of its route.
    pub(crate) connection: Option<u64>,
    /// Whether a placement only reduces.
    pub(crate) is_reducing: bool,
}

/// The faults of a venue.
pub(crate) struct Faults {
    state: Mutex<State>,
    /// Families with a fault set, as bits.
    families: AtomicU32,
    shift_ms: AtomicI64,
    is_down: AtomicBool,
    has_mix: AtomicBool,
}

struct State {
    active: Vec<Active>,
    random: StdRng,
    next_id: u64,
    mix: Option<Mix>,
    /// Strikes by kind of everything that was ever set.
    struck: BTreeMap<Kind, u64>,
}

struct Active {
    id: u64,
    fault: Fault,
    from_ms: i64,
    until_ms: Option<i64>,
    /// Next time a deed is due.
    next_ms: i64,
    seen: u64,
    struck: u64,
}

impl Active {
    fn is_within(&self, now_ms: i64) -> bool {
        now_ms >= self.from_ms && self.until_ms.is_none_or(|until| now_ms < until)
    }
    /// Whether it will never strike again.
    fn is_spent(&self, now_ms: i64) -> bool {
        let is_counted_out = self.fault.count.is_some_and(|count| self.struck >= count);
        is_counted_out || self.until_ms.is_some_and(|until| now_ms >= until)
    }
}

impl Faults {
    /// None set; chances come from `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        let state = State {
            active: Vec::new(),
            random: StdRng::seed_from_u64(seed ^ 0x5bd1_e995_9e37_79b9),
            next_id: 1,
            mix: None,
            struck: BTreeMap::new(),
        };
        Self {
            state: Mutex::new(state),
            families: AtomicU32::new(0),
            shift_ms: AtomicI64::new(0),
            is_down: AtomicBool::new(false),
            has_mix: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_families(&self, state: &State) {
        let bits = state.active.iter().fold(0, |bits, active| bits | bit(active.fault.kind));
        self.families.store(bits, Ordering::Relaxed);
    }

    /// Sets a fault; its number.
    pub(crate) fn add(&self, fault: Fault, now_ms: i64) -> u64 {
        let mut state = self.state();
        let id = state.next_id;
        state.next_id += 1;
        let from_ms = now_ms.saturating_add_unsigned(fault.start_ms);
        let until_ms = fault.for_ms.map(|ms| from_ms.saturating_add_unsigned(ms));
        log::debug!("fault {id} set: {}", fault.kind.as_str());
        let active = Active { id, fault, from_ms, until_ms, next_ms: from_ms, seen: 0, struck: 0 };
        state.active.push(active);
        self.note_families(&state);
        id
    }

    /// Ends all faults, the seeded mix too.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.active.clear();
        state.mix = None;
        self.has_mix.store(false, Ordering::Relaxed);
        self.note_families(&state);
    }

    /// Ends one fault; whether there was one of that number.
    pub(crate) fn remove(&self, id: u64) -> bool {
        let mut state = self.state();
        let before = state.active.len();
        state.active.retain(|active| active.id != id);
        self.note_families(&state);
        state.active.len() < before
    }

    /// Begins to set faults at random.
    pub(crate) fn begin(&self, mix: Mix) {
        self.state().mix = Some(mix);
        self.has_mix.store(true, Ordering::Relaxed);
    }

    /// Whether a fault of the family is set.
    pub(crate) fn has(&self, family: Family) -> bool {
        self.families.load(Ordering::Relaxed) & (1 << family as u32) != 0
    }

    /// Whether [`Faults::turn`] may have something to do.
    pub(crate) fn is_turning(&self) -> bool {
        self.has(Family::Deed) || self.has_mix.load(Ordering::Relaxed)
    }

    /// The faults of a family that strike now; each counts.
    pub(crate) fn strike(&self, family: Family, at: &Occasion<'_>, now_ms: i64) -> Vec<Fault> {
        if !self.has(family) {
            return Vec::new();
        }
        let mut state = self.state();
        let State { active, random, struck, .. } = &mut *state;
        let mut found = Vec::new();
        for active in active.iter_mut().filter(|active| active.fault.kind.family() == family) {
            if active.is_within(now_ms)
                && applies(&active.fault, at)
                && matches(&condition(&active.fault), at)
                && active.hit(random)
            {
                *struck.entry(active.fault.kind).or_default() += 1;
                log::debug!(
                    "fault {} strikes: {} at {at:?}",
                    active.id,
                    active.fault.kind.as_str()
                );
                found.push(active.fault.clone());
            }
        }
        found
    }

    /// Faults that end or silence a connection without waiting for a frame on it; each counts.
    pub(crate) fn strike_idle(&self, at: &Occasion<'_>, now_ms: i64) -> Option<Fault> {
        let mut state = self.state();
        let State { active, random, struck, .. } = &mut *state;
        let active = active.iter_mut().find(|active| {
            let fault = &active.fault;
            let is_ending =
                matches!(fault.kind, Kind::Close | Kind::Reset | Kind::Cut | Kind::BlackHole);
            is_ending
                && fault.after == 0
                && fault.probability >= 1.0
                && active.is_within(now_ms)
                && matches(&fault.place, at)
        })?;
        if !active.hit(random) {
            return None;
        }
        *struck.entry(active.fault.kind).or_default() += 1;
        log::debug!("fault {} strikes: {} at {at:?}", active.id, active.fault.kind.as_str());
        Some(active.fault.clone())
    }

    /// The state fault of a kind that holds for a symbol, or for anything.
    pub(crate) fn holds(&self, kind: Kind, symbol: &str, now_ms: i64) -> Option<Fault> {
        if !self.has(Family::State) {
            return None;
        }
        let mut state = self.state();
        let State { active, struck, .. } = &mut *state;
        let at = Occasion { symbol, ..Occasion::default() };
        let active = active.iter_mut().find(|active| {
            active.fault.kind == kind
                && active.is_within(now_ms)
                && matches(&active.fault.place, &at)
        })?;
        if active.struck == 0 {
            active.struck = 1;
            *struck.entry(kind).or_default() += 1;
            log::debug!("fault {} begins: {}", active.id, kind.as_str());
        }
        Some(active.fault.clone())
    }

    /// Deeds due now; each counts. Also sets what the mix has for this moment and forgets what is
    /// over.
    pub(crate) fn turn(&self, symbols: &[String], now_ms: i64) -> Vec<Fault> {
        let mut fresh = Vec::new();
        {
            let mut state = self.state();
            if let Some(mix) = &mut state.mix {
                fresh = mix.due(symbols, now_ms);
            }
        }
        for fault in fresh {
            self.add(fault, now_ms);
        }
        if self.families.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let mut state = self.state();
        let State { active, struck, mix, .. } = &mut *state;
        let mut due = Vec::new();
        for active in active.iter_mut().filter(|active| active.fault.kind.family() == Family::Deed)
        {
            let again = active.fault.every_ms;
            let count = active.fault.count.or(again.is_none().then_some(1));
            let is_left = count.is_none_or(|count| active.struck < count);
            if is_left && active.is_within(now_ms) && now_ms >= active.next_ms {
                active.struck += 1;
                active.next_ms = now_ms.saturating_add_unsigned(again.unwrap_or(0));
                *struck.entry(active.fault.kind).or_default() += 1;
                log::debug!("fault {} acts: {}", active.id, active.fault.kind.as_str());
                due.push(active.fault.clone());
            }
        }
        // Those of a list stay, with their counts; a mix would pile up.
        if mix.is_some() {
            active.retain(|active| !active.is_spent(now_ms));
            self.note_families(&state);
        }
        due
    }

    /// A coin for a hidden outcome.
    pub(crate) fn is_executed(&self, outcome: Option<Outcome>, usual: Outcome) -> bool {
        match outcome.unwrap_or(usual) {
            Outcome::Executed => true,
            Outcome::Not => false,
            Outcome::Either => self.state().random.random_bool(0.5),
        }
    }

    /// A number for whoever needs chance.
    pub(crate) fn random(&self) -> u64 {
        self.state().random.random()
    }

    /// How far the told time is from the true one.
    pub(crate) fn shift_ms(&self) -> i64 {
        self.shift_ms.load(Ordering::Relaxed)
    }
    /// Shifts the told time.
    pub(crate) fn set_shift_ms(&self, ms: i64) {
        self.shift_ms.store(ms, Ordering::Relaxed);
    }
    /// Whether the venue is in maintenance.
    pub(crate) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }
    /// Begins or ends maintenance; whether that changed anything.
    pub(crate) fn set_down(&self, is_down: bool) -> bool {
        self.is_down.swap(is_down, Ordering::Relaxed) != is_down
    }

    /// What is set, how often each struck, and the sums by kind.
    pub(crate) fn report(&self, now_ms: i64) -> serde_json::Value {
        let state = self.state();
        let row = |active: &Active| {
            let mut row = serde_json::to_value(&active.fault).unwrap_or_default();
            row["id"] = active.id.into();
            row["seen"] = active.seen.into();
            row["struck"] = active.struck.into();
            row["on"] = (active.is_within(now_ms) && !active.is_spent(now_ms)).into();
            row
        };
        let struck: serde_json::Map<String, serde_json::Value> = state
            .struck
            .iter()
            .map(|(kind, count)| (kind.as_str().to_owned(), (*count).into()))
            .collect();
        let total: u64 = state.struck.values().sum();
        let faults: Vec<_> = state.active.iter().map(row).collect();
        let is_seeded = state.mix.is_some();
        serde_json::json!({
            "faults": faults, "struck": struck, "struck_total": total, "seeded": is_seeded,
        })
    }
}

impl Active {
    fn hit(&mut self, random: &mut StdRng) -> bool {
        self.seen += 1;
        let is_hit = self.seen > self.fault.after
            && self.fault.count.is_none_or(|count| self.struck < count)
            && (self.fault.probability >= 1.0 || random.random_bool(self.fault.probability));
        self.struck += u64::from(is_hit);
        is_hit
    }
}

fn bit(kind: Kind) -> u32 {
    1 << kind.family() as u32
}

/// Whether a kind means anything at this occasion.
fn applies(fault: &Fault, at: &Occasion<'_>) -> bool {
    let is = |names: &[&str]| names.contains(&at.operation);
    match fault.kind {
        Kind::FillFirst => is(&["cancel", "modify"]),
        Kind::SnapshotOld => is(&["depth"]),
        Kind::AccountEmpty | Kind::PositionOff => is(&["account", "balance", "position"]),
        Kind::CancelAllPartial => is(&["cancel_all"]),
        // Which route a connection is for is known when it asks for its upgrade.
        Kind::Refuse | Kind::Mute | Kind::SlowHandshake if fault.place.route.is_some() => {
            is(&["upgrade"])
        }
        Kind::Refuse | Kind::Mute | Kind::SlowHandshake | Kind::BadCertificate => is(&["accept"]),
        Kind::RefuseUpgrade | Kind::Lifetime => is(&["upgrade"]),
        // Cancels and what reduces are exempt (PROTOCOL 7).
        Kind::Answer if fault.code == Some(-1008) => is(&["place"]) && !at.is_reducing,
        _ => true,
    }
}

/// The conditions on an occasion; the symbol of [`Kind::PositionOff`] says whose row is wrong.
fn condition(fault: &Fault) -> Cow<'_, Where> {
    if fault.kind == Kind::PositionOff && fault.place.symbol.is_some() {
        return Cow::Owned(Where { symbol: None, ..fault.place.clone() });
    }
    Cow::Borrowed(&fault.place)
}

fn matches(place: &Where, at: &Occasion<'_>) -> bool {
    let Where { route, method, path, stream, event, symbol, account, connection } = place;
    let is =
        |wanted: &Option<String>, test: &dyn Fn(&str) -> bool| wanted.as_deref().is_none_or(test);
    route.is_none_or(|route| at.part == Some(route))
        && is(method, &|name| {
            name.eq_ignore_ascii_case(at.method) || (!name.is_empty() && name == at.operation)
        })
        && is(path, &|path| {
            at.path == path || (!path.is_empty() && at.path.ends_with(&format!("/{path}")))
        })
        && is(stream, &|stream| {
            at.stream == stream || (stream.starts_with('@') && at.stream.ends_with(stream))
        })
        && is(event, &|event| at.event == event || at.event.split('/').next() == Some(event))
        && is(symbol, &|symbol| symbol.eq_ignore_ascii_case(at.symbol))
        && account.is_none_or(|account| at.account == Some(account))
        && connection.is_none_or(|number| at.connection == Some(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placing() -> Occasion<'static> {
        Occasion {
            part: Some(Part::Order),
            method: "order.place",
            operation: "place",
            symbol: "BTCUSDT",
            account: Some(0),
            ..Occasion::default()
        }
    }

    fn strikes(fault: Fault, occasions: usize) -> Vec<usize> {
        let faults = Faults::new(1);
        faults.add(fault, 0);
        let mut at = Vec::new();
        for index in 0..occasions {
            if !faults.strike(Family::Request, &placing(), index as i64 * 10).is_empty() {
                at.push(index);
            }
        }
        at
    }

    #[test]
    fn after_count_and_time_say_when() {
        let fault = || Fault::new(Kind::SwallowReply);
        assert_eq!(strikes(fault(), 3), [0, 1, 2]);
        assert_eq!(strikes(fault().after(1).count(1), 4), [1]);
        assert_eq!(strikes(Fault { start_ms: 20, for_ms: Some(20), ..fault() }, 6), [2, 3]);
        let some = strikes(fault().probability(0.5), 100).len();
        assert!((30..70).contains(&some), "{some}");
    }

    #[test]
    fn conditions_must_all_hold() {
        let fault = || Fault::new(Kind::SwallowReply);
        let hits = |fault| !strikes(fault, 1).is_empty();
        assert!(hits(fault().on(Part::Order).method("order.place").symbol("btcusdt")));
        assert!(hits(fault().method("place")));
        assert!(!hits(fault().method("cancel")));
        assert!(!hits(fault().on(Part::Rest)));
        assert!(!hits(fault().connection(0)));
        let overload = Fault::new(Kind::Answer).code(-1008);
        assert!(hits(overload.clone()));
        let faults = Faults::new(1);
        faults.add(overload, 0);
        let reducing = Occasion { is_reducing: true, ..placing() };
        assert!(faults.strike(Family::Request, &reducing, 0).is_empty());
    }

    #[test]
    fn deeds_are_done_once_or_again_and_again() {
        let faults = Faults::new(1);
        faults.add(Fault { start_ms: 100, ..Fault::new(Kind::Funding) }, 0);
        faults.add(Fault { every_ms: Some(50), ..Fault::new(Kind::Adl) }, 0);
        let mut done = BTreeMap::new();
        for now_ms in (0..=200).step_by(50) {
            for deed in faults.turn(&[], now_ms) {
                *done.entry(deed.kind.as_str()).or_insert(0) += 1;
            }
        }
        assert_eq!(done, BTreeMap::from([("adl", 5), ("funding", 1)]));
        let report = faults.report(200);
        assert_eq!((&report["struck_total"], &report["struck"]["adl"]), (&6.into(), &5.into()));
        faults.clear();
        assert!(faults.turn(&[], 300).is_empty() && !faults.has(Family::Deed));
    }
}
