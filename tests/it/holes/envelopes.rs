//! Lines to `mcps-wrap` whose envelope or JSON is not what it should be.

use mcps_core::code::Code;
use mcps_core::json::{Document, Kind, Value, quote};

use crate::wire::{Meddler, Served, Stage, call, changed, code_of, result, time};

/// The member of the envelope, as it stands in the line.
fn member(line: &str, name: &str) -> String {
    let document = Document::parse(line).unwrap();
    let meta = document.root().get("params").unwrap().get("_meta").unwrap();
    let envelope = meta.get("dev.mcps/envelope").unwrap();
    let member = envelope.as_object().unwrap().member(name).unwrap();
    line[member.span()].to_owned()
}

#[tokio::test]
async fn refuses_an_empty_signature_with_an_old_timestamp() {
    let mut served = Served::opened().await;
    for off_ms in [0, -600_000] {
        let mut fields = served.agent.fields();
        fields.stamped = time(off_ms);
        fields.timestamp = fields.stamped.to_string();
        let line = served.agent.forge(&call(900), &fields);
        let signature = member(&line, "signature");
        for (instead, code) in [
            (r#""signature":"""#.to_owned(), Code::InvalidSignature),
            (r#""signature":null"#.to_owned(), Code::Malformed),
            (
                format!(r#""signature":"{}==""#, "A".repeat(86)),
                if off_ms == 0 {
                    Code::InvalidSignature
                } else {
                    Code::OutOfWindow
                },
            ),
        ] {
            let line = changed(&line, &signature, &instead);
            assert_eq!(served.refuses(&line).await, code, "{off_ms} {instead}");
        }
        let without = changed(&line, &format!("{signature},"), "");
        assert_eq!(served.refuses(&without).await, Code::Malformed);
    }
    served.still_serves().await;
}

#[tokio::test]
async fn bytes_moved_between_signed_fields_do_not_verify() {
    let mut served = Served::opened().await;
    let fields = served.agent.fields();
    let line = served.agent.forge(&call(900), &fields);
    let (nonce, session) = (&fields.nonce, &fields.session);
    // What a signature over the values one after the other would not notice.
    let moved = [
        (session.clone(), nonce.clone()),
        (
            format!("{}{}", &nonce[1..], &session[..1]),
            format!("{}{}", &session[1..], &nonce[..1]),
        ),
    ];
    for (new_nonce, new_session) in moved {
        let line = changed(
            &line,
            &member(&line, "nonce"),
            &format!(r#""nonce":"{new_nonce}""#),
        );
        let to = format!(r#""session":"{new_session}""#);
        let line = changed(&line, &member(&line, "session"), &to);
        assert_eq!(served.refuses(&line).await, Code::InvalidSignature);
    }
    for (from, to) in [
        (r#""n":1.50"#, r#""n":1.5,"o":0"#),
        (
            r#""name":"note","arguments":{"n":1.50}"#,
            r#""name":"noten","arguments":{"":1.50}"#,
        ),
        (
            r#""typ":"request","version":"1.0""#,
            r#""typ":"request","version":"1.0","last":true"#,
        ),
    ] {
        let line = changed(&line, from, to);
        assert_eq!(served.refuses(&line).await, Code::InvalidSignature, "{to}");
    }
    served.wrap.write(&line).await;
    assert_eq!(served.behind.read().await, call(900));
}

/// The same JSON with the members of every object the other way round.
fn reversed(value: Value<'_>) -> String {
    match value.kind() {
        Kind::Object => {
            let members = value.as_object().unwrap();
            let mut members: Vec<String> = members
                .iter()
                .map(|member| {
                    let mut name = String::new();
                    quote(&member.name(), &mut name);
                    format!("{name} : {}", reversed(member.value()))
                })
                .collect();
            members.reverse();
            format!("{{{}}}", members.join(" ,"))
        }
        Kind::Array => {
            let items: Vec<String> = value
                .as_array()
                .unwrap()
                .into_iter()
                .map(reversed)
                .collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Null | Kind::Bool | Kind::Number | Kind::String => value.raw().to_owned(),
    }
}

#[tokio::test]
async fn reordered_members_do_not_break_a_good_signature() {
    let mut served = Served::opened().await;
    let line = served.agent.seal(&call(900));
    let line = reversed(Document::parse(line.as_str()).unwrap().root());
    served.wrap.write(&line).await;
    let seen = served.behind.read().await;
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&seen).unwrap(),
        serde_json::from_str::<serde_json::Value>(&call(900)).unwrap()
    );
    assert!(seen.contains("1.50"), "{seen}");
}

#[tokio::test]
async fn a_passport_id_with_a_path_in_it_never_reaches_the_authority() {
    let stage = Stage::set();
    let meddler = Meddler::start(&stage.world);
    meddler.stand_before(&stage.server);
    let mut served = Served::start_with(stage, &["--status-refresh", "0"]);
    let line = served.agent.forge(&call(900), &served.agent.fields());
    let id = served.agent.passport.id().to_string();
    let id = id.as_str();
    for instead in [
        format!("{id}?x"),
        format!("{id}#"),
        format!("{id}/../asp_{}", "0".repeat(32)),
        format!("{id}%2e"),
        format!("{}?", &id[..35]),
        format!("{} ", &id[..35]),
        id.to_uppercase(),
        format!("asp_{}", "ä".repeat(16)),
    ] {
        let line = line.replace(id, &instead);
        let code = served.refuses(&line).await;
        assert!(
            matches!(code, Code::Malformed | Code::InvalidPassport),
            "{instead}: {code}"
        );
    }
    served.open().await;
    served.still_serves().await;
    for path in meddler.seen() {
        let status = path
            .strip_prefix("/v1/passports/")
            .and_then(|rest| rest.split_once("/status?nonce="));
        let hex = |text: &str| text.len() == 32 && text.bytes().all(|c| c.is_ascii_hexdigit());
        let good = status.is_some_and(|(asked, nonce)| asked == id && hex(nonce));
        assert!(good || path == "/.well-known/mcps-trust", "{path}");
    }
}

#[tokio::test]
async fn mistyped_missing_and_bottomless_members_crash_nothing() {
    let mut served = Served::opened().await;
    let line = served.agent.forge(&call(900), &served.agent.fields());
    let all = [
        "aud",
        "nonce",
        "passport_id",
        "prev",
        "seq",
        "session",
        "timestamp",
        "typ",
        "version",
    ];
    for name in all {
        let own = member(&line, name);
        let (before, after) = (format!("{own},"), format!(",{own}"));
        let found = if line.contains(&before) {
            before
        } else {
            after
        };
        let without = changed(&line, &found, "");
        let code = served.refuses(&without).await;
        let expected = match name {
            // Without its audience a message is nobody's.
            "aud" => [Code::Malformed, Code::WrongAudience],
            "version" => [Code::Malformed, Code::NoMutualVersion],
            _ => [Code::Malformed, Code::StreamBroken],
        };
        assert!(expected.contains(&code), "without {name}: {code}");
        for instead in [
            "1763697274",
            "null",
            "[]",
            "{}",
            "true",
            r#""""#,
            "-1",
            "1e999",
        ] {
            let mistyped = changed(&line, &own, &format!(r#""{name}":{instead}"#));
            let code = served.refuses(&mistyped).await;
            let expected = [Code::Malformed, Code::WrongAudience, Code::NoMutualVersion];
            // A sequence number of another kind is well-formed and signed by nobody.
            let number = name == "seq" && code == Code::InvalidSignature;
            assert!(
                expected.contains(&code) || number,
                "{name} {instead}: {code}"
            );
        }
    }
    let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    for bottomless in [
        changed(&line, "1.50", &deep),
        changed(&line, &member(&line, "aud"), &format!(r#""aud":{deep}"#)),
        deep,
        format!(r#"{{"jsonrpc":"2.0","id":{}"#, "{\"a\":".repeat(100_000)),
    ] {
        assert_eq!(served.refuses(&bottomless).await, Code::Malformed);
    }
    served.still_serves().await;
}

#[tokio::test]
async fn duplicate_members_never_reach_the_server() {
    let mut served = Served::opened().await;
    let line = served.agent.forge(&call(900), &served.agent.fields());
    for (from, to) in [
        (r#""name":"note""#, r#""name":"note","name":"rm""#),
        (r#""name":"note""#, r#""n\u0061me":"rm","name":"note""#),
        (r#""n":1.50"#, r#""n":1.50,"n":2"#),
        (
            r#""method":"tools/call""#,
            r#""method":"tools/call","method":"ping""#,
        ),
        (r#""id":900"#, r#""id":900,"id":1"#),
        (r#""typ":"request""#, r#""typ":"request","typ":"request""#),
    ] {
        let line = changed(&line, from, to);
        assert_eq!(served.refuses(&line).await, Code::Malformed, "{to}");
    }
    served.still_serves().await;
}

#[tokio::test]
async fn integers_above_2_53_are_refused_and_others_kept() {
    let stage = Stage::set();
    let mut behind = crate::wire::Puppet::new(&stage.world);
    let words = stage.wrapped(&stage.server, &[], &behind);
    let mut client = stage.connect(&stage.agent, &[], &words);
    client.write(crate::wire::INITIALIZE).await;
    behind.read().await;
    behind.write(crate::wire::INITIALIZED).await;
    client.read().await;
    let with = |number: &str| call(900).replace("1.50", number);
    for number in [
        "9007199254740993",
        "-9007199254740992",
        "1e400",
        "[9007199254740993.0,10000000000000000]",
    ] {
        assert_eq!(
            client.refuses(&with(number)).await,
            Code::Malformed,
            "{number}"
        );
    }
    // What fits arrives as it was written, digit by digit.
    let kept = with(r#"[9007199254740991,-9007199254740991,1.50,1E2,0.1000000000000000055,-0]"#);
    client.write(&kept).await;
    assert_eq!(behind.read().await, kept);
    let answer = result(900).replace(r#""noted""#, r#""noted","n":9007199254740993"#);
    behind.write(&answer).await;
    assert_eq!(client.refusal().await, Code::Malformed);
    client.write(&with("1.50").replace("900", "901")).await;
    behind.read().await;
    let answer = result(901).replace(r#""noted""#, r#""noted","n":[1.50,1E2,9007199254740991]"#);
    behind.write(&answer).await;
    let told = client.read().await;
    assert_eq!((code_of(&told), told), (None, answer));
}
