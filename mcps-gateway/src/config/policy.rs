//! Where a tenant's policy comes from.

use std::fmt;
use std::path::PathBuf;

use serde::de::{self, SeqAccess};
use serde::{Deserialize, Deserializer};

/// `policy = ["acme.toml"]` or `policy = "authority"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyFrom {
    /// Files, beside the configuration's unless a path is absolute.
    Files(Vec<PathBuf>),
    /// The authority says which, and the minimum level too.
    Authority,
}

impl Default for PolicyFrom {
    fn default() -> Self {
        Self::Files(Vec::new())
    }
}

impl<'de> Deserialize<'de> for PolicyFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = PolicyFrom;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"authority\", or a list of files as [\"acme.toml\", \"acme.cedar\"]")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<PolicyFrom, E> {
                let unexpected = de::Unexpected::Str(text);
                match text {
                    "authority" => Ok(PolicyFrom::Authority),
                    _ => Err(E::invalid_value(unexpected, &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<PolicyFrom, A::Error> {
                let mut files = Vec::new();
                while let Some(file) = list.next_element()? {
                    files.push(file);
                }
                Ok(PolicyFrom::Files(files))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
