//! The trader's hot side: the same parts as `trader::turn` drives, on memory instead of sockets.

use binance::SymbolTable;
use engine::{Engine, Input};
use schema::{Command, CommandKind, Counter, DepthBuf, Event as Record_, Link, Record, WallNs};
use trader::cold::deadman;
use trader::desk::Desk;
use trader::feed::{Arbiter, Twice};
use trader::gate::Gate;
use trader::net::{HEAD_BYTES_MAX, LinkError, Sent};
use trader::queues::{SLOTS, Slot};
use trader::session::{Ask, Change, GiveUp, Session};

use crate::cold::{Cold, Job};
use crate::network::{MS, Way, Wire};
use crate::setup;
use crate::sites::Site;
use crate::world::{Event, World};

mod receive;

/// Where the gate writes: memory.
#[derive(Debug, Default)]
struct Outgoing {
    texts: Vec<String>,
}

impl trader::net::Wire for Outgoing {
    fn send_text(&mut self, buffer: &mut [u8], payload_bytes: usize) -> Result<Sent, LinkError> {
        let payload = &buffer[HEAD_BYTES_MAX..HEAD_BYTES_MAX + payload_bytes];
        self.texts.push(String::from_utf8_lossy(payload).into_owned());
        Ok(Sent::default())
    }
}

/// A trader.
pub(crate) struct Side {
    pub(crate) desk: Desk<Vec<Record>>,
    pub(crate) session: Session,
    pub(crate) arbiter: Arbiter,
    pub(crate) twice: Twice,
    pub(crate) symbols: SymbolTable,
    depth: Option<Box<DepthBuf>>,
    pub(crate) wires: [Option<Wire>; SLOTS],
    pub(crate) cold: Cold,
    pub(crate) turns: u64,
    pub(crate) nonce: u64,
}

impl World {
    /// A trader starts, with the journal of the one before.
    pub(crate) fn start(&mut self) {
        self.life += 1;
        let life = self.life;
        let is_killed = self.is_latched;
        let config = self.setup.engine(life, is_killed);
        let engine = match Engine::new(config) {
            Ok(engine) => engine,
            Err(error) => return self.judge.fail("setup", error.to_string()),
        };
        let encoder = match self.setup.encoder() {
            Ok(encoder) => encoder,
            Err(error) => return self.judge.fail("setup", format!("{error:#}")),
        };
        let names = &self.setup.names;
        let left = trader::cold::Left::of(self.journal.iter(), names);
        let (log, _) = rtrb::RingBuffer::new(1);
        let mut desk =
            Desk::new(engine, Gate::new(encoder), core::mem::take(&mut self.journal), log);
        let now = self.now();
        desk.record(now, &Record_::Boot(schema::BootEpoch(life), now.wall));
        let missed = left.as_ref().map(|left| left.missed);
        let session = Session::new(setup::session(), names.len(), missed, now);
        let symbols = SymbolTable::new(names);
        self.side = Some(Side {
            session,
            arbiter: Arbiter::new(),
            twice: Twice::default(),
            symbols,
            depth: Some(Box::new(DepthBuf::new())),
            wires: [None; SLOTS],
            cold: Cold::new(left),
            turns: 0,
            nonce: u64::from(life) << 32,
            desk,
        });
        if let (Some(tape), Some(side)) = (self.tape.as_mut(), self.side.as_ref()) {
            tape.begun(life, is_killed, side.desk.journal.len());
        }
        if is_killed {
            self.sites.hit(Site::StartedKilled);
        }
        self.judge.started(self.now_ns, is_killed);
        self.note(|| format!("== trader {life} starts"));
    }

    /// One input: the engine decides, the gate writes, the judge looks.
    pub(crate) fn feed(&mut self, input: &Input<'_>) {
        let now = self.now();
        let Some(side) = self.side.as_mut() else { return };
        self.judge.before(&side.desk.engine, now, input);
        if let Some(tape) = self.tape.as_mut() {
            tape.take(now, input);
        }
        let journalled = side.desk.journal.len();
        let slot = side.session.orders();
        let wire = slot.and_then(|slot| side.wires[slot.index()]);
        let mut out = Outgoing::default();
        let orders = wire.is_some().then_some(&mut out);
        let state = side.desk.engine.state();
        let _ = side.desk.take(now, input, WallNs(0), orders, &mut [0; 9]);
        if !out.texts.is_empty()
            && let Some(slot) = slot
        {
            side.session.sent(now, slot);
        }
        let engine = &side.desk.engine;
        let after = (engine.state(), engine.state_reason());
        self.judge.after(engine, now, input, self.is_lied_to);
        for text in &out.texts {
            self.judge.leaves(engine, now, input, text, self.banned_until);
        }
        if after.0 != state {
            self.note(|| format!("-- {state} -> {} ({})", after.0, after.1));
        }
        if let Some(wire) = wire {
            for text in out.texts.drain(..) {
                self.note(|| format!("> {}", brief(&text)));
                self.send(wire, Way::ToVenue, |wire| Event::ToVenue(wire, text.clone()));
                if self.random.chance(self.plan.crash_within * 10) {
                    return self.die_unjournalled(journalled);
                }
            }
        }
        while let Some(id) = self.side.as_mut().and_then(|side| side.desk.next_unsent()) {
            self.feed(&Input::SendFailed(id));
        }
        if self.random.chance(self.plan.crash_within) {
            self.die();
        }
    }

    /// Dies after the write and before the journal has it.
    fn die_unjournalled(&mut self, journalled: usize) {
        if self.tape.is_none()
            && let Some(side) = self.side.as_mut()
        {
            side.desk.journal.truncate(journalled);
            self.sites.hit(Site::CrashUnjournalled);
        }
        self.die();
    }

    fn changed(&mut self, change: Option<Change>) {
        if let Some(change) = change {
            self.change(change);
        }
    }

    /// A connection stands.
    pub(crate) fn opened(&mut self, slot: Slot, wire: Wire) {
        let now = self.now();
        let Some(side) = self.side.as_mut() else { return };
        side.wires[slot.index()] = Some(wire);
        if slot.link() == Link::User {
            side.twice.set_up(slot.lane(), Some(now.mono));
        }
        let change = side.session.opened(now, slot);
        self.note(|| format!("   {} {} is up", slot.link(), slot.lane()));
        self.change(change);
    }

    fn change(&mut self, change: Change) {
        let Some(side) = self.side.as_mut() else { return };
        if let Some(slot) = change.proved {
            side.cold.dials.proved(slot);
            if slot.link() == Link::Public {
                side.arbiter.set_up(slot.lane(), true);
            }
        }
        side.desk.set_order_ready(side.session.orders().is_some());
        if let Some((link, is_up)) = change.link {
            if !is_up {
                side.arbiter.reset(link);
            }
            self.feed(&Input::Link(link, is_up));
        }
        if change.promoted.is_some() {
            self.sites.hit(Site::Promoted);
            self.feed(&Input::Link(Link::Order, true));
        }
    }

    /// Gives a connection up.
    pub(crate) fn lose(&mut self, slot: Slot) {
        let now = self.now();
        let random = self.random.word() as u32;
        let Some(side) = self.side.as_mut() else { return };
        let Some(wire) = side.wires[slot.index()].take() else { return };
        self.lines[wire].is_open = false;
        side.cold.dials.failed(now.mono, slot, random);
        match slot.link() {
            Link::Public => side.arbiter.set_up(slot.lane(), false),
            Link::User => side.twice.set_up(slot.lane(), None),
            Link::Market | Link::Order => {}
        }
        let change = side.session.lost(now, slot);
        let pause = self.random.between(1, 200) * MS;
        self.after(pause, Event::Closed(wire));
        self.note(|| format!("   {} {} is lost", slot.link(), slot.lane()));
        self.change(change);
    }

    /// What the turn does at a timer.
    pub(crate) fn timer(&mut self) {
        if self.side.is_none() {
            return;
        }
        self.feed(&Input::Timer);
        self.release_held();
        self.watch();
        self.ask();
        self.cold_turn();
        if let Some(side) = self.side.as_mut() {
            side.turns += 1;
        }
    }

    fn watch(&mut self) {
        let now = self.now();
        while let Some((slot, why)) = self.side.as_mut().and_then(|side| side.session.watch(now)) {
            if why == GiveUp::Frozen {
                self.sites.hit(Site::Frozen);
            }
            self.note(|| format!("   {} {}: {why}", slot.link(), slot.lane()));
            self.lose(slot);
        }
        let report_ns = setup::session().report_ns;
        let frozen = self.side.as_mut().and_then(|side| side.twice.frozen(now.mono, report_ns));
        if let (Some(lane), Some(side)) = (frozen, self.side.as_mut()) {
            side.session.frozen();
            self.sites.hit(Site::Frozen);
            self.lose(Slot::of(Link::User, lane));
        }
        while let Some(side) = self.side.as_mut() {
            let Some(slot) = side.session.next_ping(now) else { break };
            let Some(wire) = side.wires[slot.index()] else { continue };
            side.session.sent(now, slot);
            self.send(wire, Way::ToVenue, |wire| Event::Ping(wire, false));
        }
    }

    fn ask(&mut self) {
        let now = self.now();
        while let Some(side) = self.side.as_mut() {
            let Some(ask) = side.session.next_ask(now, &side.desk.engine) else { return };
            match ask {
                Ask::Dial(slot) => side.cold.dials.want(slot),
                Ask::Snapshot(symbol) => side.cold.jobs.push_back(Job::Snapshot(symbol)),
                Ask::Reconcile(missed) => side.cold.reconcile(missed),
                Ask::Fallback(is_on) => side.cold.fallback_at = is_on.then_some(now.mono.0),
            }
        }
    }

    /// A person or a tool asks something.
    pub(crate) fn command(&mut self, kind: CommandKind) {
        let now = self.now();
        let Some(side) = self.side.as_mut() else { return };
        side.nonce += 1;
        let command = Command::plain(side.nonce, kind, now.wall, 0);
        self.note(|| format!("== command {kind}"));
        self.feed(&Input::Command(&command));
    }

    /// How often the trader counted something in its lives.
    pub(crate) fn counted(&self, counter: Counter) -> u64 {
        self.side.as_ref().map_or(0, |side| {
            side.desk.engine.counters()[counter]
                + side.session.counts()[counter]
                + side.arbiter.counts()[counter]
        })
    }

    pub(crate) fn set_dead_man(&mut self, is_set: bool) {
        self.feed(&Input::DeadMan(is_set));
    }
}

/// The settings of the dead-man timers.
pub(crate) const DEAD_MAN: deadman::Settings =
    deadman::Settings { countdown_ms: setup::COUNTDOWN_MS, refresh_ms: setup::COUNTDOWN_MS / 3 };

/// The beginning of a text.
fn brief(text: &str) -> String {
    let start = text.find("\"apiKey\":").map_or(0, |at| at + 78);
    let head: String = text.chars().take(if start == 0 { 0 } else { 35 }).collect();
    let rest: String = text.chars().skip(start).take(150).collect();
    format!("{head}{rest}")
}
