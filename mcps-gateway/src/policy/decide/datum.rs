//! A value as policies see it, before Cedar has it: what is equal here is equal to Cedar.

use std::borrow::Cow;

use cedar_policy::RestrictedExpression;

use super::input::Unaskable;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Datum<'a> {
    Bool(bool),
    Long(i64),
    Text(Cow<'a, str>),
    /// As Cedar writes it.
    Decimal(String),
    /// RFC 3339.
    Datetime(String),
    Set(Vec<Self>),
    Record(Members<'a>),
}

/// Members of a record, or attributes of an entity.
pub(super) type Members<'a> = Vec<(&'a str, Datum<'a>)>;

impl<'a> Datum<'a> {
    pub(super) const fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    pub(super) fn set(items: impl Iterator<Item = &'a str>) -> Self {
        Self::Set(items.map(Self::text).collect())
    }

    /// As Cedar has it.
    pub(super) fn expression(&self) -> Result<RestrictedExpression, Unaskable> {
        Ok(match self {
            Self::Bool(value) => RestrictedExpression::new_bool(*value),
            Self::Long(value) => RestrictedExpression::new_long(*value),
            Self::Text(value) => RestrictedExpression::new_string(value.clone().into_owned()),
            Self::Decimal(value) => RestrictedExpression::new_decimal(value),
            Self::Datetime(value) => RestrictedExpression::new_datetime(value),
            Self::Set(items) => {
                let items: Result<Vec<_>, _> = items.iter().map(Self::expression).collect();
                RestrictedExpression::new_set(items?)
            }
            Self::Record(members) => {
                let members: Result<Vec<_>, Unaskable> = members
                    .iter()
                    .map(|(name, value)| Ok(((*name).to_owned(), value.expression()?)))
                    .collect();
                RestrictedExpression::new_record(members?).map_err(|_| Unaskable::Build)?
            }
        })
    }

    /// Writes it so that no two different values are the same bytes, whatever stands before and after.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Bool(value) => out.extend([b'b', u8::from(*value)]),
            Self::Long(value) => {
                out.push(b'l');
                out.extend(value.to_le_bytes());
            }
            Self::Text(value) => tagged(b't', value, out),
            Self::Decimal(value) => tagged(b'd', value, out),
            Self::Datetime(value) => tagged(b'a', value, out),
            Self::Set(items) => {
                out.push(b's');
                length(items.len(), out);
                items.iter().for_each(|item| item.write(out));
            }
            Self::Record(members) => {
                out.push(b'r');
                write_members(members, out);
            }
        }
    }
}

pub(super) fn write_members(members: &[(&str, Datum<'_>)], out: &mut Vec<u8>) {
    length(members.len(), out);
    for (name, value) in members {
        write_text(name, out);
        value.write(out);
    }
}

pub(super) fn write_texts(texts: &[&str], out: &mut Vec<u8>) {
    length(texts.len(), out);
    texts.iter().for_each(|text| write_text(text, out));
}

pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    length(text.len(), out);
    out.extend(text.as_bytes());
}

fn tagged(tag: u8, text: &str, out: &mut Vec<u8>) {
    out.push(tag);
    write_text(text, out);
}

fn length(length: usize, out: &mut Vec<u8>) {
    out.extend(u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
}
