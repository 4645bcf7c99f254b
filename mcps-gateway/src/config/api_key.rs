//! `[[api_key]]`: a caller that does not sign and comes with a key. The file has the key's digest, so
//! that whoever reads it cannot call.

use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use serde::{Deserialize, Deserializer, de};

use super::Config;

/// The longest name of a caller, an owner or a group, in bytes.
const LONGEST: usize = 256;

/// One key. Several of one name are one caller, so that a key can be replaced.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// The caller's name, as an agent's.
    pub name: String,
    /// Its tenant.
    pub tenant: String,
    /// Who answers for it.
    #[serde(default)]
    pub owner: String,
    /// The groups it belongs to in policies.
    #[serde(default)]
    pub groups: Vec<String>,
    /// SHA-256 of the key, 64 hexadecimal digits.
    #[serde(deserialize_with = "digest")]
    pub sha256: Digest,
    /// From when on it is good no more, RFC 3339.
    #[serde(default, deserialize_with = "instant")]
    pub expires: Option<Timestamp>,
}

fn digest<'de, D: Deserializer<'de>>(from: D) -> Result<Digest, D::Error> {
    let text = String::deserialize(from)?;
    let why = "SHA-256 is 64 lower-case hexadecimal digits; mcps-gateway key new writes them";
    Digest::from_hex(&text).ok_or_else(|| de::Error::custom(why))
}

fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
    let text = String::deserialize(from)?;
    let why = "write an instant as in \"2027-01-01T00:00:00Z\"";
    let instant = Timestamp::parse_rfc3339(&text).ok_or_else(|| de::Error::custom(why))?;
    Ok(Some(instant))
}

/// Whether a text can name a caller, an owner or a group, wherever it comes from: nothing in it is
/// hidden from whoever reads it in a record.
pub(crate) fn is_label(text: &str) -> bool {
    let shown = |c| !mcps_core::terminal::is_hidden(c);
    !text.is_empty() && text.len() <= LONGEST && text.trim() == text && text.chars().all(shown)
}

impl ApiKey {
    /// Whether it is good no more.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    pub(super) fn check(&self, config: &Config, before: &[Self]) -> Result<(), String> {
        let name = &self.name;
        let wrong = |what: String| Err(format!("[[api_key]] `{}`: {what}", name.escape_debug()));
        let texts = self.groups.iter().chain([name]);
        let texts = texts.chain(Some(&self.owner).filter(|owner| !owner.is_empty()));
        if !texts.into_iter().all(|text| is_label(text)) {
            return wrong(format!(
                "name, owner and groups are texts of 1 to {LONGEST} bytes, without spaces around them or anything that is not shown"
            ));
        }
        let tenant = &self.tenant;
        let Some(known) = config.tenant.get(tenant) else {
            return wrong(format!(
                "there is no tenant `{tenant}`; add [tenant.{tenant}]"
            ));
        };
        if known.min_level.0 > TrustLevel::L0 {
            return wrong(format!(
                "callers with a key have L0, so `min_level` of [tenant.{tenant}] lets none of them in; demand the level at servers or tools instead"
            ));
        }
        if before.iter().any(|other| other.sha256 == self.sha256) {
            return wrong("this key is there twice; remove one of the two".to_owned());
        }
        let same = |other: &&Self| other.name == *name && other.tenant == *tenant;
        let differs = |other: &Self| other.owner != self.owner || other.groups != self.groups;
        if before.iter().find(same).is_some_and(differs) {
            return wrong(
                "keys of one name are one caller; write the same owner and groups at each"
                    .to_owned(),
            );
        }
        Ok(())
    }
}
