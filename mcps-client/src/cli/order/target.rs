//! What an order is about, on the command line.

use clap::Args;
use mcps_core::feed::Target;
use mcps_core::key::KeyId;
use mcps_core::passport::PassportId;

/// One of these, and the tenant that names are of.
#[derive(Args, Debug)]
#[command(next_help_heading = "Target, one of")]
pub(crate) struct TargetOptions {
    #[command(flatten)]
    named: Named,
    /// The tenant that the name is of.
    #[arg(
        long,
        value_name = "TENANT",
        default_value = "default",
        help_heading = "Options"
    )]
    tenant: String,
}

/// Exactly one of these.
#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Named {
    /// One passport.
    #[arg(long, value_name = "ID", value_parser = passport_id)]
    passport: Option<PassportId>,
    /// Every passport for a key.
    #[arg(long, value_name = "KEYID", allow_hyphen_values = true, value_parser = key_id)]
    key: Option<KeyId>,
    /// Every passport of an agent.
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Every passport of a server.
    #[arg(long, value_name = "NAME")]
    server: Option<String>,
    /// Every passport of a gateway.
    #[arg(long, value_name = "NAME")]
    gateway: Option<String>,
    /// Everything that an owner answers for in the tenant.
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Everything that a key issued.
    #[arg(long, value_name = "KEYID", allow_hyphen_values = true, value_parser = key_id)]
    issuer: Option<KeyId>,
    /// Everything of the tenant.
    #[arg(long)]
    whole_tenant: bool,
    /// Everything there is; only stop takes it, and reinstate with --lifts stop.
    #[arg(long)]
    all: bool,
}

fn passport_id(text: &str) -> Result<PassportId, String> {
    PassportId::parse(text)
        .ok_or_else(|| "a passport id is asp_ and 32 lower-case hex digits".to_owned())
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::parse(text).ok_or_else(|| {
        "a key id is 43 characters of base64url, as mcps passport show prints it".to_owned()
    })
}

impl TargetOptions {
    /// What was named. Clap saw to it that one is.
    pub(crate) fn target(&self) -> Target {
        let (named, tenant) = (&self.named, self.tenant.clone());
        let of = |name: &Option<String>| name.clone().map(|name| (tenant.clone(), name));
        if let Some(id) = &named.passport {
            Target::Passport(id.clone())
        } else if let Some(key) = &named.key {
            Target::Key(key.clone())
        } else if let Some((tenant, name)) = of(&named.agent) {
            Target::Agent { tenant, name }
        } else if let Some((tenant, name)) = of(&named.server) {
            Target::Server { tenant, name }
        } else if let Some((tenant, name)) = of(&named.gateway) {
            Target::Gateway { tenant, name }
        } else if let Some((tenant, owner)) = of(&named.owner) {
            Target::Owner { tenant, owner }
        } else if let Some(key) = &named.issuer {
            Target::Issuer(key.clone())
        } else if named.all {
            Target::All
        } else {
            Target::Tenant(tenant)
        }
    }
}

/// A target in words.
pub(in crate::cli) fn words(target: &Target) -> String {
    match target {
        Target::All => "everything".to_owned(),
        Target::Passport(id) => format!("passport {id}"),
        Target::Key(key) => format!("key {key}"),
        Target::Agent { tenant, name } => format!("agent {name} of {tenant}"),
        Target::Server { tenant, name } => format!("server {name} of {tenant}"),
        Target::Gateway { tenant, name } => format!("gateway {name} of {tenant}"),
        Target::Owner { tenant, owner } => format!("owner {owner} of {tenant}"),
        Target::Tenant(tenant) => format!("tenant {tenant}"),
        Target::Issuer(key) => format!("issuer {key}"),
        Target::Tool {
            tenant,
            server,
            name,
            ..
        } => format!("tool {name} of {tenant}/{server}"),
    }
}
