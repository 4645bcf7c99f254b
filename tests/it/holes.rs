//! The holes that were measured on public implementations (PROTOCOL.md §10), and those that this
//! profile could have of its own: each is a test that must be refused or hold, through the real
//! programs.
//!
//! | hole | test | and without a process, in mcps-core |
//! |---|---|---|
//! | an empty signature with an old timestamp | [`envelopes`]`::refuses_an_empty_signature_with_an_old_timestamp` | |
//! | an unknown or unreachable status taken as good | [`status`]`::an_unknown_status_is_not_good`, `an_unreachable_status_is_not_good` | |
//! | a passport cached past its revocation | [`passports`]`::a_passport_is_not_cached_past_its_revocation` | |
//! | bytes moved between unseparated signed fields | [`envelopes`]`::bytes_moved_between_signed_fields_do_not_verify` | `envelope::tests::laws` |
//! | re-ordered members breaking a good signature | [`envelopes`]`::reordered_members_do_not_break_a_good_signature` | `tool::tests` |
//! | a passport id with `?`, `#` or `/` sent unescaped to the authority | [`envelopes`]`::a_passport_id_with_a_path_in_it_never_reaches_the_authority` | |
//! | a nonce burned before authentication | [`replays`]`::a_nonce_is_not_burned_before_authentication` | |
//! | a nonce burned by somebody else's passport | [`replays`]`::a_nonce_is_not_burned_by_somebody_elses_passport` | `replay::tests` |
//! | an unbounded nonce store | | `replay::tests::the_nonce_store_is_bounded_and_never_forgets_a_live_entry` |
//! | a future-dated message replayed after its nonce was collected | [`replays`]`::a_future_dated_message_is_taken_once_or_not_at_all` | `replay::tests::a_future_dated_message_is_not_replayed_after_its_nonce_was_collected` |
//! | one envelope accepted by two servers | [`replays`]`::one_envelope_is_not_accepted_by_two_servers` | |
//! | any id=1 response accepted for any id=1 request | [`answers`]`::an_answer_to_another_request_of_the_same_id_is_refused` | `binding::tests` |
//! | an ordinary agent issuing | [`chains`]`::an_ordinary_agent_issues_nothing` | `chain::tests` |
//! | an expired intermediate | [`chains`]`::an_expired_intermediate_is_refused` | `chain::tests` |
//! | a flipped annotation, title, outputSchema or icon | [`tools`]`::a_flipped_member_of_a_tool_withholds_it` | `tool::tests` |
//! | a tool without a description crashing | [`tools`]`::a_tool_without_a_description_is_served` | `tool::tests` |
//! | integer timestamps, missing nonces, depth 2000 crashing | [`envelopes`]`::mistyped_missing_and_bottomless_members_crash_nothing` | `envelope::tests::refusals` |
//! | duplicate members read differently downstream | [`envelopes`]`::duplicate_members_never_reach_the_server` | `json::tests` |
//! | integers above 2^53 changed unnoticed | [`envelopes`]`::integers_above_2_53_are_refused_and_others_kept` | `json::tests` |
//! | a changed tool re-pinned by looking twice | [`tools`]`::a_changed_tool_is_not_pinned_by_looking_twice` | `pin::tests` |
//! | pin keys that collide | [`tools`]`::pins_of_two_servers_do_not_collide` | `pin::tests::pin_keys_do_not_collide` |
//! | a status answer with a bad signature used | [`status`]`::a_status_with_a_bad_signature_is_not_used` | `status::tests` |
//! | an old good status replayed | [`status`]`::an_old_good_status_is_not_used_again` | `status::tests` |

mod answers;
mod chains;
mod codes;
mod envelopes;
mod passports;
mod replays;
mod status;
mod strangers;
mod tools;
