//! Elements of an array.

use super::Value;

/// An array of a document.
#[derive(Clone, Copy, Debug)]
pub struct Array<'d>(Value<'d>);

impl<'d> Array<'d> {
    pub(super) const fn new(value: Value<'d>) -> Self {
        Self(value)
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.node().extra() as usize
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The element at `position`, counted from 0. Walks over those before it.
    #[must_use]
    pub fn get(self, position: usize) -> Option<Value<'d>> {
        self.iter().nth(position)
    }

    /// The elements in order.
    #[must_use]
    pub fn iter(self) -> ArrayIter<'d> {
        let array = self.0;
        ArrayIter {
            next: Value::at(array.document, array.index + 1),
            end: array.node().next,
            left: self.len(),
        }
    }
}

impl<'d> IntoIterator for Array<'d> {
    type Item = Value<'d>;
    type IntoIter = ArrayIter<'d>;

    fn into_iter(self) -> ArrayIter<'d> {
        self.iter()
    }
}

/// The elements of an [`Array`] in order.
#[derive(Clone, Debug)]
pub struct ArrayIter<'d> {
    next: Value<'d>,
    end: u32,
    left: usize,
}

impl<'d> Iterator for ArrayIter<'d> {
    type Item = Value<'d>;

    fn next(&mut self) -> Option<Value<'d>> {
        if self.next.index >= self.end {
            return None;
        }
        let value = self.next;
        self.next.index = value.node().next;
        self.left = self.left.saturating_sub(1);
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for ArrayIter<'_> {}
