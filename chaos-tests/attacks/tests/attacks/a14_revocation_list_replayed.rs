//! Attack 14: an older revocation list is brought back, so that what was revoked counts again, or the newest is withheld (design 3.7;
//! reliability, finding 3).
//!
//! Expected: of each CA the newest list counts, whoever brings which and when, also after a restart. Lists are taken from strangers,
//! so that is what the attacker is here. Control: what the same stranger brings the same way is in force when it is newer. A list
//! that is withheld closes what it is about; that, with two sites, is in `daemon/verbund/tests/certificates.rs`.

use std::time::{Duration, SystemTime};

use anyhow::ensure;
use http::StatusCode;
use serde_json::{Value, json};
use verbund_kit::api::log_in;
use verbund_kit::joiner::Contact;
use verbund_kit::peer::site_keys;
use verbund_kit::site::Site;
use verbund_kit::wait::until_async;
use verbund_kit::{Federation, Settings};
use verbund_model::resource::Der;

const PATIENCE: Duration = Duration::from_secs(60);

/// Brings lists to a site as anybody can. Gives what it knows then.
async fn bring(site: &Site, lists: &Value) -> Value {
    let mut contact = Contact::of(site).await.unwrap();
    let message = json!({ "held": {}, "lists": lists });
    let answer = contact.post("/revocations/v1/exchange", &message).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    answer.body
}

/// The number of the one CA's newest list.
fn number(told: &Value) -> u64 {
    let held = told["held"].as_object().unwrap();
    assert_eq!(held.len(), 1, "one site has one CA: {told}");
    held.values().next().unwrap().as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_list_brings_nothing_back() {
    let mut federation = Federation::found(Settings::default(), None).await.unwrap();
    let person = federation.new_user("erika").unwrap();
    let identity = log_in(federation.sites[0].door().unwrap(), &person).await.unwrap();
    federation.reads(0, &identity).await.expect("control: the certificate counts before");
    let before = bring(&federation.sites[0], &json!([])).await;
    let old = before["lists"].clone();
    assert_eq!(old.as_array().unwrap().len(), 1, "VOID: there is no list to keep: {before}");

    let data = federation.sites[0].data_dir().display().to_string();
    let key = person.key().to_string();
    let revoke = ["keys", "revoke", "--key", &key, "--reason", "key-compromise", "--yes", "--data-dir", &data];
    federation.desk.run(&revoke).unwrap();
    let refused = || async {
        ensure!(federation.reads(0, &identity).await.is_err(), "it still counts");
        Ok(())
    };
    until_async("the end of what was revoked", PATIENCE, refused).await.unwrap();

    for restarted in [false, true] {
        if restarted {
            federation.sites[0].kill().unwrap();
            federation.start(0).await.unwrap();
        }
        let told = bring(&federation.sites[0], &old).await;
        assert!(number(&told) > number(&before), "the old one is in force, restarted: {restarted}: {told}");
        assert!(federation.reads(0, &identity).await.is_err(), "it counts again, restarted: {restarted}");
    }

    let keys = site_keys(&federation.sites[0]).unwrap();
    let next = number(&bring(&federation.sites[0], &json!([])).await) + 1;
    let newer = keys.ca().issue_crl(next, &[], Duration::from_secs(3600), SystemTime::now().into()).unwrap();
    let issuer = Der(keys.ca().certificate().der().to_vec());
    let brought = json!([{ "site": "s1", "issuer": issuer, "list": Der(newer.der().to_vec()) }]);
    let told = bring(&federation.sites[0], &brought).await;
    assert!(number(&told) >= next, "control: a newer one that the CA did sign is taken: {told}");
}
