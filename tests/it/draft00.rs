//! The draft carrier with a live draft-00 peer (PyPI `mcps-secure` 1.0.0), both ways: what one side
//! signs, the other verifies. `mcps-core/tests/draft00.rs` says what the draft leaves open.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use mcps_core::clock::{Clock as _, SystemClock, Timestamp};
use mcps_core::envelope::{self, Carrier, Fields, Sealed};
use mcps_core::json::Document;
use mcps_core::key::{PublicKey, SecretKey};
use mcps_core::level::TrustLevel;
use mcps_core::message::Message;
use mcps_core::passport::{Ca, Ext, Kind, Passport, PassportId, Unsigned, Within};
use mcps_core::random::{SystemRandom, hex16};
use mcps_core::signer::Signer as _;
use mcps_core::tool::draft;
use mcps_core::trust::{Anchor, TrustStore};
use serde_json::{Value, json};

/// The peer's process: one request, one answer.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's environment says where the peers are"
    )]
    fn start() -> Self {
        let peers = std::env::var_os("MCPS_TEST_PEERS").expect(
            "MCPS_TEST_PEERS is not set: run this with `make test` or under scripts/test-env",
        );
        let python = PathBuf::from(peers).join("bin/mcps-secure-python");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/draft00.py");
        let mut child = Command::new(&python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self {
            child,
            input,
            output: BufReader::new(output),
        }
    }

    fn ask(&mut self, request: &Value) -> Value {
        writeln!(self.input, "{request}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the peer said {line:?}: {error}"))
    }

    /// The result of a request at which the peer must not raise.
    fn does(&mut self, request: &Value) -> Value {
        let mut answer = self.ask(request);
        assert!(answer.get("ok").is_some(), "{request}: {answer}");
        answer["ok"].take()
    }

    fn public_key(&mut self, name: &str) -> PublicKey {
        let pem = self.does(&json!({"do": "public_key", "name": name}));
        PublicKey::from_pem(pem.as_str().unwrap()).unwrap()
    }

    fn verifies(&mut self, envelope: &str, key: &PublicKey) -> bool {
        let envelope: Value = serde_json::from_str(envelope).unwrap();
        let pem = key.to_pem().unwrap();
        self.does(&json!({"do": "verify_message", "envelope": envelope, "pem": pem}))["valid"]
            == true
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now() -> Timestamp {
    SystemClock.now()
}

fn key() -> SecretKey {
    SecretKey::generate(&SystemRandom).unwrap()
}

fn fields() -> Fields {
    let now = now();
    Fields {
        passport_id: PassportId::generate(&SystemRandom).unwrap(),
        timestamp: now.to_string(),
        stamped: now,
        nonce: hex16(&SystemRandom).unwrap(),
        aud: "https://server.example/mcp".to_owned(),
        session: hex16(&SystemRandom).unwrap(),
        passport: None,
        req: None,
        position: None,
        last: false,
        act: None,
        ath: None,
    }
}

fn seal(text: &str, key: &SecretKey) -> String {
    let message = Message::parse(text).unwrap();
    envelope::seal(message, Carrier::Draft00, &fields(), key)
        .unwrap()
        .text
}

/// A passport of `subject`, signed by `issuer`'s key.
fn unsigned(name: &str, subject: &SecretKey, issuer: &str) -> Unsigned {
    Unsigned {
        id: PassportId::generate(&SystemRandom).unwrap(),
        agent_name: name.to_owned(),
        agent_version: "1.0.0".to_owned(),
        capabilities: vec!["tools.call".to_owned(), "résumé".to_owned()],
        public_key: subject.public_key().clone(),
        origin: Some("https://api.example".to_owned()),
        scan_json: Some(r#"{"passed":true,"score":0.5}"#.to_owned()),
        trust_level: TrustLevel::L2,
        issued_at: now().minus(Duration::from_secs(1)),
        expires_at: now().plus(Duration::from_secs(3600)),
        issuer: issuer.to_owned(),
        issuer_chain: Vec::new(),
        key_rotation: None,
        ext: Some(Ext {
            tenant: "default".to_owned(),
            kind: Kind::Agent,
            owner: "owner".to_owned(),
            ca: None,
            status: None,
        }),
    }
}

fn issuing(mut unsigned: Unsigned) -> Unsigned {
    let origins = vec!["https://api.example".to_owned()];
    unsigned.ext.as_mut().unwrap().ca = Some(Ca {
        max_path: 3,
        max_level: TrustLevel::L2,
        origins,
        within: Within::default(),
    });
    unsigned
}

const MESSAGES: [&str; 9] = [
    r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
    r#"{"jsonrpc":"2.0","id":"é\n\u2028","method":"tools/call","params":{"name":"read","arguments":{"path":"/é€😀","n":1.5,"big":9007199254740991,"zero":-0,"one":1.0}}}"#,
    r#" { "params" : { "_meta" : { "progressToken" : 7 } , "b" : [ 1 , { } , [ ] ] } , "method" : "m" , "id" : 1 , "jsonrpc" : "2.0" } "#,
    r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"\"\\\b\f\n\r\t\u0001\u007f<&>"}]}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":{"a":0.25}}}"#,
    r#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":[1,2]}}"#,
];

#[test]
fn the_peer_verifies_our_messages() {
    let (mut peer, key) = (Peer::start(), key());
    for text in MESSAGES {
        let sealed = seal(text, &key);
        assert!(peer.verifies(&sealed, key.public_key()), "{sealed}");
        let changed = sealed.replacen("\"jsonrpc\"", "\"more\":1,\"jsonrpc\"", 1);
        assert!(!peer.verifies(&changed, key.public_key()), "{changed}");
        assert!(!peer.verifies(&sealed, self::key().public_key()));
    }
}

#[test]
fn we_verify_the_peer_s_messages() {
    let mut peer = Peer::start();
    let public = peer.public_key("agent");
    let id = PassportId::generate(&SystemRandom).unwrap();
    for text in MESSAGES {
        let message: Value = serde_json::from_str(text).unwrap();
        let request = json!({"do": "sign_message", "message": message, "passport_id": id.as_str(), "name": "agent"});
        let envelope = peer.does(&request).to_string();
        let sealed = Sealed::read(Message::parse(envelope).unwrap(), Carrier::Draft00).unwrap();
        sealed.verify(&public).unwrap();
        assert!(sealed.verify(key().public_key()).is_err());
        assert_eq!(sealed.fields().passport_id, id);
        assert!(now().since(sealed.fields().stamped).abs() < 60_000);
        let stripped: Value = serde_json::from_str(sealed.strip().unwrap().text()).unwrap();
        assert_eq!(stripped, message);
    }
}

/// Where the peer's canonical JSON is not RFC 8785, neither side takes the other's message: it shows
/// as a bad signature and never as another meaning.
#[test]
fn what_the_peer_writes_otherwise_does_not_verify() {
    let (mut peer, own) = (Peer::start(), key());
    let public = peer.public_key("agent");
    for value in ["1e-7", "1e20", r#"{"\ue000":1,"𐀀":2}"#] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{value}}}}}"#);
        assert!(
            !peer.verifies(&seal(&text, &own), own.public_key()),
            "{value}"
        );
        let message: Value = serde_json::from_str(&text).unwrap();
        let id = PassportId::generate(&SystemRandom).unwrap();
        let request = json!({"do": "sign_message", "message": message, "passport_id": id.as_str(), "name": "agent"});
        let envelope = peer.does(&request).to_string();
        let sealed = Sealed::read(Message::parse(envelope).unwrap(), Carrier::Draft00).unwrap();
        assert!(sealed.verify(&public).is_err(), "{value}");
    }
}

#[test]
fn the_peer_verifies_our_passports_and_chains() {
    let mut peer = Peer::start();
    let (root, upper, lower, leaf) = (key(), key(), key(), key());
    let upper_passport = issuing(unsigned("upper", &upper, "root"))
        .sign(&root)
        .unwrap();
    let mut lower_unsigned = issuing(unsigned("lower", &lower, "upper"));
    lower_unsigned.issuer_chain = vec![upper_passport.clone()];
    let lower_passport = lower_unsigned.sign(&upper).unwrap();
    // Parents travel without their own chains: the leaf's names all of them.
    lower_unsigned.issuer_chain = Vec::new();
    let bare_lower = lower_unsigned.sign(&upper).unwrap();
    let mut leaf_unsigned = unsigned("leaf", &leaf, "lower");
    leaf_unsigned.issuer_chain = vec![bare_lower, upper_passport.clone()];
    let leaf_passport = leaf_unsigned.sign(&lower).unwrap();

    let roots = json!({"root": root.public_key().to_pem().unwrap()});
    for (passport, signer, length) in [
        (&upper_passport, &root, 1),
        (&lower_passport, &upper, 2),
        (&leaf_passport, &lower, 3),
    ] {
        let tree: Value = serde_json::from_str(passport.text()).unwrap();
        let pem = signer.public_key().to_pem().unwrap();
        let verdict = peer.does(&json!({"do": "verify_passport", "passport": tree, "pem": pem}));
        assert_eq!(verdict["format"]["valid"], true, "{verdict}");
        assert_eq!(
            (&verdict["signature"], &verdict["expired"]),
            (&json!(true), &json!(false)),
            "{verdict}"
        );
        let chain = peer.does(&json!({"do": "verify_chain", "passport": tree, "roots": roots}));
        assert_eq!(
            (&chain["valid"], &chain["chain_length"]),
            (&json!(true), &json!(length)),
            "{chain}"
        );
        let other = json!({"root": key().public_key().to_pem().unwrap()});
        let chain = peer.does(&json!({"do": "verify_chain", "passport": tree, "roots": other}));
        assert_eq!(chain["valid"], false);
    }
    let mut store = TrustStore::default();
    store.add_anchor(
        "root",
        Anchor {
            keys: vec![root.public_key().clone()],
            cap: TrustLevel::L4,
        },
    );
    assert!(store.verify(&leaf_passport, now()).unwrap().recognised);
}

#[test]
fn we_verify_the_peer_s_passports() {
    let mut peer = Peer::start();
    let root = peer.public_key("root");
    let made = peer.does(&json!({"do": "passport", "name": "agent", "issuer": "root", "signer": "root", "origin": "https://api.example", "capabilities": ["a", "é"]}));
    let passport = Passport::parse(&made.to_string()).unwrap();
    passport.verify_signature(&root).unwrap();
    assert_eq!(passport.public_key(), &peer.public_key("agent"));
    let mut store = TrustStore::default();
    store.add_anchor(
        "root",
        Anchor {
            keys: vec![root],
            cap: TrustLevel::L1,
        },
    );
    let standing = store.verify(&passport, now()).unwrap();
    assert!(standing.recognised && standing.cap == TrustLevel::L1);
    let below = peer.does(&json!({"do": "passport", "name": "below", "issuer": "agent", "signer": "agent", "chain": [made]}));
    let below = Passport::parse(&below.to_string()).unwrap();
    assert_eq!(below.issuer_chain()[0].id(), passport.id());
    below.verify_signature(passport.public_key()).unwrap();
    store.verify(&below, now()).unwrap_err();
}

const TOOLS: [&str; 3] = [
    r#"{"name":"read_file","description":"Read a file","inputSchema":{"type":"object","properties":{"path":{"type":"string"}},"required":["path"]}}"#,
    r#"{"name":"é","description":"","inputSchema":{},"title":"not covered","annotations":{"readOnlyHint":true}}"#,
    r#"{"name":"bare","description":"no schema"}"#,
];

#[test]
fn tools_are_verified_both_ways() {
    let (mut peer, own) = (Peer::start(), key());
    let public = peer.public_key("server");
    for text in TOOLS {
        let tool: Value = serde_json::from_str(text).unwrap();
        let document = Document::parse(text).unwrap();
        for origin in [None, Some("https://s.example")] {
            let ours = draft::sign(document.root(), origin, &own).unwrap();
            let mut request = json!({
                "do": "verify_tool", "tool": tool, "signature": ours.signature.to_base64(),
                "pem": own.public_key().to_pem().unwrap(), "author_origin": origin,
            });
            assert_eq!(peer.does(&request)["valid"], true, "{text}");
            request["tool"]["description"] = json!("another");
            assert_eq!(peer.does(&request)["valid"], false, "{text}");

            let theirs = peer.does(&json!({"do": "sign_tool", "tool": tool, "name": "server", "author_origin": origin}));
            let signature = theirs["signature"].as_str().unwrap();
            let hash = draft::verify(document.root(), origin, signature, &public).unwrap();
            assert_eq!(hash.to_string(), theirs["tool_hash"].as_str().unwrap());
            assert_eq!(hash, ours.tool_hash);
        }
    }
}
