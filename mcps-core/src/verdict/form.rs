//! The document: canonical JSON (RFC 8785), read strictly.

use super::{Given, MAX_DOCUMENT_BYTES, MAX_VERDICTS, Ruling, Verdicts, is_name};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::json::{Document, JsonError, Limits, Object, Value, quote};

const LIMITS: Limits = Limits {
    bytes: MAX_DOCUMENT_BYTES,
    depth: 4,
};

/// Why a document is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerdictsError {
    /// It is not strict JSON.
    #[error("it is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// A member is missing, or not of its form.
    #[error("it has no good `{0}`")]
    Member(&'static str),
    /// A member that this version does not know could take something back.
    #[error("it has members that this version does not know")]
    UnknownMember,
    /// Two words on one definition, of which nobody knows which stands.
    #[error("it says two things of `{0}`")]
    Twice(String),
    /// It is longer than followers read.
    #[error("it has {bytes} bytes; at most {MAX_DOCUMENT_BYTES} are allowed")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
}

impl Verdicts {
    /// The document, so that the same verdicts have the same digest.
    ///
    /// # Errors
    /// [`VerdictsError`] when nobody would read it.
    pub fn document(&self) -> Result<String, VerdictsError> {
        let mut json = String::from(r#"{"verdicts":["#);
        let mut separator = "";
        for (server, tool, hash, given) in self.iter() {
            json.push_str(separator);
            separator = ",";
            json.push_str(&format!(r#"{{"at":"{}""#, given.at));
            if let Some(hash) = hash {
                json.push_str(&format!(r#","hash":"{hash}""#));
            }
            json.push_str(r#","server":"#);
            quote(server, &mut json);
            json.push_str(r#","tool":"#);
            quote(tool, &mut json);
            let (ruling, version) = (given.ruling.as_str(), given.version);
            json.push_str(&format!(r#","verdict":"{ruling}","version":{version}}}"#));
        }
        json.push_str("]}");
        Self::parse(json.as_bytes())?;
        Ok(json)
    }

    /// Reads a document. Whoever fetched it compares its digest first.
    ///
    /// # Errors
    /// [`VerdictsError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, VerdictsError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            let bytes = bytes.len();
            return Err(VerdictsError::TooLarge { bytes });
        }
        let document = Document::parse_with(bytes.to_vec(), LIMITS)?;
        let object = exactly(document.root(), &["verdicts"])?;
        let listed = object.get("verdicts").and_then(Value::as_array);
        let listed = listed.ok_or(VerdictsError::Member("verdicts"))?;
        let mut read = Self::default();
        for value in listed.iter() {
            let (server, tool, hash, given) = verdict(value)?;
            if !read.put((&server, &tool), hash, given) {
                return Err(VerdictsError::Twice(tool));
            }
            if read.len() > MAX_VERDICTS {
                return Err(VerdictsError::Member("verdicts"));
            }
        }
        Ok(read)
    }
}

fn verdict(value: Value<'_>) -> Result<(String, String, Option<Digest>, Given), VerdictsError> {
    let object = exactly(
        value,
        &["at", "hash", "server", "tool", "verdict", "version"],
    )?;
    let text = |name: &'static str| {
        let text = object.get(name).and_then(Value::as_str);
        text.map(std::borrow::Cow::into_owned)
            .ok_or(VerdictsError::Member(name))
    };
    let name = |name: &'static str| {
        let text = text(name)?;
        is_name(&text)
            .then_some(text)
            .ok_or(VerdictsError::Member(name))
    };
    let at = text("at")?;
    let at = Timestamp::parse_rfc3339(&at).filter(|time| time.to_string() == at);
    let hash = object.get("hash").map(|_| {
        let hash = Digest::from_hex(&text("hash")?);
        hash.ok_or(VerdictsError::Member("hash"))
    });
    let hash = hash.transpose()?;
    let ruling = match (text("verdict")?.as_str(), hash) {
        ("promoted", Some(_)) => Ruling::Promoted,
        ("rejected", Some(_)) => Ruling::Rejected,
        ("blocked", None) => Ruling::Blocked,
        _ => return Err(VerdictsError::Member("verdict")),
    };
    let version = object.get("version").and_then(Value::as_i64);
    let version = version.and_then(|version| u64::try_from(version).ok());
    let given = Given {
        ruling,
        version: version.ok_or(VerdictsError::Member("version"))?,
        at: at.ok_or(VerdictsError::Member("at"))?,
    };
    Ok((name("server")?, name("tool")?, hash, given))
}

fn exactly<'v>(value: Value<'v>, names: &[&str]) -> Result<Object<'v>, VerdictsError> {
    let object = value.as_object();
    let object = object.ok_or(VerdictsError::Member("verdicts"))?;
    let mut members = object.iter();
    match members.all(|member| names.contains(&&*member.name())) {
        true => Ok(object),
        false => Err(VerdictsError::UnknownMember),
    }
}
