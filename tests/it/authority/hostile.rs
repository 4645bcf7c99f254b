use reqwest::Method;
use serde_json::{Value, json};

use super::world::{World, new_key, on_both};

const ID: &str = "asp_00000000000000000000000000000000";

#[tokio::test]
async fn an_id_is_taken_as_sent_or_not_at_all() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let id = passport.id().as_str();
        let bad = [
            id.to_uppercase(),
            id[..35].to_owned(),
            format!("{id}0"),
            format!("{id}?"),
            format!("{id}?a=b"),
            format!("{id}%00"),
            format!("{id}%2F..%2F{id}"),
            format!("{id}%3Fnonce=0"),
            format!("{id}%23"),
            id.replace("asp", "%61sp"),
            id.replacen('_', "%5f", 1),
            "%".to_owned(),
            "x".repeat(9000),
        ];
        for id in bad {
            for route in [
                "/v1/passports/",
                "/api/verify/",
                "/api/passport/",
                "/api/staple/",
            ] {
                world
                    .get(&format!("{route}{id}"))
                    .await
                    .problem(400, "bad-passport-id");
            }
        }
        let status = format!(
            "/v1/passports/{}/status?nonce={}",
            id.replace("asp", "%61sp"),
            "0".repeat(32)
        );
        world.get(&status).await.problem(400, "bad-passport-id");
        for path in [
            format!("/api/verify/{id}/x"),
            format!("/v1/passports/{id}//status"),
            format!("/api/verify/{id}/"),
        ] {
            world.get(&path).await.problem(404, "no-such-route");
        }
    })
    .await;
}

async fn raw(world: &World, body: impl Into<Vec<u8>>, content_type: &str) -> super::world::Answer {
    world
        .send_bytes(Method::POST, "/v1/challenges", content_type, body.into())
        .await
}

#[tokio::test]
async fn a_body_is_strict_json_before_it_is_anything_else() {
    on_both(async |world| {
        let sound = json!({"subject": "a", "kid": "k", "audience": "x"}).to_string();
        let twice = sound.replacen('{', r#"{"subject":"b","#, 1);
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        let bad: [Vec<u8>; 8] = [
            twice.into_bytes(),
            deep.into_bytes(),
            br#"{"subject":"\ud800"}"#.to_vec(),
            b"{\"subject\":\"\xff\"}".to_vec(),
            b"\xef\xbb\xbf{}".to_vec(),
            br#"{"subject":9007199254740993}"#.to_vec(),
            b"{}{}".to_vec(),
            Vec::new(),
        ];
        for body in bad {
            let problem = raw(&world, body, "application/json")
                .await
                .problem(400, "malformed-json");
            assert_eq!(problem["code"], "MCPS-020");
        }
        for body in [
            "[]",
            "{}",
            r#"{"subject":1}"#,
            &sound.replace("subject", "sub"),
        ] {
            raw(&world, body, "application/json; charset=utf-8")
                .await
                .problem(422, "invalid-request");
        }
        for content_type in [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/jsonp",
        ] {
            raw(&world, sound.as_str(), content_type)
                .await
                .problem(415, "not-json");
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_of_members_is_no_body() {
    on_both(async |world| {
        let passport = world.issue("agent-7", &new_key()).await;
        let revoke = format!("/v1/passports/{}/revoke", passport.id());
        for body in [json!([]), json!(["policy", "by its place"])] {
            let answer = world.post_as_operator(&revoke, &body).await;
            answer.problem(422, "invalid-request");
        }
        let prepare = json!(["feed", null]);
        let answer = world.post_as_operator("/v1/authority-keys", &prepare).await;
        answer.problem(422, "invalid-request");
        let shown = world.get(&format!("/v1/passports/{}", passport.id())).await;
        assert_eq!(shown.json()["status"]["state"], "good");
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_before_it_is_read_is_a_problem_too() {
    on_both(async |world| {
        let large = " ".repeat(256 * 1024 + 1);
        let answer = world.send_with("/v1/hooks/soar", &[], large).await;
        answer.problem(413, "body-too-large");
        world
            .send_with("/v1/hooks/%ff", &[], "{}".to_owned())
            .await
            .problem(401, "report-refused");
        world
            .get("/v1/feed/epochs/%ff")
            .await
            .problem(404, "epoch-not-found");
        world
            .post_as_operator("/v1/actions/%ff/undo", &json!({}))
            .await
            .problem(404, "action-not-found");
    })
    .await;
}

#[tokio::test]
async fn a_body_has_at_most_64_kilobytes() {
    on_both(async |world| {
        let padded = |length: usize| format!("{}{{}}", " ".repeat(length - 2));
        raw(&world, padded(65_536), "application/json")
            .await
            .problem(422, "invalid-request");
        raw(&world, padded(65_537), "application/json")
            .await
            .problem(413, "body-too-large");
    })
    .await;
}

#[tokio::test]
async fn members_that_are_not_what_they_should_be_are_refused() {
    on_both(async |world| {
        let key = new_key();
        let order = world.order("agent-7", &key).await;
        let jwk = order["public_key"].clone();
        let with = |member: &str, value: Value| {
            let mut jwk = jwk.clone();
            jwk[member] = value;
            jwk
        };
        let bad = [
            ("name", json!("a/b")),
            ("name", json!("")),
            ("tenant", json!("UPPER")),
            ("version", json!("1 0")),
            ("owner", json!(" x")),
            ("kind", json!("root")),
            ("origin", json!("https://HOST")),
            ("origin", json!("javascript:alert(1)")),
            ("capabilities", json!(vec!["x"; 65])),
            ("capabilities", json!(["a\u{7}"])),
            ("capabilities", json!(vec!["x".repeat(128); 64])),
            ("trust_level", json!("2")),
            ("ext", json!({"ca": {"max_path": 5}})),
            ("passport_id", json!(ID)),
            ("public_key", json!("x")),
            ("public_key", with("d", json!("AAAA"))),
            ("public_key", with("crv", json!("P-384"))),
            ("public_key", with("x", json!("AAAA"))),
            ("public_key", with("y", jwk["x"].clone())),
        ];
        for (member, value) in bad {
            let mut order = order.clone();
            order[member] = value;
            let answer = world.post_as_operator("/v1/passports", &order).await;
            let problem = answer.problem(422, "invalid-request");
            assert!(!problem["detail"].as_str().unwrap().is_empty(), "{member}");
        }
        world
            .post_as_operator("/v1/passports", &order)
            .await
            .passport();
    })
    .await;
}

#[tokio::test]
async fn answers_are_not_cached_or_sniffed_and_unknown_routes_are_problems() {
    on_both(async |world| {
        world.get("/").await.problem(404, "no-such-route");
        world
            .send(Method::DELETE, "/v1/passports", None, None)
            .await
            .problem(405, "method-not-allowed");
        let headers = world.headers(&format!("/api/verify/{ID}")).await;
        assert_eq!(
            (
                headers["cache-control"].as_bytes(),
                headers["x-content-type-options"].as_bytes()
            ),
            (&b"no-store"[..], &b"nosniff"[..])
        );
        assert_eq!(world.get("/healthz").await.json(), json!({"status": "ok"}));
        assert_eq!(
            world.get("/readyz").await.json(),
            json!({"status": "ready"})
        );
    })
    .await;
}

#[tokio::test]
async fn whole_numbers_may_be_written_with_a_fraction_of_zero() {
    on_both(async |world| {
        let key = new_key();
        let order = world.order("agent-7", &key).await;
        let with = |written: &str| {
            let order = order.to_string();
            order.replacen('{', &format!(r#"{{"ttl_s":{written},"#), 1)
        };
        let operator = Some(world.operator.as_str());
        for written in ["60.5", "1e999", r#""60""#, "-1.0", "1e19"] {
            let body = Some(with(written));
            let answer = world
                .send(Method::POST, "/v1/passports", operator, body)
                .await;
            assert!(
                answer.status.is_client_error(),
                "{written}: {}",
                answer.text
            );
        }
        let body = Some(with("60.0"));
        let answer = world
            .send(Method::POST, "/v1/passports", operator, body)
            .await;
        answer.passport();
    })
    .await;
}
