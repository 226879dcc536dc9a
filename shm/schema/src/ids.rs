//! Identifiers: symbols, strategies, orders, trades, boots.

use core::fmt;

/// Why a text is not one of our identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// Not the length of such an id.
    Length,
    /// Not the prefix of a Shrike order: an order someone else placed.
    Foreign,
    /// A byte that such an id does not contain.
    BadByte,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "wrong length",
            Self::Foreign => "not an id of this system",
            Self::BadByte => "unexpected character",
        })
    }
}
impl core::error::Error for IdError {}

/// Position of a symbol in the run's symbol table ([`crate::RunInfo`]); below [`crate::SYMBOLS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct SymbolId(pub u16);

impl SymbolId {
    /// No symbol: an event of the whole account.
    pub const NONE: Self = Self(u16::MAX);
    /// As an index into a table of symbols.
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A symbol's name as the venue writes it (`BTCUSDT`), up to 23 bytes of UTF-8, zero padded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
#[derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable, zerocopy::KnownLayout)]
pub struct SymbolName([u8; 24]);

impl SymbolName {
    /// From a text of at most 23 bytes.
    ///
    /// # Errors
    /// [`IdError::Length`] if it is empty or longer, [`IdError::BadByte`] if it holds a zero byte.
    pub const fn new(text: &[u8]) -> Result<Self, IdError> {
        if text.is_empty() || text.len() > 23 {
            return Err(IdError::Length);
        }
        let mut name = [0; 24];
        let mut index = 0;
        while index < text.len() {
            if text[index] == 0 {
                return Err(IdError::BadByte);
            }
            name[index] = text[index];
            index += 1;
        }
        Ok(Self(name))
    }
    /// The bytes without padding.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        &self.0[..length]
    }
    /// The text; bytes that are not UTF-8 (a corrupt segment) show as `?`.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or("?")
    }
}
impl fmt::Display for SymbolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
impl fmt::Debug for SymbolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SymbolName({self})")
    }
}

/// A strategy of `engine::strategy`; fits four bits because it travels in the client order id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct StrategyId(pub u8);

impl StrategyId {
    /// Orders of no strategy: flatten, cancel, a person.
    pub const MANUAL: Self = Self(0);
    /// Small scheduled round trips.
    pub const TEST: Self = Self(1);
    /// Short-horizon, from microprice and trade flow.
    pub const IMBALANCE: Self = Self(2);
    /// Protective stops: conditional orders that close a position.
    pub const STOP: Self = Self(15);

    /// The name people use.
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "manual",
            1 => "test",
            2 => "imbalance",
            15 => "stop",
            _ => "unknown",
        }
    }
}

/// One start of the trader on this host; strictly increasing, in practice Unix seconds at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct BootEpoch(pub u32);

/// Our name for one order: boot epoch (32 bits), strategy (4 bits), sequence (28 bits).
///
/// Deterministic, so that one intent is at most one order: a retry carries the same id. On the wire
/// it is `shrk` and 16 lowercase hex digits (20 of the 36 characters the venue allows).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct ClientOrderId(pub u64);

impl ClientOrderId {
    /// No order of ours.
    pub const NONE: Self = Self(0);
    /// What every id of ours starts with on the wire.
    pub const PREFIX: &'static [u8; 4] = b"shrk";
    /// Length on the wire, in bytes.
    pub const TEXT_BYTES: usize = 20;
    /// One past the largest sequence of a boot.
    pub const SEQUENCE_END: u32 = 1 << 28;

    /// Joins the three parts; sequence and strategy are cut to their widths.
    #[inline]
    pub const fn new(epoch: BootEpoch, strategy: StrategyId, sequence: u32) -> Self {
        Self(
            (epoch.0 as u64) << 32
                | ((strategy.0 & 0xf) as u64) << 28
                | (sequence & (Self::SEQUENCE_END - 1)) as u64,
        )
    }
    /// The boot that decided the order.
    #[inline]
    pub const fn epoch(self) -> BootEpoch {
        BootEpoch((self.0 >> 32) as u32)
    }
    /// The strategy that decided the order.
    #[inline]
    pub const fn strategy(self) -> StrategyId {
        StrategyId((self.0 >> 28) as u8 & 0xf)
    }
    /// The order's number within its boot.
    #[inline]
    pub const fn sequence(self) -> u32 {
        self.0 as u32 & (Self::SEQUENCE_END - 1)
    }
    /// The text on the wire.
    #[inline]
    pub const fn text(self) -> [u8; Self::TEXT_BYTES] {
        let mut out = *b"shrk0000000000000000";
        let mut index = 0;
        while index < 16 {
            let nibble = (self.0 >> (60 - 4 * index)) as u8 & 0xf;
            out[4 + index] = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
            index += 1;
        }
        out
    }
    /// Reads the text on the wire.
    ///
    /// # Errors
    /// [`IdError`] if it is not an id of ours.
    #[inline]
    pub const fn parse(text: &[u8]) -> Result<Self, IdError> {
        if text.len() < 4
            || text[0] != b's'
            || text[1] != b'h'
            || text[2] != b'r'
            || text[3] != b'k'
        {
            return Err(IdError::Foreign);
        }
        if text.len() != Self::TEXT_BYTES {
            return Err(IdError::Length);
        }
        let mut value = 0u64;
        let mut index = 4;
        while index < Self::TEXT_BYTES {
            let digit = match text[index] {
                byte @ b'0'..=b'9' => byte - b'0',
                byte @ b'a'..=b'f' => byte - b'a' + 10,
                _ => return Err(IdError::BadByte),
            };
            value = value << 4 | digit as u64;
            index += 1;
        }
        Ok(Self(value))
    }
}
impl fmt::Display for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(core::str::from_utf8(&self.text()).unwrap_or("?"))
    }
}
impl fmt::Debug for ClientOrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientOrderId({self})")
    }
}

/// The venue's order id: 64 bits, increasing per symbol (values up to 8.4e18 are seen).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct VenueOrderId(pub i64);

/// The venue's trade id, consecutive per symbol; a fill is known by symbol and trade id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct TradeId(pub i64);

/// Number of a WebSocket-API request, echoed in its answer; unique while the process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct RequestId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn client_order_id_has_three_parts() {
        let id = ClientOrderId::new(BootEpoch(0x6921_a0b4), StrategyId::IMBALANCE, 77);
        assert_eq!(id.to_string(), "shrk6921a0b42000004d");
        assert_eq!(id.epoch(), BootEpoch(0x6921_a0b4));
        assert_eq!(id.strategy(), StrategyId::IMBALANCE);
        assert_eq!(id.sequence(), 77);
    }

    #[test]
    fn ids_of_others_are_foreign() {
        assert_eq!(ClientOrderId::parse(b"web_abc"), Err(IdError::Foreign));
        assert_eq!(ClientOrderId::parse(b""), Err(IdError::Foreign));
        assert_eq!(ClientOrderId::parse(b"shrk12"), Err(IdError::Length));
        assert_eq!(ClientOrderId::parse(b"shrk6921A0b42000004d"), Err(IdError::BadByte));
    }

    #[test]
    fn symbol_names_keep_their_bytes() {
        let name = SymbolName::new("测试USDT".as_bytes()).expect("10 bytes");
        assert_eq!(name.as_str(), "测试USDT");
        assert_eq!(SymbolName::new(b""), Err(IdError::Length));
        assert_eq!(SymbolName::new(&[b'A'; 24]), Err(IdError::Length));
    }

    proptest! {
        #[test]
        fn client_order_id_text_is_identity(value in any::<u64>()) {
            let id = ClientOrderId(value);
            prop_assert_eq!(ClientOrderId::parse(&id.text()), Ok(id));
        }
    }
}
