//! The judgement over a history: no acknowledged write is missing on any member, and each was applied exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use verbund_identity::Head;

use crate::api::Connection;
use crate::audit::Applied;
use crate::author::Author;
use crate::federation::Federation;
use crate::traffic::History;
use crate::wait::until_async;

/// How long a member may take to have everything (I12), with room for a busy machine.
const CONVERGE: Duration = Duration::from_secs(60);

/// Checks every running member against the history. Errors: the first thing that is missing, doubled or different.
pub async fn check_members(federation: &Federation, author: &Author, history: &History) -> Result<()> {
    history.expect_all_applied()?;
    let last = history.last_version();
    for (site, name) in running(federation) {
        let mut connection = federation.connect(site, author).await?;
        wait_for_index(&mut connection, last).await.with_context(|| format!("{name} catching up"))?;
        check_catalogue(&mut connection, history).await.with_context(|| format!("the catalogue at {name}"))?;
        let export =
            export_reaching(&mut connection, last).await.with_context(|| format!("the audit archive of {name}"))?;
        check_exactly_once(&Applied::of(&export)?, history).with_context(|| format!("the audit records of {name}"))?;
    }
    Ok(())
}

/// Waits until all running members have signed a head for the same index, and compares the hashes (I11). Returns the head.
pub async fn equal_heads(federation: &Federation, author: &Author, at_least: u64) -> Result<Head> {
    let mut connections = Vec::new();
    for (site, name) in running(federation) {
        connections.push((name, federation.connect(site, author).await?));
    }
    let look = || {
        let connections = connections.clone();
        async move {
            let mut heads: Vec<(String, Head)> = Vec::new();
            for (name, mut connection) in connections {
                let status: Value = connection.get_json("/v1/status").await?;
                heads.push((name, serde_json::from_value(status["head"].clone()).context("no head yet")?));
            }
            let index = heads.first().map_or(0, |(_, head)| head.index);
            let same = heads.iter().all(|(_, head)| head.index == index) && index >= at_least;
            ensure!(same, "no common index from {at_least} on yet: {heads:?}");
            Ok(heads)
        }
    };
    let (heads, _) = until_async("heads of all members for one index", CONVERGE, look).await?;
    let first = heads.first().context("nobody runs")?;
    for other in &heads {
        ensure!(other.1 == first.1, "{} and {} differ: {:?}, {:?}", first.0, other.0, first.1, other.1);
    }
    Ok(first.1)
}

/// An export from the beginning that reaches at least index `last`.
pub async fn export_reaching(connection: &mut Connection, last: u64) -> Result<bytes::Bytes> {
    let look = || {
        let mut connection = connection.clone();
        async move {
            let answer = connection.get("/v1/audit/export").await?;
            ensure!(answer.status.is_success(), "{}: {}", answer.status, String::from_utf8_lossy(&answer.body));
            let reached = Applied::of(&answer.body)?.last;
            ensure!(reached >= last, "the export reaches {reached}, not {last}");
            Ok(answer.body)
        }
    };
    Ok(until_async("an export that reaches the last write", CONVERGE, look).await?.0)
}

/// Waits until a member has applied the entry at `index`.
pub async fn wait_for_index(connection: &mut Connection, index: u64) -> Result<Duration> {
    let look = || {
        let mut connection = connection.clone();
        async move {
            let status: Value = connection.get_json("/v1/status").await?;
            let applied = status["applied"].as_u64().context("no applied index")?;
            ensure!(applied >= index, "applied {applied}, not {index}");
            Ok(())
        }
    };
    Ok(until_async(&format!("index {index}"), CONVERGE, look).await?.1)
}

fn running(federation: &Federation) -> Vec<(usize, String)> {
    let all = federation.sites.iter().enumerate().filter(|(_, site)| site.runs());
    all.map(|(position, site)| (position, site.name.clone())).collect()
}

async fn check_catalogue(connection: &mut Connection, history: &History) -> Result<()> {
    let found = catalogue(connection).await?;
    for (name, wanted) in history.newest() {
        let found = found.get(name).with_context(|| format!("{name} is missing"))?;
        ensure!(*found == wanted, "{name}: number and version {found:?}, but {wanted:?} was acknowledged last");
    }
    Ok(())
}

/// Number and version of each of the load's entries, as this member has them.
async fn catalogue(connection: &mut Connection) -> Result<BTreeMap<String, (u64, u64)>> {
    let mut all = BTreeMap::new();
    let mut next: Option<String> = None;
    loop {
        let from = next.map_or_else(String::new, |next| format!("&continue={next}"));
        let page: Value = connection.get_json(&format!("/v1/catalogue?consistency=stale{from}")).await?;
        for item in page["items"].as_array().context("a list has items")? {
            let name = item["metadata"]["name"].as_str().context("an item has a name")?;
            let version = item["metadata"]["resourceVersion"].as_u64().context("an item has a version")?;
            // Entries that are not the load's have no number.
            if let Some(number) = item["spec"]["document"]["number"].as_u64() {
                all.insert(name.to_owned(), (number, version));
            }
        }
        match page["metadata"]["continue"].as_str() {
            Some(more) => next = Some(more.to_owned()),
            None => return Ok(all),
        }
    }
}

/// Each acknowledged write made exactly one change, and it is the one that was acknowledged.
fn check_exactly_once(applied: &Applied, history: &History) -> Result<()> {
    for (write, version) in history.applied() {
        let changes = applied.changes.get(&write.payload).map_or(&[][..], Vec::as_slice);
        let (name, number) = (&write.name, write.number);
        ensure!(changes == [version], "{name} number {number}: acknowledged at {version}, applied at {changes:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use verbund_model::Hash;

    use super::*;
    use crate::traffic::{Fate, Write};

    /// The positive control of every test that ends with "nothing is missing".
    #[test]
    fn missing_and_doubled_writes_are_found() {
        let since = Instant::now();
        let write = |byte: u8, version| Write {
            name: "n".to_owned(),
            number: u64::from(byte),
            payload: Hash([byte; 32]),
            sent: since,
            fate: Fate::Applied { version, at: since },
            tries: 1,
            was_unknown: false,
        };
        let history = History { writes: vec![write(1, 10), write(2, 11)], since, until: since };
        let check = |changes: &[(u8, &[u64])]| {
            let changes = changes.iter().map(|(byte, at)| (Hash([*byte; 32]), at.to_vec())).collect();
            check_exactly_once(&Applied { changes, last: 99 }, &history)
        };
        check(&[(1, &[10]), (2, &[11]), (3, &[12])]).unwrap();
        assert!(check(&[(1, &[10])]).is_err(), "missing");
        assert!(check(&[(1, &[10]), (2, &[11, 12])]).is_err(), "doubled");
        assert!(check(&[(1, &[10]), (2, &[12])]).is_err(), "elsewhere");
    }
}
