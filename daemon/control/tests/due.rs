//! Due work: the leader finds the workloads whose place became wrong, brings the cause, and leaves alone what runs well.
//! A real state stands behind the port: what the controller says is signed by a node and applied.

#![allow(clippy::unwrap_used)] // a test that cannot go on fails

#[path = "../../../raft/machine/tests/rules/country.rs"]
#[allow(dead_code)] // shared with the tests of the machine
mod country;
#[path = "../../../raft/machine/tests/rules/federation.rs"]
#[allow(dead_code)]
mod federation;
#[path = "../../../raft/machine/tests/support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use country::{Country, apply, cluster_spec, spec, workload};
use support::build::name;
use verbund_control::{Budget, Controller, Heard, Port, Said, Search, Task};
use verbund_identity::Directive;
use verbund_machine::State;
use verbund_model::resource::{
    Cause, Consent, Der, DirectiveSignature, DistanceClass, Evidence, EvidenceKind, EvidenceSubject, FailoverAuthority,
    Finding, LicenceVeto, Millis, Mode, SignedDirective, SignedFinding, Standby, UserRole,
};
use verbund_model::{Command, Outcome, WorkloadName};

/// A leader over a country.
struct Node(Mutex<Country>);

impl Port for Node {
    fn leads(&self) -> bool {
        true
    }

    fn state(&self) -> Arc<State> {
        Arc::new(self.0.lock().unwrap().f.state.clone())
    }

    fn now(&self) -> Millis {
        self.0.lock().unwrap().f.clock
    }

    async fn heard(&self) -> Heard {
        // Agents that ask for their leases, and sites of which nothing is to be judged.
        let asked = self.state().clusters().map(|cluster| (cluster.value.name.clone(), 0)).collect();
        Heard { asked, ..Heard::default() }
    }

    async fn find(&self, _: &Finding) -> Vec<SignedFinding> {
        Vec::new()
    }

    async fn say(&self, command: Command) -> Result<(), Said> {
        let country = &mut *self.0.lock().unwrap();
        let node = country.node(1);
        match country.f.try_to(&node, command) {
            Outcome::Accepted(_) => Ok(()),
            Outcome::Refused(refusal) => Err(Said::Refused(refusal.to_string())),
        }
    }
}

/// A country in which workload `p` runs at `c-nord` alone, and could run anywhere.
fn with_workload(change: impl FnOnce(&mut Country)) -> (Arc<Node>, Controller<Node>) {
    let mut country = Country::new();
    let ada = country.ada();
    change(&mut country);
    let mut wanted = parallel();
    wanted.requirements.sites = [name("nord")].into();
    country.f.act(&ada, apply("p", wanted));
    let anywhere = parallel();
    country.f.act(&ada, apply("p", anywhere));
    assert_eq!(place(&country), "c-nord");
    let node = Arc::new(Node(Mutex::new(country)));
    let controller = Controller::new(Arc::clone(&node));
    (node, controller)
}

fn parallel() -> verbund_model::resource::WorkloadSpec {
    spec(Mode::Parallel { copies: 1 }, FailoverAuthority::Automatic, None)
}

fn place(country: &Country) -> String {
    let active = country.active("p");
    assert_eq!(active.len(), 1, "{active:?}");
    active[0].cluster.to_string()
}

/// Looks once more, past the pause between two looks, and gives how much the log has grown.
async fn look(node: &Node, controller: &mut Controller<Node>) -> u64 {
    let before = node.0.lock().unwrap().f.index;
    tokio::time::advance(std::time::Duration::from_secs(3)).await;
    controller.round().await;
    node.0.lock().unwrap().f.index - before
}

fn act(node: &Node, command: impl FnOnce(&mut Country) -> (support::keys::Signer, Command)) {
    let country = &mut *node.0.lock().unwrap();
    let (author, command) = command(country);
    country.f.act(&author, command);
}

fn moved(node: &Node, cause: &Cause) {
    let country = node.0.lock().unwrap();
    assert_ne!(place(&country), "c-nord");
    assert_eq!(country.placement("p").cause, *cause);
    assert!(country.f.state.change(&country.placement("p").change).is_some(), "no placement moves without a change");
}

#[tokio::test(start_paused = true)]
async fn an_expired_evidence_moves_what_demands_it() {
    let attest = |country: &mut Country, site: &str, number: usize, valid_until| {
        let evidence = Evidence {
            name: name(&format!("c5-{site}")),
            subject: EvidenceSubject::Site(name(site)),
            kind: EvidenceKind::C5,
            issuer: "Prüfer".to_owned(),
            document: verbund_model::Hash([1; 32]),
            valid_until,
        };
        let chef = country.chefs[number].clone();
        country.f.act(&chef, Command::ApplyEvidence { evidence });
    };
    let mut end = 0;
    let (node, mut controller) = with_workload(|country| {
        end = country.f.clock + 3_600_000;
        attest(country, "nord", 0, end);
        attest(country, "site-c", 2, end * 2);
    });
    act(&node, |country| {
        let mut wanted = parallel();
        wanted.requirements.evidence = [EvidenceKind::C5].into();
        (country.ada(), apply("p", wanted))
    });
    assert_eq!(look(&node, &mut controller).await, 0, "it holds still");
    node.0.lock().unwrap().f.clock = end + 1;
    assert!(look(&node, &mut controller).await > 0);
    moved(&node, &Cause::EvidenceExpired);
    assert_eq!(look(&node, &mut controller).await, 0, "once");
}

/// The command that excludes a site, signed by two coordinators.
fn exclusion(country: &Country, site: &str) -> Command {
    let federation = &country.f.state.federation().value;
    let directive = Directive {
        v: 1,
        federation: federation.id,
        generation: 0,
        number: 1,
        predecessor: federation.id.0,
        coordinator_set_version: 1,
        issued: country.f.clock,
        order: country.f.state.exclude_site_order(&name(site), "Schlüssel entwendet").unwrap(),
        accept_quorum_loss: false,
    };
    let payload = directive.to_payload();
    let message = Directive::message(&payload);
    let sign = |number| {
        let signer = country.f.coordinator(number);
        DirectiveSignature { key: signer.id, signature: Der(signer.sign(&message)) }
    };
    let signatures = vec![sign(0), sign(1)];
    Command::RecordDirective { directive: SignedDirective { payload: Der(payload), signatures } }
}

/// More runs at the excluded site than one entry plans: the rest is due work, and nothing stays.
#[tokio::test(start_paused = true)]
async fn what_is_left_of_an_excluded_site_moves() {
    let all: Vec<String> = (0..70).map(|number| format!("w-{number}")).collect();
    let (node, mut controller) = with_workload(|country| {
        let ada = country.ada();
        for workload in &all {
            let mut wanted = parallel();
            wanted.requirements.sites = [name("nord")].into();
            country.f.act(&ada, apply(workload, wanted));
            country.f.act(&ada, apply(workload, parallel()));
        }
    });
    assert_eq!(look(&node, &mut controller).await, 0);
    act(&node, |country| (country.f.coordinator(2), exclusion(country, "nord")));
    let left = |node: &Node| {
        let country = node.0.lock().unwrap();
        let stays = |workload: &&String| country.active(workload)[0].cluster == name("c-nord");
        all.iter().filter(stays).count()
    };
    assert_eq!(left(&node), 7, "of 71 workloads 64 moved with the very entry");
    for _ in 0..4 {
        look(&node, &mut controller).await;
    }
    assert_eq!(left(&node), 0);
    moved(&node, &Cause::Excluded);
    assert_eq!(look(&node, &mut controller).await, 0, "once");
}

/// A lease at an excluded site is never opened again, and the voters are asked at once whether it has ended.
#[tokio::test(start_paused = true)]
async fn leases_at_an_excluded_site_are_asked_for_and_never_opened() {
    let (node, _) = with_workload(|_| {});
    act(&node, |country| (country.f.coordinator(2), exclusion(country, "site-c")));
    let state = node.state();
    let heard = node.heard().await;
    let tasks = verbund_control::tasks(&state, &heard);
    let finding = Finding::LeaseEnded { cluster: name("c-site-c"), generation: 1 };
    assert_eq!(tasks, [Task::Ask(finding.clone())], "its agent is heard, and all the same");
    let country = &mut *node.0.lock().unwrap();
    let (command, by) = (country.verdict(&finding, &[0, 1]), country.node(0));
    country.f.act(&by, command);
    assert!(verbund_control::tasks(&country.f.state, &heard).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_consent_a_veto_and_a_suspension_move_it() {
    // A veto of the site.
    let (node, mut controller) = with_workload(|_| {});
    assert_eq!(look(&node, &mut controller).await, 0);
    act(&node, |country| {
        let veto = LicenceVeto { site: name("nord"), workload: workload("p"), reason: "Lizenz".to_owned() };
        (country.ada(), Command::SetLicenceVeto { veto })
    });
    assert!(look(&node, &mut controller).await > 0);
    moved(&node, &Cause::Misplaced);
    // Lifted again, it stays where it runs well.
    act(&node, |country| (country.ada(), Command::LiftLicenceVeto { site: name("nord"), workload: workload("p") }));
    assert_eq!(look(&node, &mut controller).await, 0);

    // The organisation that runs the place is suspended.
    let (node, mut controller) = with_workload(|_| {});
    assert_eq!(look(&node, &mut controller).await, 0);
    act(&node, |country| (country.f.coordinator(0), Command::SuspendOrganisation { name: name("kost") }));
    assert!(look(&node, &mut controller).await > 0);
    moved(&node, &Cause::Misplaced);

    // Only the site is suspended.
    let (node, mut controller) = with_workload(|_| {});
    assert_eq!(look(&node, &mut controller).await, 0);
    act(&node, |country| (country.f.coordinator(0), Command::SuspendSite { name: name("nord") }));
    assert!(look(&node, &mut controller).await > 0);
    moved(&node, &Cause::Misplaced);

    // The customer consents to this site, and takes it back: it runs nowhere.
    let (node, mut controller) = with_workload(|_| {});
    let customer = node.0.lock().unwrap().chefs[1].clone();
    act(&node, |country| {
        country.f.bind(&customer, "b", "chef", UserRole::CloudServiceKunde, &[]);
        let Command::ApplyWorkload { name, organisation, spec, expect, emergency, .. } = apply("p", parallel()) else {
            panic!("that is not how a workload is applied")
        };
        let customer = Some("b".parse().unwrap());
        (country.ada(), Command::ApplyWorkload { name, organisation, customer, spec, expect, emergency })
    });
    act(&node, |_| {
        let consent = Consent { customer: name("b"), workload: workload("p"), sites: [name("nord")].into() };
        (customer.clone(), Command::GiveConsent { consent })
    });
    look(&node, &mut controller).await;
    look(&node, &mut controller).await;
    assert_eq!(place(&node.0.lock().unwrap()), "c-nord");
    act(&node, |_| (customer.clone(), Command::WithdrawConsent { workload: workload("p") }));
    assert!(look(&node, &mut controller).await > 0);
    assert!(node.0.lock().unwrap().active("p").is_empty(), "without a consent nothing of it may run");
}

#[tokio::test(start_paused = true)]
async fn an_exception_that_ends_takes_the_standby_that_it_allowed() {
    let (node, mut controller) = with_workload(|_| {});
    let end = node.now() + 3_600_000;
    act(&node, |country| {
        let far = Some(Standby { distance: DistanceClass::Georedundant });
        let mut wanted = spec(Mode::Parallel { copies: 1 }, FailoverAuthority::Automatic, far);
        // Hannover and Hamburg: more than 100 km, less than 200.
        wanted.requirements.sites = [name("nord"), name("site-b")].into();
        (country.ada(), apply("p", wanted))
    });
    look(&node, &mut controller).await;
    assert_eq!(node.0.lock().unwrap().copies("p").len(), 1, "no standby is far enough");
    act(&node, |country| {
        let (workload, reason) = (workload("p"), "weil es so ist".to_owned());
        let name = name("naeher");
        let rule = "georedundancy".to_owned();
        (country.ada(), Command::RequestException { name, rule, workload, reason, until: end })
    });
    for number in [0, 1] {
        act(&node, |country| (country.f.coordinator(number), Command::ApproveException { name: name("naeher") }));
    }
    assert!(look(&node, &mut controller).await > 0);
    assert_eq!(node.0.lock().unwrap().copies("p").len(), 2);
    assert_eq!(look(&node, &mut controller).await, 0);
    node.0.lock().unwrap().f.clock = end + 1;
    assert!(look(&node, &mut controller).await > 0, "nothing but time has passed");
    assert_eq!(node.0.lock().unwrap().copies("p").len(), 1);
    assert_eq!(node.0.lock().unwrap().placement("p").cause, Cause::Misplaced);
}

#[tokio::test(start_paused = true)]
async fn what_runs_well_stays_where_it_is() {
    let (node, mut controller) = with_workload(|_| {});
    assert_eq!(look(&node, &mut controller).await, 0);
    // Its place becomes the dearest, and takes nothing new; the others are as good as ever.
    act(&node, |country| {
        let agent_key = country.agent("c-nord").key.clone();
        let spec = verbund_model::resource::ClusterSpec { price: 1_000, ..cluster_spec() };
        (country.ada(), Command::ApplyCluster { name: name("c-nord"), site: name("nord"), spec, agent_key })
    });
    act(&node, |country| (country.ada(), Command::CordonCluster { name: name("c-nord"), cordoned: true }));
    for _ in 0..20 {
        assert_eq!(look(&node, &mut controller).await, 0, "a rule that only scores moves nothing");
    }
    assert_eq!(place(&node.0.lock().unwrap()), "c-nord");
}

/// Workloads that run at `c-nord` and could run anywhere, each vetoed there from now on.
fn vetoed(country: &mut Country, count: usize) -> BTreeSet<WorkloadName> {
    let ada = country.ada();
    let names: BTreeSet<WorkloadName> = (0..count).map(|number| workload(&format!("v-{number:02}"))).collect();
    for workload in &names {
        for sites in [BTreeSet::from([name("nord")]), BTreeSet::new()] {
            let mut wanted = parallel();
            wanted.requirements.sites = sites;
            country.f.act(&ada, apply(workload.as_str(), wanted));
        }
    }
    for workload in &names {
        let veto = LicenceVeto { site: name("nord"), workload: workload.clone(), reason: "Lizenz".to_owned() };
        country.f.act(&ada, Command::SetLicenceVeto { veto });
    }
    names
}

const SMALL: Budget = Budget { concerned: 4, restless: 4, any: 4 };

#[test]
fn every_workload_has_its_turn_and_no_look_costs_more_than_its_budget() {
    let mut country = Country::new();
    let before = Arc::new(country.f.state.clone());
    let mut search = Search::new(SMALL);
    assert_eq!(search.look(&before, country.f.clock), []);
    let names = vetoed(&mut country, 40);
    let (state, now) = (Arc::new(country.f.state.clone()), country.f.clock);
    let mut found = BTreeSet::new();
    for _ in 0..10 {
        let due = search.look(&state, now);
        assert!(due.len() <= 8, "more than the budget: {due:?}");
        found.extend(due);
    }
    assert_eq!(found, names);
    // As long as nobody plans them they are found again, and a new leader finds them too.
    let again: BTreeSet<_> = (0..10).flat_map(|_| search.look(&state, now)).collect();
    assert_eq!(again, names);
    let mut other = Search::new(SMALL);
    let anew: BTreeSet<_> = (0..10).flat_map(|_| other.look(&state, now)).collect();
    assert_eq!(anew, names);
}

/// A place that becomes free concerns nobody's own place: only the walk over all of them comes to it.
#[test]
fn a_place_that_becomes_free_is_found_for_what_is_where_it_should_not_be() {
    let mut country = Country::new();
    let cordon = |country: &mut Country, cordoned| {
        for number in [1, 2] {
            let chef = country.chefs[number].clone();
            let cluster = name(["c-nord", "c-site-b", "c-site-c"][number]);
            country.f.act(&chef, Command::CordonCluster { name: cluster, cordoned });
        }
    };
    cordon(&mut country, true);
    let names = vetoed(&mut country, 6);
    let mut search = Search::new(Budget { concerned: 4, restless: 0, any: 4 });
    let mut nobody = Search::new(Budget { concerned: 4, restless: 0, any: 0 });
    let state = Arc::new(country.f.state.clone());
    let now = country.f.clock;
    assert!((0..10).all(|_| search.look(&state, now).is_empty() && nobody.look(&state, now).is_empty()));
    cordon(&mut country, false);
    let state = Arc::new(country.f.state.clone());
    let found: BTreeSet<_> = (0..10).flat_map(|_| search.look(&state, now)).collect();
    assert_eq!(found, names);
    let found: BTreeSet<_> = (0..10).flat_map(|_| nobody.look(&state, now)).collect();
    assert_eq!(found, [].into(), "without the walk nobody comes to them");
}
