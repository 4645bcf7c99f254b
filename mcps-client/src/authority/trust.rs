//! The authority's word on levels: why a subject stands where it stands, and the evidence for it.
//! Answers are JSON, as the authority wrote it.

use mcps_core::json::Document;
use mcps_core::passport::Kind;
use reqwest::Method;

use super::registry::object;
use super::{AuthorityClient, MAX_ANSWER};
use crate::error::ClientError;

/// Longest time for a check of an origin, which the authority makes meanwhile.
const CHECK: std::time::Duration = std::time::Duration::from_secs(15);

/// Whom it is about.
#[derive(Clone, Debug)]
pub struct SubjectRef {
    /// Its tenant.
    pub tenant: String,
    /// Agent, server or gateway.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// A piece of evidence to be filed.
#[derive(Clone, Debug, Default)]
pub struct EvidenceRequest {
    /// `operator_decision`, `scan` or `audit`.
    pub kind: String,
    /// `pass` or `fail`.
    pub verdict: String,
    /// Digest of the manifest that was scanned or reviewed.
    pub manifest: Option<String>,
    /// Until when it may be relied upon.
    pub valid_until: Option<String>,
    /// What was done and found.
    pub statement: String,
}

impl SubjectRef {
    fn path(&self, route: &str) -> String {
        let Self { tenant, kind, name } = self;
        format!("/v1/subjects/{kind}/{tenant}/{name}/{route}")
    }
}

impl AuthorityClient {
    /// Where a subject stands, and why.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn explain_trust(
        &self,
        operator: &str,
        subject: &SubjectRef,
    ) -> Result<Document, ClientError> {
        let path = subject.path("trust");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// Files evidence.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn file_evidence(
        &self,
        operator: &str,
        subject: &SubjectRef,
        evidence: &EvidenceRequest,
    ) -> Result<Document, ClientError> {
        let body = object(&[
            ("type", Some(&evidence.kind)),
            ("verdict", Some(&evidence.verdict)),
            ("manifest", evidence.manifest.as_deref()),
            ("valid_until", evidence.valid_until.as_deref()),
            ("statement", Some(&evidence.statement)),
        ]);
        let path = subject.path("evidence");
        self.call(Method::POST, &path, Some(operator), Some(body))
            .await
    }

    /// A piece of evidence. The id must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn evidence(&self, operator: &str, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/evidence/{id}");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// Agrees with a piece of evidence.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn approve_evidence(
        &self,
        operator: &str,
        id: &str,
    ) -> Result<Document, ClientError> {
        let path = format!("/v1/evidence/{id}/approvals");
        self.call(Method::POST, &path, Some(operator), None).await
    }

    /// Asks for a challenge for the origin of a subject.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn challenge_origin(
        &self,
        operator: &str,
        subject: &SubjectRef,
    ) -> Result<Document, ClientError> {
        let path = subject.path("origin-challenges");
        self.call(Method::POST, &path, Some(operator), None).await
    }

    /// Has the origin of a subject checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn check_origin(
        &self,
        operator: &str,
        subject: &SubjectRef,
    ) -> Result<Document, ClientError> {
        let path = subject.path("origin-checks");
        let request = self.request(Method::POST, &path, Some(operator), None);
        self.answer(request.timeout(CHECK), MAX_ANSWER).await
    }
}
