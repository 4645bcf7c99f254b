//! The typed client of the trust authority's API.

mod access;
mod audit;
mod enforcement;
mod evidence;
mod feed;
mod incidents;
mod operator;
mod policies;
mod registry;
mod silence;
mod trust;
mod verdicts;

pub use evidence::ReportRequest;
pub use feed::FrameStream;
pub use operator::Operator;
pub use policies::PolicyPush;
pub use registry::{ServerChange, ServerQuery, ServerRequest};
pub(crate) use silence::silence;
pub use trust::{EvidenceRequest, SubjectRef};
pub use verdicts::VerdictOrder;

use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::json::{Document, Limits, Value, quote};
use mcps_core::key::{KeyId, PublicKey};
use mcps_core::passport::{Kind, Passport, PassportId};
use mcps_core::trust::TrustBundle;
use reqwest::Method;
use zeroize::Zeroizing;

use crate::error::ClientError;
use crate::home::Home;

/// What a home shows of itself to an authority that asks for certificates: a certificate and its key, PEM.
const CLIENT_CERTIFICATE: &str = "client.pem";
/// Longest answer that is read.
const MAX_ANSWER: usize = 1024 * 1024;

/// What is asked for in a new passport.
#[derive(Clone, Debug)]
pub struct PassportRequest {
    /// Our tenant.
    pub tenant: String,
    /// The subject's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Agent, server or gateway.
    pub kind: Kind,
    /// Who answers for it; an enrolment token says so already.
    pub owner: Option<String>,
    /// Where it lives.
    pub origin: Option<String>,
    /// What it says it can do; none is nothing, or what an enrolment token says.
    pub capabilities: Vec<String>,
    /// The level an operator decides on, 0 to 2.
    pub trust_level: Option<u8>,
    /// Life in seconds.
    pub ttl_s: Option<u64>,
    /// The right to issue, as the authority's API takes it.
    pub ca: Option<serde_json::Value>,
}

/// A challenge and what it was given for.
#[derive(Clone, Debug)]
pub struct Challenge {
    /// To be signed.
    pub challenge: String,
    /// Whom the proof is for: the authority's name.
    pub audience: String,
}

/// One authority's HTTP API.
#[derive(Clone, Debug)]
pub struct AuthorityClient {
    url: String,
    http: reqwest::Client,
}

fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quote(text, &mut out);
    out
}

impl AuthorityClient {
    /// For the authority at `url`. Connects on first use; never follows redirects.
    ///
    /// # Errors
    /// [`ClientError::Address`] when it is no HTTP address.
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with_certificate(url, None)
    }

    /// The same, for who has that home: where it has a `client.pem`, that is shown to an authority that
    /// asks for certificates.
    ///
    /// # Errors
    /// [`ClientError::Address`], [`ClientError::File`], [`ClientError::ClientCertificate`].
    pub fn of_home(url: &str, home: &Home) -> Result<Self, ClientError> {
        let pem = home.read(CLIENT_CERTIFICATE)?.map(Zeroizing::new);
        let identity = pem.map(|pem| reqwest::Identity::from_pem(pem.as_bytes()));
        let unusable = |_| ClientError::ClientCertificate(home.path(CLIENT_CERTIFICATE));
        Self::with_certificate(url, identity.transpose().map_err(unusable)?)
    }

    fn with_certificate(
        url: &str,
        identity: Option<reqwest::Identity>,
    ) -> Result<Self, ClientError> {
        let url = url.trim_end_matches('/');
        let address = || ClientError::Address(url.to_owned());
        let parsed = reqwest::Url::parse(url).map_err(|_| address())?;
        if !["http", "https"].contains(&parsed.scheme())
            || parsed.host_str().is_none()
            || parsed.query().is_some()
        {
            return Err(address());
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy();
        let http = match identity {
            Some(identity) => http.identity(identity),
            None => http,
        };
        let http = http.build().map_err(|_| address())?;
        Ok(Self {
            url: url.to_owned(),
            http,
        })
    }

    /// Its base address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    fn unexpected(&self, why: impl Into<String>) -> ClientError {
        ClientError::Answer {
            url: self.url.clone(),
            why: why.into(),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<String>,
    ) -> Result<Document, ClientError> {
        let request = self.request(method, path, bearer, body);
        self.answer(request, MAX_ANSWER).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        bearer: Option<&str>,
        body: Option<String>,
    ) -> reqwest::RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(key) = bearer {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        request
    }

    async fn answer(
        &self,
        request: reqwest::RequestBuilder,
        limit: usize,
    ) -> Result<Document, ClientError> {
        let bytes = self.bytes(request, limit).await?;
        let limits = Limits {
            bytes: limit,
            // What is signed and what is stored nest as deep as on the wire, inside the answer.
            depth: Limits::default().depth.saturating_add(8),
        };
        Document::parse_with(bytes, limits).map_err(|error| self.unexpected(error.to_string()))
    }

    /// A successful answer, or what the problem says.
    async fn bytes(
        &self,
        request: reqwest::RequestBuilder,
        limit: usize,
    ) -> Result<Vec<u8>, ClientError> {
        let unreachable = |error: reqwest::Error| {
            let why = silence(&error);
            ClientError::Unreachable {
                url: self.url.clone(),
                why: why.to_owned(),
            }
        };
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > limit {
                let limit = limit >> 20;
                return Err(self.unexpected(format!("an answer above {limit} MiB")));
            }
        }
        if status.is_success() {
            return Ok(bytes);
        }
        let document = Document::parse(bytes).ok();
        let member = |name: &str| {
            let text = document.as_ref()?.root().get(name)?.as_str()?;
            Some(text.into_owned())
        };
        Err(ClientError::Problem {
            status: status.as_u16(),
            title: member("title")
                .unwrap_or_else(|| status.canonical_reason().unwrap_or("error").to_owned()),
            detail: member("detail").unwrap_or_default(),
        })
    }

    async fn get(&self, path: &str) -> Result<Document, ClientError> {
        self.call(Method::GET, path, None, None).await
    }

    fn passport_of(&self, document: &Document) -> Result<Passport, ClientError> {
        let value = document
            .root()
            .get("passport")
            .ok_or_else(|| self.unexpected("no `passport`"))?;
        Ok(Passport::from_value(value)?)
    }

    /// The authority's key set, read but not yet believed.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`], [`ClientError::Problem`], [`ClientError::Refused`].
    pub async fn trust(&self) -> Result<TrustBundle, ClientError> {
        let document = self.get("/.well-known/mcps-trust").await?;
        Ok(TrustBundle::parse(document.text())?)
    }

    /// Asks for a challenge for a key to prove itself with, and the one that it replaces if there is
    /// one.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn challenge(
        &self,
        tenant: &str,
        subject: &str,
        (kid, previous): (&KeyId, Option<&KeyId>),
        audience: &str,
    ) -> Result<Challenge, ClientError> {
        let previous = previous.map_or(String::new(), |kid| format!(r#","previous_kid":"{kid}""#));
        let body = format!(
            r#"{{"tenant":{},"subject":{},"kid":"{kid}"{previous},"audience":{}}}"#,
            text(tenant),
            text(subject),
            text(audience),
        );
        let document = self
            .call(Method::POST, "/v1/challenges", None, Some(body))
            .await?;
        let challenge = document.root().get("challenge").and_then(Value::as_str);
        let challenge = challenge
            .ok_or_else(|| self.unexpected("no `challenge`"))?
            .into_owned();
        Ok(Challenge {
            challenge,
            audience: audience.to_owned(),
        })
    }

    /// Requests a passport with an operator's key or an enrolment token, and a proof of possession.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn issue(
        &self,
        credential: &str,
        request: &PassportRequest,
        key: &PublicKey,
        challenge: &str,
        proof: &str,
    ) -> Result<Passport, ClientError> {
        let mut body = format!(
            r#"{{"tenant":{},"name":{},"version":{},"kind":"{}","public_key":{},"challenge":{},"proof":{}"#,
            text(&request.tenant),
            text(&request.name),
            text(&request.version),
            request.kind,
            key.to_jwk(),
            text(challenge),
            text(proof),
        );
        if let Some(owner) = &request.owner {
            body.push_str(&format!(r#","owner":{}"#, text(owner)));
        }
        if !request.capabilities.is_empty() {
            let all: Vec<String> = request.capabilities.iter().map(|one| text(one)).collect();
            body.push_str(&format!(r#","capabilities":[{}]"#, all.join(",")));
        }
        if let Some(origin) = &request.origin {
            body.push_str(&format!(r#","origin":{}"#, text(origin)));
        }
        if let Some(level) = request.trust_level {
            body.push_str(&format!(r#","trust_level":{level}"#));
        }
        if let Some(ttl) = request.ttl_s {
            body.push_str(&format!(r#","ttl_s":{ttl}"#));
        }
        if let Some(ca) = &request.ca {
            body.push_str(&format!(r#","ca":{ca}"#));
        }
        body.push('}');
        let document = self
            .call(Method::POST, "/v1/passports", Some(credential), Some(body))
            .await?;
        self.passport_of(&document)
    }

    /// Renews a passport with a proof by its own key.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn renew(
        &self,
        id: &PassportId,
        challenge: &str,
        proof: &str,
        ttl_s: Option<u64>,
    ) -> Result<Passport, ClientError> {
        let ttl = ttl_s.map_or(String::new(), |ttl| format!(r#","ttl_s":{ttl}"#));
        let body = format!(
            r#"{{"challenge":{},"proof":{}{ttl}}}"#,
            text(challenge),
            text(proof)
        );
        let document = self
            .call(
                Method::POST,
                &format!("/v1/passports/{id}/renew"),
                None,
                Some(body),
            )
            .await?;
        self.passport_of(&document)
    }

    /// Exchanges a passport's key for another, with a proof by both: the new one's, and the old
    /// one's.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn rotate(
        &self,
        id: &PassportId,
        key: &PublicKey,
        challenge: &str,
        (proof, previous_proof): (&str, &str),
        (ttl_s, overlap_s): (Option<u64>, Option<u64>),
    ) -> Result<Passport, ClientError> {
        let mut body = format!(
            r#"{{"public_key":{},"challenge":{},"proof":{},"previous_proof":{}"#,
            key.to_jwk(),
            text(challenge),
            text(proof),
            text(previous_proof),
        );
        for (name, value) in [("ttl_s", ttl_s), ("overlap_s", overlap_s)] {
            if let Some(value) = value {
                body.push_str(&format!(r#","{name}":{value}"#));
            }
        }
        body.push('}');
        let path = format!("/v1/passports/{id}/rotate");
        let document = self.call(Method::POST, &path, None, Some(body)).await?;
        self.passport_of(&document)
    }

    /// Sends the word of a key that it is compromised, as [`crate::rotation::compromised`] made it.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn report_compromise(&self, statement: String) -> Result<Document, ClientError> {
        let path = "/v1/key-compromises";
        self.call(Method::POST, path, None, Some(statement)).await
    }

    /// Revokes a passport; the answer's JSON.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn revoke(
        &self,
        operator: &str,
        id: &PassportId,
        reason: &str,
        note: Option<&str>,
    ) -> Result<String, ClientError> {
        let note = note.map_or(String::new(), |note| format!(r#","note":{}"#, text(note)));
        let body = format!(r#"{{"reason":{}{note}}}"#, text(reason));
        let path = format!("/v1/passports/{id}/revoke");
        Ok(self
            .call(Method::POST, &path, Some(operator), Some(body))
            .await?
            .into_text())
    }

    /// What the authority shows of a passport: the answer's JSON.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn show(&self, id: &PassportId) -> Result<String, ClientError> {
        Ok(self.get(&format!("/v1/passports/{id}")).await?.into_text())
    }

    /// The signed status of a passport as its JSON text, to be verified by the caller.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn status_text(&self, id: &PassportId, nonce: &str) -> Result<String, ClientError> {
        Ok(self
            .get(&format!("/v1/passports/{id}/status?nonce={nonce}"))
            .await?
            .into_text())
    }

    /// What time it is there, to the second, if it says so.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`].
    pub async fn date(&self) -> Result<Option<Timestamp>, ClientError> {
        let request = self.request(Method::GET, "/healthz", None, None);
        let response = request.send().await.map_err(|error| {
            let why = silence(&error).to_owned();
            let url = self.url.clone();
            ClientError::Unreachable { url, why }
        })?;
        let date = response.headers().get(reqwest::header::DATE);
        let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let since = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        let millis = since.and_then(|since| i64::try_from(since.as_millis()).ok());
        Ok(millis.map(Timestamp::from_millis))
    }

    /// Whether it is ready to serve.
    ///
    /// # Errors
    /// As [`AuthorityClient::trust`].
    pub async fn ready(&self) -> Result<(), ClientError> {
        self.get("/readyz").await.map(drop)
    }
}
