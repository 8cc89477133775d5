//! Handing a directive in at every site that the context knows, and seeing who enforces it. It needs no login and no quorum.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hyper::body::Bytes;
use serde::Serialize;
use tokio::time::Instant;
use verbund_api::port::DirectiveView;
use verbund_identity::directive::to_file;
use verbund_model::{NodeId, SiteName};

use super::{describe, read};
use crate::app::App;
use crate::cli::Span;
use crate::client::Door;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::say;
use crate::t;

/// How long is waited for receipts if nobody says.
const WAIT: Duration = Duration::from_secs(30);
/// How long a site may take to be reached.
const REACH: Duration = Duration::from_secs(10);
/// Between two looks, while it is likely that something happens.
const LOOK: Duration = Duration::from_millis(50);
/// Between two looks after that.
const LATER: Duration = Duration::from_millis(500);

/// A node that enforced it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Enforced {
    site: SiteName,
    node: NodeId,
    /// Milliseconds from handing it in until its receipt was here.
    after_ms: u64,
    /// Milliseconds that it took there, by that node's clock.
    took_ms: u64,
    lines: u64,
}

/// What was seen.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    handed_in: BTreeMap<String, String>,
    enforced: Vec<Enforced>,
    recorded_after_ms: Option<u64>,
    directive: Option<DirectiveView>,
}

pub async fn run(app: &App, file: &Path, sites: &[SiteName], wait: Option<Span>) -> Result<Exit, Failure> {
    let signed = read(file)?;
    let directive = describe::parse(&signed)?;
    let client = app.client()?;
    if directive.federation != client.context().federation {
        return Err(Failure::new(t!("directive-other-federation", context = app.context()?.0)));
    }
    say(&t!("directive-hands-in", what = describe::act(&directive.order)));
    let wanted = |door: &Door| sites.is_empty() || door.site.as_ref().is_some_and(|site| sites.contains(site));
    let doors: Vec<Door> = client.doors().into_iter().filter(wanted).collect();
    let bytes = Bytes::from(to_file(&signed));
    let begun = Instant::now();
    let mut progress =
        Progress { handed_in: BTreeMap::new(), enforced: Vec::new(), recorded_after_ms: None, directive: None };
    let mut taken = hand_in(&doors, &bytes, begun, &mut progress).await?;
    let end = begun + wait.map_or(WAIT, |span| span.0);
    let finished = tokio::select! {
        finished = follow(&mut taken, &bytes, (begun, end), &mut progress) => finished,
        _ = tokio::signal::ctrl_c() => false,
    };
    let text = progress.directive.as_ref().map(describe::receipts).unwrap_or_default();
    app.output.value(&progress, || text)?;
    if let Some(view) = &progress.directive {
        say(&describe::open(view));
    }
    say(&describe::still_to_do(None));
    Ok(if finished { Exit::Ok } else { Exit::Warnings })
}

/// Hands it in everywhere at once; goes on as soon as one site has taken it. The others are told by that one, too. Errors: none
/// took it.
async fn hand_in<'a>(
    doors: &'a [Door],
    bytes: &Bytes,
    begun: Instant,
    progress: &mut Progress,
) -> Result<&'a Door, Failure> {
    let hand = |door: &'a Door| async move {
        let handed = tokio::time::timeout(REACH, door.hand_in(bytes.clone())).await;
        (door, handed)
    };
    let mut handed: FuturesUnordered<_> = doors.iter().map(hand).collect();
    let mut last = None;
    while let Some((door, result)) = handed.next().await {
        let name = door.name();
        match result {
            Ok(Ok(view)) => {
                say(&t!("directive-taken", site = name.as_str(), ms = millis(begun)));
                progress.handed_in.insert(name, "taken".to_owned());
                note(&view, begun, progress);
                progress.directive = Some(view);
                return Ok(door);
            }
            Ok(Err(error)) => {
                say(&t!("directive-not-taken", site = name.as_str(), reason = error.to_string()));
                progress.handed_in.insert(name, error.to_string());
                last = Some(error);
            }
            Err(_) => {
                let reason = t!("client-deadline", seconds = REACH.as_secs());
                say(&t!("directive-not-taken", site = name.as_str(), reason = reason.as_str()));
                progress.handed_in.insert(name, reason);
            }
        }
    }
    Err(match last {
        Some(error) => error.failure(t!("directive-handing-in")),
        None => Failure::new(t!("directive-nowhere")).remedy(t!("client-unreachable-remedy")),
    })
}

/// Looks until all have enforced it and the log has recorded it. `false`: the time was over before.
async fn follow(door: &mut &Door, bytes: &Bytes, (begun, end): (Instant, Instant), progress: &mut Progress) -> bool {
    loop {
        if progress.directive.as_ref().is_some_and(|view| view.awaited.is_empty() && view.recorded) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        tokio::time::sleep(if begun.elapsed() < Duration::from_secs(3) { LOOK } else { LATER }).await;
        // The same one again changes nothing, and tells who has answered.
        if let Ok(view) = door.hand_in(bytes.clone()).await {
            note(&view, begun, progress);
            progress.directive = Some(view);
        }
    }
}

/// Tells what is new.
fn note(view: &DirectiveView, begun: Instant, progress: &mut Progress) {
    let known: BTreeSet<NodeId> = progress.enforced.iter().map(|one| one.node).collect();
    for signed in view.receipts.iter().filter(|signed| !known.contains(&signed.receipt.node)) {
        let receipt = &signed.receipt;
        let (after_ms, took_ms) = (millis(begun), receipt.done.saturating_sub(receipt.heard));
        let (site, lines) = (receipt.site.to_string(), receipt.lines);
        say(&t!("directive-enforced", site = site.as_str(), ms = after_ms, took = took_ms, lines = lines));
        progress.enforced.push(Enforced { site: receipt.site.clone(), node: receipt.node, after_ms, took_ms, lines });
    }
    if view.recorded && progress.recorded_after_ms.is_none() {
        progress.recorded_after_ms = Some(millis(begun));
        say(&t!("directive-recorded", ms = millis(begun)));
    }
}

fn millis(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
