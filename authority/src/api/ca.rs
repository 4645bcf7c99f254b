//! The right to issue, as an operator orders it.

use mcps_core::passport::{Ca, Kind, Within};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::SubjectKind;
use crate::enrolment::level;
use crate::error::Error;
use crate::issue::seconds;
use crate::subject::{Name, Origin, Tenant};

/// Most items of each list.
const MAX_ITEMS: usize = 64;

/// The right to issue passports below this one, and its limits. Verifiers hold what is issued to them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CaRequest {
    /// How many issuing passports may follow below this one: none unless stated.
    #[serde(default)]
    #[schema(maximum = 4, default = 0)]
    max_path: u8,
    /// The highest level it may pass on: 1 unless stated; 3 and 4 need evidence.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 2, default = 1)]
    max_level: Option<i64>,
    /// The origins it may issue for; a passport without an origin is always allowed.
    #[serde(default)]
    #[schema(max_items = 64)]
    origins: Vec<Origin>,
    /// Of which tenants; of its own alone unless stated.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 64)]
    tenants: Option<Vec<Tenant>>,
    /// Of which kinds; of any unless stated.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 64)]
    kinds: Option<Vec<SubjectKind>>,
    /// How the names begin; as they like unless stated.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 64)]
    name_prefixes: Option<Vec<Name>>,
    /// For how long at most, in seconds; as long as its own life unless stated.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 7776000)]
    max_life_s: Option<i64>,
}

impl CaRequest {
    /// The right that is stated.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::EvidenceNeeded`].
    pub(super) fn read(self) -> Result<Ca, Error> {
        let why = "may be at most 4: a chain has five members";
        let max_path = Some(self.max_path).filter(|path| *path <= 4);
        let max_path = max_path.ok_or(Error::Invalid { member: "ca", why })?;
        let max_level = level(self.max_level)?;
        let kinds = list(self.kinds)?.into_iter().map(Kind::from).collect();
        let tenants = list(self.tenants)?.into_iter();
        let name_prefixes = list(self.name_prefixes)?.into_iter();
        let origins = self.origins.into_iter().map(Origin::into_string);
        let origins: Vec<String> = origins.collect();
        if origins.len() > MAX_ITEMS {
            return Err(TOO_MANY);
        }
        Ok(Ca {
            max_path,
            max_level,
            origins,
            within: Within {
                tenants: tenants.map(Tenant::into_string).collect(),
                kinds,
                name_prefixes: name_prefixes.map(Name::into_string).collect(),
                max_life: self.max_life_s.map(seconds).transpose()?,
            },
        })
    }
}

const TOO_MANY: Error = Error::Invalid {
    member: "ca",
    why: "has a list that is empty or of more than 64 items; leave out what is not to be limited",
};

/// A list that was stated has at least one item: an empty one would allow nothing, or all.
fn list<T>(stated: Option<Vec<T>>) -> Result<Vec<T>, Error> {
    match stated {
        None => Ok(Vec::new()),
        Some(list) if list.is_empty() || list.len() > MAX_ITEMS => Err(TOO_MANY),
        Some(list) => Ok(list),
    }
}
