//! Who somebody is by the claims of a token.

use mcps_core::json::Value;

use super::{Fault, Known};
use crate::call::{Claims, Principal, Proof};
use crate::config::{Oidc, is_label};

/// The most groups of one caller.
const GROUPS: usize = 256;

/// Who somebody is, as a configuration reads the claims of its issuer.
///
/// # Errors
/// What of them is missing or is not what it should be: nobody becomes somebody else by what a rule
/// then does not see.
pub(crate) fn from_claims(config: &Oidc, claims: Claims) -> Result<Known, Fault> {
    let text = |name: &str| claims.get(name).map(|value| label(value));
    let tenant = match (&config.tenant, &config.tenant_claim) {
        (Some(tenant), _) => Some(tenant.clone()),
        (None, Some(claim)) => {
            text(claim)
                .transpose()?
                .and_then(|value| match config.tenants.is_empty() {
                    true => Some(value),
                    false => config.tenants.get(&value).cloned(),
                })
        }
        (None, None) => None,
    };
    let tenant = tenant.ok_or(Fault::NoTenant)?;
    let name = text(&config.name_claim).transpose()?;
    let name = name.ok_or(Fault::Invalid(
        "it has no claim that says the caller's name",
    ))?;
    let owner = config.owner_claim.as_deref().and_then(text).transpose()?;
    let groups = config
        .groups_claim
        .as_deref()
        .and_then(|claim| claims.get(claim))
        .map(groups)
        .transpose()?;
    Ok(Known {
        tenant,
        principal: Principal {
            name: format!("{}{name}", config.name_prefix),
            owner: owner.unwrap_or_default(),
            groups: groups.unwrap_or_default(),
            issuer: config.issuer.clone(),
            proof: Proof::Token,
            claims: Some(claims),
        },
    })
}

fn label(value: Value<'_>) -> Result<String, Fault> {
    let text = value.as_str().filter(|text| is_label(text));
    let text = text.ok_or(Fault::Invalid(
        "a claim that says who somebody is is no name",
    ))?;
    Ok(text.into_owned())
}

/// A list of names, or one.
fn groups(value: Value<'_>) -> Result<Vec<String>, Fault> {
    let Some(list) = value.as_array() else {
        return Ok(vec![label(value)?]);
    };
    if list.len() > GROUPS {
        return Err(Fault::Invalid("it names more groups than can be looked at"));
    }
    list.iter().map(label).collect()
}
