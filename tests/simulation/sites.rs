//! Rare branches that a run over many seeds must have reached, each at least once.

macro_rules! sites {
    ($($variant:ident $text:literal,)+) => {
        /// A rare branch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Site { $(#[doc = $text] $variant),+ }

        impl Site {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// What it is.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

sites! {
    FillBeforeAck "a fill came before the order's answer",
    FillAfterCancel "a fill came after the order's end",
    FillDuplicate "a fill came twice",
    FillMadeUp "a missed fill was made up for by REST",
    UnknownAbsent "an unknown order was absent after all",
    UnknownAdopted "an unknown order was found alive or filled",
    AmendRace "an order filled before its amendment",
    CancelRace "an order filled before its cancel",
    HeldBackMadeUp "an early diff waited for its predecessor from the other connection",
    BookResynced "a book with a gap was made whole by a snapshot",
    Promoted "the warm order connection took over",
    SuspectConfirmed "an empty account was not believed",
    BanObeyed "nothing was sent while the venue banned",
    CrashInFlight "the trader died with an order on its way",
    CrashUnjournalled "the trader died between the write and the journal",
    RestartAdopted "a restarted trader found its old orders open",
    Frozen "a frozen user stream was found",
    ListenKeyGone "the listen key expired",
    ClockJumped "our clock jumped",
    ClockRefused "the venue refused a request for its time",
    External "somebody else traded on the account",
    Liquidated "the venue took a position down",
    JournalPressed "the journal filled",
    LoopStood "the hot loop stood still",
    Killed "the kill switch was pressed",
    KilledWhileDead "the kill switch was pressed while the trader was dead",
    StartedKilled "a trader started with the kill switch pressed",
    EndedFlat "after a kill the venue showed nothing",
    Released "a person released the kill switch",
    LimitSet "a person changed a limit",
    ExternalAlgo "somebody else placed a conditional order",
    Halted "a person halted",
    Resumed "a person resumed",
    Flattened "a person flattened",
    DeadManStruck "the venue's dead-man timer cancelled orders",
    ReconcileFailed "a reconciliation failed and was made again",
    Difference "a truth differed from what was known",
    Fallback "prices came by REST while no market connection was up",
    Resent "an order that certainly failed was sent again under its own id",
    NotConnected "a dial failed",
}

/// Which sites a run reached.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sites(u64);

const _: () = assert!(Site::ALL.len() <= 64);

impl Sites {
    /// It was reached.
    pub(crate) const fn hit(&mut self, site: Site) {
        self.0 |= 1 << site as u32;
    }
    /// Those of both.
    pub(crate) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
    /// Whether it was reached.
    pub(crate) const fn has(self, site: Site) -> bool {
        self.0 & (1 << site as u32) != 0
    }
}
