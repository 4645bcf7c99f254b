//! Access tokens: what is good, what is not, and what becomes of both while the issuer changes its keys
//! or is away.

use mcps_core::code::Code;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Duration, sleep};

use super::bearer::{Bearer, call};
use super::issuer::{Issuer, Signer, now_s};
use crate::gateway::server::Server;
use crate::gateway::{Gate, over_http};
use crate::wire::{INITIALIZE, eventually};
use crate::world::run;

/// A gateway that believes an issuer, in front of a server of each of two tenants.
async fn gate(issuer: &Issuer, more: &str, (acme, lab): (&Server, &Server)) -> Gate {
    let config = format!(
        "[tenant.acme]\n[tenant.lab]\n{}{}tenant = \"acme\"\n{}tenant = \"lab\"\n",
        issuer.stanza(more),
        over_http("files", acme),
        over_http("lab", lab)
    );
    Gate::open(&config).await
}

async fn servers() -> (Server, Server) {
    (Server::with(&["look"]).await, Server::with(&["peek"]).await)
}

#[tokio::test]
async fn a_good_token_calls_as_whom_its_claims_name_and_goes_no_further() {
    let (ec, rsa) = (Signer::ec("e1"), Signer::rsa("r1"));
    let issuer = Issuer::of(&[&ec, &rsa]).await;
    let (acme, lab) = servers().await;
    let more = "tenant_claim = \"org\"\ngroups_claim = \"groups\"\nowner_claim = \"email\"\nname_prefix = \"idp:\"";
    let gate = gate(&issuer, more, (&acme, &lab)).await;
    let mut claims = issuer.claims();
    claims["groups"] = json!(["dev"]);
    claims["email"] = json!("ann@example.com");
    let token = ec.token(&claims);
    let mut ann = Bearer::with(&gate.at("files"), &token);
    ann.open().await;
    assert_eq!(ann.call(1, "look").await, r#"look({"n":1})"#);
    // A newer token of the same caller goes on with its session.
    claims["exp"] = json!(now_s() + 600);
    ann.credential = format!("Bearer {}", rsa.token(&claims));
    assert_eq!(ann.call(2, "look").await, r#"look({"n":2})"#);
    // One of somebody else does not.
    claims["sub"] = json!("bob");
    ann.credential = format!("bearer {}", rsa.token(&claims));
    let answer = ann.post(&call(3, "look")).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);

    // The other tenant, by its claim, and its server alone.
    claims["org"] = json!("lab");
    let lab_token = ec.token(&claims);
    let mut bob = Bearer::with(&gate.url, &lab_token);
    bob.open().await;
    assert_eq!(bob.call(1, "lab__peek").await, r#"peek({"n":1})"#);
    let told = Bearer::with(&gate.at("files"), &lab_token)
        .refused(INITIALIZE)
        .await;
    assert_eq!(told.code, Some(Code::Denied), "{told:?}");
    for org in [json!("nobody"), json!("default")] {
        claims["org"] = org;
        let told = Bearer::with(&gate.url, &ec.token(&claims))
            .refused(INITIALIZE)
            .await;
        assert_eq!(told.code, Some(Code::Denied), "{told:?}");
    }

    for server in [&acme, &lab] {
        let told = server.was_told("authorization", "eyJ");
        assert!(told.is_empty(), "{told:?}");
    }
    let records = gate.records();
    let look = records.iter().find(|it| it["name"] == "look").unwrap();
    assert_eq!(
        look["principal"],
        json!({"name": "idp:ann", "owner": "ann@example.com", "issuer": issuer.url,
            "kind": "oidc", "groups": ["dev"]})
    );
    assert!(!gate.process.words().contains(&token[..40]));
    assert!(!json!(records).to_string().contains(&token[..40]));

    let file = gate.stage.world.dir().join("claims.json");
    std::fs::write(&file, issuer.claims().to_string()).unwrap();
    let mut why = gate.stage.world.mcps(&gate.home);
    why.args(["why", "lab__peek", "-o", "json", "--claims"])
        .arg(&file);
    why.arg("--config")
        .arg(gate.stage.world.dir().join("gateway.toml"));
    let told: Value = serde_json::from_str(&run(&mut why).succeeded()).unwrap();
    let refusing = told["stages"].as_array().unwrap().iter();
    let refusing: Vec<&Value> = refusing.filter(|it| it["permits"] == false).collect();
    assert_eq!(refusing[0]["stage"], "tenant", "{told}");
}

#[tokio::test]
async fn a_token_that_is_not_quite_good_is_refused_before_anything_is_touched() {
    let (ec, rsa, stranger) = (Signer::ec("e1"), Signer::rsa("r1"), Signer::ec("e1"));
    let issuer = Issuer::of(&[&ec, &rsa]).await;
    let (acme, lab) = servers().await;
    let gate = gate(&issuer, "tenant = \"acme\"", (&acme, &lab)).await;
    let good = issuer.claims();
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        ec.token(&claims)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        ec.token(&claims)
    };
    let whole = ec.token(&good);
    let parts: Vec<&str> = whole.split('.').collect();
    let hmac = {
        // Signed with what everybody knows, in the hope that it is taken for a secret.
        use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
        use base64::Engine as _;
        let coded = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let header = json!({"alg": "HS256", "kid": "r1"}).to_string();
        let signed = format!("{}.{}", coded(header.as_bytes()), parts[1]);
        let key = Key::new(HMAC_SHA256, rsa.jwk()["n"].as_str().unwrap().as_bytes());
        format!("{signed}.{}", coded(sign(&key, signed.as_bytes()).as_ref()))
    };
    let now = now_s();
    let bad = [
        ("aud", with("aud", json!("https://other.example/mcp"))),
        (
            "aud of another endpoint",
            with("aud", json!("https://gw.example/mcp/lab")),
        ),
        ("aud missing", without("aud")),
        ("iss", with("iss", json!("https://evil.example"))),
        (
            "iss with a slash",
            with("iss", json!(format!("{}/", issuer.url))),
        ),
        ("iss missing", without("iss")),
        ("expired", with("exp", json!(now - 61))),
        ("exp as text", with("exp", json!((now + 300).to_string()))),
        ("exp missing", without("exp")),
        ("nbf in the future", with("nbf", json!(now + 120))),
        ("nbf as text", with("nbf", json!("0"))),
        ("iat in the future", with("iat", json!(now + 120))),
        ("sub missing", without("sub")),
        ("sub no text", with("sub", json!(7))),
        ("another's key", stranger.token(&good)),
        (
            "another's key, unnamed",
            stranger.token_saying(&json!({"alg": "ES256"}), &good),
        ),
        (
            "a key of another kind",
            ec.token_saying(&json!({"alg": "RS256", "kid": "r1"}), &good),
        ),
        (
            "a way that is not allowed",
            ec.token_saying(&json!({"alg": "ES384", "kid": "e1"}), &good),
        ),
        (
            "alg none",
            ec.token_saying(&json!({"alg": "none", "kid": "e1"}), &good),
        ),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        (
            "half a signature",
            format!("{}.{}.{}", parts[0], parts[1], &parts[2][..43]),
        ),
        (
            "other claims",
            format!(
                "{}.{}.{}",
                parts[0],
                with("sub", json!("root")).split('.').nth(1).unwrap(),
                parts[2]
            ),
        ),
        ("HS256 with the public key", hmac),
        (
            "critical",
            ec.token_saying(
                &json!({"alg": "ES256", "kid": "e1", "crit": ["x"], "x": 1}),
                &good,
            ),
        ),
        (
            "an id of logging out",
            ec.token_saying(
                &json!({"alg": "ES256", "kid": "e1", "typ": "logout+jwt"}),
                &good,
            ),
        ),
        (
            "a JWT of any kind",
            ec.token_saying(&json!({"alg": "ES256", "kid": "e1", "typ": "JWT"}), &good),
        ),
        (
            "no kind",
            ec.token_saying(&json!({"alg": "ES256", "kid": "e1"}), &good),
        ),
        ("huge", with("sub", json!("a".repeat(17_000)))),
        ("a name too long", with("sub", json!("a".repeat(300)))),
        ("four parts", format!("{whole}.x")),
        ("no token at all", "eyJhbGciOiJFUzI1NiJ9".to_owned()),
    ];
    for (what, token) in bad {
        let told = Bearer::with(&gate.at("files"), &token)
            .refused(INITIALIZE)
            .await;
        assert_eq!(told.code, Some(Code::InvalidCredential), "{what}: {told:?}");
        assert_eq!(told.status, StatusCode::UNAUTHORIZED, "{what}");
        assert!(
            told.challenge().contains(r#"error="invalid_token""#),
            "{told:?}"
        );
        let last = token.rsplit('.').next().unwrap();
        assert!(last.len() < 8 || !told.text.contains(last), "{what}");
    }
    assert!(acme.is_untouched() && lab.is_untouched());
    assert!(gate.records().is_empty());
    assert!(
        !gate.process.words().contains("eyJ"),
        "no token is in the log"
    );
    let mut ann = Bearer::with(&gate.at("files"), &whole);
    ann.open().await;
    assert_eq!(ann.call(1, "look").await, r#"look({"n":1})"#);
    // For one endpoint alone.
    let mut files = Bearer::with(
        &gate.at("files"),
        &with("aud", json!("https://gw.example/mcp/files")),
    );
    files.open().await;
}

#[tokio::test]
async fn a_key_that_is_new_is_fetched_once_and_one_that_was_withdrawn_is_good_no_more() {
    let (old, new) = (Signer::ec("k1"), Signer::ec("k2"));
    let issuer = Issuer::of(&[&old]).await;
    let (acme, lab) = servers().await;
    let more = "tenant = \"acme\"\nrefetch_s = 2\nrefresh_s = 600";
    let gate = gate(&issuer, more, (&acme, &lab)).await;
    let url = gate.at("files");
    let mut ann = Bearer::with(&url, &old.token(&issuer.claims()));
    ann.open().await;
    let fetched = issuer.fetched();
    sleep(Duration::from_millis(2100)).await;
    issuer.publish(&[&new]);
    assert_eq!(ann.call(1, "look").await, r#"look({"n":1})"#);
    assert_eq!(issuer.fetched(), fetched, "nobody asks for what is known");

    // Many at once with the key that nobody knows: one asks, and all are told.
    let token = new.token(&issuer.claims());
    let callers: Vec<Bearer> = (0..8).map(|_| Bearer::with(&url, &token)).collect();
    let asking = callers.iter().map(|caller| caller.post(INITIALIZE));
    for answer in futures_util::future::join_all(asking).await {
        assert_eq!(answer.status(), StatusCode::OK);
    }
    assert_eq!(issuer.fetched(), fetched + 1);
    // What is known no more is refused, though its token was good, and whoever asks for what is not
    // there costs the issuer nothing.
    let told = ann.refused(&call(2, "look")).await;
    assert_eq!(told.code, Some(Code::InvalidCredential), "{told:?}");
    for id in 0..20 {
        let kid = json!({"alg": "ES256", "kid": format!("made-up-{id}")});
        let token = new.token_saying(&kid, &issuer.claims());
        let told = Bearer::with(&url, &token).refused(INITIALIZE).await;
        assert_eq!(told.code, Some(Code::InvalidCredential), "{told:?}");
    }
    assert!(issuer.fetched() <= fetched + 2, "{}", issuer.fetched());
}

#[tokio::test]
async fn without_its_issuer_a_token_is_judged_by_the_last_keys_and_then_by_none() {
    let signer = Signer::ec("k1");
    let issuer = Issuer::of(&[&signer]).await;
    let (acme, lab) = servers().await;
    let more = "tenant = \"acme\"\nrefetch_s = 1\nrefresh_s = 1\nstale_s = 6";
    let mut gate = gate(&issuer, more, (&acme, &lab)).await;
    let token = signer.token(&issuer.claims());
    let mut ann = Bearer::with(&gate.at("files"), &token);
    ann.open().await;
    issuer.is_down(true);
    gate.process.says("the last ones are good for 6 s").await;
    assert_eq!(ann.call(1, "look").await, r#"look({"n":1})"#);
    let told = eventually("the keys are too old", async || {
        let told = ann.refused(&call(2, "look")).await;
        (told.status != StatusCode::OK).then_some(told)
    })
    .await;
    assert_eq!(told.code, Some(Code::IssuerUnreachable), "{told:?}");
    assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(told.challenge().is_empty() && told.headers.contains_key("retry-after"));
    issuer.is_down(false);
    eventually("its keys are there again", async || {
        let told = ann.refused(&call(3, "look")).await;
        (told.status == StatusCode::OK).then_some(())
    })
    .await;

    // A gateway that starts without it knows nobody by a token.
    issuer.is_down(true);
    let touched = acme.seen("tools/call").len();
    gate.restart().await;
    let told = Bearer::with(&gate.at("files"), &token)
        .refused(INITIALIZE)
        .await;
    assert_eq!(told.code, Some(Code::IssuerUnreachable), "{told:?}");
    assert_eq!(acme.seen("tools/call").len(), touched);
}

#[tokio::test]
async fn claims_decide_where_a_policy_reads_them() {
    let signer = Signer::rsa("k1");
    let issuer = Issuer::of(&[&signer]).await;
    let server = Server::with(&["look", "push"]).await;
    let stage = crate::wire::Stage::set();
    let facts = "[claims]\nscope = \"string\"\n";
    let rules = r#"@id("scope") @reason("It takes the scope.")
forbid (principal, action == Action::"call_tool", resource) when { resource.name == "push" }
unless { principal has claims && principal.claims has scope && principal.claims.scope like "*tools:push*" };"#;
    std::fs::write(stage.world.dir().join("own.toml"), facts).unwrap();
    std::fs::write(stage.world.dir().join("own.cedar"), rules).unwrap();
    let config = format!(
        "[tenant.acme]\npolicy = [\"own.toml\", \"own.cedar\"]\n{}{}",
        issuer.stanza("tenant = \"acme\""),
        over_http("files", &server)
    );
    let gate = Gate::open_on(stage, &config).await;
    let mut claims = issuer.claims();
    let mut ann = Bearer::with(&gate.at("files"), &signer.token(&claims));
    ann.open().await;
    let told = ann.refused(&call(1, "push")).await;
    assert_eq!(told.code, Some(Code::Denied), "{told:?}");
    claims["scope"] = json!("openid tools:push");
    ann.credential = format!("Bearer {}", signer.token(&claims));
    assert_eq!(ann.call(2, "push").await, r#"push({"n":2})"#);
    assert_eq!(server.seen("tools/call").len(), 1);
}
