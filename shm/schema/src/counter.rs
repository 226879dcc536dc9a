//! What is counted and gauged beyond the named fields of [`crate::Status`].
//!
//! A fault that nobody can see did not get handled: whatever the trader does about one moves a
//! [`Counter`]. Adding one is adding a line here; `metrics` shows every line as
//! `shrike_<name>_total` (gauges as `shrike_<name>`) with its text as the help.

use core::ops::{Index, IndexMut};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Places in [`Counters`] and [`Gauges`]; raising it changes the layout.
pub const COUNTERS_MAX: usize = 128;

macro_rules! counted {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal : $help:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $(#[doc = $help] $variant),+ }

        impl $name {
            /// Every one, in the order of their places.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Name of the metric, without prefix and suffix.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
            /// What it counts.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }
        }
        const _: () = assert!($name::ALL.len() <= COUNTERS_MAX);
    };
}

counted!(
    /// A count since the start of the trader.
    Counter {
        LinkLost = "link_lost": "Connections lost, cut or given up.",
        LinkSilent = "link_silent": "Connections given up because a stream was silent.",
        LinkRolledOver = "link_rolled_over": "Connections replaced before the venue's time limit.",
        OrderLinkPromoted = "order_link_promoted": "Times the warm order connection took over.",
        DialFailed = "dial_failed": "Connections that could not be made.",
        FrameRefused = "frame_refused": "Frames that could not be read: bad framing, text or values.",
        FeedDuplicate = "feed_duplicate": "Market messages that had come before, on either connection.",
        FeedMadeUp = "feed_made_up": "Messages one connection lost and the other brought.",
        FeedRestarted = "feed_restarted": "Times the venue's update ids began anew.",
        FeedDiverged = "feed_diverged": "Messages of one number with different content.",
        BookGap = "book_gap": "Gaps in a depth book that needed a new snapshot.",
        BookResync = "book_resync": "Snapshots that brought a depth book back.",
        StaleTick = "stale_tick": "Market messages too old to act on.",
        RestFallback = "rest_fallback": "Prices fetched by REST while no market connection was up.",
        Quarantined = "quarantined": "Symbols set aside because of impossible values.",
        UnknownOutcome = "unknown_outcome": "Requests whose outcome became unknown.",
        UnknownResolved = "unknown_resolved": "Orders of unknown outcome whose state was found out.",
        FillDuplicate = "fill_duplicate": "Notices of a fill that was booked before.",
        FillLate = "fill_late": "Fills of an order that had ended.",
        FillBeforeAck = "fill_before_ack": "Fills that came before their order's acknowledgement.",
        FillMadeUp = "fill_made_up": "Fills fetched by REST because their notice was missed.",
        ExternalOrder = "external_order": "Orders and fills of the account that are not ours.",
        Liquidation = "liquidation": "Liquidations, deleveragings and settlements by the venue.",
        VenueThrottled = "venue_throttled": "Answers 429, 418 and too many orders.",
        VenueOverloaded = "venue_overloaded": "Answers that a request certainly failed for overload.",
        ClockRejected = "clock_rejected": "Requests the venue refused for their time.",
        RestOrder = "rest_order": "Requests sent by REST because no order connection could.",
        Reconciled = "reconciled": "Reconciliations with the venue.",
        ReconcileFailed = "reconcile_failed": "Reconciliations without a whole answer.",
        Difference = "difference": "Differences a reconciliation found.",
        SuspectAccount = "suspect_account": "Account answers too odd to be believed at once.",
        ListenKeyLost = "listen_key_lost": "Listen keys that ended before their time.",
        UserStreamFrozen = "user_stream_frozen": "User streams that were alive and told nothing.",
        DeadManSet = "dead_man_set": "Times the venue's dead-man timer was set or refreshed.",
        DeadManFailed = "dead_man_failed": "Times it could not be set.",
        LoopGap = "loop_gap": "Gaps between turns longer than the limit.",
        ClockJump = "clock_jump": "Jumps of the wall clock.",
        JournalPressure = "journal_pressure": "Times the journal became too full to add risk.",
        CancelRetried = "cancel_retried": "Cancels asked for again.",
        OrderResent = "order_resent": "Orders sent again under the same id after a certain failure.",
        OrderRefused = "order_refused": "Orders, changes and cancels the venue refused.",
        OrderAbsent = "order_absent": "Orders of unknown outcome the venue turned out not to have.",
        StopPlaced = "stop_placed": "Protective stops placed.",
        StopMissing = "stop_missing": "Times a position was found without its protective stop.",
        StopTriggered = "stop_triggered": "Protective stops that acted.",
        Released = "quarantine_released": "Symbols taken back after they were set aside.",
        ForeignOrders = "foreign_orders": "Orders of another living trader of ours.",
        ClockSkew = "clock_skew": "Times the venue's clock was found too far from ours.",
        RulesChanged = "rules_changed": "Times the venue's filters or the status of a symbol changed.",
        StaleSymbol = "stale_symbol": "Times the market of one symbol fell silent.",
        Funding = "funding": "Funding payments.",
    }
);

counted!(
    /// A value of now.
    Gauge {
        ClockOffsetNs = "clock_offset_ns": "The venue's clock less ours, nanoseconds.",
        ClockRoundTripNs = "clock_round_trip_ns": "Round trip of the last clock comparison, nanoseconds.",
        WeightUsed = "weight_used": "Request weight used this minute, as the venue counts.",
        OrderCount10s = "order_count_10s": "Orders counted in ten seconds, as the venue counts.",
        DeadMan = "dead_man": "1 while the venue's dead-man timers are set.",
        QuarantinedSymbols = "quarantined_symbols": "Symbols set aside now.",
    }
);

/// Changes whenever a place changes its meaning; part of [`crate::LAYOUT_HASH`].
pub(crate) const NAMES_HASH: u64 = {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut index = 0;
    while index < Counter::ALL.len() + Gauge::ALL.len() {
        let is_counter = index < Counter::ALL.len();
        let name = if is_counter {
            Counter::ALL[index].as_str().as_bytes()
        } else {
            Gauge::ALL[index - Counter::ALL.len()].as_str().as_bytes()
        };
        let mut at = 0;
        while at < name.len() {
            hash = (hash ^ name[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            at += 1;
        }
        hash = (hash ^ 0xff).wrapping_mul(0x0000_0100_0000_01b3);
        index += 1;
    }
    hash
};

/// Counts by [`Counter`].
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Counters(pub [u64; COUNTERS_MAX]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; COUNTERS_MAX])
    }
}

impl Counters {
    /// Counts one more.
    #[inline]
    pub fn count(&mut self, counter: Counter) {
        self.0[counter as usize] += 1;
    }
    /// Adds the counts of another part.
    pub fn add(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            *ours += theirs;
        }
    }
}

impl Index<Counter> for Counters {
    type Output = u64;
    #[inline]
    fn index(&self, counter: Counter) -> &u64 {
        &self.0[counter as usize]
    }
}

/// Values by [`Gauge`].
#[derive(Debug, Clone, Copy, PartialEq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Gauges(pub [i64; COUNTERS_MAX]);

impl Default for Gauges {
    fn default() -> Self {
        Self([0; COUNTERS_MAX])
    }
}

impl Index<Gauge> for Gauges {
    type Output = i64;
    #[inline]
    fn index(&self, gauge: Gauge) -> &i64 {
        &self.0[gauge as usize]
    }
}

impl IndexMut<Gauge> for Gauges {
    #[inline]
    fn index_mut(&mut self, gauge: Gauge) -> &mut i64 {
        &mut self.0[gauge as usize]
    }
}
