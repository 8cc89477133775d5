//! How this daemon is, in the API's words.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use verbund_api::Localised;
use verbund_api::status::{Disk, FederationRef, Loss, NodeStatus, Notice, Quorum, Role, SiteStatus, Status};
use verbund_identity::{Subject, TrustDomain};
use verbund_machine::{State, VoterWarning};
use verbund_model::resource::Millis;
use verbund_model::{NodeId, SiteName};
use verbund_node::{Alarm, Clock as _, NodeHandle, RaisedAlarm, SystemClock};
use verbund_tls::{LiveIdentity, Trust};

use super::lists::refusal;
use super::standing::GivenUp;

/// What the node itself does not know.
pub struct About {
    /// The site.
    pub site: SiteName,
    /// The low-water mark of the disk.
    pub low_water: u64,
    /// Where everything lies.
    pub data_dir: PathBuf,
    /// The node's certificate.
    pub identity: Arc<LiveIdentity>,
    /// Whether others say that the node was given up.
    pub given_up: GivenUp,
    /// The revocation lists in force.
    pub trust: Arc<Trust>,
}

/// A site that was found lost sooner after its admission, in milliseconds, had not been started.
const JUST_ADMITTED: Millis = 60_000;
/// A leader that was not heard of for so long is none: longer than an election takes.
const FRESH: Duration = Duration::from_secs(5);

/// The status.
pub async fn status(node: &NodeHandle, about: &About) -> Status {
    let now = SystemClock.now();
    let returning = node.returning().await;
    let seen = node.status();
    let (state, _) = node.read_stale();
    let federation = &state.federation().value;
    let connected = connected(&seen);
    let fresh = seen.age.is_some_and(|age| age < FRESH);
    let not_after = u64::try_from(about.identity.certificate().not_after).unwrap_or(0) * 1000;
    let free = seen.free_bytes;
    let given_up = about.given_up.said_by();
    let role_of = |role_seen| if given_up.is_some() { Role::Halted } else { role(role_seen) };
    let disk =
        Disk { total: total_bytes(&about.data_dir), free, low_water: about.low_water, writes_refused: seen.low_disk };
    let (notes, of_voters) = voters(&state, &seen, now);
    Status {
        federation: FederationRef {
            id: federation.id,
            name: federation.name.clone(),
            generation: federation.generation,
        },
        site: about.site.clone(),
        node: Some(seen.node),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        role: role_of(seen.role),
        leader: seen.leader.filter(|_| fresh),
        term: seen.term,
        applied: seen.head.index,
        time: state.time(),
        now,
        age_ms: seen.age.map(millis),
        quorum: quorum(&seen, &connected, fresh),
        sites: sites(&state, &seen, &connected, &returning, fresh),
        voters: seen.voters.iter().flatten().copied().collect(),
        learners: seen.learners.clone(),
        head: Some(seen.head),
        checkpoint: node.archive().checkpoints().ok().and_then(|all| all.last().copied()),
        certificate_not_after: Some(not_after),
        disk,
        notes,
        warnings: of_voters
            .into_iter()
            .chain(no_leader(&seen, fresh, now))
            .chain(unrecorded(node))
            .chain(lists_run_out(&state, &about.trust))
            .collect(),
        alarms: given_up
            .iter()
            .map(|site| removed(seen.node, site, now))
            .chain(seen.alarms.iter().map(notice))
            .collect(),
    }
}

/// Sites of which nothing is trusted here, because their revocation list ran out.
fn lists_run_out(state: &State, trust: &Trust) -> Vec<Notice> {
    let federation = &state.federation().value.name;
    let notice = |site: &SiteName| {
        let domain = TrustDomain { site: site.clone(), federation: federation.clone() };
        let (since, message) = refusal(trust, &domain)?;
        Some(Notice {
            name: "revocation-list-expired".to_owned(),
            since,
            subject: Some(format!("site {site}")),
            message,
        })
    };
    state.sites().filter_map(|site| notice(&site.value.name)).collect()
}

/// The node was given up, as a member says.
fn removed(node: NodeId, said_by: &SiteName, now: Millis) -> Notice {
    Notice {
        name: "node-removed".to_owned(),
        since: now,
        subject: Some(format!("node {node}")),
        message: Localised::new(
            format!(
                "Der Standort {said_by} sagt, dass dieser Knoten für immer aufgegeben wurde: er nimmt nicht mehr teil. Ihn anhalten und einen neuen hinzufügen (verbund node add)."
            ),
            format!(
                "site {said_by} says that this node was given up for ever: it takes part no more. Stop it, and add a new one (verbund node add)"
            ),
        ),
    }
}

/// The alarm that stops writes; if another node saw it, as much as is known here.
pub fn stopping_alarm(node: &NodeHandle, seen_by: NodeId) -> Notice {
    let stops = |raised: &&RaisedAlarm| matches!(raised.alarm, Alarm::Fork { .. } | Alarm::Diverged { .. });
    node.alarms().iter().find(stops).map(notice).unwrap_or_else(|| Notice {
        name: "fork".to_owned(),
        since: SystemClock.now(),
        subject: Some(format!("node {seen_by}")),
        message: Localised::new(
            format!("Knoten {seen_by} hat eine Verzweigung des Verbunds gesehen und schreibt nicht. Näheres zeigt sein Status."),
            format!("node {seen_by} has seen a fork of the federation and does not write. Its status says more."),
        ),
    })
}

fn connected(seen: &verbund_node::Status) -> BTreeSet<NodeId> {
    let nodes = seen.connections.iter().filter_map(|connection| match connection.peer.subject {
        Subject::Node(node) => Some(node),
        _ => None,
    });
    nodes.chain([seen.node]).collect()
}

fn role(role: verbund_node::Role) -> Role {
    match role {
        verbund_node::Role::Leader => Role::Leader,
        verbund_node::Role::Follower => Role::Follower,
        verbund_node::Role::Candidate => Role::Candidate,
        verbund_node::Role::Learner => Role::Learner,
        verbund_node::Role::Stopped => Role::Halted,
    }
}

fn quorum(seen: &verbund_node::Status, connected: &BTreeSet<NodeId>, fresh: bool) -> Quorum {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // While voters change, each of the two sets needs its majority: the one with less to spare counts.
    let sets = seen.voters.iter().map(|set| {
        let needed = set.len() / 2 + 1;
        let reachable = set.intersection(connected).count();
        (reachable as i64 - needed as i64, set.len(), reachable, needed)
    });
    let (_, voters, reachable, needed) = sets.min().unwrap_or((0, 0, 0, 1));
    Quorum {
        held: fresh && seen.leader.is_some(),
        voters: count(voters),
        reachable: count(reachable),
        needed: count(needed),
        spare: count(reachable.saturating_sub(needed)),
    }
}

fn sites(
    state: &State,
    seen: &verbund_node::Status,
    connected: &BTreeSet<NodeId>,
    returning: &BTreeMap<SiteName, u64>,
    fresh: bool,
) -> Vec<SiteStatus> {
    let peers: BTreeMap<NodeId, &verbund_node::PeerStatus> = seen.peers.iter().map(|peer| (peer.node, peer)).collect();
    let votes = |node: &NodeId| seen.voters.iter().any(|set| set.contains(node));
    let mut sites: BTreeMap<&SiteName, SiteStatus> = BTreeMap::new();
    for site in state.sites() {
        let value = &site.value;
        let status = SiteStatus {
            site: value.name.clone(),
            organisation: value.organisation.clone(),
            land: value.land,
            standing: value.standing,
            lost: lost(state, &value.name, returning),
            // Until a sign of it is found.
            started: !is_new(state, &value.name),
            nodes: Vec::new(),
        };
        sites.insert(&value.name, status);
    }
    for (node, site) in state.active_nodes() {
        let id = node.value.id;
        let own = id == seen.node;
        let part = match () {
            // Whoever leads and hears of no majority leads nobody.
            () if own && !fresh && seen.role == verbund_node::Role::Leader => Role::Follower,
            () if own => role(seen.role),
            () if fresh && seen.leader == Some(id) => Role::Leader,
            () if votes(&id) => Role::Follower,
            () if seen.learners.contains(&id) => Role::Learner,
            () => Role::Joining,
        };
        let peer = peers.get(&id);
        let status = NodeStatus {
            node: id,
            role: part,
            connected: connected.contains(&id),
            last_seen_ms: if own { Some(0) } else { peer.and_then(|peer| peer.heard).map(millis) },
            // The leader knows what it sent; everybody else, of what the node last signed a head.
            matched: if own { Some(seen.head.index) } else { peer.and_then(|peer| peer.matched.or(peer.signed)) },
        };
        if let Some(site) = sites.get_mut(&site.value.name) {
            // A leader knows that it has sent nothing yet, which is index 0.
            let has_log = status.matched.is_some_and(|index| index > 0);
            site.started |= own || status.connected || status.last_seen_ms.is_some() || has_log;
            site.nodes.push(status);
        }
    }
    sites.into_values().collect()
}

fn lost(state: &State, site: &SiteName, returning: &BTreeMap<SiteName, u64>) -> Option<Loss> {
    let presence = state.presence(site).filter(|presence| presence.value.lost)?;
    Some(Loss { since: presence.changed, returns_in_ms: returning.get(site).copied() })
}

/// Whether nothing in the state tells that the site ever ran: it was found lost at most once, and that right after its
/// admission, as it happens to each site that is not started within seconds.
fn is_new(state: &State, site: &SiteName) -> bool {
    let found_soon = |admitted: Millis| match state.presence(site) {
        Some(presence) => {
            presence.value.number == 1
                && presence.value.lost
                && presence.changed < admitted.saturating_add(JUST_ADMITTED)
        }
        // Found neither lost nor returned: it ran from the first moment, or was admitted a moment ago.
        None => state.time() < admitted.saturating_add(JUST_ADMITTED),
    };
    state.site(site).is_some_and(|site| found_soon(site.created))
}

/// What is to be said of who votes: what is as good as it can be with these members is a note, the rest warnings.
fn voters(state: &State, seen: &verbund_node::Status, now: Millis) -> (Vec<Notice>, Vec<Notice>) {
    // The voter plan follows from sites and nodes: it is what it is since the last of them changed.
    let changed = state.nodes().map(|node| node.changed).chain(state.sites().map(|site| site.changed)).max();
    let since = changed.unwrap_or(now);
    let (notes, warnings): (Vec<&VoterWarning>, Vec<&VoterWarning>) = seen.warnings.iter().partition(|w| is_best(w));
    let notices = |warnings: Vec<&VoterWarning>| warnings.into_iter().map(|w| of_voters(w, since)).collect();
    (notices(notes), notices(warnings))
}

/// Whether the voters bear the loss of as many as any number of them could with these organisations: nobody can do better, and
/// nothing is in danger.
fn is_best(warning: &VoterWarning) -> bool {
    let spare = |voters: usize| voters.saturating_sub(1) / 2;
    match warning {
        VoterWarning::EvenOrganisations { organisations, voters } => spare(*voters) >= spare(*organisations),
        VoterWarning::NoNode | VoterWarning::TooFewOrganisations { .. } | VoterWarning::SingleLand { .. } => false,
    }
}

fn no_leader(seen: &verbund_node::Status, fresh: bool, now: Millis) -> Option<Notice> {
    (!fresh).then(|| Notice {
        name: "no-leader".to_owned(),
        since: now - seen.age.map_or(0, millis).min(now),
        subject: None,
        message: Localised::new(
            "Kein Leader mit Mehrheit ist erreichbar: hier wird nicht geschrieben, Lesen geht als veraltet (--consistency stale).",
            "no leader with a quorum is reachable: nothing is written here, reads can be served stale (--consistency stale)",
        ),
    })
}

/// Directives that are in force here and of which the log does not know.
fn unrecorded(node: &NodeHandle) -> Vec<Notice> {
    let notice = |held: verbund_node::HeldDirective| Notice {
        name: "directive-unrecorded".to_owned(),
        since: held.heard,
        subject: Some(format!("directive {}", held.directive.number)),
        message: Localised::new(
            format!(
                "Anordnung {} ist hier in Kraft, das Protokoll hat sie noch nicht verzeichnet: das geschieht von selbst, sobald es ein Quorum gibt.",
                held.directive.number
            ),
            format!(
                "directive {} is in force here, and the log has not recorded it yet: that completes by itself as soon as there is a quorum",
                held.directive.number
            ),
        ),
    };
    node.directives().into_iter().filter(|held| !held.recorded).map(notice).collect()
}

fn of_voters(warning: &VoterWarning, since: Millis) -> Notice {
    let (name, de) = match warning {
        VoterWarning::NoNode => {
            ("no-voter", "Kein Standort hat einen aktiven Knoten: niemand kann abstimmen.".to_owned())
        }
        VoterWarning::TooFewOrganisations { organisations } => (
            "too-few-organisations",
            format!(
                "Nur {organisations} Organisation(en) mit aktivem Knoten: unter 3 hält der Verlust einer alles Schreiben an."
            ),
        ),
        VoterWarning::EvenOrganisations { organisations, voters } => (
            "even-organisations",
            format!(
                "{organisations} Organisationen haben einen aktiven Knoten, davon stimmen {voters} ab; auch vier Stimmen hielten nur den Verlust einer aus. Die fünfte Organisation bringt zwei Stimmen."
            ),
        ),
        VoterWarning::SingleLand { land } => {
            ("single-land", format!("Alle Stimmberechtigten stehen in {land}: sein Verlust hält alles Schreiben an."))
        }
    };
    Notice { name: name.to_owned(), since, subject: None, message: Localised::new(de, warning.to_string()) }
}

fn notice(raised: &RaisedAlarm) -> Notice {
    let alarm = &raised.alarm;
    let (subject, de) = german(alarm);
    Notice {
        name: alarm.name().to_owned(),
        since: raised.since,
        subject,
        message: Localised::new(de, alarm.to_string()),
    }
}

fn german(alarm: &Alarm) -> (Option<String>, String) {
    let node = |node: &NodeId| Some(format!("node {node}"));
    match alarm {
        Alarm::UnauthorisedEntry { index, leader, .. } => (
            node(leader),
            format!(
                "Leader {leader} hat bei Index {index} einen Eintrag zugelassen, den niemand Berechtigtes unterschrieben hat. Er wurde überall abgewiesen."
            ),
        ),
        Alarm::FalseCause { index, leader, author, .. } => (
            node(author),
            format!(
                "Knoten {author} hat über Leader {leader} bei Index {index} eine Ursache vorgebracht, die kein ehrlicher Knoten vorbringt. Sie wurde überall abgewiesen."
            ),
        ),
        Alarm::ForkedDirectives { index, number, .. } => (
            None,
            format!(
                "Die Koordinierungsstelle hat zwei Anordnungen mit der Nummer {number} erlassen; die zweite steht bei Index {index}. Beide gelten. Mindestens ein Koordinator hat beide unterschrieben."
            ),
        ),
        Alarm::ForgedMembership { leader, index, why } => (
            node(leader),
            format!(
                "Knoten {leader} hat bei Index {index} eine Mitgliedschaft vorgeschlagen, die der Zustand nicht hergibt: {why}"
            ),
        ),
        Alarm::ClockAhead { node: whose, ahead, seen_by } => (
            node(whose),
            format!("Die Uhr von Knoten {whose} geht {ahead} ms vor der von Knoten {seen_by}: Zeitquelle prüfen."),
        ),
        Alarm::Fork { index, one, other } => (
            None,
            format!(
                "Die Knoten {} und {} haben bei Index {index} verschiedene Verläufe: der Verbund hat sich verzweigt, es wird nicht mehr geschrieben.",
                one.node, other.node
            ),
        ),
        Alarm::Diverged { own, .. } => (
            None,
            format!("Der Verlauf dieses Knotens bei Index {} weicht von dem der Mehrheit ab: er hält an.", own.index),
        ),
        Alarm::LearnerDiffers { node: whose, index } => {
            (node(whose), format!("Der lernende Knoten {whose} hat bei Index {index} einen anderen Verlauf."))
        }
        Alarm::Equivocation { one, .. } => (
            node(&one.node),
            format!(
                "Knoten {} hat zu Index {} zwei verschiedene Köpfe unterschrieben: er lügt, oder sein Schlüssel ist in fremder Hand. Ausschließen.",
                one.node, one.head.index
            ),
        ),
        Alarm::ForgedHead { from, node: whose } => (
            node(from),
            format!(
                "Knoten {from} hat einen Kopf im Namen von {whose} verbreitet, den {whose} nicht unterschrieben hat."
            ),
        ),
        Alarm::UnknownFormat { index, format, known } => (
            None,
            format!(
                "Eintrag {index} hat in diesem Verbund das Format {format} eingeschaltet, und dieser Daemon kennt Format {known}: ihn aktualisieren und neu starten."
            ),
        ),
        Alarm::LowDisk { free } => (
            None,
            format!(
                "Die Platte dieses Knotens ist fast voll ({free} Byte frei): Schreiben wird abgewiesen. Platz schaffen."
            ),
        ),
    }
}

fn total_bytes(path: &std::path::Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |stat| stat.f_blocks.saturating_mul(stat.f_frsize))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_number_of_organisations_is_no_danger() {
        let even = |organisations, voters| VoterWarning::EvenOrganisations { organisations, voters };
        assert!(is_best(&even(4, 3)), "four voters bear the loss of one, as three do");
        assert!(!is_best(&even(4, 1)), "fewer vote than could");
        assert!(!is_best(&VoterWarning::TooFewOrganisations { organisations: 2 }), "the loss of one stops all writes");
        assert!(!is_best(&VoterWarning::NoNode));
    }
}
