use std::time::Duration;

use clap::Parser;

use super::{Filter, OUTCOMES};
use crate::judge::Grounds;
use crate::record::{Answer, Outcome};
use mcps_core::digest::Digest;

#[derive(Debug, Parser)]
struct Asks {
    #[command(flatten)]
    filter: Filter,
}

fn takes(outcome: &str) -> bool {
    Asks::try_parse_from(["query", "--outcome", outcome])
        .is_ok_and(|asks| asks.filter.outcome.as_deref() == Some(outcome))
}

#[test]
fn every_outcome_that_the_page_names_is_one_that_can_be_asked_for() {
    let page = include_str!("../../../../docs/events.md");
    let (_, said) = page.split_once("Outcomes are ").unwrap();
    let (said, _) = said.split_once("Times are").unwrap();
    let named: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, OUTCOMES);
    for outcome in named {
        assert!(takes(outcome), "{outcome}");
    }
    assert!(!takes("none"));
}

#[test]
fn every_outcome_that_is_recorded_is_one_that_can_be_asked_for() {
    let answer = Answer {
        hash: Digest::of(b""),
        error: None,
        failed: false,
        bytes: 0,
        server: Duration::ZERO,
        grounds: Box::<Grounds>::default(),
    };
    let code = "MCPS-027";
    for outcome in [
        Outcome::Answered(answer),
        Outcome::Withheld {
            code,
            reason: String::new(),
            grounds: Box::default(),
            answer: None,
        },
        Outcome::Failed { code },
        Outcome::PassedOn,
        Outcome::Left,
    ] {
        assert!(takes(outcome.word()), "{outcome:?}");
    }
}
