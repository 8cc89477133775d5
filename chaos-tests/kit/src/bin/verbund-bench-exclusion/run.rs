//! One exclusion after the other, each of a site that joined for it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use serde_json::Value;
use verbund_identity::directive::{from_file, to_file};
use verbund_identity::{Directive, add_signature};
use verbund_keys::{AwsVerifier, KeyFile, Passphrase, Signer, SoftwareKey};
use verbund_kit::desk::PASSPHRASE;
use verbund_kit::wait::until_async;
use verbund_kit::{Author, Federation, Settings};
use verbund_tls::LiveIdentity;

use crate::excluded::{Dialling, Streams};
use crate::options::Options;

/// How long anything of a run may take before it is void.
const MOST: Duration = Duration::from_secs(60);
/// How long the excluded go on dialling after their last stream ended.
const AFTER: Duration = Duration::from_secs(4);

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Cut {
    /// For each site that was connected, from the last signature to the last closed stream or successful handshake there.
    pub connected: Vec<Duration>,
    /// The same at the site that learned late, from when it learned.
    pub late: Duration,
    /// From the last signature to the directive's record in the log.
    pub recorded: Duration,
}

/// Runs all. A void run is one whose reason stands in its place.
pub async fn all(options: &Options, directory: &Path) -> Result<Vec<Result<Cut, String>>> {
    let sites = usize::from(options.sites);
    // The last ones: the first votes, and is asked by the command line.
    let delayed: BTreeMap<usize, Duration> =
        (sites.saturating_sub(options.delayed)..sites).map(|site| (site, options.delay())).collect();
    let settings = Settings { coordinators: 3, threshold: 2, delayed, ..Settings::default() };
    let mut federation = Federation::found(settings, Some(directory)).await?;
    eprintln!("growing to {sites} sites ...");
    federation.grow(sites).await?;
    let key = KeyFile::read(&federation.desk.path("coordinator-2"))?;
    let key = key.unlock(&Passphrase::new(PASSPHRASE.as_bytes().to_vec())?)?;
    let mut runs = Vec::new();
    for number in 1..=options.runs {
        let run = once(&mut federation, sites, &key, options).await.map_err(|error| format!("{error:#}"));
        match &run {
            Ok(cut) => {
                let worst = cut.connected.iter().max().copied().unwrap_or_default();
                eprintln!("run {number}: {worst:.0?} at the last site, {:.0?} at the late one", cut.late);
            }
            Err(why) => eprintln!("run {number}: VOID: {why}"),
        }
        runs.push(run);
    }
    Ok(runs)
}

async fn once(federation: &mut Federation, sites: usize, key: &SoftwareKey, options: &Options) -> Result<Cut> {
    let out = federation.invite()?;
    federation.join(out).await?;
    let readers = readers(federation, out).await?;
    let node = federation.node_of(out, 0)?;
    // Which one learns late changes from run to run, but not the first, which hands out the directive.
    let late = 1 + out % (sites - 1);
    let mut streams = BTreeMap::new();
    let mut dials = BTreeMap::new();
    for site in 0..sites {
        let federation: &Federation = federation;
        let known = || federation.reads(site, &readers[0]);
        until_async("the new site being known everywhere", MOST, known).await?;
        streams.insert(site, Streams::open(federation, site, &readers, usize::from(options.streams)).await?);
        dials.insert(site, Dialling::start(federation, site, out, node)?);
    }
    let (said, file) = federation.draw_up(out, &[])?;
    ensure!(said.code == 8, "drawing up: {said:?}");
    let mut signed = from_file(&std::fs::read(&file)?)?;
    let mut door = federation.sites[0].door()?.connect(None).await?;
    ensure!(streams.values().all(Streams::all_open), "a stream ended before anything happened");
    federation.sites[late].freeze()?;

    let begun = Instant::now();
    let signature = key.sign(&Directive::message(&signed.payload.0))?;
    add_signature(&mut signed, key.public_key(), &signature, &AwsVerifier)?;
    let file = Bytes::from(to_file(&signed));
    let answer = door.post("/v1/directives/live", "application/json", file.clone()).await;
    let cut = async {
        answer?.json::<Value>()?;
        let of_late = streams.remove(&late).context("the late site has streams")?;
        let mut ends = BTreeMap::new();
        for (site, streams) in streams {
            ends.insert(site, streams.ended(MOST).await?);
        }
        tokio::time::sleep(AFTER).await;
        let dialled_late = dials.remove(&late).context("the late site is dialled")?;
        let mut connected = Vec::new();
        for (site, dialling) in dials {
            let dialled = dialling.stop().await?;
            ensure!(dialled.succeeded > 0 && dialled.refused > 0, "site {site} was dialled too little: {dialled:?}");
            let end = ends[&site].max(dialled.last.unwrap_or(begun));
            connected.push(end.saturating_duration_since(begun));
        }
        Ok::<_, anyhow::Error>((of_late, dialled_late, connected))
    }
    .await;
    federation.sites[late].thaw()?;
    let (of_late, dialled_late, connected) = cut?;
    let end = of_late.ended(MOST).await?;
    tokio::time::sleep(AFTER).await;
    let end = end.max(dialled_late.stop().await?.last.unwrap_or(begun));
    let name = federation.sites[late].name.clone();
    let complete = || {
        let (mut door, file) = (door.clone(), file.clone());
        async move {
            let view: Value = door.post("/v1/directives/live", "application/json", file).await?.json()?;
            ensure!(view["recorded"] == true && view["awaited"] == Value::Array(Vec::new()), "{}", view["awaited"]);
            Ok(view)
        }
    };
    let (view, _) = until_async("every site's receipt, and the record", MOST, complete).await?;
    let recorded = begun.elapsed();
    let receipts = view["receipts"].as_array().context("receipts")?;
    let receipt =
        receipts.iter().find(|one| one["receipt"]["site"] == name.as_str()).context("the late site's receipt")?;
    let heard = Duration::from_millis(receipt["receipt"]["heard"].as_u64().context("a time")?);
    let ended = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)? - end.elapsed();
    // All clocks are this machine's.
    let late = ended.saturating_sub(heard);
    federation.sites[out].kill()?;
    Ok(Cut { connected, late, recorded })
}

/// Two readers of the site that will be excluded: one alone may not have that many streams.
async fn readers(federation: &Federation, out: usize) -> Result<Vec<Arc<LiveIdentity>>> {
    let first = federation.administrator_of(out).await?;
    let second = Author::new(federation.id)?;
    let (context, organisation) = (federation.sites[out].name.as_str(), federation.sites[out].organisation.as_str());
    let create = ["--context", context, "user", "create", "second", "--org", organisation];
    federation.desk.run(&[&create[..], &["--key", &second.public_key().to_string()]].concat())?;
    let second = verbund_kit::api::log_in(federation.sites[out].door()?, &second).await?;
    Ok(vec![first, second])
}
