//! Agents that ask for passports, as `mcps passport request` does.

use std::time::{Duration, Instant};

use mcps_client::authority::{AuthorityClient, PassportRequest};
use mcps_client::enrol::prove;
use mcps_core::key::SecretKey;
use mcps_core::passport::{Kind, Passport};
use mcps_core::random::SystemRandom;
use mcps_core::signer::Signer as _;

use crate::ground::Ground;

/// One agent whose key is made already.
pub(crate) struct Subject {
    name: String,
    key: SecretKey,
}

/// How long it took.
pub(crate) struct Issued {
    pub(crate) passport: Passport,
    /// The challenge and the passport.
    pub(crate) whole: Duration,
    /// The passport alone.
    pub(crate) answer: Duration,
}

impl Subject {
    pub(crate) fn new(name: String) -> Self {
        let key = SecretKey::generate(&SystemRandom).unwrap();
        Self { name, key }
    }

    pub(crate) async fn enrol(
        &self,
        client: &AuthorityClient,
        operator: &str,
        audience: &str,
    ) -> Issued {
        let (tenant, public) = ("default", self.key.public_key());
        let began = Instant::now();
        let challenge = client.challenge(tenant, &self.name, (public.key_id(), None), audience);
        let challenge = challenge.await.unwrap();
        let proof = prove(&challenge, tenant, &self.name, &self.key).unwrap();
        let request = PassportRequest {
            tenant: tenant.to_owned(),
            name: self.name.clone(),
            version: "1.0.0".to_owned(),
            kind: Kind::Agent,
            owner: Some("ops@example.org".to_owned()),
            origin: None,
            capabilities: Vec::new(),
            trust_level: None,
            ttl_s: Some(86_400),
            ca: None,
        };
        let asked = Instant::now();
        let passport = client.issue(operator, &request, public, &challenge.challenge, &proof);
        let passport = passport.await.unwrap();
        Issued {
            passport,
            whole: began.elapsed(),
            answer: asked.elapsed(),
        }
    }
}

/// The name of the authority, whom proofs are for.
pub(crate) async fn audience(ground: &Ground) -> String {
    let client = AuthorityClient::new(&ground.url).unwrap();
    client.trust().await.unwrap().authority().to_owned()
}

/// So many agents with passports.
pub(crate) async fn enrolled(ground: &Ground, count: usize, prefix: &str) -> Vec<Passport> {
    let client = AuthorityClient::new(&ground.url).unwrap();
    let audience = audience(ground).await;
    let mut passports = Vec::with_capacity(count);
    for n in 0..count {
        let subject = Subject::new(format!("{prefix}-{n}"));
        let issued = subject.enrol(&client, &ground.operator, &audience);
        passports.push(issued.await.passport);
    }
    passports
}
