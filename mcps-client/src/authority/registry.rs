//! The authority's registry: servers and their manifests. Answers are JSON, as the authority wrote it.

use reqwest::Method;

use mcps_core::digest::Digest;
use mcps_core::json::Document;
use mcps_core::passport::PassportId;

use super::{AuthorityClient, MAX_ANSWER, text};
use crate::error::ClientError;

/// Longest answer with definitions of tools: two manifests as large as they may be, and what changed.
const MAX_DEFINITIONS: usize = 32 * 1024 * 1024;

/// A server to be registered.
#[derive(Clone, Debug)]
pub struct ServerRequest {
    /// Its tenant.
    pub tenant: String,
    /// Its name, as in its passports.
    pub name: String,
    /// Where it lives, as in its passports.
    pub origin: Option<String>,
    /// Who answers for it.
    pub owner: String,
}

/// Which servers to list.
#[derive(Clone, Debug, Default)]
pub struct ServerQuery {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only of this name.
    pub name: Option<String>,
    /// Only of this owner.
    pub owner: Option<String>,
    /// Only `active`, `disabled` or `retired` ones.
    pub state: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// What is changed of a server.
#[derive(Clone, Debug, Default)]
pub struct ServerChange {
    /// `active`, `disabled` or `retired`.
    pub state: Option<String>,
    /// Another owner.
    pub owner: Option<String>,
}

/// The parts that were given, as `?name=value&…`.
fn query(parts: &[(&str, Option<&str>)]) -> String {
    let mut url = reqwest::Url::parse("query:").ok();
    let given = parts
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)));
    let Some(url) = &mut url else {
        return String::new();
    };
    url.query_pairs_mut().extend_pairs(given);
    url.query()
        .filter(|query| !query.is_empty())
        .map_or_else(String::new, |query| format!("?{query}"))
}

pub(super) fn object(members: &[(&str, Option<&str>)]) -> String {
    let given = members
        .iter()
        .filter_map(|(name, value)| Some(format!("{}:{}", text(name), text((*value)?))));
    format!("{{{}}}", given.collect::<Vec<_>>().join(","))
}

impl AuthorityClient {
    /// Registers a server.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn add_server(
        &self,
        operator: &str,
        request: &ServerRequest,
    ) -> Result<Document, ClientError> {
        let body = object(&[
            ("tenant", Some(&request.tenant)),
            ("name", Some(&request.name)),
            ("origin", request.origin.as_deref()),
            ("owner", Some(&request.owner)),
        ]);
        self.call(Method::POST, "/v1/servers", Some(operator), Some(body))
            .await
    }

    /// One page of servers, newest first.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn servers(
        &self,
        operator: &str,
        asked: &ServerQuery,
    ) -> Result<Document, ClientError> {
        let query = query(&[
            ("tenant", asked.tenant.as_deref()),
            ("name", asked.name.as_deref()),
            ("owner", asked.owner.as_deref()),
            ("state", asked.state.as_deref()),
            ("cursor", asked.cursor.as_deref()),
        ]);
        let path = format!("/v1/servers{query}");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// A server, its current manifest, and what was refused.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn server(&self, operator: &str, id: &str) -> Result<Document, ClientError> {
        let path = format!("/v1/servers/{id}");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// Changes state or owner of a server, as it was at `revision`.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn change_server(
        &self,
        operator: &str,
        id: &str,
        change: &ServerChange,
        revision: &str,
    ) -> Result<Document, ClientError> {
        let body = object(&[
            ("state", change.state.as_deref()),
            ("owner", change.owner.as_deref()),
        ]);
        let path = format!("/v1/servers/{id}");
        let request = self.request(Method::PATCH, &path, Some(operator), Some(body));
        let request = request.header("if-match", format!("\"{revision}\""));
        self.answer(request, MAX_ANSWER).await
    }

    /// Publishes a signed manifest with its signed tools.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn publish(
        &self,
        id: &str,
        passport: &PassportId,
        manifest: &str,
        tools: &[String],
    ) -> Result<Document, ClientError> {
        let body = format!(
            r#"{{"passport_id":"{passport}","manifest":{manifest},"tools":[{}]}}"#,
            tools.join(",")
        );
        let path = format!("/v1/servers/{id}/manifests");
        self.call(Method::POST, &path, None, Some(body)).await
    }

    /// The manifests of a server, newest first; those before number `before`.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn manifests(
        &self,
        operator: &str,
        id: &str,
        before: Option<&str>,
    ) -> Result<Document, ClientError> {
        let query = query(&[("before", before)]);
        let path = format!("/v1/servers/{id}/manifests{query}");
        self.call(Method::GET, &path, Some(operator), None).await
    }

    /// One version of a server's manifest, with the tools.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn manifest(
        &self,
        operator: &str,
        id: &str,
        version: &str,
    ) -> Result<Document, ClientError> {
        let version = self.in_path(version)?;
        let path = format!("/v1/servers/{id}/manifests/{version}");
        let request = self.request(Method::GET, &path, Some(operator), None);
        self.answer(request, MAX_DEFINITIONS).await
    }

    /// A manifest with its tools, by the digest of what it says. The caller compares that.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn manifest_by_digest(&self, digest: &Digest) -> Result<Document, ClientError> {
        let path = format!("/v1/manifests/{digest}");
        let request = self.request(Method::GET, &path, None, None);
        self.answer(request, MAX_DEFINITIONS).await
    }

    /// What changed between two versions.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn diff(
        &self,
        operator: &str,
        id: &str,
        from: &str,
        to: &str,
    ) -> Result<Document, ClientError> {
        let query = query(&[("from", Some(from)), ("to", Some(to))]);
        let path = format!("/v1/servers/{id}/diff{query}");
        let request = self.request(Method::GET, &path, Some(operator), None);
        self.answer(request, MAX_DEFINITIONS).await
    }

    /// What changed between two versions, for people.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn diff_text(
        &self,
        operator: &str,
        id: &str,
        from: &str,
        to: &str,
    ) -> Result<String, ClientError> {
        let query = query(&[
            ("from", Some(from)),
            ("to", Some(to)),
            ("format", Some("text")),
        ]);
        let path = format!("/v1/servers/{id}/diff{query}");
        let request = self.request(Method::GET, &path, Some(operator), None);
        let bytes = self.bytes(request, MAX_DEFINITIONS).await?;
        String::from_utf8(bytes).map_err(|_| self.unexpected("a text that is not UTF-8"))
    }

    /// A version as part of a path, if it is one.
    fn in_path<'t>(&self, version: &'t str) -> Result<&'t str, ClientError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        let sound = version.starts_with(|first: char| first.is_ascii_alphanumeric())
            && version.bytes().all(allowed);
        sound
            .then_some(version)
            .ok_or_else(|| ClientError::Problem {
                status: 404,
                title: "Manifest not found".to_owned(),
                detail: "a version is letters, digits, `.`, `_`, `+` or `-`".to_owned(),
            })
    }
}
