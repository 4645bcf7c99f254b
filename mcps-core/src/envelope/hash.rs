//! The native carrier's message hash: JCS of the message as its signer was given it.

use crate::digest::{Digest, Hasher};
use crate::jcs::{self, Overlay};
use crate::json::Value;
use crate::message::{Kind, Message};

use super::fields::Added;

/// Members of `_meta` that hops on the way may set (W3C Trace Context and Baggage).
pub(super) const TRACE: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// SHA-256 of JCS(`message` without `envelope`, without what `added` names, without the trace
/// members of `_meta`, and without `_meta` if that leaves it empty). Of a received message,
/// [`super::carrier::fits`] has seen that nothing else stands in what `added` names.
pub(super) fn native(message: &Message, envelope: Option<Value<'_>>, added: &[Added]) -> Digest {
    let mut without: Vec<Value<'_>> = Vec::with_capacity(6);
    without.extend(envelope);
    if message.kind() == Kind::Error {
        if added.contains(&Added::Data) {
            without.extend(message.error().and_then(|error| error.get("data")));
        }
    } else {
        if let Some(meta) = message.meta() {
            without.extend(TRACE.iter().filter_map(|name| meta.get(name)));
            if meta.len() == without.len() {
                without.extend(message.body().and_then(|body| body.get("_meta")));
            }
        }
        if added.contains(&Added::Params) {
            without.extend(message.params());
        }
    }
    let mut hasher = Hasher::new();
    let overlay = Overlay {
        without: &without,
        with: &[],
    };
    jcs::write_overlaid(message.root(), &overlay, &mut hasher);
    hasher.finish()
}
