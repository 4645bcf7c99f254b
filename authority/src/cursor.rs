//! Where the next page of a list begins: signed, so that nobody makes one up, and bound to the list
//! and to what was asked of it, so that it does for nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcps_core::json::{Document, Value, quote};
use mcps_core::statement;
use mcps_core::trust::KeyUse;

use crate::authority::Authority;
use crate::error::Error;

/// What a cursor is signed under, by a status key: every replica has one, and no list is longer-lived.
const CTX: &str = "mcps-cursor-v1";
/// Longest cursor that is read.
const MAX_CHARS: usize = 2048;

/// A list, and what was asked of it apart from how many.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// Its name.
    pub list: &'static str,
    /// The filter, as text.
    pub filter: &'a str,
}

impl Listing<'_> {
    /// The cursor after the row of that id.
    ///
    /// # Errors
    /// [`Error::KeyUnusable`], [`Error::CrossCheck`].
    pub fn cursor(self, authority: &Authority, after: &str) -> Result<String, Error> {
        let signer = authority.keys().signer(KeyUse::Status)?;
        let kid = signer.public_key().key_id().to_string();
        let members = [
            ("after", after),
            ("authority", authority.name()),
            ("filter", self.filter),
            ("kid", &kid),
            ("list", self.list),
        ];
        let mut json = String::from("{");
        for (at, (name, value)) in members.into_iter().enumerate() {
            if at > 0 {
                json.push(',');
            }
            quote(name, &mut json);
            json.push(':');
            quote(value, &mut json);
        }
        json.push('}');
        let signed = statement::sign(CTX, &json, signer.as_ref()).map_err(Error::CrossCheck)?;
        Ok(URL_SAFE_NO_PAD.encode(signed))
    }

    /// The id that a cursor begins after.
    ///
    /// # Errors
    /// [`Error::Cursor`] for what this authority did not give for this very list and filter.
    pub fn after(self, authority: &Authority, cursor: &str) -> Result<String, Error> {
        if cursor.len() > MAX_CHARS {
            return Err(Error::Cursor);
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| Error::Cursor)?;
        let document = Document::parse(bytes).map_err(|_| Error::Cursor)?;
        let root = document.root();
        let is = |name: &str, expected: &str| {
            let value = root.get(name).and_then(Value::as_str);
            value.is_some_and(|value| value == expected)
        };
        let kid = root.get("kid").and_then(Value::as_str);
        let ring = authority.keys().ring();
        let mut keys = ring.bundle().usable(KeyUse::Status);
        let key = keys.find(|key| kid.as_deref() == Some(key.public_key.key_id().as_str()));
        let key = key.ok_or(Error::Cursor)?;
        statement::verify(CTX, root, &key.public_key).map_err(|_| Error::Cursor)?;
        let ours =
            is("authority", authority.name()) && is("list", self.list) && is("filter", self.filter);
        let after = root.get("after").and_then(Value::as_str);
        after
            .filter(|_| ours)
            .map(|after| after.into_owned())
            .ok_or(Error::Cursor)
    }
}
