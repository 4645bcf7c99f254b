//! Who it is asked about: an agent that signs, or a caller that comes with a key or a token.

use std::path::{Path, PathBuf};

use clap::Args;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::verify::Verifier;
use mcps_core::clock::Timestamp;
use mcps_core::code::Code;
use mcps_core::json::Document;
use mcps_core::level::Effective;
use mcps_core::passport::Passport;
use mcps_core::refusal::Refusal;

use super::Said;
use crate::call::{Caller, Claims, Principal};
use crate::callers::{Fault, Known, with_claims, with_key};
use crate::config::Config;

/// Exactly one of them.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Who {
    /// The agent: its home, or a file with its passport.
    #[arg(long, value_name = "PATH")]
    agent: Option<PathBuf>,
    /// A caller with an API key, by its name.
    #[arg(long, value_name = "TENANT/NAME")]
    api_key: Option<String>,
    /// A caller with an access token: a file with its claims, JSON.
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
}

impl Who {
    /// The caller as the gateway knows it, and what the stages before its tenant say.
    pub(super) async fn caller(
        &self,
        config: &Config,
        verifier: &Verifier,
        server: &str,
        now: Timestamp,
    ) -> Result<(Caller, Vec<Said>), ClientError> {
        let known = match (&self.agent, &self.api_key, &self.claims) {
            (_, Some(named), _) => {
                let (tenant, name) = named.split_once('/').unwrap_or(("", named));
                with_key(config, tenant, name, now)
            }
            (_, None, Some(file)) => {
                let claims = Document::parse(read(file)?);
                let claims = claims.map_err(|error| content(file, error.to_string()))?;
                let claims = Claims::new(claims);
                let claims =
                    claims.ok_or_else(|| content(file, "claims are a JSON object".to_owned()))?;
                with_claims(config, claims, server, now)
            }
            (agent, None, None) => {
                let passport = passport(agent.as_deref().unwrap_or_else(|| Path::new("")))?;
                return Ok(signing(&passport, verifier).await);
            }
        };
        Ok(bearing(known, verifier))
    }
}

fn bearing(known: Result<Known, Fault>, verifier: &Verifier) -> (Caller, Vec<Said>) {
    let known = match known {
        Ok(known) => known,
        Err(fault) => {
            let said = Said::refuses("credential", fault.code(), fault.rule(), fault.to_string());
            let caller = Caller {
                tenant: String::new(),
                principal: None,
                trust: None,
            };
            return (caller, vec![said]);
        }
    };
    let (name, kind) = (&known.principal.name, known.principal.kind());
    let mut said = vec![Said::permits(
        "credential",
        "",
        format!("it is {name}, {kind}, and nothing that it says is signed: L0"),
    )];
    said.push(match verifier.trust.vouches_for_guest(&known.guest()) {
        Ok(()) => Said::permits("caller", "", "the authority has nothing against it"),
        // A gateway that runs keeps what it hears, and hears more than is kept.
        Err(Refusal::AuthorityUnreachable) => Said::permits(
            "caller",
            "",
            "nothing of the authority's feed is kept in this home yet: what it has against the caller is not known here",
        ),
        Err(refusal) => {
            let (code, reason) = (refusal.code(), refusal.to_string());
            Said::refuses("caller", code, "caller", reason)
        }
    });
    let caller = Caller {
        tenant: known.tenant,
        principal: Some(known.principal),
        trust: None,
    };
    (caller, said)
}

async fn signing(passport: &Passport, verifier: &Verifier) -> (Caller, Vec<Said>) {
    let (trust, said) = match verifier.assess(passport).await {
        Ok((trust, recognised)) => (Some(trust), recognition(passport, trust, recognised)),
        Err(refusal) => {
            let (code, reason) = (refusal.code(), refusal.to_string());
            (None, Said::refuses("passport", code, "passport", reason))
        }
    };
    let tenant = passport.ext().map(|ext| ext.tenant.clone());
    let caller = Caller {
        tenant: tenant.unwrap_or_default(),
        principal: Some(Principal::named(passport)),
        trust,
    };
    (caller, vec![said])
}

fn recognition(passport: &Passport, trust: Effective, recognised: bool) -> Said {
    let id = passport.id();
    if !recognised {
        let reason = format!("nobody who is believed here vouches for {id}");
        return Said::refuses("passport", Code::InvalidPassport, "passport", reason);
    }
    let (level, own) = (trust.level(), trust.passport);
    let (cap, channel) = (trust.cap, trust.channel);
    let reason = format!(
        "{id} is worth {level}: passport {own}, issuers and authority {cap}, channel {channel}"
    );
    Said::permits("passport", "", reason)
}

fn passport(path: &Path) -> Result<Passport, ClientError> {
    if path.is_dir() {
        return Home::new(path).passport();
    }
    let text = read(path)?;
    Passport::parse(text.trim()).map_err(|refusal| content(path, refusal.to_string()))
}

fn read(path: &Path) -> Result<String, ClientError> {
    std::fs::read_to_string(path).map_err(|source| ClientError::File {
        action: "read",
        path: path.to_owned(),
        source,
    })
}

fn content(path: &Path, why: String) -> ClientError {
    ClientError::Content {
        path: path.to_owned(),
        why,
    }
}
