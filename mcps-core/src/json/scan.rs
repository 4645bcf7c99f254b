//! Scanning of string content, a word at a time.

#[cfg(test)]
mod tests;

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);

/// The first byte at or after `from` that cannot stand in a string as it is: a quote, a backslash
/// or a control character. The length of `bytes` when there is none.
#[inline]
pub(super) fn special(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    // Most strings end within two words.
    for _ in 0..2 {
        let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            break;
        };
        let hits = special_in(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    special_later(bytes, at)
}

/// [`special`] for what is likely to be far.
#[inline(never)]
fn special_later(bytes: &[u8], from: usize) -> usize {
    let (words, tail) = bytes.get(from..).unwrap_or_default().as_chunks();
    let mut at = from;
    for word in words {
        let hits = special_in(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + tail.iter().take_while(|&&byte| !is_special(byte)).count()
}

/// The high bit of every byte that is special. Bytes above the lowest hit may be flagged wrongly (a
/// borrow travels upwards), the lowest never is.
#[inline]
const fn special_in(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let hits = word.wrapping_sub(ONES * 0x20) & !word
        | quote.wrapping_sub(ONES) & !quote
        | backslash.wrapping_sub(ONES) & !backslash;
    hits & HIGH
}

const fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
}
