//! Two ends of one connection, in one process, with a clock that stands still.

mod bodies;
mod runs;
mod standing;
mod tokens;
mod turned_down;

use std::sync::Arc;
use std::time::Duration;

use mcps_core::clock::{Clock as _, ManualClock, Timestamp};
use mcps_core::code::Code;
use mcps_core::envelope::Carrier;
use mcps_core::key::SecretKey;
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_core::passport::{Ext, Kind, Passport, PassportId, Unsigned};
use mcps_core::random::SeededRandom;
use mcps_core::refusal::Refusal;
use mcps_core::replay::{ReplayGuard, ReplayLimits};
use mcps_core::signer::Signer;
use mcps_core::status::{State, Status};
use mcps_core::trust::{Anchor, TrustStore};

use super::{End, Link, LinkParts, Opened, Plain, Refused, Wire};
use crate::identity::Identity;
use crate::trust_source::{Freshness, TrustSource};
use crate::verify::{Verifier, Window};

const CALL: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"n":1.5}}}"#;
const INIT: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"capabilities":{}}}"#;
const RESULT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

struct Pair {
    client: Link,
    server: Link,
    clock: Arc<ManualClock>,
    trust: Arc<TrustSource>,
    agent: Passport,
    authority: SecretKey,
    random: Arc<SeededRandom>,
}

fn passport(
    authority: &SecretKey,
    key: &SecretKey,
    kind: Kind,
    name: &str,
    now: Timestamp,
    random: &SeededRandom,
) -> Passport {
    Unsigned {
        id: PassportId::generate(random).unwrap(),
        agent_name: name.to_owned(),
        agent_version: "1".to_owned(),
        capabilities: vec![],
        public_key: key.public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L2,
        issued_at: now,
        expires_at: now.plus(Duration::from_secs(3600)),
        issuer: "authority".to_owned(),
        issuer_chain: vec![],
        key_rotation: None,
        ext: Some(Ext {
            tenant: "t".to_owned(),
            kind,
            owner: "o".to_owned(),
            ca: None,
            status: None,
        }),
    }
    .sign(authority)
    .unwrap()
}

fn good(passport: &Passport, state: State, now: Timestamp) -> Status {
    Status {
        authority: "authority".to_owned(),
        passport_id: passport.id().clone(),
        state,
        trust_level: Some(passport.trust_level()),
        reason: None,
        revoked_at: None,
        nonce: String::new(),
        produced_at: now,
        fresh_until: now.plus(Duration::from_secs(60)),
    }
}

impl Pair {
    fn new() -> Self {
        Self::with(Carrier::Native)
    }

    fn with(carrier: Carrier) -> Self {
        Self::over(carrier, Wire::Stdio)
    }

    fn over(carrier: Carrier, wire: Wire) -> Self {
        let random = Arc::new(SeededRandom::new(7));
        let clock = Arc::new(ManualClock::new(
            Timestamp::parse_rfc3339("2026-11-21T00:00:00Z").unwrap(),
        ));
        let authority = SecretKey::generate(random.as_ref()).unwrap();
        let mut store = TrustStore::default();
        store.add_anchor(
            "authority",
            Anchor {
                keys: vec![authority.public_key().clone()],
                cap: TrustLevel::L4,
            },
        );
        let freshness = Freshness {
            refresh: Duration::from_secs(7200),
            retry: Duration::from_secs(1),
            ..Freshness::default()
        };
        let trust = Arc::new(TrustSource::new(
            store,
            None,
            freshness,
            clock.clone(),
            random.clone(),
        ));
        let keys = [
            SecretKey::generate(random.as_ref()).unwrap(),
            SecretKey::generate(random.as_ref()).unwrap(),
        ];
        let agent = passport(
            &authority,
            &keys[0],
            Kind::Agent,
            "agent",
            clock.now(),
            &random,
        );
        let host = passport(
            &authority,
            &keys[1],
            Kind::Server,
            "server",
            clock.now(),
            &random,
        );
        for passport in [&agent, &host] {
            trust.preload(passport, good(passport, State::Good, clock.now()));
        }
        let [agent_key, host_key] = keys;
        let link = |end, key: SecretKey, passport: &Passport, session: Option<String>| {
            Link::new(LinkParts {
                end,
                wire: wire.clone(),
                carrier,
                identity: Arc::new(Identity::new(Arc::new(key), passport).unwrap()),
                verifier: Verifier {
                    trust: Arc::clone(&trust),
                    replay: Arc::new(ReplayGuard::since(
                        ReplayLimits::default(),
                        Timestamp::from_millis(0),
                    )),
                    clock: clock.clone(),
                    window: Window::default(),
                },
                clock: clock.clone(),
                random: random.clone(),
                session,
            })
        };
        let client = link(End::Client, agent_key, &agent, Some("ab".repeat(16)));
        let server = link(End::Server, host_key, &host, None);
        Self {
            client,
            server,
            clock,
            trust,
            agent,
            authority,
            random,
        }
    }

    /// Another client's end, in a session of its own.
    fn link_of(&self, identity: Arc<Identity>) -> Link {
        Link::new(LinkParts {
            end: End::Client,
            wire: Wire::Stdio,
            carrier: Carrier::Native,
            identity,
            verifier: Verifier {
                trust: Arc::clone(&self.trust),
                replay: Arc::new(ReplayGuard::since(
                    ReplayLimits::default(),
                    Timestamp::from_millis(0),
                )),
                clock: self.clock.clone(),
                window: Window::default(),
            },
            clock: self.clock.clone(),
            random: self.random.clone(),
            session: Some("cd".repeat(16)),
        })
    }

    async fn opened(&self) -> &Self {
        let line = self.client.seal(message(INIT)).unwrap();
        at(&self.server, &line).await.unwrap();
        let answer = self
            .server
            .seal(message(r#"{"jsonrpc":"2.0","id":0,"result":{}}"#))
            .unwrap();
        at(&self.client, &answer).await.unwrap();
        self
    }
}

fn message(text: &str) -> Message {
    Message::parse(text).unwrap()
}

async fn at(link: &Link, line: &str) -> Result<Opened, Box<Refused>> {
    link.open(line.as_bytes().to_vec(), TrustLevel::L1, Plain::Refuse)
        .await
}

async fn code(link: &Link, line: &str) -> Code {
    at(link, line).await.unwrap_err().refusal.code()
}

#[tokio::test]
async fn a_call_and_its_answer_arrive_as_they_were_written() {
    for carrier in [Carrier::Native, Carrier::Draft00] {
        let pair = Pair::with(carrier);
        pair.opened().await;
        let line = pair.client.seal(message(CALL)).unwrap();
        let opened = at(&pair.server, &line).await.unwrap();
        assert_eq!(opened.message.text(), CALL);
        assert_eq!(opened.trust.unwrap().level(), TrustLevel::L2);
        let answer = pair.server.seal(message(RESULT)).unwrap();
        let opened = at(&pair.client, &answer).await.unwrap();
        assert_eq!(opened.message.text(), RESULT);
        assert_eq!(opened.asked.unwrap().method, "tools/call");
    }
}

#[tokio::test]
async fn the_passport_travels_once_and_is_asked_for_when_forgotten() {
    let pair = Pair::new();
    pair.opened().await;
    let line = pair.client.seal(message(CALL)).unwrap();
    assert!(!line.contains("\"passport\":{"));
    pair.client.show_passport();
    let again = CALL.replace(r#""id":1"#, r#""id":2"#);
    assert!(
        pair.client
            .seal(message(&again))
            .unwrap()
            .contains("\"passport\":{")
    );
}

#[tokio::test]
async fn refuses_a_replayed_line_without_breaking_the_stream() {
    let pair = Pair::new();
    pair.opened().await;
    let line = pair.client.seal(message(CALL)).unwrap();
    at(&pair.server, &line).await.unwrap();
    assert_eq!(code(&pair.server, &line).await, Code::Replayed);
    let next = pair
        .client
        .seal(message(&CALL.replace(r#""id":1"#, r#""id":2"#)))
        .unwrap();
    at(&pair.server, &next).await.unwrap();
}

#[tokio::test]
async fn a_forged_line_burns_no_nonce() {
    let pair = Pair::new();
    pair.opened().await;
    let line = pair.client.seal(message(CALL)).unwrap();
    let forged = line.replace("1.5", "1.6");
    assert_eq!(code(&pair.server, &forged).await, Code::InvalidSignature);
    at(&pair.server, &line).await.unwrap();
}

#[tokio::test]
async fn a_cut_or_reordered_stream_is_refused_for_good() {
    let pair = Pair::new();
    pair.opened().await;
    let lost = pair.client.seal(message(CALL)).unwrap();
    let next = pair
        .client
        .seal(message(&CALL.replace(r#""id":1"#, r#""id":2"#)))
        .unwrap();
    assert_eq!(code(&pair.server, &next).await, Code::StreamBroken);
    assert_eq!(code(&pair.server, &lost).await, Code::StreamBroken);
}

#[tokio::test]
async fn an_answer_to_another_request_with_the_same_id_is_refused() {
    let pair = Pair::new();
    pair.opened().await;
    at(&pair.server, &pair.client.seal(message(CALL)).unwrap())
        .await
        .unwrap();
    let answer = pair.server.seal(message(RESULT)).unwrap();
    // The client gave up on the first request and uses its id for another.
    assert!(pair.client.abandon(message(CALL).id().unwrap()));
    pair.client.seal(message(CALL)).unwrap();
    assert_eq!(code(&pair.client, &answer).await, Code::NotBound);
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_not_signed() {
    let pair = Pair::new();
    pair.opened().await;
    assert!(matches!(
        pair.server.seal(message(RESULT)),
        Err(Refusal::NotBound(_))
    ));
}

#[tokio::test]
async fn only_the_first_negotiation_may_say_stdio_star() {
    let pair = Pair::new();
    let early = pair.client.seal(message(CALL)).unwrap();
    assert_eq!(code(&pair.server, &early).await, Code::WrongAudience);
    let pair = Pair::new();
    let first = pair.client.seal(message(INIT)).unwrap();
    let second = pair
        .client
        .seal(message(&INIT.replace(r#""id":0"#, r#""id":9"#)))
        .unwrap();
    at(&pair.server, &first).await.unwrap();
    assert_eq!(code(&pair.server, &second).await, Code::WrongAudience);
}

#[tokio::test]
async fn a_line_for_one_server_is_refused_by_another() {
    let (one, other) = (Pair::new(), Pair::new());
    one.opened().await;
    let line = one.client.seal(message(CALL)).unwrap();
    let host = SecretKey::generate(other.random.as_ref()).unwrap();
    let passport = passport(
        &other.authority,
        &host,
        Kind::Server,
        "second",
        other.clock.now(),
        &other.random,
    );
    let link = Link::new(LinkParts {
        identity: Arc::new(Identity::new(Arc::new(host), &passport).unwrap()),
        end: End::Server,
        wire: Wire::Stdio,
        carrier: Carrier::Native,
        verifier: other.server.verifier,
        clock: other.clock,
        random: other.random,
        session: None,
    });
    assert_eq!(code(&link, &line).await, Code::WrongAudience);
}

#[tokio::test]
async fn progress_is_bound_to_the_request_it_belongs_to() {
    let pair = Pair::new();
    pair.opened().await;
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":{"progressToken":"p"}}}"#;
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}"#;
    at(&pair.server, &pair.client.seal(message(call)).unwrap())
        .await
        .unwrap();
    let line = pair.server.seal(message(progress)).unwrap();
    assert!(line.contains("\"req\":{"));
    assert_eq!(
        at(&pair.client, &line).await.unwrap().message.text(),
        progress
    );
}

#[tokio::test]
async fn a_servers_own_request_and_its_answer_are_bound_too() {
    let pair = Pair::new();
    pair.opened().await;
    let sampling = r#"{"jsonrpc":"2.0","id":"s","method":"sampling/createMessage","params":{}}"#;
    let line = pair.server.seal(message(sampling)).unwrap();
    at(&pair.client, &line).await.unwrap();
    let answer = pair
        .client
        .seal(message(
            r#"{"jsonrpc":"2.0","id":"s","result":{"role":"assistant"}}"#,
        ))
        .unwrap();
    assert_eq!(
        at(&pair.server, &answer)
            .await
            .unwrap()
            .asked
            .unwrap()
            .method,
        "sampling/createMessage"
    );
}

#[tokio::test]
async fn a_renewed_passport_goes_on_under_its_new_id() {
    let pair = Pair::new();
    pair.opened().await;
    pair.clock.advance(Duration::from_secs(1800));
    let key_pem = pair.client.identity().passport().unwrap();
    let renewed = Unsigned {
        id: PassportId::generate(pair.random.as_ref()).unwrap(),
        agent_name: "agent".to_owned(),
        agent_version: "1".to_owned(),
        capabilities: vec![],
        public_key: key_pem.public_key().clone(),
        origin: None,
        scan_json: None,
        trust_level: TrustLevel::L2,
        issued_at: pair.clock.now(),
        expires_at: pair.clock.now().plus(Duration::from_secs(3600)),
        issuer: "authority".to_owned(),
        issuer_chain: vec![],
        key_rotation: None,
        ext: Some(Ext {
            tenant: "t".to_owned(),
            kind: Kind::Agent,
            owner: "o".to_owned(),
            ca: None,
            status: None,
        }),
    }
    .sign(&pair.authority)
    .unwrap();
    pair.client.identity().renewed(&renewed).unwrap();
    pair.trust
        .preload(&renewed, good(&renewed, State::Good, pair.clock.now()));
    let line = pair.client.seal(message(CALL)).unwrap();
    assert!(line.contains("\"passport\":{"));
    at(&pair.server, &line).await.unwrap();
    let answer = pair.server.seal(message(RESULT)).unwrap();
    at(&pair.client, &answer).await.unwrap();
}
