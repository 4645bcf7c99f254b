//! One JSON-RPC 2.0 message as it travels: strict JSON, kind told apart, everything else untouched.

mod edit;
mod outline;

pub use edit::{insert_first, remove};
pub use outline::{Outline, Sketch, id_of};

use std::fmt;

use crate::code::Code;
use crate::jcs;
use crate::json::{Document, JsonError, Limits, Object, Value, quote};
use crate::refusal::Refusal;

/// The four shapes of JSON-RPC 2.0, by the names the envelope's `typ` gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Has `method` and `id`.
    Request,
    /// Has `method` and no `id`.
    Notification,
    /// Has `result`.
    Response,
    /// Has `error`.
    Error,
}

impl Kind {
    /// `request`, `notification`, `response` or `error`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Notification => "notification",
            Self::Response => "response",
            Self::Error => "error",
        }
    }
}

/// A request's id in canonical JSON: `7`, `"a"`. Two ids are equal when their JSON values are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(String);

impl Id {
    /// Reads an id from a JSON value: a string or a number.
    #[must_use]
    pub fn from_value(value: Value<'_>) -> Option<Self> {
        (value.as_f64().is_some() || value.as_str().is_some()).then(|| Self(jcs::to_string(value)))
    }

    /// Canonical JSON.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A message that is well-formed; who wrote it is not yet known.
#[derive(Clone, Debug)]
pub struct Message {
    document: Document,
    kind: Kind,
    id: Option<Id>,
}

impl Message {
    /// Reads one message from a peer's bytes, with the default limits.
    ///
    /// # Errors
    /// [`Refusal::Json`] or [`Refusal::Message`].
    pub fn parse(bytes: impl Into<Vec<u8>>) -> Result<Self, Refusal> {
        Self::parse_with(bytes.into(), Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// [`Refusal::Json`] or [`Refusal::Message`].
    pub fn parse_with(bytes: Vec<u8>, limits: Limits) -> Result<Self, Refusal> {
        Self::from_document(Document::parse_with(bytes, limits)?)
    }

    fn from_document(document: Document) -> Result<Self, Refusal> {
        let bad = Refusal::Message;
        let root = document
            .root()
            .as_object()
            .ok_or(bad("not a JSON object"))?;
        if root.get("jsonrpc").and_then(Value::as_str).as_deref() != Some("2.0") {
            return Err(bad("`jsonrpc` is not \"2.0\""));
        }
        let (method, id) = (root.get("method"), root.get("id"));
        let (result, error) = (root.get("result"), root.get("error"));
        let kind = match (method, result, error) {
            (Some(method), None, None) => {
                method.as_str().ok_or(bad("`method` is not a string"))?;
                if root
                    .get("params")
                    .is_some_and(|params| params.as_object().is_none())
                {
                    return Err(bad("`params` is not an object"));
                }
                if id.is_some() {
                    Kind::Request
                } else {
                    Kind::Notification
                }
            }
            (None, Some(result), None) => {
                result.as_object().ok_or(bad("`result` is not an object"))?;
                Kind::Response
            }
            (None, None, Some(error)) => {
                let error = error.as_object().ok_or(bad("`error` is not an object"))?;
                error
                    .get("code")
                    .and_then(Value::as_i64)
                    .ok_or(bad("`error.code` is not an integer"))?;
                error
                    .get("message")
                    .and_then(Value::as_str)
                    .ok_or(bad("`error.message` is not a string"))?;
                Kind::Error
            }
            _ => {
                return Err(bad(
                    "exactly one of `method`, `result` and `error` is needed",
                ));
            }
        };
        let id = match id {
            Some(id) if id.is_null() && kind == Kind::Error => None,
            Some(id) => {
                Some(Id::from_value(id).ok_or(bad("`id` is neither a string nor a number"))?)
            }
            None if kind == Kind::Response => return Err(bad("a result needs an `id`")),
            None => None,
        };
        let message = Self { document, kind, id };
        if message
            .meta_value()
            .is_some_and(|meta| meta.as_object().is_none())
        {
            return Err(bad("`_meta` is not an object"));
        }
        Ok(message)
    }

    /// Which of the four it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The id; notifications have none, errors may have none.
    #[must_use]
    pub const fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// The whole object.
    #[must_use]
    pub fn root(&self) -> Value<'_> {
        self.document.root()
    }

    /// The bytes as they were received.
    #[must_use]
    pub fn text(&self) -> &str {
        self.document.text()
    }

    /// The bytes as they were received.
    #[must_use]
    pub fn into_text(self) -> String {
        self.document.into_text()
    }

    /// The method of a request or notification.
    #[must_use]
    pub fn method(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.root().get("method").and_then(Value::as_str)
    }

    /// `params` of a request or notification.
    #[must_use]
    pub fn params(&self) -> Option<Value<'_>> {
        self.root().get("params")
    }

    /// `result` of a response.
    #[must_use]
    pub fn result(&self) -> Option<Value<'_>> {
        self.root().get("result")
    }

    /// `error` of an error.
    #[must_use]
    pub fn error(&self) -> Option<Value<'_>> {
        self.root().get("error")
    }

    /// What `_meta` stands in: `params` or `result`. Errors have none.
    #[must_use]
    pub fn body(&self) -> Option<Value<'_>> {
        match self.kind {
            Kind::Request | Kind::Notification => self.params(),
            Kind::Response => self.result(),
            Kind::Error => None,
        }
    }

    fn meta_value(&self) -> Option<Value<'_>> {
        self.body().and_then(|body| body.get("_meta"))
    }

    /// `params._meta` or `result._meta`.
    #[must_use]
    pub fn meta(&self) -> Option<Object<'_>> {
        self.meta_value().and_then(Value::as_object)
    }
}

/// Number and title of the error for a method that there is not (JSON-RPC 2.0 §5.1).
const METHOD_NOT_FOUND: (i64, &str) = (-32601, "Method not found");

/// Those for headers that are not what the body says.
const HEADER_MISMATCH: (i64, &str) = (-32020, "Header mismatch");

/// The JSON-RPC error a peer is given: number, title, code, what to do, and nothing of the reason.
/// `extra` is further members of `data`, as JSON starting with a comma, or empty.
#[must_use]
pub fn error_text(id: Option<&Id>, code: Code, decision_id: &str, extra: &str) -> String {
    written((code.jsonrpc(), code.title()), id, code, decision_id, extra)
}

/// The same for a request whose method goes no further since nobody permits it by name: what whoever does
/// not have a method says (JSON-RPC 2.0 §5.1), and `data` as in any refusal.
#[must_use]
pub fn unknown_method_text(id: &Id, code: Code, decision_id: &str) -> String {
    written(METHOD_NOT_FOUND, Some(id), code, decision_id, "")
}

/// The same for a request whose headers are not what its body says (MCP 2026-07-28, *Streamable HTTP: Server
/// Validation*).
#[must_use]
pub fn mismatch_text(id: &Id, code: Code, decision_id: &str) -> String {
    written(HEADER_MISMATCH, Some(id), code, decision_id, "")
}

fn written(
    (number, title): (i64, &str),
    id: Option<&Id>,
    code: Code,
    decision_id: &str,
    extra: &str,
) -> String {
    let id = id.map_or("null", Id::as_str);
    let mut decision = String::new();
    quote(decision_id, &mut decision);
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{number},"message":"{title}","data":{{"code":"{}","advice":"{}","decision_id":{decision}{extra}}}}}}}"#,
        code.id(),
        code.advice(),
    )
}

/// Whether the refusal is about size, so that the reader need not try to answer by id.
#[must_use]
pub const fn is_oversize(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Json(JsonError::TooLarge { .. }))
}

#[cfg(test)]
mod tests;
