//! `mcps policy push`.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use mcps_client::authority::{AuthorityClient, PolicyPush};
use mcps_client::error::ClientError;
use mcps_core::json::Value;
use mcps_core::level::TrustLevel;
use mcps_core::random::hex16;
use mcps_core::tenant::{MAX_DOCUMENT_BYTES, PolicyText, TenantPolicy};

use super::super::output::{self, OutputOptions, print_json, text_at};
use super::super::server::Asking;
use super::super::{CliError, Machine, input};
use super::{document, forward, tenant};

/// What `mcps policy push` can be told.
#[derive(Args, Debug)]
#[command(group(clap::ArgGroup::new("what").required(true).args(["files", "version"])))]
pub(crate) struct Push {
    /// The tenant.
    #[arg(value_parser = tenant)]
    tenant: String,
    /// Facts and sequences (.toml), policies (.cedar), or a cedarv1 file (.json, .yaml): all of what
    /// is to be in force, beside the default pack.
    files: Vec<PathBuf>,
    /// Go back to what this version said, instead of files.
    #[arg(long, value_name = "NUMBER")]
    version: Option<u64>,
    /// The level from which on the tenant's callers may call anything, 0 to 4 [default: as it is].
    #[arg(long, value_name = "LEVEL", conflicts_with = "version")]
    min_level: Option<TrustLevel>,
    /// Without the default pack.
    #[arg(long, conflicts_with = "version")]
    no_default_pack: bool,
    /// The version that you looked at, 0 before the first [default: the present one].
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// A word for whoever looks at it later.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Check it, and only say what would come of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    asking: Asking,
    #[command(flatten)]
    output: OutputOptions,
}

/// A version as the authority shows it.
struct Shown {
    number: u64,
    policy: TenantPolicy,
}

impl Push {
    pub(crate) async fn run(self, machine: &Machine) -> Result<(), CliError> {
        let (authority, operator) = self.asking.open(machine)?;
        let present = shown(&authority, &operator, &self.tenant, None).await?;
        let policy = match self.version {
            Some(version) => {
                let version = shown(&authority, &operator, &self.tenant, Some(version)).await?;
                version.ok_or(CliError::NoSuchVersion)?.policy
            }
            None => self.of_files(present.as_ref())?,
        };
        // What is checked is what is pushed, and not what the files have become meanwhile.
        self.check(&policy)?;
        let push = PolicyPush {
            policy,
            note: self.note.clone(),
            after: self
                .after
                .unwrap_or_else(|| present.map_or(0, |present| present.number)),
            dry_run: self.dry_run,
            once: hex16(machine.random.as_ref()).map_err(ClientError::from)?,
        };
        let done = authority
            .push_policy(&operator, &self.tenant, &push)
            .await?;
        if self.output.is_json() {
            return print_json(done.text());
        }
        output::print(&output::members(&self.rows(done.root(), &push.policy)))
    }

    fn of_files(&self, present: Option<&Shown>) -> Result<TenantPolicy, CliError> {
        let texts = self.files.iter().map(|path| {
            let bytes = input::read(path, MAX_DOCUMENT_BYTES)?;
            let text = String::from_utf8(bytes);
            let name = path.file_name().map(|name| name.to_string_lossy());
            Ok(PolicyText {
                name: name.unwrap_or_default().into_owned(),
                text: text.map_err(|_| CliError::NotText(path.display().to_string()))?,
            })
        });
        Ok(TenantPolicy {
            // Whoever says nothing of the level does not lower it.
            min_level: self
                .min_level
                .or_else(|| present.map(|present| present.policy.min_level))
                .unwrap_or(TrustLevel::L0),
            default_policy: !self.no_default_pack,
            texts: texts.collect::<Result<_, CliError>>()?,
        })
    }

    fn check(&self, policy: &TenantPolicy) -> Result<(), CliError> {
        policy.document().map_err(CliError::NoPolicy)?;
        let folder = tempfile::tempdir().map_err(CliError::Scratch)?;
        let mut files = Vec::new();
        for text in &policy.texts {
            fs::write(folder.path().join(&text.name), &text.text).map_err(CliError::Scratch)?;
            files.push(PathBuf::from(&text.name));
        }
        let json = self.output.is_json();
        let checked = forward::check(folder.path(), &files, policy.default_policy, json)?;
        if checked.valid {
            return Ok(());
        }
        if json {
            print_json(&checked.words)?;
        } else {
            checked.words.lines().for_each(output::note);
        }
        Err(CliError::PolicyRefused)
    }

    fn rows(&self, done: Value<'_>, policy: &TenantPolicy) -> Vec<(&'static str, String)> {
        let is = |name| done.get(name).and_then(Value::as_bool) == Some(true);
        let member = |name| text_at(done, &["version", name]);
        let (number, position) = (member("version"), member("position"));
        let what = format!("version {number} of tenant {}", self.tenant);
        let changes = match is("changed") {
            true => String::new(),
            false => "nothing; it is so already".to_owned(),
        };
        let level = policy.min_level.to_string();
        if is("dry_run") {
            return vec![
                ("would push", what),
                ("digest", member("digest")),
                ("min level", level),
                ("changes", changes),
                ("next", "the same without --dry-run".to_owned()),
            ];
        }
        let before = number.parse::<u64>().unwrap_or_default().saturating_sub(1);
        let back = format!("mcps policy push {} --version {before}", self.tenant);
        vec![
            ("in force", what),
            ("digest", member("digest")),
            ("min level", level),
            ("changes", changes),
            ("feed position", position.clone()),
            (
                "next",
                format!("see who has heard of it: mcps feed enforcement {position} --wait 5s"),
            ),
            (
                "back",
                if is("changed") && before > 0 {
                    back
                } else {
                    String::new()
                },
            ),
        ]
    }
}

async fn shown(
    authority: &AuthorityClient,
    operator: &str,
    tenant: &str,
    version: Option<u64>,
) -> Result<Option<Shown>, CliError> {
    let answer = match authority.policy(operator, tenant, version).await {
        Ok(answer) => answer,
        Err(ClientError::Problem { status: 404, .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let number = text_at(answer.root(), &["version", "version"]);
    Ok(Some(Shown {
        number: number.parse().unwrap_or_default(),
        policy: document::read(&answer)?,
    }))
}
