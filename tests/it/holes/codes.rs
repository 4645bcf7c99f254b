//! Every code that a peer can cause in what is built so far has a test that causes it.

use std::path::Path;

use mcps_core::code::Code;

/// Which test causes it, or why none can yet.
enum Caused {
    /// By `fn` in a file of `tests/it`.
    By(&'static str, &'static str),
    /// Nothing refuses with it before that is built.
    NotYet(&'static str),
}

/// The table.
fn caused(code: Code) -> Caused {
    use Caused::{By, NotYet};
    match code {
        Code::InvalidPassport => By("holes/chains.rs", "an_ordinary_agent_issues_nothing"),
        Code::PassportExpired => By("holes/passports.rs", "an_expired_passport_is_refused"),
        Code::PassportRevoked => By(
            "holes/passports.rs",
            "a_passport_is_not_cached_past_its_revocation",
        ),
        Code::InvalidSignature => By(
            "holes/envelopes.rs",
            "bytes_moved_between_signed_fields_do_not_verify",
        ),
        Code::Replayed => By("holes/replays.rs", "a_line_is_taken_once"),
        Code::OutOfWindow => By("bad_input/clocks.rs", "a_clock_ten_minutes_off_is_told_so"),
        Code::AuthorityUnreachable => By("holes/status.rs", "an_unreachable_status_is_not_good"),
        Code::ToolIntegrity => By("holes/tools.rs", "a_flipped_member_of_a_tool_withholds_it"),
        Code::TrustTooLow => By(
            "holes/passports.rs",
            "a_level_below_the_required_one_is_refused",
        ),
        Code::RateLimited => By("bad_input/floods.rs", "requests_in_flight_are_bounded"),
        Code::OriginMismatch => NotYet("the HTTP transport, where an origin is reached"),
        Code::TranscriptBinding => By(
            "tampering/tokens.rs",
            "a_token_that_was_swapped_removed_or_doubled_is_refused",
        ),
        Code::PassportTooLarge | Code::ChainTooDeep => By(
            "holes/passports.rs",
            "a_passport_that_is_too_large_or_of_too_long_a_chain_is_refused",
        ),
        Code::NoMutualVersion => By(
            "holes/answers.rs",
            "a_signed_answer_without_the_announcement_is_refused",
        ),
        Code::WrongAudience => By(
            "holes/replays.rs",
            "one_envelope_is_not_accepted_by_two_servers",
        ),
        Code::NotBound => By(
            "holes/answers.rs",
            "an_answer_to_another_request_of_the_same_id_is_refused",
        ),
        Code::StreamBroken => By(
            "holes/replays.rs",
            "a_line_that_was_cut_reordered_or_inserted_ends_the_stream",
        ),
        Code::StatusTooOld => By(
            "holes/status.rs",
            "what_is_known_of_revocations_must_be_fresh_enough_for_the_level",
        ),
        Code::Malformed => By(
            "holes/envelopes.rs",
            "duplicate_members_never_reach_the_server",
        ),
        Code::Quarantined => By(
            "gateway/adversaries.rs",
            "a_definition_that_flips_is_neither_shown_nor_called_until_somebody_has_looked",
        ),
        Code::Denied => By(
            "gateway/levels.rs",
            "a_tenant_may_be_kept_from_a_server_that_another_has",
        ),
        Code::ApprovalNeeded => NotYet("approvals"),
        Code::ContentBlocked => NotYet("content scanning"),
        Code::Stopped => NotYet("the operator's stop"),
        Code::SignatureRequired => By("holes/passports.rs", "an_unsigned_client_is_refused"),
        Code::UpstreamUnavailable => By(
            "bad_input/servers.rs",
            "a_server_that_dies_in_the_middle_of_a_call_is_told_of",
        ),
        Code::UnknownServer => By(
            "gateway/passing.rs",
            "a_path_that_no_server_is_registered_at_is_refused_by_its_code",
        ),
        Code::RecordUnavailable => By(
            "gateway/records.rs",
            "while_no_record_can_be_written_nothing_goes_on_and_then_it_does",
        ),
        Code::InvalidCredential => By(
            "gateway/callers.rs",
            "a_key_that_is_unknown_expired_or_malformed_is_refused_before_anything_is_touched",
        ),
        Code::IssuerUnreachable => By(
            "gateway/callers/tokens.rs",
            "without_its_issuer_a_token_is_judged_by_the_last_keys_and_then_by_none",
        ),
        Code::SharedStateUnavailable => By(
            "gateway/shared.rs",
            "without_redis_everything_is_refused_and_no_server_hears_of_it_until_it_is_back",
        ),
        Code::InsufficientScope => By(
            "gateway/callers/scopes.rs",
            "a_token_without_a_scope_that_is_wanted_is_told_which",
        ),
    }
}

#[test]
fn every_code_that_a_peer_can_cause_has_a_test_that_causes_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("it");
    for code in Code::ALL {
        match caused(code) {
            Caused::By(file, name) => {
                let text = std::fs::read_to_string(folder.join(file)).unwrap();
                let start = text
                    .find(&format!("fn {name}("))
                    .unwrap_or_else(|| panic!("{name}"));
                // Its own words, or a helper's that stand in the same file.
                let named = format!("Code::{code:?}");
                assert!(
                    text[start..].contains(&named) || text.contains(&named),
                    "{name}: {code}"
                );
            }
            Caused::NotYet(why) => assert!(!why.is_empty()),
        }
    }
}
