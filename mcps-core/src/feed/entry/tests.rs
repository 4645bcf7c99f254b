use super::{Entry, Held};
use crate::digest::Digest;
use crate::feed::{FeedError, Target};
use crate::fixture::{NOW, key};
use crate::jcs;
use crate::json::Document;
use crate::level::TrustLevel;
use crate::passport::PassportId;
use crate::signer::Signer as _;

const ID: &str = "asp_0123456789abcdef0123456789abcdef";

fn read(text: &str) -> Result<Entry, FeedError> {
    Entry::read(Document::parse(text).unwrap().root())
}

fn written(entry: &Entry) -> String {
    let mut out = String::new();
    entry.write(&mut out);
    out
}

fn weather() -> Target {
    Target::Server {
        tenant: "acme".to_owned(),
        name: "weather".to_owned(),
    }
}

fn crawler() -> Target {
    Target::Agent {
        tenant: "acme".to_owned(),
        name: "crawler".to_owned(),
    }
}

/// The examples of the documentation.
#[test]
fn reads_what_is_written_down() {
    let passport = Target::Passport(PassportId::parse(ID).unwrap());
    let tenant = || Target::Tenant("acme".to_owned());
    for (text, held, target) in [
        (
            format!(r#"{{"held":"revoked","target":{{"kind":"passport","id":"{ID}"}}}}"#),
            Held::Revoked,
            passport,
        ),
        (
            r#"{"held":"suspended","target":{"kind":"tenant","tenant":"acme"},"until":"2026-11-22T00:00:00.000Z"}"#.to_owned(),
            Held::Suspended(crate::clock::Timestamp::parse_rfc3339("2026-11-22T00:00:00.000Z")),
            tenant(),
        ),
        (
            r#"{"held":"suspended","target":{"kind":"tenant","tenant":"acme"}}"#.to_owned(),
            Held::Suspended(None),
            tenant(),
        ),
        (
            r#"{"held":"quarantined","target":{"kind":"agent","tenant":"acme","name":"crawler"}}"#.to_owned(),
            Held::Quarantined,
            crawler(),
        ),
        (
            r#"{"held":"stopped","target":{"kind":"all"}}"#.to_owned(),
            Held::Stopped,
            Target::All,
        ),
        (
            r#"{"held":"level","target":{"kind":"agent","tenant":"acme","name":"crawler"},"level":2}"#.to_owned(),
            Held::Level(TrustLevel::L2),
            crawler(),
        ),
        (
            format!(r#"{{"held":"policy","target":{{"kind":"tenant","tenant":"acme"}},"policy":"{}"}}"#, Digest::of(b"policy")),
            Held::Policy(Digest::of(b"policy")),
            tenant(),
        ),
        (
            format!(r#"{{"held":"verdicts","target":{{"kind":"tenant","tenant":"acme"}},"verdicts":"{}"}}"#, Digest::of(b"verdicts")),
            Held::Verdicts(Digest::of(b"verdicts")),
            tenant(),
        ),
    ] {
        assert_eq!(read(&text), Ok(Entry { target, held }), "{text}");
    }
}

#[test]
fn what_is_written_is_canonical_and_read_again() {
    let tool = Target::Tool {
        tenant: "acme".to_owned(),
        server: "weather \"x\"".to_owned(),
        name: "forecast".to_owned(),
        hash: Some(Digest::of(b"definition")),
    };
    let issuer = Target::Issuer(key(1).public_key().key_id().clone());
    for (held, target) in [
        (Held::Revoked, tool.clone()),
        (Held::Revoked, issuer.clone()),
        (Held::Suspended(None), issuer),
        (Held::Suspended(Some(NOW)), crawler()),
        (Held::Quarantined, tool.clone()),
        (Held::Stopped, Target::All),
        (Held::Unclear, tool),
        (Held::Level(TrustLevel::L0), crawler()),
        (Held::Policy(Digest::of(b"policy")), Target::All),
        (
            Held::Verdicts(Digest::of(b"verdicts")),
            Target::Tenant("acme".to_owned()),
        ),
        (Held::Manifest(Digest::of(b"manifest")), weather()),
    ] {
        let entry = Entry { target, held };
        let text = written(&entry);
        let document = Document::parse(text.as_str()).unwrap();
        assert_eq!(jcs::to_string(document.root()), text);
        assert_eq!(Entry::read(document.root()), Ok(entry));
    }
}

#[test]
fn refuses_what_no_event_holds_so() {
    for (held, target) in [
        ("revoked", r#"{"kind":"all"}"#),
        ("suspended", r#"{"kind":"all"}"#),
        (
            "suspended",
            r#"{"kind":"tool","tenant":"acme","server":"weather","name":"forecast"}"#,
        ),
        ("quarantined", r#"{"kind":"tenant","tenant":"acme"}"#),
        (
            "stopped",
            r#"{"kind":"passport","id":"asp_0123456789abcdef0123456789abcdef"}"#,
        ),
    ] {
        let text = format!(r#"{{"held":"{held}","target":{target}}}"#);
        assert_eq!(read(&text), Err(FeedError::Member("target")), "{text}");
    }
    let level = r#"{"held":"level","target":{"kind":"tenant","tenant":"acme"},"level":2}"#;
    assert_eq!(read(level), Err(FeedError::Member("target")));
    let digest = Digest::of(b"policy");
    for (policy, target, member) in [
        (
            digest.to_string(),
            r#"{"kind":"agent","tenant":"acme","name":"a"}"#,
            "target",
        ),
        (
            digest.to_string().to_uppercase(),
            r#"{"kind":"all"}"#,
            "policy",
        ),
    ] {
        let text = format!(r#"{{"held":"policy","policy":"{policy}","target":{target}}}"#);
        assert_eq!(read(&text), Err(FeedError::Member(member)), "{text}");
    }
}

#[test]
fn only_tenants_say_something_of_tools_and_only_servers_publish() {
    let digest = Digest::of(b"1");
    for (held, target) in [
        ("verdicts", r#"{"kind":"all"}"#),
        (
            "verdicts",
            r#"{"kind":"server","tenant":"acme","name":"a"}"#,
        ),
        ("manifest", r#"{"kind":"tenant","tenant":"acme"}"#),
        ("manifest", r#"{"kind":"agent","tenant":"acme","name":"a"}"#),
    ] {
        let text = format!(r#"{{"held":"{held}","{held}":"{digest}","target":{target}}}"#);
        assert_eq!(read(&text), Err(FeedError::Member("target")), "{text}");
        let bare = format!(r#"{{"held":"{held}","target":{target}}}"#);
        assert_eq!(read(&bare), Err(FeedError::Member(held)), "{bare}");
    }
}

#[test]
fn refuses_what_is_not_of_its_form() {
    use FeedError::{Member, UnknownMember};
    for (text, error) in [
        (r#"[]"#, Member("entries")),
        (r#"{"held":"stopped"}"#, Member("target")),
        (r#"{"held":"stopped","target":"all"}"#, Member("target")),
        (r#"{"target":{"kind":"all"}}"#, Member("held")),
        (r#"{"held":7,"target":{"kind":"all"}}"#, Member("held")),
        (
            r#"{"held":"paused","target":{"kind":"all"}}"#,
            Member("held"),
        ),
        (
            r#"{"held":"stopped","target":{"kind":"moon"}}"#,
            Member("kind"),
        ),
        (
            r#"{"held":"stopped","target":{"kind":"all","id":"x"}}"#,
            UnknownMember,
        ),
        (
            r#"{"held":"stopped","target":{"kind":"all"},"until":"2026-11-22T00:00:00.000Z"}"#,
            UnknownMember,
        ),
        (
            r#"{"held":"stopped","target":{"kind":"all"},"level":1}"#,
            UnknownMember,
        ),
        (
            r#"{"held":"suspended","target":{"kind":"tenant","tenant":"acme"},"until":"2026-11-22T00:00:00Z"}"#,
            Member("until"),
        ),
        (
            r#"{"held":"suspended","target":{"kind":"tenant","tenant":"acme"},"until":null}"#,
            Member("until"),
        ),
        (
            r#"{"held":"level","target":{"kind":"agent","tenant":"acme","name":"crawler"}}"#,
            Member("level"),
        ),
        (
            r#"{"held":"level","target":{"kind":"agent","tenant":"acme","name":"crawler"},"level":5}"#,
            Member("level"),
        ),
        (
            r#"{"held":"level","target":{"kind":"agent","tenant":"acme","name":"crawler"},"level":"2"}"#,
            Member("level"),
        ),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
}
