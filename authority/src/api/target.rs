//! How targets are described: one object for each kind, as docs/feed.md has them. They are read by
//! [`mcps_core::feed::Target`].

use utoipa::openapi::schema::{AdditionalProperties, OneOfBuilder, Type};
use utoipa::openapi::{Object, ObjectBuilder, Schema};

/// A thumbprint (RFC 7638).
const KID: &str = "^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$";
/// A passport's id.
const PASSPORT: &str = "^asp_[0-9a-f]{32}$";
/// SHA-256 in hexadecimal.
const HASH: &str = "^[0-9a-f]{64}$";
/// Text without control characters.
const PLAIN: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]{1,256}$";

/// Members of a target, each with the pattern of its value.
type Members = &'static [(&'static str, &'static str)];

/// What a revocation may be about.
pub(super) fn revocable() -> Schema {
    one_of(&[
        "passport", "key", "agent", "server", "gateway", "owner", "tenant", "issuer", "tool",
    ])
}

/// What a suspension may be about.
pub(super) fn suspendable() -> Schema {
    one_of(&[
        "passport", "key", "agent", "server", "gateway", "owner", "tenant", "issuer",
    ])
}

/// What a stop may be about.
pub(super) fn stoppable() -> Schema {
    one_of(&["all", "tenant", "agent", "server", "gateway"])
}

/// What may be reinstated, by one order or another.
pub(super) fn any() -> Schema {
    one_of(&[
        "all", "passport", "key", "agent", "server", "gateway", "owner", "tenant", "issuer", "tool",
    ])
}

fn one_of(kinds: &[&str]) -> Schema {
    let builder = OneOfBuilder::new().description(Some("What it is about, as docs/feed.md has it"));
    let objects = kinds.iter().map(|kind| target(kind));
    Schema::OneOf(objects.fold(builder, OneOfBuilder::item).build())
}

fn target(kind: &str) -> Object {
    let (needed, optional): (Members, Members) = match kind {
        "passport" => (&[("id", PASSPORT)], &[]),
        "key" | "issuer" => (&[("key", KID)], &[]),
        "agent" | "server" | "gateway" => (&[("tenant", PLAIN), ("name", PLAIN)], &[]),
        "owner" => (&[("tenant", PLAIN), ("owner", PLAIN)], &[]),
        "tenant" => (&[("tenant", PLAIN)], &[]),
        "tool" => (
            &[("tenant", PLAIN), ("server", PLAIN), ("name", PLAIN)],
            &[("hash", HASH)],
        ),
        _ => (&[], &[]),
    };
    let named = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some([kind]));
    let mut object = ObjectBuilder::new()
        .property("kind", named)
        .required("kind")
        .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(false)));
    for (member, pattern) in needed {
        object = object.property(*member, text(pattern)).required(*member);
    }
    for (member, pattern) in optional {
        object = object.property(*member, text(pattern));
    }
    object.build()
}

fn text(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
}
