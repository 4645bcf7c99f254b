//! Members of the feed's objects, read strictly.

use super::{FeedError, MAX_NUMBER, MAX_TEXT};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Object, Value};
use crate::key::KeyId;

/// A string of 1 to [`MAX_TEXT`] bytes without control characters.
pub(crate) fn text(object: Object<'_>, name: &'static str) -> Result<String, FeedError> {
    let text = object.get(name).and_then(Value::as_str);
    let text = text
        .filter(|text| (1..=MAX_TEXT).contains(&text.len()) && !text.chars().any(char::is_control));
    Ok(text.ok_or(FeedError::Member(name))?.into_owned())
}

/// An integer from `least` to 2^53−1.
pub(crate) fn number(object: Object<'_>, name: &'static str, least: u64) -> Result<u64, FeedError> {
    let number = object.get(name).and_then(Value::as_i64);
    let number = number.and_then(|number| u64::try_from(number).ok());
    let number = number.filter(|number| (least..=MAX_NUMBER).contains(number));
    number.ok_or(FeedError::Member(name))
}

/// RFC 3339 in UTC with exactly three fraction digits, so that an instant has one way to be written.
pub(crate) fn time(object: Object<'_>, name: &'static str) -> Result<Timestamp, FeedError> {
    let text = object.get(name).and_then(Value::as_str);
    let text = text.ok_or(FeedError::Member(name))?;
    let time = Timestamp::parse_rfc3339(&text).filter(|time| time.to_string() == *text);
    time.ok_or(FeedError::Member(name))
}

/// 64 lower-case hexadecimal digits.
pub(crate) fn digest(object: Object<'_>, name: &'static str) -> Result<Digest, FeedError> {
    let text = object.get(name).and_then(Value::as_str);
    let digest = text.and_then(|text| Digest::from_hex(&text));
    digest.ok_or(FeedError::Member(name))
}

/// An RFC 7638 thumbprint.
pub(crate) fn key_id(object: Object<'_>, name: &'static str) -> Result<KeyId, FeedError> {
    let text = object.get(name).and_then(Value::as_str);
    let id = text.and_then(|text| KeyId::parse(&text));
    id.ok_or(FeedError::Member(name))
}

/// Whether every member of the object is one of `names`.
pub(crate) fn only(object: Object<'_>, names: &[&str]) -> bool {
    let mut members = object.iter();
    members.all(|member| names.contains(&&*member.name()))
}
