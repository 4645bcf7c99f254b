//! Whom a token is about: a target of the feed as a subject that others can name (RFC 9493 §3.2.4), and
//! back.

use mcps_core::feed::Target;
use serde_json::{Value, json};

/// A target as the subject of a token by `issuer`: `iss_sub`, with `agent/TENANT/NAME` as `sub`.
#[must_use]
pub fn subject(issuer: &str, target: &Target) -> Value {
    json!({"format": "iss_sub", "iss": issuer, "sub": path(target)})
}

fn path(target: &Target) -> String {
    let kind = target.kind().as_str();
    match target {
        Target::All => kind.to_owned(),
        Target::Passport(id) => format!("{kind}/{id}"),
        Target::Key(key) | Target::Issuer(key) => format!("{kind}/{key}"),
        Target::Tenant(tenant) => format!("{kind}/{tenant}"),
        Target::Agent { tenant, name }
        | Target::Server { tenant, name }
        | Target::Gateway { tenant, name } => format!("{kind}/{tenant}/{name}"),
        Target::Owner { tenant, owner } => format!("{kind}/{tenant}/{owner}"),
        Target::Tool {
            tenant,
            server,
            name,
            ..
        } => format!("{kind}/{tenant}/{server}/{name}"),
    }
}

/// Whom a subject names: what the authority `from` names as [`subject`] does, else the agent of the tenant
/// `default` whose name is the subject's `id`, `sub` or `email`; that of its `user`, where it is complex.
/// `None` where there is none of these. Who is no authority may let people choose their `sub` themselves.
#[must_use]
pub fn target(subject: &Value, from: Option<&str>) -> Option<Value> {
    let text = |of: &Value, name: &str| of.get(name).and_then(Value::as_str).map(str::to_owned);
    if text(subject, "format").as_deref() == Some("iss_sub")
        && from.is_some()
        && text(subject, "iss").as_deref() == from
        && let Some(target) = text(subject, "sub").and_then(|path| read(&path))
    {
        return Some(target);
    }
    let of = |of: &Value| {
        ["id", "sub", "email"]
            .iter()
            .find_map(|name| text(of, name))
    };
    let name = of(subject).or_else(|| subject.get("user").and_then(of))?;
    Some(json!({"kind": "agent", "tenant": "default", "name": name}))
}

/// Everything, an issuing key and a tool are nobody's to reach from outside, and not read.
fn read(path: &str) -> Option<Value> {
    let (kind, rest) = path.split_once('/')?;
    let pair = || {
        rest.split_once('/')
            .filter(|(tenant, _)| !tenant.is_empty())
    };
    Some(match kind {
        "agent" | "server" | "gateway" => {
            let (tenant, name) = pair()?;
            json!({"kind": kind, "tenant": tenant, "name": name})
        }
        "owner" => {
            let (tenant, owner) = pair()?;
            json!({"kind": kind, "tenant": tenant, "owner": owner})
        }
        "tenant" => json!({"kind": kind, "tenant": rest}),
        "passport" => json!({"kind": kind, "id": rest}),
        "key" => json!({"kind": kind, "key": rest}),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
