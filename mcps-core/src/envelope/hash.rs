//! The native carrier's message hash: JCS of the message as its signer was given it.

use crate::digest::{Digest, Hasher};
use crate::jcs::{self, Overlay};
use crate::json::Value;
use crate::message::{Kind, Message};
use crate::refusal::Refusal;

use super::fields::Added;

/// Members of `_meta` that hops on the way may set (W3C Trace Context and Baggage).
const TRACE: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// SHA-256 of JCS(`message` without `envelope`, without what `added` names, without the trace
/// members of `_meta`, and without `_meta` if that leaves it empty).
///
/// # Errors
/// [`Refusal::Envelope`] when something stands in a member that `added` says was only made to hold
/// the envelope: it would go unsigned.
pub(super) fn native(
    message: &Message,
    envelope: Option<Value<'_>>,
    added: &[Added],
) -> Result<Digest, Refusal> {
    let mut without: Vec<Value<'_>> = Vec::with_capacity(6);
    without.extend(envelope);
    let smuggled = Err(Refusal::Envelope(
        "`added` names a member with other content",
    ));
    match message.kind() {
        Kind::Error => {
            if let (true, Some(data)) = (
                added.contains(&Added::Data),
                message.error().and_then(|error| error.get("data")),
            ) {
                if data.as_object().is_none_or(|data| data.len() > 1) {
                    return smuggled;
                }
                without.push(data);
            }
        }
        _ => {
            if let Some(meta) = message.meta() {
                without.extend(TRACE.iter().filter_map(|name| meta.get(name)));
                let emptied = meta.len() == without.len();
                if added.contains(&Added::Meta) && !emptied {
                    return smuggled;
                }
                if emptied {
                    without.extend(message.body().and_then(|body| body.get("_meta")));
                }
            }
            if let (true, Some(params)) = (added.contains(&Added::Params), message.params()) {
                if params
                    .as_object()
                    .is_none_or(|params| params.len() > 1 || message.meta().is_none())
                {
                    return smuggled;
                }
                without.push(params);
            }
        }
    }
    let mut hasher = Hasher::new();
    jcs::write_overlaid(
        message.root(),
        &Overlay {
            without: &without,
            with: &[],
        },
        &mut hasher,
    );
    Ok(hasher.finish())
}

/// Which of `added` a message of this kind can need; others are refused when read.
pub(super) fn plausible(kind: Kind, added: &[Added]) -> bool {
    match kind {
        Kind::Error => matches!(added, [] | [Added::Data] | [Added::Value]),
        Kind::Response => matches!(added, [] | [Added::Meta]),
        Kind::Request | Kind::Notification => {
            matches!(added, [] | [Added::Meta] | [Added::Meta, Added::Params])
        }
    }
}
