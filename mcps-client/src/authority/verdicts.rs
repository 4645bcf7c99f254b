//! What tenants' operators say of tools that gateways hold back: ordered and looked at by operators,
//! fetched by gateways.

use mcps_core::digest::Digest;
use mcps_core::json::Document;
use mcps_core::verdict::{MAX_DOCUMENT_BYTES, Verb};
use reqwest::Method;
use serde_json::json;

use super::{AuthorityClient, MAX_ANSWER};
use crate::error::ClientError;

/// Longest answer with all that stands: more than gateways read of it, since it says who and why too.
const MAX_STANDING: usize = 16 * MAX_DOCUMENT_BYTES;

/// An order about a tool.
#[derive(Clone, Debug)]
pub struct VerdictOrder {
    /// What is ordered.
    pub verb: Verb,
    /// The server, as gateways name it.
    pub server: String,
    /// The tool, as its server calls it.
    pub tool: String,
    /// Why, for whoever looks at it later.
    pub reason: Option<String>,
    /// Only say what would come of it.
    pub dry_run: bool,
    /// The same for every repetition of this order.
    pub once: String,
}

impl AuthorityClient {
    /// Orders something about a tool of a tenant. The tenant must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`]; a problem of status 409 when it cannot be carried out.
    pub async fn order_verdict(
        &self,
        operator: &str,
        tenant: &str,
        order: &VerdictOrder,
    ) -> Result<Document, ClientError> {
        let mut body = json!({
            "order": order.verb.as_str(), "server": order.server, "tool": order.tool,
        });
        if let Some(body) = body.as_object_mut() {
            let hash = order.verb.hash();
            body.extend(hash.map(|hash| ("hash".to_owned(), hash.to_string().into())));
            let reason = order.reason.as_deref();
            body.extend(reason.map(|reason| ("reason".to_owned(), reason.into())));
        }
        let query = if order.dry_run { "?dry_run=true" } else { "" };
        let path = format!("/v1/tenants/{tenant}/verdicts{query}");
        let request = self.request(Method::POST, &path, Some(operator), Some(body.to_string()));
        let request = request.header("idempotency-key", &order.once);
        self.answer(request, MAX_ANSWER).await
    }

    /// What stands of a tenant's tools. The tenant must have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn verdicts(&self, operator: &str, tenant: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/tenants/{tenant}/verdicts");
        let request = self.request(Method::GET, &path, Some(operator), None);
        self.answer(request, MAX_STANDING).await
    }

    /// One page of the orders about a tenant's tools, newest first; those before one. The tenant must
    /// have been checked.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn verdict_orders(
        &self,
        operator: &str,
        tenant: &str,
        before: Option<u64>,
    ) -> Result<Document, ClientError> {
        let query = before.map_or(String::new(), |before| format!("?before={before}"));
        let path = format!("/v1/tenants/{tenant}/verdicts/orders{query}");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// What stood of a tenant's tools, by its digest, as it was received. A name that cannot be a
    /// tenant's there is not asked for.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn verdicts_document(
        &self,
        tenant: &str,
        digest: &Digest,
    ) -> Result<String, ClientError> {
        self.of_tenant(tenant, "verdicts", digest, MAX_DOCUMENT_BYTES)
            .await
    }
}
