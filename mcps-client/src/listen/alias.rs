//! Requests of several callers to one server process that they share: each under an id and a
//! progress token of ours, so that two callers may choose the same.

use std::ops::Range;

use mcps_core::json::Value;
use mcps_core::message::Message;
use mcps_core::refusal::Refusal;

use super::process::SUBSCRIPTION;

/// What a caller called a request, and what the server knows it by.
#[derive(Debug)]
pub struct Alias {
    ours: String,
    id: String,
    token: Option<String>,
}

impl Alias {
    /// For a request that is to have this name, with the message as the server is to read it; `None` for
    /// what is no request.
    #[must_use]
    pub fn give(message: &Message, name: &str) -> Option<(Self, Message)> {
        let id = message
            .root()
            .get("id")
            .filter(|_| message.method().is_some())?;
        let token = message.meta().and_then(|meta| meta.get("progressToken"));
        let alias = Self {
            ours: format!(r#""mcps-{name}""#),
            id: id.raw().to_owned(),
            token: token.map(|token| token.raw().to_owned()),
        };
        let mut edits = vec![(id.span(), alias.ours.as_str())];
        edits.extend(token.map(|token| (token.span(), alias.ours.as_str())));
        let message = Message::parse(replaced(message.text(), edits)).ok()?;
        Some((alias, message))
    }

    /// What the caller calls the request, as it was written.
    #[must_use]
    pub fn own(&self) -> &str {
        &self.id
    }

    /// What the server knows it by, as it is written.
    #[must_use]
    pub fn given(&self) -> &str {
        &self.ours
    }

    /// A message of the server's as the caller is to read it.
    ///
    /// # Errors
    /// When the caller's names make it longer than a message can be.
    pub fn reveal(&self, message: &Message) -> Result<Message, Refusal> {
        let is_ours = |value: &Value<'_>| value.raw() == self.ours;
        let (root, params) = (message.root(), message.params());
        let subscription = message.meta().and_then(|meta| meta.get(SUBSCRIPTION));
        let of_id = [root.get("id"), subscription];
        let of_token = params.and_then(|params| params.get("progressToken"));
        let mut edits = Vec::new();
        for value in of_id.into_iter().flatten().filter(is_ours) {
            edits.push((value.span(), self.id.as_str()));
        }
        if let (Some(value), Some(token)) = (of_token.filter(is_ours), &self.token) {
            edits.push((value.span(), token.as_str()));
        }
        Message::parse(replaced(message.text(), edits))
    }
}

/// The text with each span replaced.
fn replaced(text: &str, mut edits: Vec<(Range<usize>, &str)>) -> String {
    edits.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    let mut text = text.to_owned();
    for (span, new) in edits {
        text.replace_range(span, new);
    }
    text
}

#[cfg(test)]
mod tests;
