//! Why a text was refused.

/// Why a text is not strict I-JSON. Offsets count bytes from its start; content is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text is longer than allowed.
    #[error("the text is longer than {limit} bytes")]
    TooLarge {
        /// Bytes allowed.
        limit: usize,
    },
    /// Arrays and objects are nested deeper than allowed.
    #[error("values are nested deeper than {limit}")]
    TooDeep {
        /// Depth allowed.
        limit: usize,
    },
    /// Not UTF-8 (RFC 7493 §2.1).
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 {
        /// The first byte that is wrong.
        offset: usize,
    },
    /// Starts with U+FEFF (RFC 8259 §8.1).
    #[error("starts with a byte order mark")]
    ByteOrderMark,
    /// Not JSON (RFC 8259).
    #[error("not JSON at byte {offset}: expected {expected}")]
    Syntax {
        /// Where it stops being JSON.
        offset: usize,
        /// What would have been right there.
        expected: &'static str,
    },
    /// One object has a member name twice (RFC 7493 §2.3).
    #[error("a member name is repeated at byte {offset}")]
    DuplicateMember {
        /// The opening quote of the repetition.
        offset: usize,
    },
    /// An escape names half of a surrogate pair (RFC 7493 §2.1).
    #[error("half a surrogate pair at byte {offset}")]
    LoneSurrogate {
        /// The backslash of the escape.
        offset: usize,
    },
    /// An integer beyond ±(2^53−1) (RFC 7493 §2.2).
    #[error("an integer beyond 2^53-1 at byte {offset}")]
    IntegerRange {
        /// The first byte of the number.
        offset: usize,
    },
    /// A number that overflows an IEEE 754 double.
    #[error("a number too large for a double at byte {offset}")]
    NotFinite {
        /// The first byte of the number.
        offset: usize,
    },
}
