use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Budget, Caller, MAX_CALLERS, Quota};

fn caller(n: u32) -> Caller {
    Caller::at(IpAddr::from(n.to_be_bytes()))
}

#[test]
fn a_budget_is_spent_and_comes_back_with_time() {
    let budget = Budget::new("issue", "3/60".parse().unwrap());
    let start = Instant::now();
    let spend = |at: u64| budget.spend(caller(1), start + Duration::from_secs(at));
    for left in [2, 1, 0] {
        let spent = spend(0);
        assert!(spent.allowed);
        assert_eq!(spent.remaining, left);
    }
    let refused = spend(0);
    assert!(!refused.allowed);
    assert_eq!(refused.wait, Duration::from_secs(20));
    // To be refused costs nothing, so waiting helps.
    assert!(!spend(19).allowed);
    assert!(spend(20).allowed);
    assert!(!spend(20).allowed);
    assert_eq!(spend(200).remaining, 2, "never more than the whole");
    // Nobody pays for another.
    assert!(budget.spend(caller(2), start).allowed);
    assert!(
        budget
            .spend(Caller::Operator("op_1".to_owned()), start)
            .allowed
    );
}

#[test]
fn headers_are_those_of_the_draft() {
    let budget = Budget::new("order", "2/60".parse().unwrap());
    assert_eq!(budget.policy(), "\"order\";q=2;w=60");
    let spent = budget.spend(caller(1), Instant::now());
    assert_eq!(budget.state(spent), "\"order\";r=1;t=30");
}

#[test]
fn a_quota_says_how_it_is_written() {
    for good in ["1/1", "1000000/3600", "100/60"] {
        assert!(good.parse::<Quota>().is_ok(), "{good}");
    }
    for bad in [
        "",
        "100",
        "/",
        "0/1",
        "1/0",
        "1000001/1",
        "1/3601",
        "-1/1",
        "1/1s",
    ] {
        assert!(bad.parse::<Quota>().is_err(), "{bad}");
    }
}

#[test]
fn an_ipv6_caller_is_a_network_and_a_mapped_one_its_ipv4_address() {
    let at = |text: &str| Caller::at(text.parse().unwrap());
    assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
    assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
    assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
}

#[test]
fn too_many_callers_at_once_do_not_keep_an_operator_out() {
    let budget = Budget::new("order", "1/3600".parse().unwrap());
    let now = Instant::now();
    for n in 0..u32::try_from(MAX_CALLERS).unwrap() {
        assert!(budget.spend(caller(n), now).allowed);
    }
    assert!(!budget.spend(caller(u32::MAX), now).allowed);
    assert!(
        budget
            .spend(Caller::Operator("op_1".to_owned()), now)
            .allowed
    );
    // Those whose budget is whole again make room.
    let later = now + Duration::from_secs(3600);
    assert!(budget.spend(caller(u32::MAX), later).allowed);
}
