//! Sealed secrets: who may seal what to whom, where a workload may run because of them, and what must be rotated.

use std::collections::{BTreeMap, BTreeSet};

use verbund_identity::{Precondition, Statement};
use verbund_model::resource::{
    Cause, CopyRole, Der, FailoverAuthority, Mode, Recipient, Sealed, SealedSecret, UserRole, Waiting, WorkloadSpec,
};
use verbund_model::view::Kind;
use verbund_model::{Accepted, Command, Outcome, Refusal, SiteName};
use verbund_planner::Rule;

use crate::country::{Country, apply, restored, spec, unreachable};
use crate::exclusions::{exclude, organisation_order, site_order};
use crate::support::build::{entry, name, signed};
use crate::support::keys::Signer;

const PARALLEL: Mode = Mode::Parallel { copies: 1 };

fn needing(secrets: &[&str]) -> WorkloadSpec {
    let secrets = secrets.iter().map(|secret| name(secret)).collect();
    WorkloadSpec { secrets, ..spec(PARALLEL, FailoverAuthority::Automatic, None) }
}

fn recipients(country: &Country, sites: &[&str]) -> BTreeMap<SiteName, Recipient> {
    let one = |site: &&str| {
        let key = country.f.state.site(&name(site)).unwrap().value.sealing_key.clone();
        (name(site), Recipient { key, sealed: Der(vec![5; 145]) })
    };
    sites.iter().map(one).collect()
}

fn sealed(country: &Country, revision: u64, sites: &[&str]) -> Sealed {
    Sealed {
        revision,
        keys: ["password".to_owned()].into(),
        ciphertext: Der(vec![6; 284]),
        recipients: recipients(country, sites),
    }
}

fn set(country: &Country, secret: &str, revision: u64, sites: &[&str]) -> Command {
    let sealed = sealed(country, revision, sites);
    Command::ApplySecret { workload: name("w"), name: name(secret), sealed, same_values: false, delegated: true }
}

/// Seals a secret of the workload `w`.
pub fn seal_one(country: &mut Country) {
    let command = set(country, "db", 1, &["nord"]);
    let ada = country.ada();
    country.f.act(&ada, command);
}

/// The same as [`set`], with something else about it.
fn odd(country: &Country, revision: u64, change: impl Fn(&mut Sealed, &mut bool)) -> Command {
    let (mut sealed, mut same_values) = (sealed(country, revision, &["nord"]), false);
    change(&mut sealed, &mut same_values);
    Command::ApplySecret { workload: name("w"), name: name("db"), sealed, same_values, delegated: false }
}

fn reseal(country: &Country, site: &str, revision: u64, sites: &[&str]) -> Command {
    let recipients = recipients(country, sites);
    Command::ResealSecret { site: name(site), workload: name("w"), name: name("db"), revision, recipients }
}

fn found(country: &Country) -> SealedSecret {
    country.f.state.secret(&(name("w"), name("db"))).unwrap().value.clone()
}

fn refused(country: &mut Country, author: &Signer, command: Command) -> Refusal {
    country.refused_everywhere(author, command)
}

fn invalid(refusal: &Refusal, wanted: &str) {
    let Refusal::Invalid { field, .. } = refusal else { panic!("{refusal:?}") };
    assert!(field.contains(wanted), "{field}");
}

fn conflict(refusal: &Refusal, part: &str) {
    let Refusal::Conflict { what } = refusal else { panic!("{refusal:?}") };
    assert!(what.contains(part), "{what}");
}

/// A country in which `w` runs, needing `db`, sealed to `nord` and `site-b`.
fn country() -> (Country, Signer) {
    let mut country = Country::new();
    let ada = country.ada();
    country.f.act(&ada, apply("w", needing(&["db"])));
    let command = set(&country, "db", 1, &["nord", "site-b"]);
    country.f.act(&ada, command);
    let node = country.node(0);
    country.f.act(&node, Command::Replan { workload: name("w") });
    (country, ada)
}

#[test]
fn a_workload_waits_for_its_secret_and_then_runs_only_where_it_opens() {
    let mut country = Country::new();
    let ada = country.ada();
    country.f.act(&ada, apply("w", needing(&["db"])));
    assert_eq!(country.placement("w").waiting, Some(Waiting::NotPlaceable));
    let before = country.f.state.clone();
    let command = set(&country, "db", 1, &["site-c"]);
    country.f.act(&ada, command);
    // Whoever looks for due work is told by the difference.
    assert!(country.f.state.concerned_since(&before).contains(&name("w")));
    assert!(country.f.state.is_due(&name("w"), country.f.clock));
    let node = country.node(0);
    country.f.act(&node, Command::Replan { workload: name("w") });
    assert_eq!(country.copies("w"), [("c-site-c".to_owned(), CopyRole::Active, 1)]);

    let report = country.f.state.why(&name("w"), country.f.clock).unwrap();
    let failing = |site: &str| {
        let cluster = report.clusters.iter().find(|cluster| cluster.site == name(site)).unwrap();
        let rules = cluster.tried.iter().filter(|tried| !tried.reasons.is_empty()).map(|tried| tried.rule);
        rules.collect::<BTreeSet<Rule>>()
    };
    assert_eq!(failing("nord"), [Rule::Secrets].into());
    assert_eq!(failing("site-c"), [].into());
    assert_eq!(restored(&country.f.state).head(), country.f.state.head());
}

#[test]
fn a_lost_site_is_left_for_one_that_can_open_the_secret() {
    let (mut country, _) = country();
    assert_eq!(country.active("w")[0].cluster, name("c-nord"));
    country.find(&unreachable("nord", 0));
    let copies = country.copies("w");
    assert!(copies.iter().any(|(cluster, role, _)| cluster == "c-site-b" && *role == CopyRole::Active), "{copies:?}");
}

#[test]
fn what_can_no_longer_open_its_secret_moves_when_it_can_and_stays_until_then() {
    let (mut country, ada) = country();
    let command = set(&country, "db", 2, &["site-b"]);
    country.f.act(&ada, command);
    let node = country.node(0);
    country.f.act(&node, Command::Replan { workload: name("w") });
    assert_eq!(country.placement("w").cause, Cause::Misplaced);
    assert!(country.active("w").iter().any(|copy| copy.cluster == name("c-site-b")));

    // Where no place is better, nothing moves.
    let mut other = Country::new();
    other.f.act(&ada, apply("w", needing(&[])));
    let at = other.active("w")[0].cluster.clone();
    other.f.act(&ada, apply("w", needing(&["none-yet"])));
    assert_eq!(other.active("w")[0].cluster, at);
}

#[test]
fn only_the_operator_of_the_workload_seals_and_deletes() {
    let (mut country, ada) = country();
    let chef = country.chefs[1].clone();
    country.f.bind(&chef, "b", "chef", UserRole::Softwarebetreiber, &[]);
    for command in [set(&country, "db", 2, &["nord"]), Command::DeleteSecret { workload: name("w"), name: name("db") }]
    {
        for author in [chef.clone(), country.f.coordinator(0), country.node(0), country.agent("c-nord")] {
            let refusal = refused(&mut country, &author, command.clone());
            assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal:?}");
        }
    }
    // It is deleted when its workload needs it no more, and goes with its workload.
    let delete = Command::DeleteSecret { workload: name("w"), name: name("db") };
    conflict(&refused(&mut country, &ada, delete.clone()), "needed by its workload");
    let command = set(&country, "spare", 1, &["nord"]);
    country.f.act(&ada, command);
    country.f.act(&ada, apply("w", needing(&[])));
    country.f.act(&ada, delete.clone());
    assert!(matches!(refused(&mut country, &ada, delete), Refusal::NotFound { .. }));
    assert_eq!(country.f.state.secrets().count(), 1);
    country.f.act(&ada, Command::DeleteWorkload { name: name("w") });
    let late = set(&country, "late", 1, &["nord"]);
    conflict(&refused(&mut country, &ada, late), "deleted");
    country.receipt("w", "c-nord", 1);
    assert_eq!(country.f.state.workloads().count(), 0);
    assert_eq!(country.f.state.secrets().count(), 0);
}

#[test]
fn what_is_not_sealed_as_it_must_be_is_refused_with_the_field() {
    let (mut country, ada) = country();
    let cases: Vec<(Command, &str)> = vec![
        (odd(&country, 1, |_, _| {}), "sealed.revision"),
        (odd(&country, 3, |_, _| {}), "sealed.revision"),
        (odd(&country, 2, |sealed, _| sealed.keys.clear()), "sealed.keys"),
        (odd(&country, 2, |sealed, _| sealed.keys.extend(["a/b".to_owned()])), "sealed.keys"),
        (odd(&country, 2, |sealed, _| sealed.keys.extend(["..".to_owned()])), "sealed.keys"),
        (odd(&country, 2, |sealed, _| sealed.ciphertext.0.truncate(27)), "sealed.ciphertext"),
        (odd(&country, 2, |sealed, _| sealed.recipients.clear()), "sealed.recipients"),
        (odd(&country, 2, |s, _| s.recipients.values_mut().for_each(|r| r.sealed.0.truncate(144))), "nord.sealed"),
    ];
    for (command, field) in cases {
        invalid(&refused(&mut country, &ada, command), field);
    }
    let other = country.f.state.site(&name("site-b")).unwrap().value.sealing_key.clone();
    let for_other = odd(&country, 2, |sealed, _| {
        sealed.recipients.values_mut().for_each(|recipient| recipient.key = other.clone());
    });
    invalid(&refused(&mut country, &ada, for_other), "nord.key");
    let nowhere = odd(&country, 2, |sealed, _| {
        let first = sealed.recipients.values().next().unwrap().clone();
        sealed.recipients.insert(name("nirgends"), first);
    });
    assert!(matches!(refused(&mut country, &ada, nowhere), Refusal::NotFound { .. }));
    let large = odd(&country, 2, |sealed, _| sealed.ciphertext.0.resize(128 * 1024 + 1, 0));
    assert!(matches!(refused(&mut country, &ada, large), Refusal::TooLarge { .. }));
    let many = odd(&country, 2, |sealed, _| {
        sealed.keys.extend((0..64).map(|number| format!("key-{number}")));
    });
    assert!(matches!(refused(&mut country, &ada, many), Refusal::TooLarge { .. }));
    assert_eq!(found(&country).sealed.revision, 1, "nothing of it stays");

    // Of a new one there is nothing that could be the same.
    let (mut sealed, workload) = (sealed(&country, 1, &["nord"]), name("w"));
    sealed.revision = 1;
    let first = Command::ApplySecret { workload, name: name("new"), sealed, same_values: true, delegated: false };
    invalid(&refused(&mut country, &ada, first), "sameValues");
    // One name is not two Secrets.
    let manifest = serde_json::json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "db" } });
    let manifests = vec![verbund_model::Document::from_value(&manifest).unwrap()];
    let twice = apply("w", WorkloadSpec { manifests, ..needing(&["db"]) });
    invalid(&refused(&mut country, &ada, twice), "spec.manifests[0].metadata.name");
}

#[test]
fn all_secrets_of_a_workload_together_have_a_bound() {
    let (mut country, ada) = country();
    let large = |country: &Country, secret: &str| {
        let mut sealed = sealed(country, 1, &["nord"]);
        sealed.ciphertext.0.resize(55 * 1024, 0);
        Command::ApplySecret { workload: name("w"), name: name(secret), sealed, same_values: false, delegated: false }
    };
    for secret in ["a", "b"] {
        let command = large(&country, secret);
        country.f.act(&ada, command);
    }
    let command = large(&country, "c");
    assert!(matches!(refused(&mut country, &ada, command), Refusal::TooLarge { .. }));
    for number in 0..29 {
        let command = set(&country, &format!("s-{number}"), 1, &["nord"]);
        country.f.act(&ada, command);
    }
    let command = set(&country, "one-more", 1, &["nord"]);
    assert!(matches!(refused(&mut country, &ada, command), Refusal::TooLarge { .. }));
}

#[test]
fn a_recipient_seals_further_where_it_may_and_only_adds() {
    let (mut country, ada) = country();
    let (chef_b, chef_c) = (country.chefs[1].clone(), country.chefs[2].clone());
    // Only for its own site, and only as a recipient.
    let command = reseal(&country, "site-b", 1, &["site-c"]);
    for author in [chef_c.clone(), country.node(1), country.f.coordinator(0)] {
        let refusal = refused(&mut country, &author, command.clone());
        assert!(matches!(refusal, Refusal::NotAuthorised { .. }), "{refusal:?}");
    }
    let command = reseal(&country, "site-c", 1, &["site-c"]);
    conflict(&refused(&mut country, &chef_c, command), "not sealed to site site-c");
    let command = reseal(&country, "site-b", 2, &["site-c"]);
    conflict(&refused(&mut country, &chef_b, command), "revision 1, not 2");
    let command = reseal(&country, "site-b", 1, &[]);
    invalid(&refused(&mut country, &chef_b, command), "recipients");

    let before = found(&country);
    let command = reseal(&country, "site-b", 1, &["site-c", "nord"]);
    country.f.act(&chef_b, command.clone());
    let after = found(&country);
    assert_eq!(after.sealed.ciphertext, before.sealed.ciphertext);
    assert_eq!(after.sealed.recipients.len(), 3);
    assert_eq!(after.sealed.recipients[&name("nord")], before.sealed.recipients[&name("nord")]);
    assert_eq!(after.exposed, ["nord", "site-b", "site-c"].map(name::<SiteName>).into());
    let again = country.f.try_to(&chef_b, command);
    assert!(matches!(again, Outcome::Accepted(Accepted::Unchanged { .. })), "{again:?}");

    // What its operator keeps to itself is nobody else's to give on.
    let alone = odd(&country, 2, |sealed, _| {
        let first = sealed.recipients.values().next().unwrap().clone();
        sealed.recipients = [(name("nord"), first)].into();
    });
    country.f.act(&ada, alone);
    let command = reseal(&country, "nord", 2, &["site-b"]);
    conflict(&refused(&mut country, &ada, command), "by its operator alone");
}

#[test]
fn what_an_excluded_site_could_open_stays_to_be_rotated_until_it_has_other_values() {
    let (mut country, ada) = country();
    let to_rotate = |country: &Country| -> Vec<String> {
        country.f.state.secrets_to_rotate().map(|secret| secret.value.name.to_string()).collect()
    };
    let command = set(&country, "tls", 1, &["nord"]);
    country.f.act(&ada, command);
    assert_eq!(to_rotate(&country), Vec::<String>::new());

    let order = site_order(&country.f, "site-b");
    let impact = country.f.state.impact(&order, country.f.clock);
    assert_eq!(impact.secrets, ["w.db".to_owned()].into());
    exclude(&mut country, order);
    assert_eq!(to_rotate(&country), ["db"]);
    let command = set(&country, "db", 2, &["nord", "site-b"]);
    assert!(matches!(refused(&mut country, &ada, command), Refusal::Excluded { .. }));

    // Sealed anew without the excluded, it still has the values that they know.
    let same = odd(&country, 2, |_, same_values| *same_values = true);
    country.f.act(&ada, same);
    assert_eq!(to_rotate(&country), ["db"]);
    assert_eq!((found(&country).sealed.revision, found(&country).values_since), (2, 1));
    let command = set(&country, "db", 3, &["nord"]);
    country.f.act(&ada, command);
    assert_eq!(to_rotate(&country), Vec::<String>::new());
    assert_eq!(found(&country).values_since, 3);
    assert_eq!(restored(&country.f.state).head(), country.f.state.head());
}

#[test]
fn nothing_is_left_to_rotate_where_the_owner_was_excluded_too() {
    let mut country = Country::new();
    let chef = country.chefs[1].clone();
    country.f.bind(&chef, "b", "chef", UserRole::Softwarebetreiber, &[]);
    let Command::ApplyWorkload { name: workload, spec, .. } = apply("w", needing(&["db"])) else { unreachable!() };
    let (customer, expect, emergency) = (None, None, None);
    let of_b = Command::ApplyWorkload { name: workload, organisation: name("b"), customer, spec, expect, emergency };
    country.f.act(&chef, of_b);
    let command = set(&country, "db", 1, &["nord", "site-b"]);
    country.f.act(&chef, command);
    let order = organisation_order(&country.f, "b");
    assert_eq!(country.f.state.impact(&order, country.f.clock).secrets, BTreeSet::new());
    exclude(&mut country, order);
    assert_eq!(country.f.state.secrets_to_rotate().count(), 0);
}

#[test]
fn it_is_changed_only_as_its_author_saw_it_and_shown_without_values() {
    let (mut country, ada) = country();
    let version = country.f.state.secret(&(name("w"), name("db"))).unwrap().version;
    let mut with = |precondition: Precondition| {
        let command = set(&country, "db", 2, &["nord"]);
        let statement: Statement = country.f.statement(&ada, command);
        let statement = Statement { precondition: Some(precondition), ..statement };
        let bytes = entry(country.f.clock, &signed(&ada, statement.to_payload()));
        country.f.apply_bytes(&bytes).outcome.unwrap()
    };
    assert!(matches!(with(Precondition::Absent), Outcome::Refused(Refusal::AlreadyExists { .. })));
    let stale = with(Precondition::Version(version - 1));
    assert!(matches!(stale, Outcome::Refused(Refusal::VersionMismatch { .. })), "{stale:?}");
    assert!(matches!(with(Precondition::Version(version)), Outcome::Accepted(_)));

    let shown = country.f.state.get(Kind::Secret, "w.db").unwrap();
    assert_eq!(shown.spec["keys"], serde_json::json!(["password"]));
    assert_eq!(shown.spec["revision"], 2);
    assert_eq!(shown.status["exposed"], serde_json::json!(["nord"]));
    assert_eq!(shown.metadata.name, "w.db");
    assert_eq!(country.f.state.list(Kind::Secret, None, 10).len(), 1);
}
