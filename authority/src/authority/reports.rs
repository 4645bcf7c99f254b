//! Taking in what scanners report, and saying to others what came of it.

use mcps_core::dsse;
use mcps_core::trust::KeyUse;

use super::Authority;
use crate::error::Error;
use crate::levels::{Content, Facts, Proof, Subject, assess, summary};
use crate::report::{Registered, Report, Submission};

impl Authority {
    /// Reads a report on the manifest that is registered now, counts what it found, and unless it is
    /// `dry` files that; whoever follows the feed hears at once of a level that changes.
    ///
    /// # Errors
    /// [`Error::Json`], [`Error::Report`], [`Error::Database`].
    pub async fn take_report(
        &self,
        bytes: Vec<u8>,
        asked: Submission,
        dry: bool,
    ) -> Result<Content, Error> {
        let scanners = self.db.scanners(&asked.subject.tenant).await?;
        let report = Report::open(bytes, &scanners)?;
        let current = self.db.trust_inputs(&asked.subject).await?.facts.manifest;
        let found = match &current {
            Some(digest) => self.db.manifest_by_digest(digest).await?,
            None => None,
        };
        let tools = found
            .map(|found| Registered::of(&found.tools))
            .transpose()?;
        let current = current.zip(tools.as_ref());
        let now = self.now();
        let content = report.evidence(asked, current, &scanners, &self.policy, now)?;
        if dry {
            return Ok(content);
        }
        let text = Some(report.text());
        let told = self.db.file_evidence(&content, text, &self.policy, now);
        self.told(&told.await?);
        Ok(content)
    }

    /// Takes a scanner off a tenant's list; whoever follows the feed hears at once of every level that
    /// falls with it. How many fell, or would in a dry run.
    ///
    /// # Errors
    /// [`Error::Scanner`], [`Error::Database`].
    pub async fn revoke_scanner(
        &self,
        tenant: &str,
        name: &str,
        reason: Option<&str>,
        by: &str,
        dry_run: bool,
    ) -> Result<usize, Error> {
        let (policy, now) = (&self.policy, self.now());
        let fallen = self
            .db
            .rehearsing(dry_run)
            .revoke_scanner(tenant, name, reason, policy, by, now)
            .await?;
        for (_, told) in fallen.iter().filter(|_| !dry_run) {
            self.told(told);
        }
        Ok(fallen.len())
    }

    /// What is said of a subject to others, signed: a verification summary in a DSSE envelope.
    ///
    /// # Errors
    /// [`Error::ManifestNotFound`] when it has published nothing that could be named by a digest;
    /// [`Error::Database`], [`Error::KeyUnusable`].
    pub async fn attest(&self, subject: &Subject) -> Result<String, Error> {
        let inputs = self.db.trust_inputs(subject).await?;
        let manifest = inputs.facts.manifest.ok_or(Error::ManifestNotFound)?;
        // After the database was read: nothing is said to hold that has lapsed meanwhile.
        let now = self.now();
        let facts = Facts {
            proof: Proof::Carried,
            ..inputs.facts
        };
        let found = assess(&facts, &inputs.evidence, &self.policy, now);
        let name = self.name();
        let statement = summary::statement(name, subject, &manifest, &found, &self.policy, now);
        let signer = self.keys.signer(KeyUse::Status)?;
        let payload = statement.to_string();
        let sealed = dsse::sign(dsse::IN_TOTO, payload.as_bytes(), signer.as_ref());
        sealed.map_err(Error::CrossCheck)
    }
}
