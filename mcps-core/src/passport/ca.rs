//! The right to issue (`ext.ca`), and its limits.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Kind, Passport};
use crate::json::{Object, Value, quote};
use crate::level::TrustLevel;
use crate::refusal::Refusal;

/// Most items of each list.
const MAX_ITEMS: usize = 64;
/// Every member that is known. Another one could narrow the right, so it refuses the passport.
const MEMBERS: [&str; 7] = [
    "max_path",
    "max_level",
    "origins",
    "tenants",
    "kinds",
    "name_prefixes",
    "max_life_s",
];

/// The right to issue, and its limits (`ext.ca`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ca {
    /// How many issuing passports may follow below this one.
    pub max_path: u8,
    /// The highest level it may pass on.
    pub max_level: TrustLevel,
    /// The origins it may issue for; a passport without an origin is always allowed.
    pub origins: Vec<String>,
    /// Whom it may issue for.
    pub within: Within,
}

/// Whom an issuing passport may issue for; what is empty is not stated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// Of these tenants; of the issuer's own alone unless stated.
    pub tenants: Vec<String>,
    /// Of these kinds; of any unless stated.
    pub kinds: Vec<Kind>,
    /// With names that begin with one of these; with any unless stated.
    pub name_prefixes: Vec<String>,
    /// For at most so long; as long as it likes unless stated. Whole seconds.
    pub max_life: Option<Duration>,
}

const fn bad(member: &'static str) -> Refusal {
    Refusal::Passport(member)
}

impl Ca {
    pub(super) fn read(value: Value<'_>) -> Result<Self, Refusal> {
        let object = value.as_object().ok_or(bad("ext.ca"))?;
        if !object
            .iter()
            .all(|member| MEMBERS.contains(&&*member.name()))
        {
            return Err(bad("ext.ca has a member that is not understood here"));
        }
        let number = |name| object.get(name).and_then(Value::as_i64);
        let max_path = number("max_path").and_then(|n| u8::try_from(n).ok());
        let max_level = number("max_level").and_then(TrustLevel::from_number);
        let origins = object.get("origins").ok_or(bad("ext.ca.origins"))?;
        let max_life = object.get("max_life_s").map(|value| {
            let seconds = value.as_i64().and_then(|n| u64::try_from(n).ok());
            let seconds = seconds.filter(|seconds| *seconds > 0);
            seconds
                .map(Duration::from_secs)
                .ok_or(bad("ext.ca.max_life_s"))
        });
        let kinds = stated(object, "kinds", "ext.ca.kinds")?.into_iter();
        let kinds = kinds.map(|kind| kind.parse().map_err(|_| bad("ext.ca.kinds")));
        Ok(Self {
            max_path: max_path.ok_or(bad("ext.ca.max_path"))?,
            max_level: max_level.ok_or(bad("ext.ca.max_level"))?,
            origins: strings(origins, "ext.ca.origins")?,
            within: Within {
                tenants: stated(object, "tenants", "ext.ca.tenants")?,
                kinds: kinds.collect::<Result<_, _>>()?,
                name_prefixes: stated(object, "name_prefixes", "ext.ca.name_prefixes")?,
                max_life: max_life.transpose()?,
            },
        })
    }

    pub(super) fn write(&self, json: &mut String) {
        let _ = write!(
            json,
            r#"{{"max_path":{},"max_level":{},"origins":{}"#,
            self.max_path,
            self.max_level.number(),
            array(self.origins.iter().map(String::as_str)),
        );
        let within = &self.within;
        if !within.tenants.is_empty() {
            let tenants = array(within.tenants.iter().map(String::as_str));
            let _ = write!(json, r#","tenants":{tenants}"#);
        }
        if !within.kinds.is_empty() {
            let kinds = array(within.kinds.iter().map(|kind| kind.as_str()));
            let _ = write!(json, r#","kinds":{kinds}"#);
        }
        if !within.name_prefixes.is_empty() {
            let prefixes = array(within.name_prefixes.iter().map(String::as_str));
            let _ = write!(json, r#","name_prefixes":{prefixes}"#);
        }
        if let Some(life) = within.max_life {
            let _ = write!(json, r#","max_life_s":{}"#, life.as_secs());
        }
        json.push('}');
    }

    /// Whether `issuer`, whose right this is, may issue `child`; says what it goes beyond if not.
    ///
    /// # Errors
    /// [`Refusal::Chain`].
    pub fn permits(&self, issuer: &Passport, child: &Passport) -> Result<(), Refusal> {
        let within = |allowed: bool, why| allowed.then_some(()).ok_or(Refusal::Chain(why));
        let level = self.max_level.min(issuer.trust_level());
        within(
            child.trust_level() <= level,
            "a level above the issuer's was passed on",
        )?;
        let own = |origin: &str| self.origins.iter().any(|own| own == origin);
        within(
            child.origin().is_none_or(own),
            "an origin beyond the issuer's was passed on",
        )?;
        let own_tenant = issuer.ext().map(|ext| ext.tenant.as_str());
        let tenant = |tenant: &str| self.within.tenant(tenant, own_tenant);
        // A passport of draft-00 says neither tenant nor kind, so it is held to neither unless stated.
        let ext = child.ext();
        within(
            ext.map_or(self.within.tenants.is_empty(), |ext| tenant(&ext.tenant)),
            "a tenant beyond the issuer's was passed on",
        )?;
        within(
            self.within.kinds.is_empty()
                || ext.is_some_and(|ext| self.within.kinds.contains(&ext.kind)),
            "a kind beyond the issuer's was passed on",
        )?;
        within(
            self.within.name(child.agent_name()),
            "a name beyond the issuer's was passed on",
        )?;
        let life = child.expires_at().since(child.issued_at());
        let life = Duration::from_millis(u64::try_from(life).unwrap_or(u64::MAX));
        within(
            self.within.max_life.is_none_or(|most| life <= most),
            "a life beyond the issuer's was passed on",
        )?;
        let Some(below) = ext.and_then(|ext| ext.ca.as_ref()) else {
            return Ok(());
        };
        let narrower = below.max_level <= self.max_level
            && below.origins.iter().all(|origin| own(origin))
            && below.within.tenants.iter().all(|own| tenant(own))
            && self.within.covers(&below.within);
        within(
            narrower,
            "a right to issue beyond the issuer's own was passed on",
        )
    }
}

impl Within {
    fn tenant(&self, tenant: &str, own: Option<&str>) -> bool {
        match self.tenants.as_slice() {
            [] => own == Some(tenant),
            stated => stated.iter().any(|one| one == tenant),
        }
    }

    fn name(&self, name: &str) -> bool {
        let mut prefixes = self.name_prefixes.iter();
        self.name_prefixes.is_empty() || prefixes.any(|prefix| name.starts_with(prefix))
    }

    /// Whether a right below states at least as narrow a kind, name and life.
    fn covers(&self, below: &Self) -> bool {
        let kinds = self.kinds.is_empty()
            || (!below.kinds.is_empty()
                && below.kinds.iter().all(|kind| self.kinds.contains(kind)));
        let names = self.name_prefixes.is_empty()
            || (!below.name_prefixes.is_empty()
                && below.name_prefixes.iter().all(|prefix| self.name(prefix)));
        let life = self
            .max_life
            .is_none_or(|most| below.max_life.is_some_and(|life| life <= most));
        kinds && names && life
    }
}

/// A list that is narrower than anything if it is empty, so that is refused.
fn stated(object: Object<'_>, name: &str, member: &'static str) -> Result<Vec<String>, Refusal> {
    let Some(value) = object.get(name) else {
        return Ok(Vec::new());
    };
    let list = strings(value, member)?;
    if list.is_empty() {
        Err(bad(member))
    } else {
        Ok(list)
    }
}

fn strings(value: Value<'_>, member: &'static str) -> Result<Vec<String>, Refusal> {
    let array = value.as_array().ok_or(bad(member))?;
    if array.len() > MAX_ITEMS {
        return Err(bad(member));
    }
    let text = |value: Value<'_>| {
        let text = value.as_str().ok_or(bad(member))?;
        Ok(text.into_owned())
    };
    array.into_iter().map(text).collect()
}

fn array<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let mut json = String::from("[");
    for (at, item) in items.enumerate() {
        if at > 0 {
            json.push(',');
        }
        quote(item, &mut json);
    }
    json.push(']');
    json
}
