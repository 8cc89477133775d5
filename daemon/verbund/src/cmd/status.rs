//! `verbund status`: one screen that answers "is everything all right?". Each value says who says so, and how old it is.

mod placings;
mod sites;

use verbund_api::Status;
use verbund_api::status::{Notice, Role};
use verbund_model::view::Kind;

use crate::app::App;
use crate::cli::Status as Args;
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::i18n::{self, Lang};
use crate::output::{Format, Paint, Table, Tone, age, local, print};
use crate::t;

/// A node that was silent for longer is shown as such.
const SILENT_MS: u64 = 10_000;
/// A certificate that ends sooner should have been renewed.
const CERTIFICATE_MS: u64 = 60 * 60 * 1000;
/// Clocks that differ by more lead to refusals.
const CLOCK_MS: u64 = 30_000;
/// The daemon's warning that nobody leads.
const NO_LEADER: &str = "no-leader";
/// The node's alarm that its disk is nearly full.
const LOW_DISK: &str = "low-disk";

pub async fn run(app: &App, args: Args) -> Result<Exit, Failure> {
    let client = app.client()?;
    if !args.watch {
        let status = client.status().await?;
        return show(app, &client, &status).await;
    }
    loop {
        let status = client.status().await?;
        if app.output.format() == Format::Table && app.output.paint() != Paint::new(false) {
            // ECMA-48: to the top, and clear.
            print("\u{1b}[H\u{1b}[2J")?;
        }
        let exit = show(app, &client, &status).await?;
        tokio::select! {
            () = tokio::time::sleep(args.every.0) => {}
            _ = tokio::signal::ctrl_c() => return Ok(exit),
        }
    }
}

async fn show(app: &App, client: &Client, status: &Status) -> Result<Exit, Failure> {
    let mut findings = findings(status, crate::client::now());
    findings.extend(placings::findings(client).await);
    // What is worst comes first.
    findings.sort_by_key(|finding| !finding.bad);
    // Programs get the status as it is; people also see who waits for them.
    let waiting = if app.output.format() == Format::Table { waiting(client).await } else { Vec::new() };
    app.output.value(status, || screen(status, &findings, &waiting, app.output.paint()))?;
    Ok(verdict(&findings))
}

/// Sites that wait for their admission, from what the node has: the status must also be seen where nobody leads.
async fn waiting(client: &Client) -> Vec<String> {
    let (admissions, sites) = (client.list_stale(Kind::Admission).await, client.list_stale(Kind::Site).await);
    let (Ok(admissions), Ok(sites)) = (admissions, sites) else { return Vec::new() };
    let open = super::site::open_requests(&admissions, &sites).unwrap_or_default();
    open.iter().map(|admission| admission.request.site.to_string()).collect()
}

/// Something to look at.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    bad: bool,
    text: String,
}

fn verdict(findings: &[Finding]) -> Exit {
    match (findings.iter().any(|f| f.bad), findings.is_empty()) {
        (true, _) => Exit::CheckFailed,
        (false, false) => Exit::Warnings,
        (false, true) => Exit::Ok,
    }
}

fn notice(notice: &Notice) -> String {
    let text = match i18n::lang() {
        Lang::De => &notice.message.de,
        Lang::En => &notice.message.en,
    };
    let subject = notice.subject.as_ref().map(|subject| format!(" {subject}")).unwrap_or_default();
    t!("status-notice", name = format!("{}{subject}", notice.name), text = text.as_str(), since = local(notice.since))
}

fn findings(status: &Status, now: u64) -> Vec<Finding> {
    let mut all = Vec::new();
    let mut add = |bad, text| all.push(Finding { bad, text });
    status.alarms.iter().for_each(|alarm| add(true, notice(alarm)));
    let quorum = &status.quorum;
    let lost = quorum.reachable < quorum.needed;
    if lost {
        add(true, t!("status-no-quorum", reachable = quorum.reachable, needed = quorum.needed));
    } else if !quorum.held {
        add(true, t!("status-no-leader"));
    } else if quorum.spare == 0 && quorum.voters > 1 {
        add(false, t!("status-no-spare", voters = quorum.voters));
    }
    if status.role == Role::Halted {
        add(true, t!("status-halted"));
    }
    // The node's own alarm says the same, and since when.
    if status.disk.writes_refused && !status.alarms.iter().any(|alarm| alarm.name == LOW_DISK) {
        add(true, t!("status-disk", free = bytes(status.disk.free)));
    }
    if status.node.is_some() && status.sites.iter().flat_map(|site| &site.nodes).all(|n| Some(n.node) != status.node) {
        // The state that this node has no longer lists it.
        add(true, t!("status-removed", site = status.site.to_string()));
    } else if status.applied == 0 && matches!(status.role, Role::Joining | Role::Learner) {
        add(false, t!("status-empty"));
    }
    all.extend(sites::findings(status, lost));
    let mut add = |bad, text| all.push(Finding { bad, text });
    if let Some(end) = status.certificate_not_after
        && end < status.now.saturating_add(CERTIFICATE_MS)
    {
        add(end < status.now, t!("status-certificate", end = local(end)));
    }
    if status.now.abs_diff(now) > CLOCK_MS {
        add(false, t!("status-clock", difference = age(status.now.abs_diff(now))));
    }
    // That nobody leads was said already.
    let told = lost || !quorum.held;
    let warnings = status.warnings.iter().filter(|warning| !(told && warning.name == NO_LEADER));
    warnings.for_each(|warning| add(false, notice(warning)));
    all
}

fn screen(status: &Status, findings: &[Finding], waiting: &[String], paint: Paint) -> String {
    let (tone, word) = match verdict(findings) {
        Exit::Ok => (Tone::Good, t!("status-good")),
        Exit::Warnings => (Tone::Warning, t!("status-warnings")),
        _ => (Tone::Bad, t!("status-bad")),
    };
    let mut text = paint.paint(tone, &word) + "\n";
    for finding in findings {
        let mark = if finding.bad { paint.paint(Tone::Bad, "✗") } else { paint.paint(Tone::Warning, "!") };
        text += &format!("  {mark} {}\n", finding.text);
    }
    for known in &status.notes {
        text += &format!("  {} {}\n", paint.paint(Tone::Faint, "·"), notice(known));
    }
    text += "\n";
    let mut facts = facts(status);
    if !waiting.is_empty() {
        facts.row(vec![t!("status-admissions"), t!("status-admissions-value", sites = waiting.join(", "))]);
    }
    text += &facts.render();
    text += "\n";
    text += &nodes(status, paint).render();
    let node = status.node.map_or_else(|| "-".to_owned(), |node| node.to_string());
    let said = t!("status-source", site = status.site.to_string(), node = node, time = local(status.now));
    text + "\n" + &paint.paint(Tone::Faint, &said) + "\n"
}

fn facts(status: &Status) -> Table {
    let mut table = Table::plain();
    let federation = &status.federation;
    table.row(vec![t!("status-federation"), format!("{} ({})", federation.name, federation.id.0.short())]);
    let quorum = &status.quorum;
    let (reachable, voters, spare) = (quorum.reachable, quorum.voters, quorum.spare);
    let value = if reachable < quorum.needed {
        t!("status-quorum-lost", reachable = reachable, voters = voters, needed = quorum.needed)
    } else {
        t!("status-quorum-value", reachable = reachable, voters = voters, spare = spare)
    };
    table.row(vec![t!("status-quorum"), value]);
    let of_term =
        |leader: verbund_model::NodeId| t!("status-leader-value", node = leader.to_string(), term = status.term);
    table.row(vec![t!("status-leader"), status.leader.map_or_else(|| t!("status-nobody"), of_term)]);
    let fresh = status.age_ms.map_or_else(|| t!("status-never"), age);
    table.row(vec![t!("status-applied"), t!("status-applied-value", index = status.applied, age = fresh)]);
    let checkpoint = status.checkpoint.map_or_else(|| "-".to_owned(), |index| index.to_string());
    table.row(vec![t!("status-checkpoint"), checkpoint]);
    let certificate = status.certificate_not_after.map_or_else(|| "-".to_owned(), local);
    table.row(vec![t!("status-tls"), certificate]);
    let disk = &status.disk;
    table.row(vec![t!("status-disk-free"), format!("{} / {}", bytes(disk.free), bytes(disk.total))]);
    table.row(vec![t!("status-version"), status.version.clone()]);
    table
}

fn nodes(status: &Status, paint: Paint) -> Table {
    let mut table = Table::new(vec![
        t!("column-site"),
        t!("column-land"),
        t!("column-organisation"),
        t!("column-node"),
        t!("column-part"),
        t!("column-matched"),
        t!("column-seen"),
    ]);
    for site in &status.sites {
        if site.nodes.is_empty() {
            let row = [site.site.to_string(), site.land.to_string(), site.organisation.to_string()];
            table.row(row.into_iter().chain(std::iter::repeat_n("-".to_owned(), 4)).collect());
        }
        for node in &site.nodes {
            let own = Some(node.node) == status.node;
            let seen = match node.last_seen_ms {
                _ if own => paint.paint(Tone::Good, &t!("status-here")),
                Some(ms) if ms <= SILENT_MS || node.connected => paint.paint(Tone::Good, &age(ms)),
                Some(ms) => paint.paint(Tone::Bad, &age(ms)),
                None => paint.paint(Tone::Bad, &t!("status-never")),
            };
            table.row(vec![
                site.site.to_string(),
                site.land.to_string(),
                site.organisation.to_string(),
                node.node.to_string(),
                role(node.role),
                node.matched.map_or_else(|| "-".to_owned(), |index| index.to_string()),
                seen,
            ]);
        }
    }
    table
}

fn role(role: Role) -> String {
    match role {
        Role::Leader => t!("role-leader"),
        Role::Follower => t!("role-follower"),
        Role::Candidate => t!("role-candidate"),
        Role::Learner => t!("role-learner"),
        Role::Joining => t!("role-joining"),
        Role::Halted => t!("role-halted"),
    }
}

/// Bytes for people, in powers of two.
fn bytes(count: u64) -> String {
    let mut value = count;
    for unit in ["B", "KiB", "MiB"] {
        if value < 10_240 {
            return format!("{value} {unit}");
        }
        value /= 1024;
    }
    format!("{value} GiB")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    pub(super) fn status() -> Status {
        serde_json::from_value(json!({
            "federation": { "id": "ab".repeat(32), "name": "dvc", "generation": 0 },
            "site": "nord", "node": 1, "version": "0.1.0", "role": "leader", "leader": 1, "term": 3,
            "applied": 42, "time": 1_000, "now": 1_000_000, "ageMs": 12,
            "quorum": { "held": true, "voters": 3, "reachable": 3, "needed": 2, "spare": 1 },
            "sites": [
                { "site": "nord", "organisation": "dataport", "land": "DE-HH", "standing": "active",
                  "lost": null, "started": true, "nodes": [
                    { "node": 1, "role": "leader", "connected": true, "lastSeenMs": null, "matched": 42 } ] },
                { "site": "sued", "organisation": "akdb", "land": "DE-BY", "standing": "active",
                  "lost": null, "started": true, "nodes": [
                    { "node": 2, "role": "follower", "connected": true, "lastSeenMs": 40, "matched": 42 } ] },
            ],
            "voters": [1, 2], "learners": [], "head": null, "checkpoint": 0, "certificateNotAfter": 90_000_000_u64,
            "disk": { "total": 1_099_511_627_776_u64, "free": 549_755_813_888_u64, "lowWater": 1, "writesRefused": false },
            "notes": [], "warnings": [], "alarms": [],
        }))
        .unwrap()
    }

    fn judged(status: &Status) -> Exit {
        verdict(&findings(status, 1_000_000))
    }

    #[test]
    fn all_is_well() {
        let status = status();
        assert_eq!(judged(&status), Exit::Ok);
        let text = screen(&status, &[], &["ost".to_owned()], Paint::new(false));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Everything is all right.");
        assert!(text.contains("dvc (abababababab)") && text.contains("512 GiB / 1024 GiB"), "{text}");
        assert!(text.contains(&t!("status-admissions-value", sites = "ost")), "{text}");
        assert!(lines.iter().any(|line| line.starts_with("sued  DE-BY  akdb")), "{text}");
    }

    #[test]
    fn german_counts_voters_as_people_do() {
        let said = |spare: u32| {
            let numbers = [("reachable", 3_u32.into()), ("voters", 3_u32.into()), ("spare", spare.into())];
            i18n::text_in(Lang::De, "status-quorum-value", &numbers)
        };
        assert!(said(0).ends_with("keine darf ausfallen") && said(1).ends_with("eine darf ausfallen"));
        assert!(said(2).ends_with("2 dürfen ausfallen"), "{}", said(2));
    }

    #[test]
    fn what_is_only_worth_knowing_is_shown_and_is_no_warning() {
        let mut status = status();
        let message = verbund_api::Localised::new("vier Organisationen", "four organisations");
        status.notes.push(Notice { name: "even-organisations".to_owned(), since: 1, subject: None, message });
        assert_eq!(judged(&status), Exit::Ok);
        let text = screen(&status, &[], &[], Paint::new(false));
        assert!(text.lines().nth(1).unwrap().contains("four organisations"), "{text}");
    }

    #[test]
    fn what_stops_something_fails_the_check() {
        let bad = |change: fn(&mut Status)| {
            let mut status = status();
            change(&mut status);
            judged(&status)
        };
        assert_eq!(bad(|s| s.quorum.held = false), Exit::CheckFailed);
        assert_eq!(bad(|s| s.quorum.reachable = 1), Exit::CheckFailed);
        assert_eq!(bad(|s| s.disk.writes_refused = true), Exit::CheckFailed);
        assert_eq!(bad(|s| s.role = Role::Halted), Exit::CheckFailed);
        assert_eq!(bad(|s| s.certificate_not_after = Some(999_999)), Exit::CheckFailed);
        assert_eq!(bad(|s| s.certificate_not_after = Some(1_000_001)), Exit::Warnings);
        assert_eq!(bad(|s| s.sites[1].nodes[0].connected = false), Exit::Ok, "heard of 40 ms ago");
        assert_eq!(
            bad(|s| {
                s.sites[1].nodes[0].connected = false;
                s.sites[1].nodes[0].last_seen_ms = Some(60_000);
            }),
            Exit::Warnings
        );
        assert_eq!(verdict(&findings(&status(), 2_000_000)), Exit::Warnings, "clocks differ");
    }

    #[test]
    fn a_lost_quorum_is_said_once_with_who_is_missing() {
        let mut status = status();
        (status.quorum.held, status.quorum.reachable, status.quorum.spare, status.leader) = (false, 1, 0, None);
        (status.sites[1].nodes[0].connected, status.sites[1].nodes[0].last_seen_ms) = (false, Some(60_000));
        let words = verbund_api::Localised::new("Kein Leader", "no leader");
        status.warnings.push(Notice { name: NO_LEADER.to_owned(), since: 1, subject: None, message: words });
        let told = findings(&status, 1_000_000);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].bad && told[0].text.contains("1 ") && told[1].text.contains("0.2"), "{told:?}");
        assert!(!told[1].text.contains("replace-voter"), "nobody can be given up now: {told:?}");
        let text = screen(&status, &told, &[], Paint::new(false));
        assert!(text.contains(&t!("status-quorum-lost", reachable = 1_u32, voters = 3_u32, needed = 2_u32)), "{text}");
        // Where enough voters can be reached and nobody leads, that is said instead.
        status.quorum.reachable = 3;
        let told = findings(&status, 1_000_000);
        assert!(told.len() == 2 && told[0].text == t!("status-no-leader"), "{told:?}");
        assert!(told[1].text.contains("node replace-voter 0.2"), "{told:?}");
    }

    #[test]
    fn a_site_without_a_node_and_a_node_that_was_given_up_are_told_how_to_return() {
        let mut status = status();
        status.sites[1].nodes.clear();
        assert_eq!(judged(&status), Exit::Warnings);
        let told = findings(&status, 1_000_000);
        assert!(told.iter().any(|f| f.text.contains("sued") && f.text.contains("verbund node add")), "{told:?}");
        // The node that answers is the one that was given up.
        status.node = Some(verbund_model::NodeId::mint(0, 9));
        status.sites[0].nodes[0].last_seen_ms = Some(1);
        assert_eq!(judged(&status), Exit::CheckFailed);
        let told = findings(&status, 1_000_000);
        assert!(told.iter().any(|f| f.bad && f.text.contains("verbund node add")), "{told:?}");
    }
}
