//! Why an agent is not shown a tool, or may not call it: each stage by itself is asked what it says,
//! with the configuration, the policies, the quarantine and the authority's word as they are now.

mod who;

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use clap::Args;
use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_client::terminal::printable;
use mcps_client::verify::Verifier;
use mcps_core::clock::Clock;
use mcps_core::code::Code;
use mcps_core::digest::Digest;
use serde_json::{Value, json};

use crate::call::Target;
use crate::config::{Config, SEPARATOR};
use crate::error::GatewayError;
use crate::judge::{Denial, Levels, Listed, Sets, weigh};
use crate::policy::{Action, Decision, Verdict, cli::Output};
use crate::quarantine::{Evidence, Rulings, Store, Subject, Whose, owner};
use crate::tenants::Told;
use who::Who;

/// Say why an agent is not shown a tool, or may not call it.
#[derive(Clone, Debug, Args)]
pub struct WhyArgs {
    /// The tool, as callers of all servers name it: SERVER__TOOL.
    tool: String,
    #[command(flatten)]
    who: Who,
    /// The gateway's configuration.
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// How to print.
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// What one stage says.
struct Said {
    stage: &'static str,
    permits: bool,
    code: Option<Code>,
    rule: String,
    reason: String,
}

impl Said {
    fn permits(stage: &'static str, rule: &str, reason: impl Into<String>) -> Self {
        Self {
            stage,
            permits: true,
            code: None,
            rule: rule.to_owned(),
            reason: reason.into(),
        }
    }

    fn refuses(stage: &'static str, code: Code, rule: &str, reason: impl Into<String>) -> Self {
        Self {
            stage,
            permits: false,
            code: Some(code),
            rule: rule.to_owned(),
            reason: reason.into(),
        }
    }

    fn json(&self) -> Value {
        json!({
            "stage": self.stage, "permits": self.permits, "code": self.code.map(Code::id),
            "rule": self.rule, "reason": self.reason,
        })
    }
}

impl WhyArgs {
    /// Asks every stage, and prints what each of them says.
    ///
    /// # Errors
    /// A configuration, passport or home that cannot be read; a name that is none.
    pub async fn run(
        &self,
        home: &Home,
        verifier: &Verifier,
        clock: Arc<dyn Clock>,
        out: &mut impl Write,
    ) -> Result<(), GatewayError> {
        let config = Arc::new(Config::load(&self.config)?);
        let told = Told::new(verifier.trust.feed().cloned(), Arc::clone(&clock));
        let sets = Sets::load(
            &config,
            crate::config::beside(&self.config),
            Arc::clone(&told),
        )?;
        told.recall(home, sets.by_authority());
        let sets = Arc::new(ArcSwap::from_pointee(sets));
        let (server, tool) = self.tool.split_once(SEPARATOR).unwrap_or((&self.tool, ""));
        let mut said = Vec::new();
        let known = config.server.iter().find(|known| known.name == server);
        said.push(match known {
            Some(_) => Said::permits("server", "", format!("{server} is configured")),
            None => Said::refuses(
                "server",
                Code::UnknownServer,
                "server",
                format!("no server `{server}` is configured; name a tool as SERVER{SEPARATOR}TOOL"),
            ),
        });
        let (caller, of_caller) = self
            .who
            .caller(&config, verifier, server, clock.now())
            .await?;
        said.extend(of_caller);
        said.push(membership(&config, &caller.tenant, server));
        if known.is_some() {
            let target = Target {
                server: Some(server.to_owned()),
                name: Some(tool.to_owned()),
            };
            let levels = Levels::new(Arc::clone(&sets));
            said.push(match levels.require(&caller, &target) {
                Ok(()) => {
                    Said::permits("level", "min_level", format!("{} suffices", caller.level()))
                }
                Err(denial) => denied("level", denial),
            });
            let feed = verifier.trust.feed();
            let verdicts = Told::new(feed.cloned(), Arc::clone(&clock));
            verdicts.recall(home, &config.verdict_tenants());
            let evidence = Evidence::load(home, feed.cloned(), Arc::clone(&clock)).recalled();
            let current = Arc::new(ArcSwap::new(Arc::clone(&config)));
            let rulings = Rulings::new(current, verdicts, Arc::new(evidence));
            let whose = Whose {
                tenant: &caller.tenant,
                level: caller.level(),
            };
            let held = quarantine(&Store::new(home), (server, tool), whose, &rulings)?;
            said.push(held);
            let kind = "tools";
            let listed = Listed {
                server,
                kind,
                name: tool,
            };
            let now = clock.now();
            for (stage, action) in [("list", Action::SeeTool), ("call", Action::CallTool)] {
                let asked = (&caller, listed);
                said.push(match weigh(&sets.load(), asked, action, now) {
                    Ok(decision) => policy(stage, &decision),
                    Err(denial) => denied(stage, denial),
                });
            }
        }
        self.print(&said, all_permit(&said), out)
            .map_err(|source| ClientError::File {
                action: "write",
                path: "standard output".into(),
                source,
            })?;
        Ok(())
    }

    fn print(&self, said: &[Said], permits: bool, out: &mut impl Write) -> io::Result<()> {
        if self.output == Output::Json {
            let stages: Vec<Value> = said.iter().map(Said::json).collect();
            let whole = json!({"tool": self.tool, "permits": permits, "stages": stages});
            return writeln!(out, "{whole:#}");
        }
        for said in said {
            let mark = if said.permits { "permits" } else { "REFUSES" };
            let code = said.code.map(Code::id).unwrap_or_default();
            let line = format!(
                "{:<11} {mark}  {code:<9} {:<28} {}",
                said.stage, said.rule, said.reason
            );
            writeln!(out, "{}", printable(line.trim_end()))?;
        }
        let verdict = match permits {
            true => {
                "Nothing hides it: a call is still judged by its arguments and by what its session did before."
            }
            false => "It is hidden or refused by every line that says REFUSES.",
        };
        writeln!(out, "\n{verdict}")
    }
}

fn all_permit(said: &[Said]) -> bool {
    said.iter().all(|said| said.permits)
}

fn membership(config: &Config, tenant: &str, server: &str) -> Said {
    let known = config.server.iter().find(|known| known.name == server);
    if !config.tenant.contains_key(tenant) {
        let reason = format!("no tenant `{tenant}` is configured; add [tenant.{tenant}]");
        return Said::refuses("tenant", Code::Denied, "tenant", reason);
    }
    match known.is_some_and(|known| !known.admits(tenant)) {
        true => {
            let reason = format!("{server} is not for tenant `{tenant}`");
            Said::refuses("tenant", Code::Denied, "tenant", reason)
        }
        false => Said::permits("tenant", "", format!("`{tenant}`")),
    }
}

fn quarantine(
    store: &Store,
    (server, tool): (&str, &str),
    whose: Whose<'_>,
    rulings: &Rulings,
) -> Result<Said, ClientError> {
    let (pins, book) = store.read()?;
    let pin = pins.pin(&owner(server), tool);
    let shown = pin.map(|pin| pin.change.map_or(pin.hash, |change| change.hash));
    let held = book.entry(server, tool);
    let hash = shown.or_else(|| Digest::from_hex(&held?.hash));
    let Some(hash) = hash else {
        let reason = format!(
            "{server} has listed no tool `{tool}` yet; it is known once somebody lists or calls it"
        );
        return Ok(denied("definition", Denial::unlisted(reason)));
    };
    let pinned = book.standing(&pins, server, tool, &hash);
    let subject = Subject {
        server,
        tool,
        hash: Some(&hash),
        pinned,
    };
    Ok(match rulings.of(whose, subject) {
        Err(denial) => denied("definition", denial),
        Ok(ruled) => match (ruled.held(), pinned.held()) {
            (Some(reason), _) => {
                let (rule, why) = (reason.rule(), reason.sentence());
                Said::refuses("definition", Code::Quarantined, rule, why)
            }
            (None, Some(_)) => {
                let by = rulings.promoted_by(whose, subject);
                let why = format!("it was promoted by {by}");
                Said::permits("definition", "", why)
            }
            (None, None) => Said::permits("definition", "", "it is as it was approved"),
        },
    })
}

fn denied(stage: &'static str, denial: Denial) -> Said {
    Said::refuses(stage, denial.code, &denial.rule, denial.reason)
}

fn policy(stage: &'static str, decision: &Decision) -> Said {
    let reasons = decision
        .because
        .iter()
        .map(|because| because.reason.as_str());
    let reasons: Vec<&str> = reasons.collect();
    let reason = match (reasons.is_empty(), &decision.error) {
        (_, Some(error)) => error.clone(),
        (true, None) => "no rule permits it".to_owned(),
        (false, None) => reasons.join(" "),
    };
    match &decision.verdict {
        Verdict::Allow => Said::permits(stage, decision.rule(), reason),
        Verdict::Deny => Said::refuses(stage, Code::Denied, decision.rule(), reason),
        Verdict::NeedsApproval(_) => {
            Said::refuses(stage, Code::ApprovalNeeded, decision.rule(), reason)
        }
    }
}
