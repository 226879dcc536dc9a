//! One place for a connection.

use schema::{Link, MonoNs};

use crate::feed::Watch;
use crate::queues::Slot;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Stage {
    /// None, and none wanted.
    #[default]
    Free,
    /// The cold thread was asked for one.
    Dialling,
    /// It stands: handshakes are done.
    Opened,
    /// It does what it is for.
    Ready,
}

/// A place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) stage: Stage,
    pub(super) opened_at: MonoNs,
    /// Since when an answer is owed and nothing came.
    pub(super) owed_since: Option<MonoNs>,
    pub(super) pinged_at: Option<MonoNs>,
    /// Data came.
    pub(super) is_proved: bool,
    pub(super) is_frozen: bool,
    /// Messages in a row that could not be read.
    pub(super) refused: u32,
    /// The connection this one was made to replace.
    pub(super) replaces: Option<Slot>,
    pub(super) watch: Watch,
}

impl Place {
    pub(super) fn open(&mut self, now: MonoNs) {
        *self = Self {
            stage: Stage::Opened,
            opened_at: now,
            replaces: self.replaces,
            ..Self::default()
        };
        self.watch.open(now);
    }
    /// Something came.
    #[inline]
    pub(super) fn alive(&mut self) {
        self.owed_since = None;
    }
    /// Whether it may take another's place: markets need data, the others an answer to the first
    /// ping (or the logon).
    pub(super) fn is_fit(&self, link: Link) -> bool {
        match link {
            Link::Public | Link::Market => self.is_proved,
            Link::User | Link::Order => self.pinged_at.is_some() && self.owed_since.is_none(),
        }
    }
}
