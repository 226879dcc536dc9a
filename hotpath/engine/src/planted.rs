//! Bugs planted on purpose, to show that the simulation finds them.
//!
//! Only under feature `planted`, which nothing but `simulate --plants` turns on. Without it
//! [`planted`] is `false` at compile time and nothing of this remains.

macro_rules! bugs {
    ($($variant:ident $help:literal,)+) => {
        /// A bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Bug { $(#[doc = $help] $variant),+ }

        impl Bug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// What is wrong with it.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }
        }
    };
}

bugs! {
    UnknownResent "an order of unknown outcome is sent again at once",
    UnknownIsDead "an order of unknown outcome counts as dead",
    LiteAndReport "the fast notice of a fill and its report are both booked",
    LateFillIgnored "a fill after the order's end is not booked",
    FillByOrderId "fills are told apart by the order's id instead of the trade's",
    InFlightForgotten "the worst case forgets orders that are not acknowledged",
    CancelClears "a cancel clears the exposure before it is confirmed",
    GapUnnoticed "a gap in the diffs of a book is not noticed",
    EmptyBelieved "an empty position told once is believed",
    KillLate "the kill switch is heeded half a second late",
    KillForgetsStops "the kill switch leaves conditional orders where they are",
    BanIgnored "a ban of the venue is not heeded",
    UserLossIgnored "the loss of the user stream is no loss of truth",
    JumpIgnored "a jump of our clock is no loss of truth",
    PressureIgnored "a journal that fills does not keep from adding risk",
    MissedForgotten "what was missed while the user stream was down is not asked for",
}

#[cfg(feature = "planted")]
std::thread_local! {
    static PLANTED: core::cell::Cell<Option<Bug>> = const { core::cell::Cell::new(None) };
}

/// Plants a bug for this thread, or takes it out.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.set(bug);
}

/// Whether a bug is planted.
#[cfg(feature = "planted")]
pub fn planted(bug: Bug) -> bool {
    PLANTED.get() == Some(bug)
}

/// Whether a bug is planted: never.
#[cfg(not(feature = "planted"))]
#[inline(always)]
pub const fn planted(_: Bug) -> bool {
    false
}
