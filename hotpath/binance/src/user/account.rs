//! ACCOUNT_UPDATE: balances and positions that changed.

use schema::{
    AccountUpdate, BALANCES_MAX, BalanceDelta, Notional, PositionDelta, Price, Qty, SYMBOLS_MAX,
    WallNs,
};

use super::{Decoded, EVENT_TIME, SYMBOL, Subject, TIME, UserFrame};
use crate::scan::{Scanner, key};
use crate::{DecodeError, SymbolTable};

pub(super) fn account_update(s: &mut Scanner, symbols: &SymbolTable) -> Decoded {
    const ACCOUNT: u128 = key(b"a");
    let mut out = AccountUpdate::default();
    let mut seen = 0u128;
    let mut first = true;
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        if word < 128 {
            seen |= 1 << word;
        }
        match word {
            ACCOUNT if s.peek() == b'{' => account(s, symbols, &mut out)?,
            TIME => out.transaction_time = WallNs::from_ms(s.integer()?),
            EVENT_TIME => out.event_time = WallNs::from_ms(s.integer()?),
            ACCOUNT => {
                s.skip_value()?;
                s.blame(DecodeError::Type);
            }
            _ => s.skip_value()?,
        }
    }
    match s.fault {
        Some(fault) => Err(fault),
        None if b"aTE".iter().all(|letter| seen & 1 << letter != 0) => Ok(UserFrame::Account(out)),
        None => Err(DecodeError::Missing),
    }
}

/// The object `a` of ACCOUNT_UPDATE. Balances and positions are read from where the last of a doubled
/// key stands.
fn account(
    s: &mut Scanner,
    symbols: &SymbolTable,
    out: &mut AccountUpdate,
) -> Result<(), DecodeError> {
    const BALANCES: u128 = key(b"B");
    const POSITIONS: u128 = key(b"P");
    const REASON: u128 = key(b"m");
    let (mut balances, mut positions) = (None, None);
    let mut first = true;
    *out = AccountUpdate {
        transaction_time: out.transaction_time,
        event_time: out.event_time,
        ..AccountUpdate::default()
    };
    s.expect(b'{')?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            BALANCES => {
                balances = Some(*s);
                s.skip_value()?;
            }
            POSITIONS => {
                positions = Some(*s);
                s.skip_value()?;
            }
            REASON => out.is_funding = s.text()?.is(b"FUNDING_FEE"),
            _ => s.skip_value()?,
        }
    }
    for (list, is_balance) in [(balances, true), (positions, false)] {
        let Some(mut list) = list else { continue };
        let mut first = true;
        list.fault = None;
        list.expect(b'[').map_err(|_| DecodeError::Type)?;
        while list.next_item(&mut first, b']')? {
            if is_balance {
                balance(&mut list, symbols, out)?;
            } else {
                position(&mut list, symbols, out)?;
            }
        }
        if let Some(fault) = list.fault {
            s.blame(fault);
        }
    }
    Ok(())
}

fn balance(
    s: &mut Scanner,
    symbols: &SymbolTable,
    out: &mut AccountUpdate,
) -> Result<(), DecodeError> {
    const ASSET: u128 = key(b"a");
    const WALLET: u128 = key(b"wb");
    const CROSS_WALLET: u128 = key(b"cw");
    const CHANGE: u128 = key(b"bc");
    let mut entry = BalanceDelta::default();
    let outer = s.fault.take();
    let mut first = true;
    s.expect(b'{').map_err(|_| DecodeError::Type)?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            ASSET => {
                entry.is_quote = s.text()?.with(|asset| symbols.is_quote(asset)).unwrap_or(false);
            }
            WALLET => entry.wallet = Notional::from_units(s.decimal()?),
            CROSS_WALLET => entry.cross_wallet = Notional::from_units(s.decimal()?),
            CHANGE => entry.change = Notional::from_units(s.decimal_or_zero()?),
            _ => s.skip_value()?,
        }
    }
    // A balance of another asset may have more decimals or a larger range than money here.
    let is_unusable = s.fault.is_some() && !entry.is_quote;
    s.fault = if is_unusable { outer } else { outer.or(s.fault) };
    let count = usize::from(out.balance_count);
    if is_unusable {
        out.other_count = out.other_count.saturating_add(1);
    } else if count < BALANCES_MAX {
        out.balances[count] = entry;
        out.balance_count += 1;
    } else {
        // The quote asset must not be the one that finds no room.
        if entry.is_quote {
            out.balances[BALANCES_MAX - 1] = entry;
        }
        out.other_count = out.other_count.saturating_add(1);
    }
    Ok(())
}

fn position(
    s: &mut Scanner,
    symbols: &SymbolTable,
    out: &mut AccountUpdate,
) -> Result<(), DecodeError> {
    const QTY: u128 = key(b"pa");
    const ENTRY_PRICE: u128 = key(b"ep");
    const UNREALIZED_PNL: u128 = key(b"up");
    const POSITION_SIDE: u128 = key(b"ps");
    let mut subject = Subject::default();
    let mut entry = PositionDelta::default();
    let mut is_one_way = true;
    let outer = s.fault.take();
    let mut first = true;
    let mut has_qty = false;
    s.expect(b'{').map_err(|_| DecodeError::Type)?;
    while let Some(word) = s.next_key(&mut first)? {
        match word {
            SYMBOL => subject.take_symbol(s, symbols)?,
            QTY => {
                entry.qty = Qty::from_units(s.decimal()?);
                has_qty = true;
            }
            ENTRY_PRICE => entry.entry_price = Price::from_units(s.decimal_cut()?),
            UNREALIZED_PNL => entry.unrealized_pnl = Notional::from_units(s.decimal_cut()?),
            POSITION_SIDE => is_one_way = s.text()?.is(b"BOTH"),
            _ => s.skip_value()?,
        }
    }
    let ours = subject.symbol.filter(|_| is_one_way);
    s.fault = if ours.is_some() { outer.or(s.fault) } else { outer };
    let count = usize::from(out.position_count);
    match ours {
        Some(symbol) if has_qty && count < SYMBOLS_MAX => {
            entry.symbol = symbol;
            out.positions[count] = entry;
            out.position_count += 1;
        }
        Some(_) if !has_qty => s.blame(DecodeError::Missing),
        _ => out.other_count = out.other_count.saturating_add(1),
    }
    Ok(())
}
