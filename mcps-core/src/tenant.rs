//! What a tenant decides at gateways, as one document: its policies, and the level from which on its
//! callers may call. The document is named by the SHA-256 of its bytes, which the feed tells.

use crate::digest::Digest;
use crate::json::{Document, JsonError, Limits, Object, Value, quote};
use crate::level::TrustLevel;

#[cfg(test)]
mod tests;

/// Largest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// Most texts in one.
pub const MAX_TEXTS: usize = 64;
/// Longest name of a text, in bytes.
pub const MAX_NAME: usize = 128;

const LIMITS: Limits = Limits {
    bytes: MAX_DOCUMENT_BYTES,
    depth: 4,
};

/// One text of a policy, as somebody wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyText {
    /// What errors call it; its extension says what it is written in.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What a tenant decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantPolicy {
    /// The level from which on its callers may call anything.
    pub min_level: TrustLevel,
    /// Whether the default pack is in force beside the texts.
    pub default_policy: bool,
    /// The texts, in order.
    pub texts: Vec<PolicyText>,
}

/// Why a document is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TenantPolicyError {
    /// It is not strict JSON.
    #[error("it is not strict JSON: {0}")]
    Json(#[from] JsonError),
    /// A member is missing, or not of its form.
    #[error("it has no good `{0}`")]
    Member(&'static str),
    /// A member that this version does not know could be a rule.
    #[error("it has members that this version does not know")]
    UnknownMember,
    /// Two texts have one name, so that an error in either would point to both.
    #[error("two of its texts are named `{0}`")]
    Twice(String),
    /// It is longer than followers read.
    #[error("it has {bytes} bytes; at most {MAX_DOCUMENT_BYTES} are allowed")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
}

impl TenantPolicy {
    /// The document: canonical (RFC 8785), so that the same decisions have the same digest.
    ///
    /// # Errors
    /// [`TenantPolicyError`] when nobody would read it.
    pub fn document(&self) -> Result<String, TenantPolicyError> {
        let (default_policy, min_level) = (self.default_policy, self.min_level.number());
        let mut json =
            format!(r#"{{"default_policy":{default_policy},"min_level":{min_level},"policy":["#);
        for (at, PolicyText { name, text }) in self.texts.iter().enumerate() {
            json.push_str(if at > 0 {
                r#",{"name":"#
            } else {
                r#"{"name":"#
            });
            quote(name, &mut json);
            json.push_str(r#","text":"#);
            quote(text, &mut json);
            json.push('}');
        }
        json.push_str("]}");
        Self::parse(json.as_bytes())?;
        Ok(json)
    }

    /// Reads a document. Whoever fetched it compares its digest first.
    ///
    /// # Errors
    /// [`TenantPolicyError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, TenantPolicyError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            let bytes = bytes.len();
            return Err(TenantPolicyError::TooLarge { bytes });
        }
        let document = Document::parse_with(bytes.to_vec(), LIMITS)?;
        let object = exactly(
            document.root(),
            "policy",
            &["default_policy", "min_level", "policy"],
        )?;
        let level = object.get("min_level").and_then(Value::as_i64);
        let level = level.and_then(TrustLevel::from_number);
        let default_policy = object.get("default_policy").and_then(Value::as_bool);
        let listed = object.get("policy").and_then(Value::as_array);
        let listed = listed.ok_or(TenantPolicyError::Member("policy"))?;
        let mut texts: Vec<PolicyText> = Vec::new();
        for value in listed.iter() {
            let text = text(value)?;
            if texts.iter().any(|known| known.name == text.name) {
                return Err(TenantPolicyError::Twice(text.name));
            }
            texts.push(text);
            if texts.len() > MAX_TEXTS {
                return Err(TenantPolicyError::Member("policy"));
            }
        }
        Ok(Self {
            min_level: level.ok_or(TenantPolicyError::Member("min_level"))?,
            default_policy: default_policy.ok_or(TenantPolicyError::Member("default_policy"))?,
            texts,
        })
    }
}

/// What a document is named by.
#[must_use]
pub fn digest(document: &str) -> Digest {
    Digest::of(document.as_bytes())
}

fn text(value: Value<'_>) -> Result<PolicyText, TenantPolicyError> {
    let object = exactly(value, "policy", &["name", "text"])?;
    let member = |name: &'static str| {
        let text = object.get(name).and_then(Value::as_str);
        text.map(std::borrow::Cow::into_owned)
            .ok_or(TenantPolicyError::Member(name))
    };
    let name = member("name")?;
    if !is_text_name(&name) {
        return Err(TenantPolicyError::Member("name"));
    }
    let text = member("text")?;
    Ok(PolicyText { name, text })
}

/// Whether a text may be called so: letters, digits, `.`, `_` and `-`, and neither hidden nor a path.
#[must_use]
pub fn is_text_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(allowed)
}

fn exactly<'v>(
    value: Value<'v>,
    what: &'static str,
    names: &[&str],
) -> Result<Object<'v>, TenantPolicyError> {
    let object = value.as_object();
    let object = object.ok_or(TenantPolicyError::Member(what))?;
    let mut members = object.iter();
    match members.all(|member| names.contains(&&*member.name())) {
        true => Ok(object),
        false => Err(TenantPolicyError::UnknownMember),
    }
}
