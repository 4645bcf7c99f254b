//! Which passport a server must show, as a configuration names it.

use serde::{Deserialize, Deserializer, de};

/// `name`, of whatever tenant, or `tenant/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPassport {
    tenant: Option<String>,
    name: String,
}

impl ServerPassport {
    /// Whether this is the passport's tenant, absent where it states none, and its name.
    #[must_use]
    pub fn is(&self, tenant: Option<&str>, name: &str) -> bool {
        let fits = |wanted: &String| tenant == Some(wanted.as_str());
        self.name == name && self.tenant.as_ref().is_none_or(fits)
    }

    /// Whether no other passport of the authority fits: it names a tenant.
    #[must_use]
    pub const fn is_one(&self) -> bool {
        self.tenant.is_some()
    }

    /// The tenant that it names.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Reads it; `None` where a part is empty or there are three.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (tenant, name) = match text.split_once('/') {
            Some((tenant, name)) => (Some(tenant), name),
            None => (None, text),
        };
        let empty = tenant.is_some_and(str::is_empty) || name.is_empty();
        (!empty && !name.contains('/')).then(|| Self {
            tenant: tenant.map(str::to_owned),
            name: name.to_owned(),
        })
    }
}

impl<'de> Deserialize<'de> for ServerPassport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            let text = de::Unexpected::Str(&text);
            de::Error::invalid_value(
                text,
                &"the name in a server's passport, or its tenant and name as `tenant/name`",
            )
        })
    }
}
