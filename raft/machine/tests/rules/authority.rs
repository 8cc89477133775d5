//! Who decides that a workload moves, and when it may: changes, incidents, windows and freezes.

use std::collections::BTreeSet;

use verbund_model::local::Weekday;
use verbund_model::resource::{
    Cause, ChangeKind, ChangeTicket, CopyRole, DistanceClass, Evidence, EvidenceKind, EvidenceSubject,
    FailoverAuthority, FenceLevel, Freeze, Incident, Maintenance, MaintenanceOf, Millis, Mode, Standby, Waiting,
    Window, WorkloadSpec,
};
use verbund_model::{Accepted, ClusterName, Command, Refusal, TicketName};

use crate::country::{Country, apply, ended, observation, spec, unreachable, workload};
use crate::support::build::{START, name};

use CopyRole::{Active, Standby as Reserved};

const AUTOMATIC: FailoverAuthority = FailoverAuthority::Automatic;
const HOUR: Millis = 3_600_000;

fn guarded(failover: FailoverAuthority) -> WorkloadSpec {
    let standby = Some(Standby { distance: DistanceClass::Georedundant });
    spec(Mode::Exclusive { fence: FenceLevel::Guard }, failover, standby)
}

/// The first of January 2026 is a Thursday.
fn saturday_night() -> Maintenance {
    let window = Window { days: [Weekday::Sat].into(), from: "22:00".parse().unwrap(), to: "04:00".parse().unwrap() };
    Maintenance { windows: vec![window], freezes: vec![] }
}

fn turn_of_the_year() -> Maintenance {
    let (from, to) = ("2025-12-18".parse().unwrap(), "2026-01-06".parse().unwrap());
    Maintenance { windows: vec![], freezes: vec![Freeze { from, to, reason: "Jahreswechsel".to_owned() }] }
}

struct Scene {
    country: Country,
    active: String,
    standby: String,
}

impl Scene {
    fn new(wanted: WorkloadSpec) -> Self {
        let mut country = Country::new();
        let ada = country.ada();
        country.f.act(&ada, apply("w", wanted));
        let copies = country.placement("w").copies;
        let of = |role| copies.iter().find(|copy| copy.role == role).unwrap().cluster.to_string();
        Self { active: of(Active), standby: of(Reserved), country }
    }

    fn relocate(&self, emergency: Option<&str>) -> Command {
        let emergency = emergency.map(str::to_owned);
        Command::Relocate { workload: workload("w"), to: name(&self.standby), emergency }
    }

    fn organisation(&mut self, maintenance: Maintenance) {
        let ada = self.country.ada();
        self.country.f.act(&ada, Command::SetOrganisationMaintenance { organisation: name("kost"), maintenance });
    }

    /// Of the site of a cluster.
    fn site(&mut self, cluster: &str, maintenance: Maintenance) {
        let site = cluster.trim_start_matches("c-");
        let number = ["nord", "site-b", "site-c"].iter().position(|known| *known == site).unwrap();
        let chef = self.country.chefs[number].clone();
        self.country.f.act(&chef, Command::SetSiteMaintenance { site: name(site), maintenance });
    }

    fn refused(&mut self, command: Command) -> Refusal {
        let ada = self.country.ada();
        self.country.refused_everywhere(&ada, command)
    }

    fn act(&mut self, command: Command) -> Accepted {
        let ada = self.country.ada();
        self.country.f.act(&ada, command)
    }

    fn incidents(&self) -> Vec<Incident> {
        self.country.f.state.incidents().map(|held| held.value.clone()).collect()
    }

    fn change(&self) -> ChangeTicket {
        self.country.f.state.change(&self.country.placement("w").change).unwrap().value.clone()
    }
}

#[test]
fn a_planned_move_waits_for_its_window() {
    let mut scene = Scene::new(WorkloadSpec { maintenance: saturday_night(), ..guarded(AUTOMATIC) });
    let not_now = scene.refused(scene.relocate(None));
    // Saturday, the third of January, 22:00 in Berlin.
    let opens = START + 2 * 24 * HOUR + 21 * HOUR;
    let by = MaintenanceOf::Workload(workload("w"));
    assert_eq!(not_now, Refusal::NotNow { workload: workload("w"), by, freeze: None, next: Some(opens) });
    let text = not_now.to_string();
    assert!(text.contains("2026-01-03 22:00 +01:00") && text.contains("no window of workload w is open"), "{text}");
    assert!(matches!(
        scene.refused(Command::StartDrill { workload: workload("w"), emergency: None }),
        Refusal::NotNow { .. }
    ));
    // The dry run says so, and shows the plan all the same.
    let dry = scene.country.f.state.move_dry_run(
        &workload("w"),
        Cause::Relocate,
        Some(name(&scene.standby)),
        scene.country.f.clock,
    );
    let dry = dry.unwrap();
    assert!(dry.plan.changed && matches!(dry.closed, Some(Refusal::NotNow { .. })));
    // When it is open, it is a change like any other.
    scene.country.f.wait_until(opens);
    scene.act(scene.relocate(None));
    assert_eq!((scene.change().kind, scene.change().closed), (ChangeKind::Normal, true));
}

#[test]
fn what_cannot_wait_is_an_emergency_that_somebody_looks_at() {
    let mut scene = Scene::new(WorkloadSpec { maintenance: saturday_night(), ..guarded(AUTOMATIC) });
    assert!(matches!(scene.refused(scene.relocate(Some(" "))), Refusal::Invalid { .. }));
    scene.act(scene.relocate(Some("Der Strom wird abgeschaltet")));
    let change = scene.change();
    assert_eq!((change.kind, change.closed), (ChangeKind::Emergency, false));
    assert!(change.description.contains("Der Strom wird abgeschaltet"));
    let close = |review: &str| Command::CloseChange { name: change.name.clone(), review: review.to_owned() };
    assert!(matches!(scene.refused(close("")), Refusal::Invalid { .. }));
    scene.act(close("war nötig"));
    assert_eq!((scene.change().closed, scene.change().review.as_str()), (true, "war nötig"));
}

#[test]
fn organisation_and_both_sites_are_asked_too() {
    let mut scene = Scene::new(guarded(AUTOMATIC));
    let (from, to) = (scene.active.clone(), scene.standby.clone());
    let closed = |refusal: Refusal| match refusal {
        Refusal::NotNow { by, freeze, next, .. } => (by.to_string(), freeze, next),
        other => panic!("{other:?}"),
    };
    let ends = START + 6 * 24 * HOUR - HOUR;
    let frozen = (Some("Jahreswechsel".to_owned()), Some(ends));
    scene.organisation(turn_of_the_year());
    let found = closed(scene.refused(scene.relocate(None)));
    assert_eq!(found, ("organisation kost".to_owned(), frozen.0.clone(), frozen.1));
    scene.organisation(Maintenance::default());
    for cluster in [from, to] {
        scene.site(&cluster, turn_of_the_year());
        let site = format!("site {}", cluster.trim_start_matches("c-"));
        assert_eq!(closed(scene.refused(scene.relocate(None))), (site, frozen.0.clone(), frozen.1));
        scene.site(&cluster, Maintenance::default());
    }
    scene.act(scene.relocate(None));
}

#[test]
fn nothing_lost_waits_and_the_change_says_that_there_is_a_freeze() {
    let mut scene = Scene::new(WorkloadSpec { maintenance: saturday_night(), ..guarded(AUTOMATIC) });
    let open = |name: TicketName| Command::OpenChange { name, workload: workload("w"), description: "Schwenk".into() };
    scene.act(open(name("jederzeit")));
    scene.organisation(turn_of_the_year());
    let (active, standby) = (scene.active.clone(), scene.standby.clone());
    scene.country.find(&ended(&active, 1));
    assert_eq!(scene.country.active("w")[0].cluster, name(&standby));
    // A standard change does not cover a freeze.
    let change = scene.change();
    assert_eq!((change.kind, change.closed), (ChangeKind::Emergency, false));
    assert!(
        change.description.contains("in the freeze of organisation kost (Jahreswechsel)"),
        "{}",
        change.description
    );
}

#[test]
fn an_apply_that_moves_what_runs_is_a_planned_move() {
    let wanted = WorkloadSpec { maintenance: saturday_night(), ..guarded(AUTOMATIC) };
    let mut scene = Scene::new(wanted.clone());
    // What stays where it is may be changed at any time.
    scene.act(apply("w", WorkloadSpec { rpo: 30, ..wanted.clone() }));
    let mut elsewhere = wanted;
    elsewhere.requirements.sites = [name(scene.standby.trim_start_matches("c-"))].into();
    elsewhere.standby = None;
    assert!(matches!(scene.refused(apply("w", elsewhere.clone())), Refusal::NotNow { .. }));
    let Command::ApplyWorkload { name, organisation, customer, spec, expect, .. } = apply("w", elsewhere) else {
        panic!()
    };
    let emergency = Some("Vertrag endet".to_owned());
    scene.act(Command::ApplyWorkload { name, organisation, customer, spec, expect, emergency });
    assert_eq!(scene.change().kind, ChangeKind::Emergency);
}

#[test]
fn due_work_waits_for_its_window_and_is_remembered() {
    let mut wanted = WorkloadSpec { maintenance: saturday_night(), ..guarded(AUTOMATIC) };
    wanted.requirements.evidence = [EvidenceKind::C5].into();
    wanted.standby = None;
    let mut country = Country::new();
    let until = |days: u64| START + days * 24 * HOUR;
    for (number, site) in ["nord", "site-b", "site-c"].iter().enumerate() {
        let evidence = Evidence {
            name: name(&format!("c5-{number}")),
            subject: EvidenceSubject::Site(name(site)),
            kind: EvidenceKind::C5,
            issuer: "Prüfer".to_owned(),
            document: verbund_model::Hash([1; 32]),
            valid_until: if number == 0 { until(1) } else { until(400) },
        };
        let chef = country.chefs[number].clone();
        country.f.act(&chef, Command::ApplyEvidence { evidence });
    }
    wanted.requirements.sites = [name("nord")].into();
    let ada = country.ada();
    country.f.act(&ada, apply("w", wanted.clone()));
    wanted.requirements.sites = [].into();
    country.f.act(&ada, apply("w", wanted));
    assert_eq!(country.copies("w"), [("c-nord".to_owned(), Active, 1)]);
    // On Friday its evidence has expired: it has to leave, and waits.
    country.f.wait_until(until(1) + HOUR);
    let now = country.f.clock;
    assert!(country.f.state.ended_between(START, now).contains(&workload("w")));
    assert!(country.f.state.is_due(&workload("w"), now));
    let node = country.node(0);
    country.f.act(&node, Command::Replan { workload: workload("w") });
    assert_eq!(country.placement("w").waiting, Some(Waiting::Window));
    assert_eq!(country.copies("w"), [("c-nord".to_owned(), Active, 1)]);
    // It is asked about again and again, and nothing is due.
    assert!(country.f.state.restless().any(|name| *name == workload("w")));
    assert!(!country.f.state.is_due(&workload("w"), now));
    // A freeze comes between; long after the evidence expired, the window opens, and it is due.
    let maintenance = Maintenance {
        windows: vec![],
        freezes: vec![Freeze {
            from: "2026-01-02".parse().unwrap(),
            to: "2026-01-20".parse().unwrap(),
            reason: "Umbau".to_owned(),
        }],
    };
    country.f.act(&ada, Command::SetOrganisationMaintenance { organisation: name("kost"), maintenance });
    let opens = until(23) + 21 * HOUR;
    let due = |now| country.f.state.is_due(&workload("w"), now);
    assert!(!due(until(9) + 22 * HOUR) && !due(opens - 1) && due(opens));
    country.f.wait_until(opens);
    country.f.act(&node, Command::Replan { workload: workload("w") });
    let placement = country.placement("w");
    assert!(placement.target.is_some() && placement.waiting != Some(Waiting::Window));
    assert_eq!(placement.cause, Cause::EvidenceExpired);
    let change = &country.f.state.change(&placement.change).unwrap().value;
    assert_eq!((change.kind, change.closed), (ChangeKind::Emergency, false));
}

#[test]
fn who_wants_to_be_asked_finds_an_incident_that_asks() {
    let mut scene = Scene::new(WorkloadSpec { rpo: 30, ..guarded(FailoverAuthority::Ask) });
    let (active, standby) = (scene.active.clone(), scene.standby.clone());
    scene.country.find(&ended(&active, 1));
    let incidents = scene.incidents();
    let awaited = incidents[0].awaits.unwrap();
    assert_eq!((incidents.len(), awaited.rpo, awaited.since), (1, 30, scene.country.f.state.time()));
    assert!(incidents[0].reason.contains("is silent, and its site is there"), "{}", incidents[0].reason);
    // Not due, whoever asks.
    assert!(!scene.country.f.state.is_due(&workload("w"), scene.country.f.clock + 30 * 24 * HOUR));
    scene.act(Command::Failover { workload: workload("w"), to: None, accept_loss: false });
    assert_eq!(scene.country.active("w")[0].cluster, name(&standby));
    // Decided; the cluster is still in trouble, until the old copy is known to be gone.
    let after = scene.incidents();
    assert_eq!((after[0].awaits, after[0].resolved), (None, false));
    scene.country.receipt("w", &active, 1);
    assert!(scene.incidents()[0].resolved);
}

#[test]
fn what_moves_by_hand_only_is_told_of_and_not_asked_about() {
    let mut scene = Scene::new(guarded(FailoverAuthority::Manual));
    let active = scene.active.clone();
    scene.country.find(&ended(&active, 1));
    assert_eq!(scene.country.placement("w").waiting, Some(Waiting::Person));
    let incidents = scene.incidents();
    assert_eq!((incidents.len(), incidents[0].awaits, incidents[0].resolved), (1, None, false));
    assert!(!scene.country.f.state.is_due(&workload("w"), scene.country.f.clock + 30 * 24 * HOUR));
}

#[test]
fn parallel_workloads_learn_that_an_agent_is_silent() {
    let mut country = Country::new();
    let ada = country.ada();
    country.f.act(&ada, apply("p", spec(Mode::Parallel { copies: 1 }, AUTOMATIC, None)));
    let cluster = country.copies("p")[0].0.clone();
    country.find(&ended(&cluster, 1));
    let of = |country: &Country| country.f.state.incidents().map(|held| held.value.clone()).collect::<Vec<_>>();
    let incidents = of(&country);
    assert_eq!((incidents.len(), incidents[0].cluster.to_string(), incidents[0].resolved), (1, cluster.clone(), false));
    assert_eq!(country.copies("p"), [(cluster.clone(), Active, 1)], "it runs on");
    // The agent is back.
    let open = Command::OpenLease { cluster: name(&cluster), generation: 2, refusal: None };
    let node = country.node(1);
    country.f.act(&node, open);
    assert!(of(&country)[0].resolved);
}

#[test]
fn an_impaired_runtime_is_told_once_until_it_is_another() {
    let mut scene = Scene::new(guarded(AUTOMATIC));
    let cluster: ClusterName = name(&scene.active.clone());
    let agent = scene.country.agent(cluster.as_str());
    let say = |scene: &mut Scene, words: &str, measured: u64| {
        let mut observation = observation(true, words);
        observation.measured = measured;
        scene.country.f.act(&agent, Command::Observe { cluster: cluster.clone(), observation });
    };
    say(&mut scene, "kein Speicher", 10);
    let open = |scene: &Scene| scene.incidents().into_iter().filter(|incident| !incident.resolved).collect::<Vec<_>>();
    let incident = open(&scene)[0].clone();
    assert!(incident.reason.contains("kein Speicher"));
    // Somebody else may not close it; its operator may, and it stays closed while nothing else is wrong.
    let close = Command::CloseIncident { name: incident.name.clone() };
    let other = scene.country.chefs[1].clone();
    assert!(matches!(scene.country.refused_everywhere(&other, close.clone()), Refusal::NotAuthorised { .. }));
    assert!(matches!(scene.act(close.clone()), Accepted::Changed { .. }));
    assert!(matches!(scene.act(close), Accepted::Unchanged { .. }));
    say(&mut scene, "kein Speicher", 20);
    assert!(open(&scene).is_empty());
    say(&mut scene, "kein Netz", 30);
    assert_eq!(open(&scene).len(), 1);
    say(&mut scene, "", 40);
    assert!(open(&scene).is_empty(), "it is over by itself");
}

#[test]
fn a_lost_site_is_told_to_everyone_who_runs_there() {
    let mut scene = Scene::new(guarded(AUTOMATIC));
    let (active, site) = (scene.active.clone(), scene.active.trim_start_matches("c-").to_owned());
    let mut parallel = spec(Mode::Parallel { copies: 1 }, AUTOMATIC, None);
    parallel.requirements.sites = [name(&site)].into();
    scene.act(apply("p", parallel));
    let told = |scene: &Scene| {
        let incidents = scene.incidents().into_iter();
        incidents.map(|incident| (incident.workload.to_string(), incident.reason)).collect::<BTreeSet<_>>()
    };
    scene.country.find(&unreachable(&site, 0));
    let first = ("p".to_owned(), format!("site {site} was found lost"));
    assert_eq!(told(&scene), [first.clone()].into());
    // Nothing is known of the exclusive one before its lease has ended.
    scene.country.find(&ended(&active, 1));
    let second =
        format!("the agent of cluster {active} is silent, and its site is lost: generation 1 of its lease has ended");
    assert_eq!(told(&scene), [first, ("w".to_owned(), second)].into());
}

/// However many run there, no entry holds apply up.
#[test]
fn no_entry_tells_more_than_a_batch() {
    const BATCH: usize = 64;
    let mut country = Country::new();
    let ada = country.ada();
    let mut wanted = spec(Mode::Parallel { copies: 1 }, AUTOMATIC, None);
    wanted.requirements.sites = [name("nord")].into();
    wanted.requirements.amounts.cpu_millis = 10;
    let names: Vec<String> = (0..2 * BATCH + 3).map(|number| format!("p-{number:03}")).collect();
    for workload in &names {
        country.f.act(&ada, apply(workload, wanted.clone()));
    }
    let before: Vec<_> = country.f.state.placements().cloned().collect();
    country.find(&ended("c-nord", 1));
    let verdict = country.f.state.verdicts().last().unwrap().value.index;
    let mut told = vec![country.f.state.incidents().count()];
    let node = country.node(1);
    while country.f.state.verdicts().any(|held| !held.value.remaining.is_empty()) {
        country.f.act(&node, Command::PlanNext { verdict });
        told.push(country.f.state.incidents().count());
    }
    assert_eq!(told, [BATCH, 2 * BATCH, names.len()]);
    assert!(before.iter().eq(country.f.state.placements()), "they run on where they are");
}

#[test]
fn windows_and_freezes_say_something() {
    let mut scene = Scene::new(guarded(AUTOMATIC));
    let window = |days: &[Weekday], from: &str, to: &str| Window {
        days: days.iter().copied().collect(),
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
    };
    let freeze = |from: &str, to: &str, reason: &str| Freeze {
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        reason: reason.to_owned(),
    };
    let all = Weekday::ALL;
    let wrong = [
        ("windows[0].days", Maintenance { windows: vec![window(&[], "10:00", "12:00")], freezes: vec![] }),
        ("windows[0].from", Maintenance { windows: vec![window(&all, "10:00", "10:00")], freezes: vec![] }),
        ("windows[0].from", Maintenance { windows: vec![window(&all, "24:00", "10:00")], freezes: vec![] }),
        ("freezes[0].to", Maintenance { windows: vec![], freezes: vec![freeze("2026-02-02", "2026-02-01", "r")] }),
        ("freezes[0].reason", Maintenance { windows: vec![], freezes: vec![freeze("2026-02-01", "2026-02-02", "")] }),
    ];
    for (part, maintenance) in wrong {
        let organisation = name("kost");
        let refusal =
            scene.refused(Command::SetOrganisationMaintenance { organisation, maintenance: maintenance.clone() });
        assert!(
            matches!(&refusal, Refusal::Invalid { field, .. } if field == &format!("maintenance.{part}")),
            "{refusal:?}"
        );
        let refusal = scene.refused(apply("w", WorkloadSpec { maintenance, ..guarded(AUTOMATIC) }));
        assert!(matches!(&refusal, Refusal::Invalid { field, .. } if field == &format!("spec.maintenance.{part}")));
    }
    let many = Maintenance { windows: vec![window(&all, "10:00", "12:00"); 9], freezes: vec![] };
    let organisation = name("kost");
    let refusal = scene.refused(Command::SetOrganisationMaintenance { organisation, maintenance: many });
    assert!(matches!(refusal, Refusal::TooLarge { .. }));
    // Each organisation and each site has its own people for it.
    let other = scene.country.chefs[1].clone();
    for command in [
        Command::SetOrganisationMaintenance { organisation: name("kost"), maintenance: saturday_night() },
        Command::SetSiteMaintenance { site: name("nord"), maintenance: saturday_night() },
    ] {
        assert!(matches!(scene.country.refused_everywhere(&other, command.clone()), Refusal::NotAuthorised { .. }));
        assert!(matches!(scene.act(command.clone()), Accepted::Changed { .. }));
        assert!(matches!(scene.act(command), Accepted::Unchanged { .. }));
    }
}
