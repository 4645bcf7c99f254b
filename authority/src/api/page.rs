//! One page of a list.

use crate::authority::Authority;
use crate::cursor::Listing;
use crate::error::Error;

/// How many rows there are on a page, unless something else is asked for.
const USUAL: i64 = 50;
/// The most.
const MOST: i64 = 200;

/// Which page of a list is asked for.
#[derive(Debug)]
pub(super) struct Page<'a> {
    listing: Listing<'a>,
    limit: i64,
    after: String,
}

impl<'a> Page<'a> {
    /// Reads what was asked.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit that no page has, [`Error::Cursor`].
    pub(super) fn read(
        authority: &Authority,
        listing: Listing<'a>,
        limit: Option<i64>,
        cursor: Option<&str>,
    ) -> Result<Self, Error> {
        let limit = rows(limit)?;
        let after = cursor.map(|cursor| listing.after(authority, cursor));
        Ok(Self {
            listing,
            limit,
            after: after.transpose()?.unwrap_or_default(),
        })
    }

    /// The id after which it begins; empty on the first.
    pub(super) fn after(&self) -> &str {
        &self.after
    }

    /// How many rows to ask for: one more than is shown tells whether there is a next page.
    pub(super) const fn rows(&self) -> i64 {
        self.limit + 1
    }

    /// Leaves as many as are shown, and gives the cursor of the next page if there is one.
    ///
    /// # Errors
    /// As [`Listing::cursor`].
    pub(super) fn cut<T>(
        &self,
        authority: &Authority,
        rows: &mut Vec<T>,
        id: impl Fn(&T) -> &str,
    ) -> Result<Option<String>, Error> {
        let shown = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > shown;
        rows.truncate(shown);
        let last = rows.last().filter(|_| more);
        let cursor = last.map(|last| self.listing.cursor(authority, id(last)));
        cursor.transpose()
    }
}

/// How many rows there are to be on a page.
///
/// # Errors
/// [`Error::Invalid`] for what no page has.
pub(super) fn rows(limit: Option<i64>) -> Result<i64, Error> {
    let limit = limit.unwrap_or(USUAL);
    let why = "must be 1 to 200";
    let allowed = (1..=MOST).contains(&limit).then_some(limit);
    allowed.ok_or(Error::Invalid {
        member: "limit",
        why,
    })
}
