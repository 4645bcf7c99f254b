//! What tenants decide at gateways: pushed and looked at by operators, fetched by gateways.

use mcps_core::digest::Digest;
use mcps_core::json::Document;
use mcps_core::tenant::{MAX_DOCUMENT_BYTES, TenantPolicy};
use reqwest::Method;
use serde_json::json;

use super::{AuthorityClient, MAX_ANSWER};
use crate::error::ClientError;

/// What is pushed.
#[derive(Clone, Debug)]
pub struct PolicyPush {
    /// What the tenant is to decide by.
    pub policy: TenantPolicy,
    /// A word for whoever looks at it later.
    pub note: Option<String>,
    /// The version that it follows; 0 before the first.
    pub after: u64,
    /// Only say what would come of it.
    pub dry_run: bool,
    /// The same for every repetition of this push.
    pub once: String,
}

impl AuthorityClient {
    /// Puts a tenant's policy in force. The tenant must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`]; a problem of status 412 when another version is in force.
    pub async fn push_policy(
        &self,
        operator: &str,
        tenant: &str,
        push: &PolicyPush,
    ) -> Result<Document, ClientError> {
        let policy = &push.policy;
        let texts = policy.texts.iter();
        let texts = texts.map(|text| json!({ "name": text.name, "text": text.text }));
        let mut body = json!({
            "min_level": policy.min_level.number(),
            "default_policy": policy.default_policy,
            "policy": texts.collect::<Vec<_>>(),
        });
        if let (Some(note), Some(body)) = (&push.note, body.as_object_mut()) {
            body.insert("note".to_owned(), note.as_str().into());
        }
        let query = if push.dry_run { "?dry_run=true" } else { "" };
        let path = format!("/v1/tenants/{tenant}/policy{query}");
        let request = self.request(Method::PUT, &path, Some(operator), Some(body.to_string()));
        let request = request
            .header("if-match", format!("\"{}\"", push.after))
            .header("idempotency-key", &push.once);
        self.answer(request, MAX_ANSWER).await
    }

    /// A version of a tenant's policy with its document; the one in force for `None`. The tenant must
    /// have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn policy(
        &self,
        operator: &str,
        tenant: &str,
        version: Option<u64>,
    ) -> Result<Document, ClientError> {
        let query = version.map_or(String::new(), |version| format!("?version={version}"));
        let path = format!("/v1/tenants/{tenant}/policy{query}");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// One page of the versions of a tenant's policy, newest first; those before one. The tenant must
    /// have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn policy_versions(
        &self,
        operator: &str,
        tenant: &str,
        before: Option<u64>,
    ) -> Result<Document, ClientError> {
        let query = before.map_or(String::new(), |before| format!("?before={before}"));
        let path = format!("/v1/tenants/{tenant}/policy/versions{query}");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// A tenant's document by its digest, as it was received. A name that cannot be a tenant's there is
    /// not asked for.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn policy_document(
        &self,
        tenant: &str,
        digest: &Digest,
    ) -> Result<String, ClientError> {
        self.of_tenant(tenant, "policy", digest, MAX_DOCUMENT_BYTES)
            .await
    }

    /// A document of a tenant's by its digest, as it was received.
    pub(super) async fn of_tenant(
        &self,
        tenant: &str,
        what: &str,
        digest: &Digest,
        limit: usize,
    ) -> Result<String, ClientError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if tenant.is_empty() || !tenant.bytes().all(allowed) {
            return Err(ClientError::Problem {
                status: 404,
                title: "No such tenant".to_owned(),
                detail: "the authority's tenants have lower-case letters, digits and `-`"
                    .to_owned(),
            });
        }
        let path = format!("/v1/tenants/{tenant}/{what}/documents/{digest}");
        let request = self.request(Method::GET, &path, None, None);
        let bytes = self.bytes(request, limit).await?;
        String::from_utf8(bytes).map_err(|_| self.unexpected("a text that is not UTF-8"))
    }
}
