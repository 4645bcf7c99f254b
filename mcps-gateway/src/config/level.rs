//! A trust level as a configuration says it.

use mcps_core::level::TrustLevel;
use serde::{Deserialize, Deserializer, de};

/// `2`, `"2"` or `"L2"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Level(pub TrustLevel);

impl Default for Level {
    fn default() -> Self {
        Self(TrustLevel::L0)
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Level;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a trust level: 0, 1, 2, 3 or 4")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Level, E> {
                let level = TrustLevel::from_number(number);
                let unexpected = de::Unexpected::Signed(number);
                level
                    .map(Level)
                    .ok_or_else(|| E::invalid_value(unexpected, &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Level, E> {
                let level = text.parse().map(Level);
                level.map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
