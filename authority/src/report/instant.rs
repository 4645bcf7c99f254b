//! Times as scanners write them: RFC 3339 with any offset.

use std::time::Duration;

use mcps_core::clock::Timestamp;

/// Reads `2026-11-22T13:19:26.920925+01:00`, or the same with `Z`.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if let Some(read) = Timestamp::parse_rfc3339(text) {
        return Some(read);
    }
    let at = text.len().checked_sub(6)?;
    let (local, offset) = (text.get(..at)?, text.get(at..)?);
    let ahead = match offset.get(..1)? {
        "+" => true,
        "-" => false,
        _ => return None,
    };
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let number = |digits: &str| {
        let two = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        two.then(|| digits.parse::<u64>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let local = Timestamp::parse_rfc3339(&format!("{local}Z"))?;
    let offset = Duration::from_secs(hours * 3600 + minutes * 60);
    Some(match ahead {
        true => local.minus(offset),
        false => local.plus(offset),
    })
}
