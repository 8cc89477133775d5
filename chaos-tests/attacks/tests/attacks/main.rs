//! The attacks, one module each, in one program: they share the time that it takes to link it.

#![allow(clippy::unwrap_used, reason = "in tests a failure is the message")]

mod a01_forged_join_token;
mod a02_invitation_used_fifty_times_at_once;
mod a03_token_used_by_another_site_or_key;
mod a04_fake_coordinator_meets_joiner;
mod a05_hostile_kubeconfig;
mod a06_csr_asks_for_more;
mod a07_csr_huge_weak_or_unproven;
mod a08_verify_one_parse_another;
mod a09_excluded_sites_open_streams;
mod a10_excluded_site_resumes_tls;
mod a11_excluded_certificate_rewritten;
mod a12_excluded_node_calls_raft;
mod a13_excluded_site_rejoins;
mod a14_revocation_list_replayed;
mod a15_expired_or_skewed;
mod a16_operator_or_agent_calls_raft;
mod a17_leader_appends_what_nobody_may;
mod a18_leader_rewrites_history;
mod a19_forged_membership_or_readmission;
mod a20_oversize_or_compressed;
mod a21_slow_loris_and_floods;
mod a22_yaml_bomb_deep_json_duplicates;
mod a23_manifest_smuggling;
mod a24_chart_traversal_or_bomb;
mod a26_pages_of_other_origins;
mod a27_requester_approves_self;
mod a28_downgrade;
mod a29_stolen_disk;
mod the_list_tells_the_truth;
