//! The little of WebSocket framing the server and the floor need: whole text frames.

/// Appends an unmasked text frame, as a server sends it.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    push(out, 0x81, text, None);
}

/// Appends an unmasked pong.
pub(crate) fn push_pong(out: &mut Vec<u8>, payload: &[u8]) {
    push(out, 0x8a, payload, None);
}

/// Appends a masked text frame, as a client sends it.
pub(crate) fn push_masked_text(out: &mut Vec<u8>, text: &[u8], mask: [u8; 4]) {
    push(out, 0x81, text, Some(mask));
}

fn push(out: &mut Vec<u8>, head: u8, payload: &[u8], mask: Option<[u8; 4]>) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(head);
    match payload.len() {
        0..=125 => out.push(masked | payload.len() as u8),
        126..=0xffff => {
            out.push(masked | 126);
            out.extend_from_slice(&(payload.len() as u16).to_be_bytes());
        }
        length => {
            out.push(masked | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    match mask {
        None => out.extend_from_slice(payload),
        Some(mask) => {
            out.extend_from_slice(&mask);
            out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        }
    }
}

/// A whole frame at the front of `bytes`: its opcode, its payload (unmasked), its length in all.
pub(crate) fn take(bytes: &[u8]) -> Option<(u8, Vec<u8>, usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, mut at) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        length => (usize::from(length), 2),
    };
    let mask: Option<[u8; 4]> = if second & 0x80 != 0 {
        let mask = bytes.get(at..at + 4)?.try_into().ok()?;
        at += 4;
        Some(mask)
    } else {
        None
    };
    let mut payload = bytes.get(at..at.checked_add(length)?)?.to_vec();
    if let Some(mask) = mask {
        for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
    }
    Some((first & 0x0f, payload, at + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let text = vec![b'x'; length];
            for mask in [None, Some([1, 2, 3, 4])] {
                let mut bytes = Vec::new();
                push(&mut bytes, 0x81, &text, mask);
                let whole = bytes.len();
                assert_eq!(take(&bytes), Some((1, text.clone(), whole)));
                assert_eq!(take(&bytes[..whole - 1]), None);
            }
        }
    }
}
