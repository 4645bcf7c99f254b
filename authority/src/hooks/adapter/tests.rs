use super::*;
use crate::hooks::Ceiling;
use crate::hooks::mapping::Said;
use mcps_core::feed::Target;

fn read(adapter: Adapter, report: &str) -> Vec<Alert> {
    let report = Document::parse(report).unwrap();
    adapter.read(&report, None).unwrap()
}

fn agent(tenant: &str, name: &str) -> Target {
    Target::Agent {
        tenant: tenant.into(),
        name: name.into(),
    }
}

#[track_caller]
fn wanted(alert: &Alert) -> (Ceiling, Target) {
    match &alert.said {
        Said::Firing(wanted) => (wanted.action, wanted.target.clone()),
        said => panic!("{said:?}"),
    }
}

#[test]
fn every_adapter_has_a_mapping_that_can_be_used() {
    for adapter in Adapter::ALL {
        let mapping = adapter.mapping(None).unwrap();
        assert_eq!(mapping.is_none(), adapter == Adapter::Generic);
        assert_eq!(Adapter::parse(adapter.as_str()), Some(adapter));
        let name = serde_json::to_value(adapter).unwrap();
        assert_eq!(name, adapter.as_str());
    }
}

const ALERTMANAGER: &str = r#"{
  "receiver": "mcps", "status": "firing", "version": "4", "groupKey": "{}:{alertname=\"Leak\"}", "truncatedAlerts": 0,
  "groupLabels": {"alertname": "Leak"}, "commonLabels": {"alertname": "Leak"}, "commonAnnotations": {},
  "externalURL": "http://alertmanager.example:9093",
  "alerts": [
    {"status": "firing", "labels": {"alertname": "Leak", "mcps_name": "crawler", "mcps_tenant": "acme"},
     "annotations": {"summary": "key on a paste site"}, "startsAt": "2026-11-22T12:00:00.000Z",
     "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "c8d2b7a1f0e3d4c5"},
    {"status": "resolved", "labels": {"alertname": "Leak", "mcps_name": "spider"},
     "annotations": {}, "startsAt": "2026-11-22T11:00:00.000Z", "endsAt": "2026-11-22T12:01:00.000Z",
     "generatorURL": "", "fingerprint": "a1b2c3d4e5f60718"},
    {"status": "firing", "labels": {"alertname": "Disk full", "instance": "db1"},
     "annotations": {}, "startsAt": "2026-11-22T12:00:00.000Z", "endsAt": "0001-01-01T00:00:00Z",
     "generatorURL": "", "fingerprint": "0011223344556677"}
  ]}"#;

#[test]
fn reads_every_alert_of_a_group_of_alertmanager() {
    for adapter in [Adapter::Alertmanager, Adapter::Grafana] {
        let alerts = read(adapter, ALERTMANAGER);
        assert_eq!(
            wanted(&alerts[0]),
            (Ceiling::Suspend, agent("acme", "crawler"))
        );
        let id = "c8d2b7a1f0e3d4c5:2026-11-22T12:00:00.000Z";
        assert_eq!(alerts[0].id.as_deref(), Some(id));
        assert_eq!(alerts[0].key, alerts[0].id);
        assert_eq!(alerts[1].said, Said::Resolved);
        let key = "a1b2c3d4e5f60718:2026-11-22T11:00:00.000Z";
        assert_eq!(alerts[1].key.as_deref(), Some(key));
        assert_eq!(alerts[1].id, Some(format!("{key}:resolved")));
        // An alert that names nobody is none of ours.
        assert!(matches!(alerts[2].said, Said::Unread(_)));
    }
}

fn pagerduty(id: &str, kind: &str) -> String {
    format!(
        r#"{{"event": {{"id": "{id}", "event_type": "{kind}", "resource_type": "incident",
        "occurred_at": "2026-11-22T12:00:00.000Z", "agent": null, "client": {{"name": "Detector"}},
        "data": {{"id": "PT4KHLK", "type": "incident", "number": 7, "status": "triggered",
        "incident_key": "agent/acme/crawler", "title": "Key on a paste site"}}}}}}"#
    )
}

#[test]
fn reads_what_became_of_an_incident_of_pagerduty() {
    let begun = read(Adapter::Pagerduty, &pagerduty("01A", "incident.triggered"));
    assert_eq!(
        wanted(&begun[0]),
        (Ceiling::Suspend, agent("acme", "crawler"))
    );
    let over = read(Adapter::Pagerduty, &pagerduty("01B", "incident.resolved"));
    assert_eq!(over[0].said, Said::Resolved);
    // Each event is one of its own, of the same incident.
    assert_ne!(over[0].id, begun[0].id);
    assert_eq!(over[0].key, begun[0].key);
    let seen = read(
        Adapter::Pagerduty,
        &pagerduty("01C", "incident.acknowledged"),
    );
    assert_eq!(wanted(&seen[0]).0, Ceiling::Observe);
}

#[test]
fn reads_the_first_result_of_a_search_of_splunk() {
    let report = r#"{"sid": "scheduler__admin__search__RMD5_at_1800000000_1", "search_name": "Leaked keys",
        "app": "search", "owner": "admin", "results_link": "http://splunk.example:8000/app/search",
        "result": {"mcps_name": "crawler", "mcps_tenant": "acme", "mcps_action": "revoke", "count": "3"}}"#;
    let alerts = read(Adapter::Splunk, report);
    assert_eq!(
        wanted(&alerts[0]),
        (Ceiling::Revoke, agent("acme", "crawler"))
    );
    let sid = "scheduler__admin__search__RMD5_at_1800000000_1";
    assert_eq!(alerts[0].id.as_deref(), Some(sid));
}

#[test]
fn reads_what_elastic_sends_by_our_template() {
    let report = |group: &str| {
        format!(
            r#"{{"rule": {{"name": "Leaked keys"}}, "date": "2026-11-22T12:00:00.000Z",
            "alert": {{"id": "crawler", "uuid": "5b1e9a4e", "actionGroup": "{group}"}}, "mcps": {{"tenant": "acme"}}}}"#
        )
    };
    let alerts = read(Adapter::Elastic, &report("default"));
    assert_eq!(
        wanted(&alerts[0]),
        (Ceiling::Suspend, agent("acme", "crawler"))
    );
    let over = read(Adapter::Elastic, &report("recovered"));
    assert_eq!(
        (&over[0].said, &over[0].key),
        (&Said::Resolved, &alerts[0].key)
    );
}

#[test]
fn a_source_changes_of_a_mapping_what_it_has_otherwise() {
    let changes = r#"{"target": {"kind": "server", "tenant": "acme", "name": {"at": "/labels/mcps_name"}},
        "when": [{"at": "/labels/severity", "is": "page"}]}"#;
    let changes = Mapping::parse(changes).unwrap();
    let report = Document::parse(ALERTMANAGER).unwrap();
    let alerts = Adapter::Alertmanager.read(&report, Some(&changes)).unwrap();
    let server = Target::Server {
        tenant: "acme".into(),
        name: "crawler".into(),
    };
    assert_eq!(wanted(&alerts[0]), (Ceiling::Observe, server));
    assert_eq!(alerts[1].said, Said::Resolved);
}
