//! What a call reads counts from the moment it goes on.

use super::super::sample::policies;
use super::{Decision, Policies, Recorded, RecordedResult, Replay, last, read_key, send, start};

const RULES: &str = "[[fact]]\nid='a'\non='result'\nWHEN\n[[fact]]\nid='b'\non='call'\nwhen={tool=['y']}\n\
                     [[sequence]]\nid='s'\nmatch='a ; b'\nthen='deny'\n";

fn rules(when: &str, more: &str) -> Policies {
    policies(&format!("{}{more}", RULES.replace("WHEN", when)))
}

fn called(name: &str) -> Recorded {
    Recorded {
        name: name.into(),
        ..Recorded::default()
    }
}

fn decide(replay: &mut Replay<'_>, call: &Recorded) -> Decision {
    replay.step(call).unwrap().decision
}

#[test]
fn whoever_does_not_wait_for_what_a_call_reads_has_read_it() {
    let unanswered = Recorded {
        result: None,
        ..read_key()
    };
    assert_eq!(last(&[unanswered, send()]), "exfiltration-after-secret");
    for (when, at_once) in [
        ("when={tool=['x']}", true),
        ("when={tool=['x'], is_error=false}", false),
        ("when={tool=['x'], result_over=0}", false),
        ("when={tool=['x'], finding=['secret']}", false),
        ("when={tool=['x']}\nsensitive=false", false),
        ("when={tool=['x'], action=['subscribe']}", false),
    ] {
        let policies = rules(when, "");
        let mut replay = Replay::new(&policies, start());
        let read = decide(&mut replay, &called("x"));
        let (found, rule) = if at_once {
            (&["a"][..], "s")
        } else {
            (&[][..], "all")
        };
        assert_eq!(read.facts, found, "{when}");
        assert_eq!(decide(&mut replay, &called("y")).rule(), rule, "{when}");
    }
}

#[test]
fn it_is_counted_with_the_call_and_not_again_with_the_result() {
    let count = "[[sequence]]\nid='many'\nmatch='count(a, 10m) > 2'\nthen='deny'";
    let policies = rules("when={tool=['x']}", count);
    for result in [None, Some(RecordedResult::default())] {
        let mut replay = Replay::new(&policies, start());
        let read = Recorded {
            result,
            ..called("x")
        };
        for _ in 0..2 {
            let replayed = replay.step(&read).unwrap();
            assert!(replayed.decision.is_allowed());
            assert!(replayed.release.is_none_or(|release| release.allowed));
        }
        assert_eq!(decide(&mut replay, &read).rule(), "many");
    }
}

#[test]
fn it_neither_calms_nor_permits_before_it_is_there() {
    let never = "[[sequence]]\nid='n'\nmatch='never b before a'\nthen='stop_session'";
    let policies = rules("when={tool=['x']}", never);
    let mut replay = Replay::new(&policies, start());
    decide(&mut replay, &called("x"));
    assert_eq!(decide(&mut replay, &called("y")).because.len(), 2);
    // What a policy asks for may be what permits.
    let asks = r#"@id("p") permit (principal, action, resource) when { context.mcps.session.facts.contains("a") };"#;
    for (when, rule) in [
        ("when={tool=['x']}", "all"),
        ("when={tool=['x']}\nsensitive=true", "s"),
    ] {
        let sources = super::Sources::new()
            .with("p.toml", RULES.replace("WHEN", when))
            .unwrap()
            .with(
                "p.cedar",
                r#"@id("all") permit (principal, action, resource);"#,
            )
            .unwrap()
            .with("asks.cedar", asks)
            .unwrap();
        let policies = Policies::load(&sources).unwrap();
        let mut replay = Replay::new(&policies, start());
        decide(&mut replay, &called("x"));
        assert_eq!(decide(&mut replay, &called("y")).rule(), rule, "{when}");
    }
}

#[test]
fn a_refused_count_is_refused_again_by_its_record() {
    let count = "[[sequence]]\nid='many'\nmatch='count(a, 10m) > 0'\nthen='deny'";
    let policies = rules("when={tool=['x']}", count);
    let decision = decide(&mut Replay::new(&policies, start()), &called("x"));
    assert_eq!(decision.rule(), "many");
    let recorded = Recorded {
        facts: Some(decision.facts),
        ..called("x")
    };
    let again = decide(&mut Replay::new(&policies, start()), &recorded);
    assert_eq!(again.rule(), "many");
}

#[test]
fn records_without_arguments_say_so_too() {
    let policies = super::pack();
    let mut replay = Replay::new(&policies, start());
    let read = Recorded {
        arguments: None,
        facts: Some(vec!["read.any".into(), "secret.read".into()]),
        result: None,
        ..read_key()
    };
    assert_eq!(
        decide(&mut replay, &read).facts,
        ["secret.read", "read.any"]
    );
    let rule = decide(&mut replay, &send()).rule().to_owned();
    assert_eq!(rule, "exfiltration-after-secret");
}
