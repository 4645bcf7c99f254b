//! A source of alerts that is of one tenant.

use serde_json::{Value, json};

use super::super::world::{World, new_key, on_both};

/// What a report that names this target is answered, without what names the report itself.
async fn told(world: &World, token: &str, id: &str, target: Value) -> (u16, Value) {
    let headers = [("authorization", token)];
    let report = json!({"id": id, "action": "suspend", "target": target});
    let answer = world
        .send_with("/v1/hooks/theirs", &headers, report.to_string())
        .await;
    let mut told = answer.json();
    let made = told["incidents"].as_array_mut().into_iter().flatten();
    for one in made {
        for own in [
            "incident_id",
            "event_id",
            "alert_key",
            "target",
            "at",
            "body",
        ] {
            one.as_object_mut().unwrap().remove(own);
        }
    }
    (answer.status.as_u16(), told)
}

#[tokio::test]
async fn a_source_of_one_tenant_learns_nothing_of_another() {
    on_both(async |world| {
        let order = json!({"authentication": "bearer", "ceiling": "suspend", "tenant": "acme"});
        let (path, operator) = ("/v1/sources/theirs", Some(world.operator.as_str()));
        let body = Some(order.to_string());
        let set = world.send(reqwest::Method::PUT, path, operator, body).await;
        assert_eq!(set.status, 200, "{}", set.text);
        let token = format!("Bearer {}", set.json()["secret"].as_str().unwrap());
        let other = world.issue("bot", &new_key()).await;
        let id = other.id().to_string();
        let agent = |name: &str| json!({"kind": "agent", "tenant": "default", "name": name});
        let passport = |id: &str| json!({"kind": "passport", "id": id});
        let nobody = "asp_00112233445566778899aabbccddeeff";
        for (kind, known, unknown, status) in [
            ("agent", agent("bot"), agent("nobody"), 403),
            ("passport", passport(&id), passport(nobody), 202),
        ] {
            let known = told(&world, &token, &format!("{kind}-1"), known).await;
            let unknown = told(&world, &token, &format!("{kind}-2"), unknown).await;
            assert_eq!(known, unknown);
            assert_eq!(known.0, status, "{}", known.1);
        }
        let shown = world.get(&format!("/v1/passports/{id}")).await;
        assert_eq!(shown.json()["status"]["state"], "good");
    })
    .await;
}
