use mcps_core::level::TrustLevel;
use mcps_core::refusal::Refusal;

use super::{Exit, HELP, explain};
use crate::error::ClientError;

fn problem(status: u16) -> ClientError {
    ClientError::Problem {
        status,
        title: "Title".to_owned(),
        detail: "detail".to_owned(),
    }
}

#[test]
fn every_exit_code_is_in_the_help_at_its_number() {
    let exits = [
        Exit::Done,
        Exit::Other,
        Exit::Usage,
        Exit::NotFound,
        Exit::Denied,
        Exit::Stale,
        Exit::Refused,
    ];
    for (number, (exit, line)) in exits.into_iter().zip(HELP.lines().skip(1)).enumerate() {
        assert_eq!(usize::from(exit.code()), number);
        assert!(line.starts_with(&format!("  {number}  ")), "{line}");
    }
    assert_eq!(HELP.lines().count(), 1 + exits.len());
}

#[test]
fn the_authoritys_answers_keep_their_meaning() {
    let exits = [401, 403, 404, 409, 422, 429, 503].map(|status| Exit::of(&problem(status)).code());
    assert_eq!(exits, [4, 4, 3, 4, 2, 1, 1]);
}

#[test]
fn old_knowledge_is_told_apart_from_bad_knowledge() {
    let stale = Refusal::StatusTooOld {
        level: TrustLevel::L2,
    };
    assert_eq!(Exit::of(&stale.into()), Exit::Stale);
    assert_eq!(Exit::of(&Refusal::BadSignature.into()), Exit::Refused);
}

#[test]
fn a_refusal_is_explained_with_code_and_advice() {
    let text = explain(&Refusal::Expired.into());
    assert_eq!(
        text,
        "MCPS-002 Passport expired: passport expired. Renew it: mcps passport renew"
    );
}
