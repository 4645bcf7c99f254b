//! A later key set in the place of the one in a backup.

use mcps_core::refusal::Refusal;
use mcps_core::trust::TrustBundle;

use crate::store::{Cell, Part};

/// The key set of that text, if it may follow the backup's: by the same root, or one that it led to.
pub(super) fn later(of_then: &TrustBundle, text: &str) -> Result<TrustBundle, Refusal> {
    let bundle = TrustBundle::parse(text.trim())?;
    bundle.verify(of_then.signer())?;
    if bundle.authority() != of_then.authority() || bundle.number() < of_then.number() {
        return Err(Refusal::Statement {
            what: "--key-set",
            why: "it is another authority's, or older than the backup's",
        });
    }
    Ok(bundle)
}

/// Puts a key set into the one row that has it, as the rows go by.
#[derive(Debug)]
pub(super) struct Exchange {
    key_set: Option<String>,
    /// The column, while the table that has it goes by.
    column: Option<usize>,
}

impl Exchange {
    pub(super) const fn new(key_set: Option<String>) -> Self {
        Self {
            key_set,
            column: None,
        }
    }

    pub(super) fn take(&mut self, part: Part) -> Part {
        match part {
            Part::Table(table, columns) => {
                let own = columns.iter().position(|column| column == "bundle");
                self.column = own.filter(|_| table == "authority");
                Part::Table(table, columns)
            }
            Part::Row(mut cells) => {
                let column = self.column.and_then(|column| cells.get_mut(column));
                if let Some((cell, text)) = column.zip(self.key_set.as_ref()) {
                    *cell = Cell::Text(text.clone());
                }
                Part::Row(cells)
            }
        }
    }
}
