//! The list of the attacks, with the tests of each.

use crate::State::{InPart, Tested, Waiting};
use crate::{Attack, State};

const fn attack(number: usize, name: &'static str, state: State) -> Attack {
    Attack { number, name, state }
}

/// The thirty attacks.
pub const ATTACKS: [Attack; 30] = [
    attack(
        1,
        "forged join token",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a01_forged_join_token.rs",
                "no_flipped_bit_of_a_signed_request_is_taken",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a01_forged_join_token.rs",
                "no_flipped_bit_of_an_invitation_makes_another_one",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a01_forged_join_token.rs",
                "a_federation_refuses_counts_and_slows_who_forges",
            ),
        ]),
    ),
    attack(
        2,
        "invitation used fifty times at once",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a02_invitation_used_fifty_times_at_once.rs",
                "in_whatever_order_the_log_has_them_the_first_alone_counts",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a02_invitation_used_fifty_times_at_once.rs",
                "a_contact_takes_one_of_fifty",
            ),
            (
                "chaos-tests/kit/tests/joining_takes_a_true_invitation_and_m_coordinators.rs",
                "one_site_for_one_invitation",
            ),
        ]),
    ),
    attack(
        3,
        "token used by another site or key",
        Tested(&[(
            "chaos-tests/attacks/tests/attacks/a03_token_used_by_another_site_or_key.rs",
            "an_invitation_is_worth_nothing_to_anybody_else",
        )]),
    ),
    attack(
        4,
        "fake coordinator meets joiner",
        Tested(&[(
            "chaos-tests/attacks/tests/attacks/a04_fake_coordinator_meets_joiner.rs",
            "a_joiner_says_nothing_to_an_impostor",
        )]),
    ),
    attack(
        5,
        "hostile kubeconfig",
        Tested(&[
            ("chaos-tests/attacks/tests/attacks/a05_hostile_kubeconfig.rs", "what_it_could_do_is_refused"),
            ("agents/kube/src/connect.rs", "metadata_services_are_no_api_servers"),
        ]),
    ),
    attack(
        6,
        "CSR asks for more",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a06_csr_asks_for_more.rs",
                "what_a_request_asks_for_is_not_in_the_certificate",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a06_csr_asks_for_more.rs",
                "rights_of_a_ca_are_refused_wherever_they_stand",
            ),
            ("pki/keys/src/certificate/tests/requests.rs", "each_hostile_request_has_its_own_answer"),
        ]),
    ),
    attack(
        7,
        "CSR huge, weak or unproven",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a07_csr_huge_weak_or_unproven.rs",
                "large_and_weak_ones_are_refused_for_what_they_are",
            ),
            ("chaos-tests/attacks/tests/attacks/a07_csr_huge_weak_or_unproven.rs", "no_altered_request_is_believed"),
            ("chaos-tests/attacks/tests/attacks/a07_csr_huge_weak_or_unproven.rs", "any_bytes_get_an_answer"),
        ]),
    ),
    attack(
        8,
        "verify one, parse another",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a08_verify_one_parse_another.rs",
                "no_flipped_bit_around_a_signature_says_something_else",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a08_verify_one_parse_another.rs",
                "a_signature_is_not_lent_to_other_bytes",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a08_verify_one_parse_another.rs",
                "json_says_nothing_twice_and_nothing_unknown",
            ),
        ]),
    ),
    attack(
        9,
        "excluded site's open streams",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a09_excluded_sites_open_streams.rs",
                "all_of_them_end_and_nobody_elses",
            ),
            (
                "chaos-tests/kit/tests/an_exclusion_acts_at_once.rs",
                "its_lines_end_everywhere_and_nothing_of_it_gets_in",
            ),
        ]),
    ),
    attack(
        10,
        "excluded site resumes TLS",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a10_excluded_site_resumes_tls.rs",
                "each_handshake_is_a_full_one_and_refused_in_the_end",
            ),
            ("pki/tls/tests/transport/listener.rs", "no_session_is_resumed"),
        ]),
    ),
    attack(
        11,
        "excluded certificate rewritten",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a11_excluded_certificate_rewritten.rs",
                "another_writing_does_not_help",
            ),
            ("pki/tls/tests/transport/judgement.rs", "a_refused_key_does_not_come_back_in_another_form"),
        ]),
    ),
    attack(
        12,
        "excluded node calls Raft",
        Tested(&[
            ("chaos-tests/attacks/tests/attacks/a12_excluded_node_calls_raft.rs", "its_high_term_reaches_nobody"),
            ("raft/node/tests/cluster/directives.rs", "an_excluded_leader_leads_nobody"),
        ]),
    ),
    attack(
        13,
        "excluded site rejoins",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a13_excluded_site_rejoins.rs",
                "neither_its_disk_nor_its_name_nor_its_keys_come_back",
            ),
            ("raft/machine/tests/rules/exclusions.rs", "the_way_back_is_a_new_invitation_with_a_new_name_and_new_keys"),
            ("raft/node/tests/cluster/life.rs", "a_removed_node_is_out_and_heard_no_more"),
        ]),
    ),
    attack(
        14,
        "revocation list replayed or withheld",
        Tested(&[
            ("chaos-tests/attacks/tests/attacks/a14_revocation_list_replayed.rs", "an_older_list_brings_nothing_back"),
            ("pki/tls/tests/transport/lists.rs", "a_replayed_list_brings_nothing_back"),
            ("pki/tls/tests/transport/lists.rs", "a_withheld_list_closes_its_ca_until_a_newer_one_comes"),
            (
                "daemon/verbund/tests/certificates.rs",
                "a_withheld_list_closes_and_a_newer_one_opens_again_over_a_connection_that_is_believed_in_nothing",
            ),
        ]),
    ),
    attack(
        15,
        "expired or skewed",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a15_expired_or_skewed.rs",
                "a_wrong_clock_refuses_what_is_over_and_nothing_else",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a15_expired_or_skewed.rs",
                "what_was_signed_by_a_wrong_clock_is_told_so",
            ),
            ("chaos-tests/attacks/tests/attacks/a15_expired_or_skewed.rs", "a_daemon_refuses_and_names_the_clocks"),
            ("raft/node/tests/cluster/attacks.rs", "the_year_2099_is_not_appended"),
            ("raft/node/tests/cluster/attacks.rs", "a_leader_whose_clock_is_ahead_resigns"),
        ]),
    ),
    attack(
        16,
        "operator or agent calls Raft",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a16_operator_or_agent_calls_raft.rs",
                "the_matrix_of_callers_and_calls",
            ),
            ("chaos-tests/attacks/tests/attacks/a16_operator_or_agent_calls_raft.rs", "the_lists_are_complete"),
            ("pki/tls/src/service.rs", "every_caller_and_every_service"),
            ("raft/node/tests/cluster/attacks.rs", "an_operators_certificate_calls_no_raft"),
        ]),
    ),
    attack(
        17,
        "leader appends what nobody may",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a17_leader_appends_what_nobody_may.rs",
                "it_is_the_same_refusal_everywhere",
            ),
            ("raft/node/tests/cluster/attacks.rs", "a_forged_envelope_is_the_same_refusal_everywhere"),
            ("raft/node/tests/cluster/causes.rs", "a_placement_without_a_cause_is_refused_everywhere"),
        ]),
    ),
    attack(
        18,
        "leader rewrites history",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a18_leader_rewrites_history.rs",
                "each_rewriting_shows_from_its_first_record_on",
            ),
            ("raft/node/tests/cluster/attacks.rs", "a_fork_stops_writes_everywhere_and_across_a_restart"),
            ("raft/node/tests/cluster/attacks.rs", "control_without_the_comparison_the_fork_goes_on"),
            ("daemon/verbund/src/audit/verify/tests.rs", "a_chain_that_one_site_rewrote_has_no_majority"),
            ("chaos-tests/kit/tests/audit_exports_show_every_change.rs", "accepted_when_true_and_named_when_not"),
        ]),
    ),
    attack(
        19,
        "forged membership or readmission",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a19_forged_membership_or_readmission.rs",
                "it_takes_two_different_coordinators_to_admit",
            ),
            ("chaos-tests/attacks/tests/attacks/a19_forged_membership_or_readmission.rs", "a_leader_makes_no_voters"),
            (
                "chaos-tests/attacks/tests/attacks/a19_forged_membership_or_readmission.rs",
                "who_was_excluded_is_called_back_by_nobody",
            ),
            ("raft/node/tests/cluster/attacks.rs", "a_forged_membership_is_not_appended_and_nothing_is_lost"),
            ("raft/node/tests/cluster/attacks.rs", "control_without_vetting_the_membership_is_installed"),
        ]),
    ),
    attack(
        20,
        "oversize or compressed",
        Tested(&[(
            "chaos-tests/attacks/tests/attacks/a20_oversize_or_compressed.rs",
            "what_is_too_large_is_not_taken_in",
        )]),
    ),
    attack(
        21,
        "slow loris and floods",
        Tested(&[
            ("chaos-tests/attacks/tests/attacks/a21_slow_loris_and_floods.rs", "bounds_hold_and_the_leader_stays"),
            ("pki/tls/src/limits.rs", "one_source_cannot_take_all_handshakes"),
            ("pki/tls/tests/transport/listener.rs", "slow_handshakes_are_bounded_and_end"),
        ]),
    ),
    attack(
        22,
        "YAML bomb, deep JSON, duplicate keys",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a22_yaml_bomb_deep_json_duplicates.rs",
                "the_command_line_takes_no_bomb",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a22_yaml_bomb_deep_json_duplicates.rs",
                "depth_and_repetition_are_refused_by_all_who_read",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a22_yaml_bomb_deep_json_duplicates.rs",
                "whatever_comes_is_answered_and_means_one_thing",
            ),
        ]),
    ),
    attack(
        23,
        "manifest smuggling",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a23_manifest_smuggling.rs",
                "it_is_denied_where_it_is_applied_and_where_it_would_run",
            ),
            (
                "chaos-tests/attacks/tests/attacks/a23_manifest_smuggling.rs",
                "an_agent_applies_no_kind_of_the_whole_cluster",
            ),
            ("agents/core/src/manifest/tests.rs", "what_escapes_its_namespace_is_refused"),
            ("raft/planner/tests/golden.rs", "every_rule_says_no_in_some_scenario"),
        ]),
    ),
    attack(
        24,
        "chart traversal or bomb",
        Tested(&[
            (
                "chaos-tests/attacks/tests/attacks/a24_chart_traversal_or_bomb.rs",
                "nothing_is_written_outside_of_where_a_chart_is_unpacked",
            ),
            ("chaos-tests/attacks/tests/attacks/a24_chart_traversal_or_bomb.rs", "no_altered_chart_writes_anything"),
            ("daemon/verbund/tests/chart.rs", "nothing_leads_out_of_a_chart"),
        ]),
    ),
    attack(25, "XSS through catalogue texts", Waiting("the web page")),
    attack(
        26,
        "pages of other origins",
        InPart(
            &[
                (
                    "chaos-tests/attacks/tests/attacks/a26_pages_of_other_origins.rs",
                    "a_browser_on_a_foreign_page_gets_nothing",
                ),
                ("daemon/api/tests/api/access.rs", "pages_of_other_origins_are_refused"),
            ],
            "the web page: host names, cookies, and a browser",
        ),
    ),
    attack(
        27,
        "requester approves self; stolen cookie",
        InPart(
            &[
                (
                    "chaos-tests/attacks/tests/attacks/a27_requester_approves_self.rs",
                    "nobody_approves_the_own_exception",
                ),
                ("chaos-tests/attacks/tests/attacks/a27_requester_approves_self.rs", "who_proposes_counts_once"),
                ("daemon/api/tests/api/machine.rs", "revoking_a_key_ends_what_its_certificate_may_read"),
            ],
            "the web page: its sessions",
        ),
    ),
    attack(
        28,
        "downgrade",
        InPart(
            &[
                ("chaos-tests/attacks/tests/attacks/a28_downgrade.rs", "no_listener_agrees_on_less_than_the_profile"),
                ("pki/tls/tests/transport/listener.rs", "only_the_profiles_groups_are_agreed_on"),
                ("pki/tls/tests/transport/judgement.rs", "sequences_only_rise_and_a_broken_domain_stands_alone"),
            ],
            "the replicated crypto profile, whose version only rises",
        ),
    ),
    attack(
        29,
        "stolen disk or backup",
        InPart(
            &[
                ("chaos-tests/attacks/tests/attacks/a29_stolen_disk.rs", "a_disk_tells_no_key_and_speaks_for_nobody"),
                ("pki/keys/src/site_keys/tests.rs", "secrets_are_private_and_nowhere_in_clear"),
                (
                    "chaos-tests/kit/tests/secrets_stay_where_they_are_sealed_to.rs",
                    "a_secret_is_in_clear_only_where_it_is_sealed_to",
                ),
            ],
            "backups",
        ),
    ),
    attack(30, "tampered or rolled-back backup", Waiting("backups with a signed manifest")),
];
