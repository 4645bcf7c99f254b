//! How files that only grow are cut into frames: length, checksum of what follows, and checksum of these
//! two, so that a length that is wrong never looks like a write that did not end.

/// Length, checksum of the body, and checksum of both, each of four bytes, little-endian.
pub(crate) const HEAD: usize = 12;

/// What stands at some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// As it was written.
    Sound(&'a [u8]),
    /// A frame, but not with the body that was written.
    Changed,
    /// The beginning of one, up to the end of the file.
    Unfinished,
    /// No frame begins here.
    Unreadable,
}

/// Appends a frame with this body.
pub(crate) fn put(body: &[u8], out: &mut Vec<u8>) {
    let mut head = [0; HEAD];
    let len = u32::try_from(body.len()).unwrap_or(u32::MAX);
    let says = [len.to_le_bytes(), crc32fast::hash(body).to_le_bytes()].concat();
    let of_head = crc32fast::hash(&says).to_le_bytes();
    for (byte, value) in head.iter_mut().zip(says.iter().chain(&of_head)) {
        *byte = *value;
    }
    out.extend_from_slice(&head);
    out.extend_from_slice(body);
}

/// What `bytes` begin with.
pub(crate) fn first(bytes: &[u8]) -> Frame<'_> {
    let Some((head, after)) = bytes.split_at_checked(HEAD) else {
        return Frame::Unfinished;
    };
    let (says, of_head) = head.split_at(HEAD - 4);
    if crc32fast::hash(says) != number(of_head) {
        return Frame::Unreadable;
    }
    let (len, sum) = says.split_at(4);
    let len = usize::try_from(number(len)).unwrap_or(usize::MAX);
    match after.get(..len) {
        None => Frame::Unfinished,
        Some(body) if crc32fast::hash(body) == number(sum) => Frame::Sound(body),
        Some(_) => Frame::Changed,
    }
}

/// A number of four bytes.
pub(crate) fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}
