//! Evidence that somebody signs or a scanner makes: reports, whose scanners are believed, approvals and
//! the keys they are signed by. Answers are JSON, as the authority wrote it.

use mcps_core::json::Document;
use reqwest::Method;

use super::trust::SubjectRef;
use super::{AuthorityClient, Operator};
use crate::error::ClientError;

/// What is said of a report beside it.
#[derive(Clone, Debug, Default)]
pub struct ReportRequest {
    /// Digest of the manifest that was scanned.
    pub manifest: Option<String>,
    /// What it is written in.
    pub format: Option<String>,
    /// Until when it may be relied upon.
    pub valid_until: Option<String>,
    /// Only say what would be filed.
    pub dry_run: bool,
}

impl AuthorityClient {
    /// Files a scanner's report.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn submit_report(
        &self,
        operator: &str,
        subject: &SubjectRef,
        report: String,
        asked: &ReportRequest,
    ) -> Result<Document, ClientError> {
        let members = [
            ("manifest", asked.manifest.as_deref()),
            ("format", asked.format.as_deref()),
            ("valid_until", asked.valid_until.as_deref()),
            ("dry_run", asked.dry_run.then_some("true")),
        ];
        let given = members.iter().filter_map(|(name, value)| {
            let value = value.as_ref()?;
            Some(format!("{name}={value}"))
        });
        let query = given.collect::<Vec<_>>().join("&");
        let path = format!("{}?{query}", subject.path("reports"));
        self.call(Method::POST, &path, Some(operator), Some(report))
            .await
    }
}

impl Operator<'_> {
    /// A piece of evidence. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn evidence(&self, id: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/evidence/{id}")).await
    }

    /// Approves a piece of evidence by a signed statement. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn approve_evidence(
        &self,
        id: &str,
        signed: String,
    ) -> Result<Document, ClientError> {
        let path = format!("/v1/evidence/{id}/approvals");
        self.post_text(&path, signed).await
    }

    /// Who asks, and the keys that approvals are signed by.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn approver_keys(&self) -> Result<Document, ClientError> {
        self.get("/v1/approver-keys").await
    }

    /// Registers the key that signed the statement.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn add_approver_key(&self, signed: String) -> Result<Document, ClientError> {
        self.post_text("/v1/approver-keys", signed).await
    }

    /// Revokes a key that approvals are signed by. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn revoke_approver_key(&self, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/approver-keys/{id}/revoke");
        self.post(&path, &serde_json::json!({})).await
    }

    /// Whose scans a tenant believes. The tenant must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn scanners(&self, tenant: &str) -> Result<Document, ClientError> {
        self.get(&format!("/v1/tenants/{tenant}/scanners")).await
    }

    /// Has a tenant believe a scanner. The tenant must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn add_scanner(
        &self,
        tenant: &str,
        scanner: &serde_json::Value,
    ) -> Result<Document, ClientError> {
        self.post(&format!("/v1/tenants/{tenant}/scanners"), scanner)
            .await
    }

    /// Revokes a scanner. Tenant and name must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn revoke_scanner(
        &self,
        tenant: &str,
        name: &str,
        reason: Option<&str>,
    ) -> Result<Document, ClientError> {
        let path = format!("/v1/tenants/{tenant}/scanners/{name}/revoke");
        let body = match reason {
            Some(reason) => serde_json::json!({ "reason": reason }),
            None => serde_json::json!({}),
        };
        self.post(&path, &body).await
    }
}
