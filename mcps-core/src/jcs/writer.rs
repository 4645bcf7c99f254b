//! The walk over a document in canonical order.

use super::runs::Runs;
use super::{Overlay, Sink, number};
use crate::json::{Kind, Member, Object, Piece, Pieces, Value, escape, utf16_order};

/// Writes `value` as `overlay` changes it.
pub(super) fn write(value: Value<'_>, overlay: &Overlay<'_>, sink: &mut impl Sink) {
    let mut runs = Runs::new(value.source(), sink);
    match value.as_object() {
        Some(object) if !overlay.with.is_empty() => write_merged(object, overlay, &mut runs),
        _ => write_value(value, overlay.without, &mut runs),
    }
    runs.flush();
}

fn write_value<S: Sink>(value: Value<'_>, without: &[Value<'_>], out: &mut Runs<'_, '_, S>) {
    let span = value.span();
    let without = concerning(value, without);
    if value.is_canonical() && without.is_empty() {
        return out.copy(span);
    }
    match value.kind() {
        Kind::Object => {
            out.copy(span.start..span.start + 1);
            let mut separate = false;
            for member in value.as_object().into_iter().flat_map(Object::sorted) {
                if is_kept(member, without) {
                    write_member(member, without, separate, out);
                    separate = true;
                }
            }
            out.mark(b'}');
        }
        Kind::Array => {
            out.copy(span.start..span.start + 1);
            let mut separate = false;
            for element in value.as_array().into_iter().flatten() {
                if separate {
                    out.mark(b',');
                }
                write_value(element, without, out);
                separate = true;
            }
            out.mark(b']');
        }
        Kind::String => rewrite_string(value, out),
        Kind::Number => number::write(value, |text| out.put(text.as_bytes())),
        Kind::Bool | Kind::Null => out.copy(span),
    }
}

/// Writes an object with the members of `overlay.with` where they belong.
fn write_merged<S: Sink>(object: Object<'_>, overlay: &Overlay<'_>, out: &mut Runs<'_, '_, S>) {
    let mut extra = overlay.with.to_vec();
    extra.sort_unstable_by(|(left, _), (right, _)| utf16_order(left, right));
    let mut extra = extra.into_iter().peekable();
    let start = object.span().start;
    out.copy(start..start + 1);
    let mut separate = false;
    for member in object.sorted() {
        if !is_kept(member, overlay.without) {
            continue;
        }
        if extra.peek().is_some() {
            let name = member.name();
            while let Some(pair) = extra.next_if(|(extra, _)| utf16_order(extra, &name).is_lt()) {
                write_extra(pair, separate, out);
                separate = true;
            }
        }
        write_member(member, overlay.without, separate, out);
        separate = true;
    }
    for pair in extra {
        write_extra(pair, separate, out);
        separate = true;
    }
    out.mark(b'}');
}

/// `without`, unless nothing of it is in `value`.
#[inline]
fn concerning<'w, 'd>(value: Value<'_>, without: &'w [Value<'d>]) -> &'w [Value<'d>] {
    if without.iter().any(|&gone| value.encloses(gone)) {
        without
    } else {
        &[]
    }
}

#[inline]
fn is_kept(member: Member<'_>, without: &[Value<'_>]) -> bool {
    !without.iter().any(|gone| gone.same(member.value()))
}

#[inline]
fn write_member<S: Sink>(
    member: Member<'_>,
    without: &[Value<'_>],
    separate: bool,
    out: &mut Runs<'_, '_, S>,
) {
    let (name, value) = (member.name_value(), member.value());
    let without = concerning(value, without);
    if without.is_empty()
        && let Some(span) = member.canonical_span()
    {
        return if separate {
            out.copy_after(b',', span)
        } else {
            out.copy(span)
        };
    }
    if separate {
        out.mark(b',');
    }
    if name.is_canonical() {
        out.copy(name.span());
    } else {
        rewrite_string(name, out);
    }
    out.mark(b':');
    write_value(value, without, out);
}

fn write_extra<S: Sink>((name, text): (&str, &str), separate: bool, out: &mut Runs<'_, '_, S>) {
    if separate {
        out.mark(b',');
    }
    write_quoted(name, out);
    out.mark(b':');
    write_quoted(text, out);
}

fn write_quoted<S: Sink>(text: &str, out: &mut Runs<'_, '_, S>) {
    out.put(b"\"");
    escape(text, |part| out.put(part.as_bytes()));
    out.put(b"\"");
}

/// Writes a string with escapes that canonical JSON writes otherwise.
fn rewrite_string<S: Sink>(string: Value<'_>, out: &mut Runs<'_, '_, S>) {
    let (content, _) = string.content().unwrap_or_default();
    out.put(b"\"");
    for piece in Pieces::new(content) {
        match piece {
            Piece::Run(run) => out.put(run.as_bytes()),
            Piece::Escape(character) => {
                let mut buffer = [0; 4];
                escape(character.encode_utf8(&mut buffer), |part| {
                    out.put(part.as_bytes())
                });
            }
        }
    }
    out.put(b"\"");
}
