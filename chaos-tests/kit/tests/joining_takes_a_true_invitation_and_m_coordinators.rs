//! Shows: a fourth site joins by invitation, when the m-th coordinator approves; the same invitation used fifty times at
//! once admits one; a flipped bit, another name, another key, a wrong pin and a passed expiry are each refused with a
//! message of their own, also when whoever joins does not check anything itself.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use verbund_identity::InvitationToken;
use verbund_keys::{Signer as _, SoftwareKey};
use verbund_kit::author::now;
use verbund_kit::joiner::{Answered, Contact, Joiner};
use verbund_kit::{Federation, Settings, seeded, until_async};
use verbund_model::{Algorithm, Hash};

const FILE: &str = "joining_takes_a_true_invitation_and_m_coordinators";
/// How often the one invitation is used.
const TIMES: usize = 50;
/// Connections over which that happens: as many as a contact takes at once from one address, and some to spare.
const CONTACTS: usize = 9;
const BOUND: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn one_site_for_one_invitation() {
    let mut rng = seeded(FILE, "one_site_for_one_invitation");
    let settings = Settings { coordinators: 3, threshold: 2, ..Settings::default() };
    let mut federation = Federation::of(3, settings).await.unwrap();
    a_fourth_site(&mut federation).await.unwrap();
    fifty_at_once(&mut federation).await.unwrap();
    let before = names(&federation, "sites").unwrap();
    refusals(&mut federation, &mut rng).await.unwrap();
    assert_eq!(names(&federation, "sites").unwrap(), before, "no refused site became a member");
}

/// Joins, is a member only after the second approval, and answers reads then.
async fn a_fourth_site(federation: &mut Federation) -> Result<()> {
    let site = federation.invite()?;
    let arguments = federation.join_arguments(site, &federation.invitation(site));
    let once = [&arguments[..], &["--wait".to_owned(), "1s".to_owned()]].concat();
    let said = federation.desk.say(&once.iter().map(String::as_str).collect::<Vec<_>>())?;
    ensure!(said.code == 8, "it waits for the coordinators: {said:?}");
    federation.approve(site, 1).await?;
    ensure!(!names(federation, "sites")?.contains("s4"), "one of two coordinators is not enough");
    // The same person again does not make two.
    federation.approve(site, 1).await?;
    ensure!(!names(federation, "sites")?.contains("s4"), "the same coordinator twice is not enough");
    // This runs `verbund join` again, which goes on with the same request, and the approvals of both coordinators.
    federation.join(site).await?;
    federation.settle().await?;
    let read = || async { names_at(federation, "s4", "sites") };
    let (sites, _) = until_async("reading at the fourth site", BOUND, read).await?;
    ensure!(sites == ["s1", "s2", "s3", "s4"].map(String::from).into(), "{sites:?}");
    Ok(())
}

/// Fifty different requests, all true but for the one invitation, at three contacts at the same time.
async fn fifty_at_once(federation: &mut Federation) -> Result<()> {
    let site = federation.invite()?;
    let text = std::fs::read_to_string(federation.invitation(site))?;
    let joiner = std::sync::Arc::new(Joiner::new(&federation.sites[site], &text)?);
    let mut contacts = Vec::new();
    for number in 0..CONTACTS {
        contacts.push(Contact::of(&federation.sites[number % 3]).await?);
    }
    let mut tasks = Vec::new();
    for number in 0..TIMES {
        let node = SoftwareKey::generate(Algorithm::P256)?;
        let request = joiner.request(&federation.sites[site], &node)?;
        let envelope = joiner.sign(request, &node, joiner.one_time_key()?)?;
        let (joiner, mut contact) = (joiner.clone(), contacts[number % CONTACTS].clone());
        tasks.push(tokio::spawn(async move { joiner.hand_in(&mut contact, &envelope).await }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await??);
    }
    let taken = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    ensure!(taken == 1, "{taken} of {TIMES} requests were taken: {answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != StatusCode::OK) {
        ensure!(answer.refusal()? == "invitationSpent", "{answer:?}");
    }
    federation.approve(site, 1).await?;
    federation.approve(site, 2).await?;
    let nodes = federation.desk.json(&["--context", "coordinator-1", "list", "nodes"])?;
    let of_site = count(&nodes, &|object| object["spec"]["site"] == "s5");
    ensure!(of_site == 1, "{of_site} nodes of s5 were admitted: {nodes}");
    Ok(())
}

async fn refusals(federation: &mut Federation, rng: &mut StdRng) -> Result<()> {
    let site = federation.invite()?;
    let other = federation.prepare()?;
    let text = std::fs::read_to_string(federation.invitation(site))?;
    let token = InvitationToken::from_text(&text)?;
    let another = SoftwareKey::generate(Algorithm::P256)?;
    let secret = data_encoding::BASE64URL_NOPAD.encode(&another.scalar()?);
    let with = |change: fn(&mut InvitationToken)| {
        let mut token = token.clone();
        change(&mut token);
        token.to_text()
    };

    let cases = [
        ("a flipped bit", site, flip(text.trim(), rng), "damaged"),
        ("another name", other, text.clone(), "not of s6.dvc"),
        ("another key", site, InvitationToken { secret, ..token.clone() }.to_text(), "is not registered"),
        ("a wrong pin", site, with(|token| token.pin = Hash([7; 32])), "trust anchor"),
        ("a passed expiry", site, with(|token| token.expires = now() - 1), "the invitation for s6 ended at"),
        ("another federation", site, with(|token| token.federation.0 = Hash([7; 32])), "belongs to the federation"),
    ];
    let mut messages = BTreeSet::new();
    for (what, site, invitation, wanted) in &cases {
        let said = join(federation, *site, invitation)?;
        ensure!(said.contains(wanted), "{what}: wanted {wanted:?}: {said}");
        println!("{what}: {}", said.lines().last().unwrap_or_default());
        messages.insert(said);
    }
    ensure!(messages.len() == cases.len(), "each has a message of its own");
    hostile(federation, site, other).await
}

/// The same by somebody who skips every check on the joiner's side: the federation refuses.
async fn hostile(federation: &Federation, site: usize, other: usize) -> Result<()> {
    let text = std::fs::read_to_string(federation.invitation(site))?;
    let joiner = Joiner::new(&federation.sites[site], &text)?;
    let node = SoftwareKey::generate(Algorithm::P256)?;
    let honest = joiner.request(&federation.sites[site], &node)?;

    let mut named = honest.clone();
    named.site = federation.sites[other].name.parse()?;
    let envelope = joiner.sign(named, &node, joiner.one_time_key()?)?;
    let name = hand_in(federation, &joiner, &envelope).await?.refusal()?;

    let envelope = joiner.sign(honest.clone(), &node, SoftwareKey::generate(Algorithm::P256)?)?;
    let key = hand_in(federation, &joiner, &envelope).await?.refusal()?;

    let mut envelope = joiner.sign(honest.clone(), &node, joiner.one_time_key()?)?;
    let middle = envelope.payload.len() / 2;
    envelope.payload[middle] ^= 1;
    let bit = hand_in(federation, &joiner, &envelope).await?.refusal()?;

    let stolen = SoftwareKey::generate(Algorithm::P256)?;
    let mut claimed = honest;
    claimed.node_key = stolen.public_key().clone();
    let envelope = joiner.sign(claimed, &node, joiner.one_time_key()?)?;
    let proof = hand_in(federation, &joiner, &envelope).await?.refusal()?;

    federation.invite_for(other, "5s")?;
    let late = Joiner::new(&federation.sites[other], &std::fs::read_to_string(federation.invitation(other))?)?;
    let expires = late.token.expires;
    let passed = || async {
        ensure!(now() > expires, "not over yet");
        Ok(())
    };
    until_async("the end of an invitation", BOUND, passed).await?;
    let request = late.request(&federation.sites[other], &node)?;
    let envelope = late.sign(request, &node, late.one_time_key()?)?;
    let answered = hand_in(federation, &late, &envelope).await?;
    println!("refused by the federation: name {name}, key {key}, bit {bit}, proof {proof}, expiry {answered:?}");
    ensure!(key == "badSignature" && bit == "badSignature", "{key}, {bit}");
    ensure!(proof == "badProof", "{proof}");
    ensure!(!name.is_empty() && name != "badSignature" && name != "invitationSpent", "{name}");
    ensure!(answered.refusal()? == "invitationSpent" && answered.body.to_string().contains("ended at"), "{answered:?}");
    Ok(())
}

async fn hand_in(federation: &Federation, joiner: &Joiner, envelope: &verbund_identity::Envelope) -> Result<Answered> {
    joiner.hand_in(&mut Contact::of(&federation.sites[0]).await?, envelope).await
}

/// Runs `verbund join` with a changed invitation; it must fail. Returns what it said.
fn join(federation: &Federation, site: usize, invitation: &str) -> Result<String> {
    let file = federation.desk.path("changed.invitation");
    std::fs::write(&file, invitation)?;
    // A request that was signed before would be sent again, whatever the file says now.
    let _ = std::fs::remove_file(federation.sites[site].data_dir().join("join.json"));
    let mut arguments = federation.join_arguments(site, &file.display().to_string());
    arguments.extend(["--wait".to_owned(), "1s".to_owned()]);
    let said = federation.desk.say(&arguments.iter().map(String::as_str).collect::<Vec<_>>())?;
    ensure!(said.code == 1, "it must be refused: {said:?}");
    Ok(said.err)
}

/// The text with one bit of its encoded part flipped, so that another character of the alphabet stands there.
fn flip(text: &str, rng: &mut StdRng) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = text.as_bytes().to_vec();
    let start = text.find('.').map_or(0, |at| at + 1);
    let at = rng.random_range(start..bytes.len() - 1);
    let place = alphabet.iter().position(|c| *c == bytes[at]).unwrap();
    bytes[at] = alphabet[place ^ (1 << rng.random_range(0..6))];
    String::from_utf8(bytes).unwrap()
}

fn names(federation: &Federation, kind: &str) -> Result<BTreeSet<String>> {
    names_at(federation, "coordinator-1", kind)
}

fn names_at(federation: &Federation, context: &str, kind: &str) -> Result<BTreeSet<String>> {
    let out = federation.desk.run(&["--context", context, "list", kind, "-o", "name"])?;
    let name = |line: &str| Some(line.trim().rsplit('/').next()?.to_owned()).filter(|name| !name.is_empty());
    let names: BTreeSet<String> = out.lines().filter_map(name).collect();
    Some(names).filter(|names| !names.is_empty()).context("an empty list")
}

/// How many objects of a document fit.
fn count(value: &Value, fits: &dyn Fn(&Value) -> bool) -> usize {
    match value {
        Value::Object(fields) => usize::from(fits(value)) + fields.values().map(|v| count(v, fits)).sum::<usize>(),
        Value::Array(items) => items.iter().map(|v| count(v, fits)).sum(),
        _ => 0,
    }
}
