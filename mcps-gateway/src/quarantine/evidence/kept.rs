//! What was promoted by evidence, in `evidence.json` of the home: for those who look, and so that a
//! restart writes nothing down twice.

use mcps_client::error::ClientError;
use mcps_client::home::Home;
use mcps_core::clock::Timestamp;
use mcps_core::digest::Digest;
use mcps_core::level::TrustLevel;
use mcps_core::passport::PassportId;
use serde::{Deserialize, Serialize};

use super::Shown;

const FILE: &str = "evidence.json";

/// One definition that was promoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its hash.
    pub hash: Digest,
    /// Digest of the manifest that has it.
    pub manifest: Digest,
    /// The server's level then.
    pub level: TrustLevel,
    /// Since when.
    pub since: Timestamp,
    /// What the server showed.
    pub shown: Shown,
}

impl Grant {
    /// What the log and lists call who did it.
    #[must_use]
    pub fn by(&self) -> String {
        let Shown { tenant, name, .. } = &self.shown;
        let (level, manifest) = (self.level, self.manifest);
        format!("evidence: server {tenant}/{name} level {level}, manifest digest {manifest}")
    }

    pub(super) fn named(row: Row) -> ((String, String), Self) {
        ((row.server, row.tool), row.grant)
    }
}

/// A grant, and what of.
pub(super) struct Row {
    server: String,
    tool: String,
    grant: Grant,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Line {
    server: String,
    tool: String,
    hash: String,
    manifest: String,
    level: u8,
    since_ms: i64,
    tenant: String,
    name: String,
    stated: u8,
    passport: String,
    until_ms: i64,
}

impl Line {
    fn of(((server, tool), grant): (&(String, String), &Grant)) -> Self {
        let shown = &grant.shown;
        Self {
            server: server.clone(),
            tool: tool.clone(),
            hash: grant.hash.to_string(),
            manifest: grant.manifest.to_string(),
            level: grant.level.number(),
            since_ms: grant.since.as_millis(),
            tenant: shown.tenant.clone(),
            name: shown.name.clone(),
            stated: shown.stated.number(),
            passport: shown.passport.to_string(),
            until_ms: shown.until.as_millis(),
        }
    }

    fn row(self) -> Option<Row> {
        let level = |number: u8| TrustLevel::from_number(i64::from(number));
        let grant = Grant {
            hash: Digest::from_hex(&self.hash)?,
            manifest: Digest::from_hex(&self.manifest)?,
            level: level(self.level)?,
            since: Timestamp::from_millis(self.since_ms),
            shown: Shown {
                tenant: self.tenant,
                name: self.name,
                stated: level(self.stated)?,
                passport: PassportId::parse(&self.passport)?,
                until: Timestamp::from_millis(self.until_ms),
            },
        };
        let (server, tool) = (self.server, self.tool);
        Some(Row {
            server,
            tool,
            grant,
        })
    }
}

/// What was kept. What cannot be read is nothing: then it is promoted anew.
pub(super) fn read(home: &Home) -> Vec<Row> {
    let text = match home.read(FILE) {
        Ok(text) => text.unwrap_or_else(|| "[]".to_owned()),
        Err(error) => {
            tracing::warn!(error = %error, "{FILE} is not used: {error}");
            return Vec::new();
        }
    };
    let lines = serde_json::from_str::<Vec<Line>>(&text).unwrap_or_else(|error| {
        tracing::warn!(error = %error, "{FILE} is not used: {error}");
        Vec::new()
    });
    lines.into_iter().filter_map(Line::row).collect()
}

/// Keeps it. Waits for the disk.
pub(super) fn write(home: &Home, grants: &super::Grants) -> Result<(), ClientError> {
    let lines: Vec<Line> = grants.iter().map(Line::of).collect();
    let text = serde_json::to_string_pretty(&lines).unwrap_or_default();
    home.write(FILE, &text)
}
