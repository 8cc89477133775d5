//! Shows, with three sites and a simulated cluster each: when a site is lost (`kill -9` of daemon and agent), leading or not,
//! its parallel workloads are ready elsewhere through a verdict of a majority of voters; an exclusive one of level `guard`
//! only after its lease was ended by such a verdict, one of level `agent` only after a person's `fence confirm`. A site that
//! was cut off while its cluster lived keeps its parallel workloads and fences its exclusive ones; when it returns it brings
//! none of these back, and gives the others up. Whoever wants to be asked finds an incident that asks, and nothing moves
//! before they decided.
//!
//! Nothing here is timed: conditions are waited for, and what they took is printed.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::{Result, ensure};
use verbund_kit::checker::export_reaching;
use verbund_kit::placements::{All, Placed};
use verbund_kit::{Federation, Operator, Placements, Replay, Serving, Settings, Workload, until_async};
use verbund_model::resource::{CopyRole, FailoverAuthority, FenceLevel, Finding, Incident, Mode, Waiting};

/// Sites, each with a voter and a cluster.
const SITES: usize = 3;
/// How long anything may take on a busy machine.
const BOUND: Duration = Duration::from_secs(120);
const PARALLEL: Mode = Mode::Parallel { copies: 1 };

/// A federation with clusters, and somebody who runs workloads there.
async fn federation() -> (Federation, Operator) {
    let mut federation = Federation::of(SITES, Settings::default()).await.unwrap();
    federation.simulate_clusters().await.unwrap();
    let operator = Operator::new(&federation, "ops", 0).await.unwrap();
    (federation, operator)
}

/// Some site that runs and is another than `site`.
fn another(federation: &Federation, site: usize) -> usize {
    federation.sites.iter().enumerate().position(|(at, other)| at != site && other.runs()).unwrap()
}

fn names(prefix: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{prefix}-{number}")).collect()
}

/// Has workloads run at one site, each with a standby at another, and lets them go anywhere from there.
async fn settle_at(federation: &Federation, operator: &Operator, site: usize, wanted: &[(String, Mode)]) {
    let all: Vec<Workload> = wanted.iter().map(|(name, mode)| Workload::new(name, mode.clone()).unwrap()).collect();
    settle_these_at(federation, operator, site, &all).await;
}

async fn settle_these_at(federation: &Federation, operator: &Operator, site: usize, all: &[Workload]) {
    let door = another(federation, site);
    let at = federation.sites[site].name.clone();
    let bound = all.iter().map(|workload| workload.clone().only_at(&[&at]).unwrap());
    operator.apply(federation, door, &bound.collect::<Vec<_>>()).await.unwrap();
    operator.apply(federation, door, all).await.unwrap();
    let cluster = cluster_of(federation, site);
    let mut placements = Placements::follow(federation, door, &operator.author).await.unwrap();
    let settled = |now: &All| {
        all.iter().try_for_each(|Workload { name, .. }| {
            let placed = placed(now, name.as_str())?;
            ensure!(placed.ready().collect::<Vec<_>>() == [&cluster], "{name} is not ready at {cluster}: {placed:?}");
            ensure!(placed.of(CopyRole::Standby).count() == 1, "{name} has no standby: {placed:?}");
            ensure!(placed.copies.len() == 2, "{name} is still being stopped elsewhere: {placed:?}");
            Ok(())
        })
    };
    placements.until("workloads running where the test wants them", BOUND, settled).await.unwrap();
}

fn cluster_of(federation: &Federation, site: usize) -> String {
    federation.sites[site].clusters[0].name.clone()
}

fn placed<'a>(all: &'a All, name: &str) -> Result<&'a Placed> {
    let found = all.iter().find(|(workload, _)| workload.as_str() == name);
    found.map(|(_, placed)| placed).ok_or_else(|| anyhow::anyhow!("{name} has no placement"))
}

/// That a workload is ready once, and not at `old`.
fn elsewhere(all: &All, name: &str, old: &str) -> Result<()> {
    let placed = placed(all, name)?;
    let ready: Vec<&str> = placed.ready().collect();
    ensure!(ready.len() == 1 && ready[0] != old, "{name} is not ready elsewhere than {old}: {placed:?}");
    Ok(())
}

/// What the records of a site say, once they reach what it has applied now.
async fn replay(federation: &Federation, operator: &Operator, site: usize) -> Replay {
    let mut connection = federation.connect(site, &operator.author).await.unwrap();
    let applied = federation.status(site).unwrap()["applied"].as_u64().unwrap();
    let export = export_reaching(&mut connection, applied).await.unwrap();
    let file = federation.desk.path("export.audit");
    std::fs::write(&file, &export).unwrap();
    let (file, id) = (file.display().to_string(), federation.id.to_string());
    federation.desk.run(&["audit", "verify", &file, "--federation", &id]).unwrap();
    Replay::of(&export).unwrap()
}

/// That the last activation of each workload rests on a verdict of a majority about this site, and went to another.
fn expect_moved_by_verdict(federation: &Federation, replay: &Replay, workloads: &[String], site: usize) {
    let (name, cluster) = (&federation.sites[site].name, cluster_of(federation, site));
    for workload in workloads {
        let last = replay.moves_of(workload).last().unwrap();
        let finding = replay.finding(last, SITES).unwrap().unwrap_or_else(|| panic!("{last:?} rests on no verdict"));
        let Finding::Unreachable { site: lost, .. } = finding else { panic!("{last:?} rests on {finding:?}") };
        assert_eq!(lost.as_str(), name);
        assert_ne!(last.cluster.as_str(), cluster);
        // On record before it, it was active at the lost site.
        let before = replay.moves_of(workload).take_while(|moved| moved.index < last.index).last().unwrap();
        assert_eq!(before.cluster.as_str(), cluster, "{workload} was somewhere else before");
    }
}

/// Loses a site with these parallel workloads, and waits until they are ready elsewhere.
async fn lose_and_see(federation: &mut Federation, operator: &Operator, site: usize, workloads: &[String], what: &str) {
    let cluster = cluster_of(federation, site);
    let watcher = another(federation, site);
    let mut placements = Placements::follow(federation, watcher, &operator.author).await.unwrap();
    let before = federation.lose(site).unwrap();
    let moved = |all: &All| workloads.iter().try_for_each(|name| elsewhere(all, name, &cluster));
    let seen = placements.until("workloads ready elsewhere", BOUND, moved).await.unwrap_or_else(|error| {
        panic!("{error:#}\n{}", federation.logs());
    });
    println!("{what}: {} workloads ready elsewhere {:?} after the loss", workloads.len(), seen - before);
    let replay = replay(federation, operator, watcher).await;
    expect_moved_by_verdict(federation, &replay, workloads, site);
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_workloads_go_on_elsewhere_whichever_site_is_lost() {
    let (mut federation, operator) = federation().await;
    let workloads = names("register", 6);
    let wanted: Vec<(String, Mode)> = workloads.iter().map(|name| (name.clone(), PARALLEL)).collect();

    let follower = (federation.leader(0).unwrap() + 1) % SITES;
    settle_at(&federation, &operator, follower, &wanted).await;
    lose_and_see(&mut federation, &operator, follower, &workloads, "a site that does not lead").await;
    federation.bring_back(follower).await.unwrap();
    expect_given_up(&federation, &operator, follower, &workloads).await;

    let leader = federation.leader(follower).unwrap();
    settle_at(&federation, &operator, leader, &wanted).await;
    assert_eq!(federation.leader(follower).unwrap(), leader, "VOID: another site leads by now");
    lose_and_see(&mut federation, &operator, leader, &workloads, "the site that leads").await;
    federation.bring_back(leader).await.unwrap();
    expect_given_up(&federation, &operator, leader, &workloads).await;
}

/// Waits until a site that has returned has given up what went elsewhere: nothing of it is being stopped there any more.
async fn expect_given_up(federation: &Federation, operator: &Operator, site: usize, workloads: &[String]) {
    let cluster = cluster_of(federation, site);
    let mut placements = Placements::follow(federation, another(federation, site), &operator.author).await.unwrap();
    let given_up = |all: &All| {
        workloads.iter().try_for_each(|name| {
            let placed = placed(all, name)?;
            ensure!(!placed.is_at(&cluster, CopyRole::Active), "{name} is back: {placed:?}");
            ensure!(!placed.is_at(&cluster, CopyRole::Stopping), "{name} is still being stopped: {placed:?}");
            elsewhere(all, name, &cluster)
        })
    };
    let given_up = placements.until("the returned site giving up what went elsewhere", BOUND, given_up).await;
    given_up.unwrap_or_else(|error| panic!("{error:#}\n{}", federation.logs()));
}

/// A guarded, an agent-fenced and a parallel workload, all at a site that does not lead. Gives its position.
async fn three_kinds(federation: &Federation, operator: &Operator) -> usize {
    let site = (federation.leader(0).unwrap() + 1) % SITES;
    let exclusive = |fence| Mode::Exclusive { fence };
    let wanted = [
        ("guarded".to_owned(), exclusive(FenceLevel::Guard)),
        ("fenced".to_owned(), exclusive(FenceLevel::Agent)),
        ("parallel".to_owned(), PARALLEL),
    ];
    settle_at(federation, operator, site, &wanted).await;
    site
}

/// That a guarded workload moved when, and not before, its lease at a cluster was ended by a verdict of a majority.
fn expect_moved_by_the_lease(replay: &Replay, workload: &str, cluster: &str) {
    let last = replay.moves_of(workload).last().unwrap();
    let finding = replay.finding(last, SITES).unwrap();
    let ended = matches!(finding, Some(Finding::LeaseEnded { cluster: ended, .. }) if ended.as_str() == cluster);
    assert!(ended, "{last:?} rests on {finding:?}");
    assert_ne!(last.cluster.as_str(), cluster);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusive_workload_waits_until_its_old_copy_cannot_run() {
    let (mut federation, operator) = federation().await;
    let site = three_kinds(&federation, &operator).await;
    let (watcher, cluster) = (another(&federation, site), cluster_of(&federation, site));
    let mut placements = Placements::follow(&federation, watcher, &operator.author).await.unwrap();
    let before = federation.lose(site).unwrap();
    let seen = placements.until("parallel", BOUND, |all| elsewhere(all, "parallel", &cluster)).await.unwrap();
    println!("parallel: ready elsewhere {:?} after the loss", seen - before);
    let seen = placements.until("guarded", BOUND, |all| elsewhere(all, "guarded", &cluster)).await.unwrap();
    println!("exclusive, level guard: ready elsewhere {:?} after the loss", seen - before);
    let waits = |all: &All| {
        let placed = placed(all, "fenced")?;
        let fence = Some(Waiting::Fence { cluster: cluster.parse()? });
        ensure!(placed.waiting == fence && placed.of(CopyRole::Active).count() == 0, "{placed:?}");
        Ok(placed.of(CopyRole::Stopping).next().map_or(0, |copy| copy.epoch))
    };
    placements.until("fenced waiting for a person", BOUND, |all| waits(all).map(drop)).await.unwrap();
    let epoch = waits(placements.all()).unwrap();
    let replay_before = replay(&federation, &operator, watcher).await;
    expect_moved_by_the_lease(&replay_before, "guarded", &cluster);
    assert_eq!(replay_before.moves_of("fenced").last().unwrap().cluster.as_str(), cluster, "it did not move");

    // The person who runs the lost cluster vouches that its copy is stopped; its own site is gone, so another one is asked.
    let (owner, there) = (federation.sites[site].name.clone(), federation.sites[watcher].admin_address());
    let data = federation.sites[watcher].data_dir().display().to_string();
    let key =
        format!("file:{}", federation.desk.path(&format!("admin-{}", federation.sites[site].organisation)).display());
    let context = format!("{owner}-elsewhere");
    federation
        .desk
        .run(&["context", "add", &context, "--address", &there, "--data-dir", &data, "--key", &key])
        .unwrap();
    let epoch = epoch.to_string();
    let confirm =
        ["--context", &context, "fence", "confirm", "fenced", "--cluster", &cluster, "--epoch", &epoch, "--yes"];
    federation.desk.run(&confirm).unwrap();
    placements.until("fenced", BOUND, |all| elsewhere(all, "fenced", &cluster)).await.unwrap();

    federation.bring_back(site).await.unwrap();
    let all = ["guarded", "fenced", "parallel"].map(str::to_owned);
    expect_given_up(&federation, &operator, site, &all).await;
    let serving = Serving::read(federation.sites.iter().flat_map(|site| &site.clusters)).unwrap();
    for workload in ["guarded", "fenced"] {
        serving.expect_one_at_a_time(workload).unwrap();
        assert_eq!(serving.of(workload).len(), 2, "once here, once there: {:?}", serving.of(workload));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_cut_off_keeps_what_is_parallel_and_brings_nothing_exclusive_back() {
    let (mut federation, operator) = federation().await;
    let site = three_kinds(&federation, &operator).await;
    let (watcher, cluster) = (another(&federation, site), cluster_of(&federation, site));
    let mut placements = Placements::follow(&federation, watcher, &operator.author).await.unwrap();
    // The daemon stands still: the agent and its cluster live, and hear of nobody.
    federation.sites[site].freeze().unwrap();
    let moved = |all: &All| ["parallel", "guarded"].iter().try_for_each(|name| elsewhere(all, name, &cluster));
    placements.until("what may move ready elsewhere", BOUND, moved).await.unwrap();
    let stands = |all: &All| {
        let placed = placed(all, "fenced")?;
        ensure!(placed.waiting.is_some() && placed.of(CopyRole::Active).count() == 0, "{placed:?}");
        Ok(())
    };
    placements.until("fenced waiting", BOUND, stands).await.unwrap();
    let serving = || Serving::read(federation.sites.iter().flat_map(|site| &site.clusters)).unwrap();
    let there = |serving: &Serving, workload: &str| serving.now(workload).contains(&cluster.as_str());
    let cut_off = serving();
    assert!(
        there(&cut_off, "parallel"),
        "a cut-off site keeps its parallel workloads (I14): {:?}",
        cut_off.of("parallel")
    );
    assert_eq!(cut_off.now("parallel").len(), 2, "and it runs elsewhere, too");
    for workload in ["guarded", "fenced"] {
        assert!(!there(&cut_off, workload), "without its lease {workload} was fenced: {:?}", cut_off.of(workload));
    }

    federation.sites[site].thaw().unwrap();
    federation.returned(site).await.unwrap();
    // The agent that lives signs the receipt that was waited for.
    placements.until("fenced", BOUND, |all| elsewhere(all, "fenced", &cluster)).await.unwrap();
    expect_given_up(&federation, &operator, site, &["guarded".to_owned(), "parallel".to_owned()]).await;
    let look = || async {
        let serving = Serving::read(federation.sites.iter().flat_map(|site| &site.clusters))?;
        ensure!(serving.now("parallel").len() == 1, "{:?}", serving.of("parallel"));
        Ok(serving)
    };
    let (serving, _) = until_async("one copy of the parallel workload", BOUND, look).await.unwrap();
    assert!(!there(&serving, "parallel") && !there(&serving, "guarded"));
    serving.expect_one_at_a_time("guarded").unwrap();
    serving.expect_one_at_a_time("fenced").unwrap();
    let replay = replay(&federation, &operator, watcher).await;
    expect_moved_by_the_lease(&replay, "guarded", &cluster);
}

/// The incidents of a workload that are not over, as the command line lists them.
fn incidents(federation: &Federation, workload: &str) -> Result<Vec<Incident>> {
    let list = federation.desk.json(&["--context", "s1", "incident", "list", "--workload", workload])?;
    let items = list["items"].as_array().ok_or_else(|| anyhow::anyhow!("no list: {list}"))?;
    let whole = |item: &serde_json::Value| {
        let mut fields = item["spec"].clone();
        fields["name"] = item["metadata"]["name"].clone();
        for field in ["awaits", "resolved"] {
            fields[field] = item["status"][field].clone();
        }
        Ok(serde_json::from_value(fields)?)
    };
    items.iter().map(whole).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_to_be_asked_decides() {
    let (mut federation, operator) = federation().await;
    federation.desk.run(&["--context", "s1", "role", "bind", "admin", "softwarebetreiber", "--org", "o1"]).unwrap();
    // Whoever decides sits at the first site; a site is lost that does not lead.
    let leader = federation.leader(0).unwrap();
    let site = (1..SITES).find(|site| *site != leader).unwrap();
    let guarded = || Mode::Exclusive { fence: FenceLevel::Guard };
    let wanted = [
        Workload::new("by-itself", guarded()).unwrap(),
        Workload::new("asked", guarded()).unwrap().moved_by(FailoverAuthority::Ask, 30),
    ];
    settle_these_at(&federation, &operator, site, &wanted).await;
    let (cluster, name) = (cluster_of(&federation, site), federation.sites[site].name.clone());
    assert_eq!(incidents(&federation, "asked").unwrap(), []);

    let mut placements = Placements::follow(&federation, 0, &operator.author).await.unwrap();
    federation.lose(site).unwrap();
    // That the lease has ended moves the one, and the other waits.
    placements.until("by-itself elsewhere", BOUND, |all| elsewhere(all, "by-itself", &cluster)).await.unwrap();
    let waits = |all: &All| {
        let placed = placed(all, "asked")?;
        ensure!(placed.waiting == Some(Waiting::Person), "{placed:?}");
        ensure!(placed.is_at(&cluster, CopyRole::Active) && placed.of(CopyRole::Active).count() == 1, "{placed:?}");
        Ok(())
    };
    placements.until("asked waiting for a person", BOUND, waits).await.unwrap();
    let awaited = |incidents: &[Incident]| {
        let asks: Vec<_> = incidents.iter().filter(|incident| incident.awaits.is_some()).collect();
        ensure!(asks.len() == 1 && asks[0].cluster.as_str() == cluster, "no incident asks: {incidents:?}");
        Ok(asks[0].clone())
    };
    let asks = awaited(&incidents(&federation, "asked").unwrap()).unwrap();
    assert_eq!((asks.organisation.as_str(), asks.awaits.unwrap().rpo), ("o1", 30), "{asks:?}");
    let told = incidents(&federation, "by-itself").unwrap();
    assert!(told.iter().all(|incident| incident.awaits.is_none()), "{told:?}");
    // The status says it, and how it is decided.
    let status = federation.desk.say(&["--context", "s1", "status"]).unwrap();
    for part in [name.as_str(), asks.name.as_str(), "verbund failover asked", "30 s"] {
        assert!(status.out.contains(part), "\"{part}\" is missing:\n{}", status.out);
    }
    let before = replay(&federation, &operator, 0).await;
    assert_eq!(before.moves_of("asked").last().unwrap().cluster.as_str(), cluster, "it did not move");
    placements.until("asked still waiting", BOUND, waits).await.unwrap();

    // Not its operator: another organisation's administrator may not decide.
    let other = federation.sites.iter().find(|other| other.runs() && other.name != "s1").unwrap().name.clone();
    let foreign = federation.desk.say(&["--context", &other, "failover", "asked", "--yes"]).unwrap();
    assert_eq!(foreign.code, 1, "{}{}", foreign.out, foreign.err);
    federation.desk.run(&["--context", "s1", "failover", "asked", "--yes"]).unwrap();
    placements.until("asked elsewhere", BOUND, |all| elsewhere(all, "asked", &cluster)).await.unwrap();
    let after = incidents(&federation, "asked").unwrap();
    assert!(after.iter().all(|incident| incident.awaits.is_none()), "it was decided: {after:?}");
    let replay = replay(&federation, &operator, 0).await;
    let last = replay.moves_of("asked").last().unwrap();
    assert!(replay.finding(last, SITES).unwrap().is_none(), "a person moved it, and no verdict: {last:?}");

    federation.bring_back(site).await.unwrap();
    expect_given_up(&federation, &operator, site, &["asked".to_owned(), "by-itself".to_owned()]).await;
    let over = || async {
        let open = incidents(&federation, "asked")?;
        ensure!(open.is_empty(), "{open:?}");
        Ok(())
    };
    until_async("the incident being over", BOUND, over).await.unwrap();
    let serving = Serving::read(federation.sites.iter().flat_map(|site| &site.clusters)).unwrap();
    serving.expect_one_at_a_time("asked").unwrap();
}
