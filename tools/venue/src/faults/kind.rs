//! The kinds of fault, with what each does and which parameters it reads.

/// When a kind strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// At a frame to one connection.
    Frame,
    /// At an event, before it is fanned out: nobody gets it right.
    Event,
    /// At a request.
    Request,
    /// At a new connection.
    Dial,
    /// While it is on: a state of the venue.
    State,
    /// Of itself: when it begins, and every `every_ms`.
    Deed,
}

macro_rules! kinds {
    ($($variant:ident $text:literal $family:ident $rows:literal : $help:literal,)+) => {
        /// What happens. Each kind says its parameters; `Fxx` are rows of the fault list.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind { $(#[doc = $help] #[doc = $rows] $variant),+ }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// Its name.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
            /// When it strikes.
            pub const fn family(self) -> Family {
                match self { $(Self::$variant => Family::$family),+ }
            }
            /// What it does.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }
            /// Rows of the fault list it serves.
            pub const fn rows(self) -> &'static str {
                match self { $(Self::$variant => $rows),+ }
            }
        }
    };
}

kinds! {
    // Frames to one connection (market, user, or answers of the WebSocket API).
    Close "close" Frame "F01":
        "Closes the connection with a close frame instead of sending (`code`, 1001).",
    Reset "reset" Frame "F01":
        "Writes `bytes` of the frame (0), then resets the TCP connection.",
    Cut "cut" Frame "F01":
        "Writes `bytes` of the frame (0), then ends the connection without a close frame.",
    BlackHole "black_hole" Frame "F02":
        "The connection stays open, but nothing is read or written any more (for `ms`, else \
         for ever).",
    Stall "stall" Frame "F03":
        "Holds this and all later frames of the connection for `ms` (5,000), then sends them \
         at once.",
    Lag "lag" Frame "F17":
        "Sends the frame `ms` later (200); the connection's order is kept.",
    Silence "silence" Frame "F04 F31":
        "Does not send the frame; with a stream, that one falls silent.",
    Duplicate "duplicate" Frame "F06 F25":
        "Sends the frame twice.",
    Swap "swap" Frame "F07 F26":
        "Sends the frame after the next one.",
    Garbage "garbage" Frame "F09":
        "Writes `bytes` (64) random bytes below the framing instead of the frame.",
    BadOpcode "bad_opcode" Frame "F09":
        "Sends the frame with a reserved opcode.",
    BadMask "bad_mask" Frame "F09":
        "Sends the frame masked, as a server must not.",
    BadRsv "bad_rsv" Frame "F09":
        "Sends the frame with a reserved bit.",
    TruncatedJson "truncated_json" Frame "F09":
        "Sends the first `bytes` of the text (half of it) as a whole frame.",
    HugeFrame "huge_frame" Frame "F10":
        "Sends a frame of `bytes` (17 MiB) instead.",
    Fragments "fragments" Frame "F10":
        "Sends fragments that never end, `bytes` of them (1,000,000), one byte each.",
    BadUtf8 "bad_utf8" Frame "F11":
        "Puts bytes into the text that are not UTF-8.",
    NulBytes "nul_bytes" Frame "F11":
        "Puts NUL into the text.",
    EscapedKeys "escaped_keys" Frame "F11":
        "Writes the keys with \\u escapes: odd, but right.",
    DeepNesting "deep_nesting" Frame "F11":
        "Sends `bytes` (10,000) nested lists instead.",
    DuplicateKeys "duplicate_keys" Frame "F11":
        "Repeats the text's keys with other values.",
    BadNumber "bad_number" Frame "F12":
        "Writes `value` (\"NaN\"; also \"1e309\", \"-1\", \"\", 40 digits) where `field` (the \
         price) was.",
    Crossed "crossed" Frame "F13":
        "Puts the bid above the ask.",
    Locked "locked" Frame "F13":
        "Puts the bid onto the ask.",
    ZeroPrice "zero_price" Frame "F13":
        "Makes the prices zero.",
    PriceOff "price_off" Frame "F13 F17":
        "Moves the prices by `ppm` (-900,000).",
    Diverge "diverge" Frame "F17":
        "Changes the quantities under the same update id (by `ppm`, 500,000).",
    // Events, for every connection.
    Lose "lose" Event "F05 F29":
        "Nobody gets the event; a depth stream has a gap.",
    Late "late" Event "F29 F31":
        "Everybody gets the event `ms` later (1,000), later events do not wait for it.",
    // Requests, REST and WebSocket API.
    SwallowRequest "swallow_request" Request "F19":
        "The request never arrives and is never answered.",
    SwallowReply "swallow_reply" Request "F18":
        "The request is executed and never answered.",
    DelayRequest "delay_request" Request "F23":
        "The request arrives `ms` later (1,000).",
    DelayReply "delay_reply" Request "F08 F26":
        "The answer leaves `ms` later (1,000).",
    Answer "answer" Request "F20 F21 F23 F24 F37":
        "Answers with `code` (and `http`, `msg`); `outcome` tells whether it was executed \
         (not).",
    UnknownError "unknown_error" Request "F20":
        "Answers 503 \"Unknown error…\"; `outcome` (either).",
    ServiceUnavailable "service_unavailable" Request "F21":
        "Answers 503 \"Service Unavailable.\"; not executed.",
    HttpError "http_error" Request "F21 F32":
        "Answers `http` (502) with a page of HTML; `outcome` (not).",
    CutRequest "cut_request" Request "F01 F18 F19":
        "Ends the connection instead of answering; `outcome` (either).",
    TooMany "too_many" Request "F22":
        "Answers 429 with Retry-After (`ms`, 1,000).",
    Ban "ban" Request "F22":
        "Answers 418 and bans the address for `ms` (5,000): whoever calls meanwhile is noted.",
    FillFirst "fill_first" Request "F27 F28":
        "The order fills by `ppm` (all) just before the cancel or amendment; its fill is told \
         after the answer.",
    SnapshotOld "snapshot_old" Request "F08":
        "`depth` answers with the book of `ms` ago (2,000).",
    AccountEmpty "account_empty" Request "F33":
        "Account, balance and position answers are empty or zero.",
    PositionOff "position_off" Request "F36":
        "Account and position answers are off by `qty` (0.005) of the symbol.",
    CancelAllPartial "cancel_all_partial" Request "F39":
        "Cancel-all leaves `ppm` of the orders (500,000), at least one, and says it is done.",
    // New connections.
    Refuse "refuse" Dial "F15":
        "Ends the TCP connection at once.",
    Mute "mute" Dial "F02 F15":
        "Takes the TCP connection and says nothing for `ms` (for ever).",
    SlowHandshake "slow_handshake" Dial "F15":
        "Begins the TLS handshake `ms` later (3,000).",
    BadCertificate "bad_certificate" Dial "F15":
        "Shows a certificate that is `value`: expired, wrong_host or unknown_authority.",
    RefuseUpgrade "refuse_upgrade" Dial "F15":
        "Answers a WebSocket handshake with `http` (503).",
    Lifetime "lifetime" Dial "F30":
        "The connection lives `ms` (2,000) instead of 24 h.",
    // States.
    ClockShift "clock_shift" State "F14 F23":
        "All times told and checked are shifted by `ms` (5,000).",
    Halted "halted" State "F16":
        "The symbol does not trade: status SETTLING in exchangeInfo, orders refused with \
         -4140.",
    FiltersChanged "filters_changed" State "F16":
        "Tick, step and least notional of the symbol are ten times as large.",
    Maintenance "maintenance" State "F32":
        "Everything is 503 and streams are cut; afterwards all orders are gone, untold.",
    Settings "settings" State "F35":
        "Account settings are told as `value`: hedge, isolated, multi_assets.",
    LimitsLowered "limits_lowered" State "F40":
        "The order and weight limits are `ppm` (100,000) of what they were.",
    // Deeds of the venue or of somebody with the same account.
    ListenKeyExpired "listen_key_expired" Deed "F30":
        "Listen keys end now; with `value` = \"untold\" without the event.",
    ExternalOrder "external_order" Deed "F34":
        "Somebody rests an order by hand (`qty`, signed, 0.002) far from the market.",
    ExternalAlgo "external_algo" Deed "F38":
        "Somebody places a conditional order by hand (`qty`, signed, 0.002) far from the market.",
    ExternalFill "external_fill" Deed "F34":
        "Somebody trades at market by hand (`qty`, signed, 0.002).",
    PartialFill "partial_fill" Deed "F27 F41":
        "Resting orders that have no fill yet fill by `ppm` (300,000).",
    Adl "adl" Deed "F34":
        "Positions are deleveraged by `ppm` (500,000), id `adl_autoclose`.",
    Liquidation "liquidation" Deed "F34":
        "Positions are liquidated by `ppm` (1,000,000), id `autoclose-`.",
    Funding "funding" Deed "F34":
        "Funding is paid now.",
    Transfer "transfer" Deed "F34":
        "The owner puts `qty` USDT in, or, signed, takes them out (-1000).",
    LeverageChanged "leverage_changed" Deed "F35":
        "The symbol's leverage becomes `value` (5).",
}

impl Kind {
    /// By name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
            let text = format!("{name:?} is not a kind of fault; one of {}", known.join(", "));
            serde::de::Error::custom(text)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_faults_lists_every_kind() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let page = std::fs::read_to_string(page).expect("README.md");
        for kind in Kind::ALL {
            let row = format!("| `{}` |", kind.as_str());
            assert!(page.contains(&row), "README.md has no row {row}");
        }
    }

    #[test]
    fn names_are_unique_and_lead_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::parse(kind.as_str()), Some(*kind));
            assert!(kind.rows().starts_with('F') && !kind.help().is_empty());
        }
    }
}
