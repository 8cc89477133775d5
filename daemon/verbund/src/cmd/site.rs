//! `verbund site`: what a site shows of itself, and its admission.

use serde_json::json;
use verbund_api::port::Wanted;
use verbund_identity::{CaCertificate, key_id};
use verbund_model::resource::{Admission, AdmissionRequest, Der, Federation, Site};
use verbund_model::view::{Kind, Resource};
use verbund_model::{Command, Hash, SiteName};

use super::invitation::from_resource;
use super::placing;
use crate::app::{App, change};
use crate::cli::{Confirm, SiteCommand};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Format, Table, say};
use crate::t;

/// The least number of hexadecimal digits by which a person may name a fingerprint: 64 bits.
const LEAST_DIGITS: usize = 16;

pub async fn run(app: &App, command: SiteCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    match command {
        SiteCommand::List => list(app, &client).await,
        SiteCommand::Show { site } => show(app, &client, &site).await,
        SiteCommand::Approve { site, hash, fingerprint, confirm } => {
            approve(app, &client, &site, hash, fingerprint.as_deref(), &confirm).await
        }
        SiteCommand::Refuse { site, reason, hash, confirm } => {
            refuse(app, &client, &site, hash, reason, &confirm).await
        }
        SiteCommand::Suspend { site, confirm } => {
            app.confirm(&t!("confirm-suspend-site", site = site.to_string()), confirm.yes)?;
            let about = t!("about-suspend-site", site = site.to_string());
            app.change(&client, change(about, Command::SuspendSite { name: site })).await
        }
        SiteCommand::Resume { site } => {
            let about = t!("about-resume-site", site = site.to_string());
            app.change(&client, change(about, Command::ResumeSite { name: site })).await
        }
        SiteCommand::Exclude { site, options } => {
            let (reason, accept_quorum_loss) = (options.reason.clone(), options.accept_quorum_loss);
            let wanted = Wanted::ExcludeSite { site: site.clone(), reason, accept_quorum_loss };
            super::directive::exclude(app, wanted, options, site.as_str()).await
        }
        SiteCommand::Update { site, land } => {
            let about = t!("about-update-site", site = site.to_string());
            app.change(&client, change(about, Command::UpdateSite { site, land })).await
        }
    }
}

/// A fingerprint as people compare it: groups of four digits.
#[must_use]
pub fn groups(hex: &str) -> String {
    hex.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}

/// What names a site's keys: the label for people, a stable name, the digest.
struct Fingerprint {
    label: String,
    name: &'static str,
    hash: Hash,
}

fn of_anchors(anchors: &[Der]) -> Result<Vec<Fingerprint>, Failure> {
    let pin = |der: &Der| {
        let hash = CaCertificate::from_der(&der.0)?.spki_hash;
        Ok(Fingerprint { label: t!("fingerprint-anchor"), name: "anchor", hash })
    };
    anchors.iter().map(pin).collect()
}

fn of_site(site: &Site) -> Result<Vec<Fingerprint>, Failure> {
    let mut all = of_anchors(&site.anchors)?;
    let hash = key_id(&site.issuing_key).0;
    all.push(Fingerprint { label: t!("fingerprint-issuing"), name: "issuing", hash });
    let hash = key_id(&site.sealing_key).0;
    all.push(Fingerprint { label: t!("fingerprint-sealing"), name: "sealing", hash });
    Ok(all)
}

fn of_request(request: &AdmissionRequest) -> Result<Vec<Fingerprint>, Failure> {
    let mut all = of_anchors(&request.anchors)?;
    let hash = key_id(&request.node_key).0;
    all.push(Fingerprint { label: t!("fingerprint-node"), name: "node", hash });
    let hash = key_id(&request.sealing_key).0;
    all.push(Fingerprint { label: t!("fingerprint-sealing"), name: "sealing", hash });
    Ok(all)
}

fn table(fingerprints: &[Fingerprint]) -> Table {
    let mut table = Table::plain();
    for fingerprint in fingerprints {
        table.row(vec![fingerprint.label.clone(), groups(&fingerprint.hash.to_string())]);
    }
    table
}

/// All sites, and for people those that wait to be one.
async fn list(app: &App, client: &Client) -> Result<Exit, Failure> {
    let exit = super::resource::print_list(app, client, Kind::Site).await?;
    if app.output.format() != Format::Table {
        return Ok(exit);
    }
    let waiting = waiting(client).await?;
    if !waiting.is_empty() {
        let federation = super::proposal::federation(client).await?;
        crate::output::print(&format!("\n{}\n{}", t!("site-waiting"), requests(&federation, &waiting).render()))?;
        say(&t!("site-waiting-next"));
    }
    Ok(exit)
}

/// Requests for admission that can still be approved: not admitted, not refused, and of no site that was admitted by another request
/// since.
pub fn open_requests(admissions: &[Resource], sites: &[Resource]) -> Result<Vec<Admission>, Failure> {
    let all: Result<Vec<Admission>, Failure> = admissions.iter().map(from_resource).collect();
    let is_member = |site: &SiteName| sites.iter().any(|member| member.metadata.name == site.as_str());
    let is_open = |a: &Admission| a.admitted.is_none() && a.refused.is_none() && !is_member(&a.request.site);
    Ok(all?.into_iter().filter(is_open).collect())
}

async fn waiting(client: &Client) -> Result<Vec<Admission>, Failure> {
    open_requests(&client.list(Kind::Admission).await?.value, &client.list(Kind::Site).await?.value)
}

fn requests(federation: &Federation, waiting: &[Admission]) -> Table {
    let mut table = Table::new(vec![
        t!("column-site"),
        t!("column-organisation"),
        t!("column-land"),
        t!("column-approvals"),
        t!("column-request"),
    ]);
    for admission in waiting {
        let request = &admission.request;
        let have = super::proposal::counted(federation, &admission.approvals).len();
        table.row(vec![
            request.site.to_string(),
            request.organisation.to_string(),
            request.land.to_string(),
            t!("approvals-value", have = have, need = federation.coordinators.threshold),
            admission.hash.short(),
        ]);
    }
    table
}

/// A site that is none yet: what it asked for.
async fn show_waiting(app: &App, client: &Client, name: &SiteName) -> Result<Exit, Failure> {
    let waiting: Vec<Admission> = waiting(client).await?.into_iter().filter(|a| a.request.site == *name).collect();
    if waiting.is_empty() {
        return Err(Failure::new(t!("resource-none", what = format!("sites/{name}")))
            .remedy(t!("resource-none-remedy", kind = "sites")));
    }
    let federation = super::proposal::federation(client).await?;
    let mut text = t!("site-not-yet", site = name.to_string()) + "\n" + &requests(&federation, &waiting).render();
    for admission in &waiting {
        text += &format!("\n{}", describe(admission, &of_request(&admission.request)?));
    }
    app.output.value(&waiting, || text + "\n")?;
    say(&t!("site-waiting-next"));
    Ok(Exit::Waiting)
}

async fn show(app: &App, client: &Client, name: &SiteName) -> Result<Exit, Failure> {
    let Some(read) = client.get(Kind::Site, name.as_str()).await? else {
        return show_waiting(app, client, name).await;
    };
    let site: Site = from_resource(&read.value)?;
    let fingerprints = of_site(&site)?;
    let named: Vec<_> = fingerprints.iter().map(|f| json!({ "key": f.name, "sha256": f.hash })).collect();
    let value = json!({ "resource": read.value, "fingerprints": named });
    let pin = fingerprints.first().map(|f| f.hash.to_string()).unwrap_or_default();
    app.output.value(&value, || {
        let mut facts = Table::plain();
        facts.row(vec![t!("column-name"), site.name.to_string()]);
        facts.row(vec![t!("column-organisation"), site.organisation.to_string()]);
        facts.row(vec![t!("column-land"), site.land.to_string()]);
        facts.row(vec![t!("column-standing"), read.value.status["standing"].as_str().unwrap_or("-").to_owned()]);
        facts.row(vec![t!("column-pin"), pin]);
        for row in placing::maintenance(&site.maintenance) {
            facts.row(vec![t!("workload-maintenance"), row]);
        }
        facts.render() + "\n" + &table(&fingerprints).render()
    })?;
    Ok(Exit::Ok)
}

async fn approve(
    app: &App,
    client: &Client,
    site: &SiteName,
    hash: Option<Hash>,
    fingerprint: Option<&str>,
    confirm: &Confirm,
) -> Result<Exit, Failure> {
    if confirm.yes && hash.is_none() {
        return Err(Failure::usage(t!("approve-blind")).remedy(t!("approve-blind-remedy")));
    }
    let admission = wanted(client, site, hash).await?;
    if let Some(refused) = &admission.refused {
        let (key, reason) = (refused.by.0.short(), refused.reason.as_str());
        return Err(Failure::new(t!("approve-refused", key = key, reason = reason))
            .remedy(t!("approve-refused-remedy", site = site.to_string())));
    }
    let fingerprints = of_request(&admission.request)?;
    if let Some(read_out) = fingerprint {
        check_fingerprint(read_out, &fingerprints)?;
    }
    say(&describe(&admission, &fingerprints));
    app.confirm(&t!("approve-question", site = site.to_string()), confirm.yes)?;
    let about = t!("about-approve-site", site = site.to_string());
    let accepted = client.write(about.clone(), Command::Approve { subject: admission.hash }).await?;
    let accepted = super::proposal::still_waiting(client, admission.hash, accepted).await?;
    app.tell(&about, &accepted, Some(format!("verbund site approve {site} --hash {}", admission.hash)))
}

/// Refuses a request for good; the site that waits is told why.
async fn refuse(
    app: &App,
    client: &Client,
    site: &SiteName,
    hash: Option<Hash>,
    reason: String,
    confirm: &Confirm,
) -> Result<Exit, Failure> {
    let admission = wanted(client, site, hash).await?;
    say(&describe(&admission, &of_request(&admission.request)?));
    app.confirm(&t!("refuse-question", site = site.to_string()), confirm.yes)?;
    let about = t!("about-refuse-site", site = site.to_string());
    let exit = app.change(client, change(about, Command::RefuseAdmission { request: admission.hash, reason })).await?;
    say(&t!("refuse-next", site = site.to_string(), organisation = admission.request.organisation.to_string()));
    Ok(exit)
}

/// The one open request of the site, or the one with that hash.
async fn wanted(client: &Client, site: &SiteName, hash: Option<Hash>) -> Result<Admission, Failure> {
    let mut of_site: Vec<Admission> = match hash {
        // Whoever names a request means that one, whatever became of it.
        Some(hash) => {
            let found = client.get(Kind::Admission, &hash.to_string()).await?;
            found.map(|read| from_resource(&read.value)).transpose()?.into_iter().collect()
        }
        None => waiting(client).await?,
    };
    of_site.retain(|admission: &Admission| admission.request.site == *site);
    match (of_site.pop(), of_site.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => Err(Failure::new(t!("approve-none", site = site.to_string())).remedy(t!("approve-none-remedy"))),
        (Some(last), others) => {
            let hashes = others.iter().chain([&last]).map(|a| a.hash.to_string()).collect::<Vec<_>>().join("\n  ");
            Err(Failure::new(t!("approve-several", site = site.to_string()))
                .remedy(t!("approve-several-remedy", hashes = hashes)))
        }
    }
}

/// Whether what the site's operator read out is the fingerprint of one of the keys.
fn check_fingerprint(read_out: &str, fingerprints: &[Fingerprint]) -> Result<(), Failure> {
    let digits: String = read_out.chars().filter(char::is_ascii_hexdigit).collect::<String>().to_lowercase();
    if digits.len() < LEAST_DIGITS {
        return Err(Failure::usage(t!("approve-short", least = LEAST_DIGITS)));
    }
    if fingerprints.iter().any(|f| f.hash.to_string().starts_with(&digits)) {
        return Ok(());
    }
    Err(Failure::new(t!("approve-mismatch", fingerprint = groups(&digits))).remedy(t!("approve-mismatch-remedy")))
}

fn describe(admission: &Admission, fingerprints: &[Fingerprint]) -> String {
    let request = &admission.request;
    let addresses = request.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut facts = Table::plain();
    facts.row(vec![t!("column-site"), request.site.to_string()]);
    facts.row(vec![t!("column-organisation"), request.organisation.to_string()]);
    facts.row(vec![t!("column-land"), request.land.to_string()]);
    facts.row(vec![t!("column-addresses"), if addresses.is_empty() { t!("approve-no-address") } else { addresses }]);
    facts.row(vec![t!("column-approvals"), admission.approvals.len().to_string()]);
    let hash = groups(&admission.hash.to_string());
    format!("{}\n{}\n{}", facts.render(), table(fingerprints).render(), t!("approve-hash", hash = hash))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use verbund_keys::{Signer as _, SoftwareKey};
    use verbund_model::Algorithm;

    use super::*;

    fn resource(kind: Kind, name: &str, spec: serde_json::Value, status: serde_json::Value) -> Resource {
        let at = "2026-11-22T16:04:31.000Z";
        let metadata = json!({ "name": name, "resourceVersion": 1, "created": at, "changed": at });
        let whole = json!({ "apiVersion": "verbund.de/v1", "kind": kind, "metadata": metadata, "spec": spec, "status": status });
        serde_json::from_value(whole).unwrap()
    }

    fn admission(hash: &str, site: &str, admitted: serde_json::Value, refused: serde_json::Value) -> Resource {
        let key = |algorithm| SoftwareKey::generate(algorithm).unwrap().public_key().to_string();
        let request = json!({
            "site": site, "organisation": "dataport", "land": "DE-SH", "anchors": [], "issuingCertificate": "",
            "sealingKey": key(Algorithm::P384), "nodeKey": key(Algorithm::P256), "addresses": [],
        });
        resource(
            Kind::Admission,
            &hash.repeat(32),
            json!({ "request": request }),
            json!({ "approvals": [], "admitted": admitted, "refused": refused }),
        )
    }

    #[test]
    fn requests_that_were_answered_wait_no_more() {
        let all = [
            admission("aa", "nord", json!(2), json!(null)),
            // Asked twice, and the other request was approved.
            admission("bb", "nord", json!(null), json!(null)),
            admission("cc", "ost", json!(null), json!(null)),
            admission("dd", "west", json!(null), json!({ "by": "00".repeat(32), "reason": "nein" })),
        ];
        let nord = [resource(Kind::Site, "nord", json!({}), json!(null))];
        let open = open_requests(&all, &nord).unwrap();
        assert_eq!(open.iter().map(|a| a.request.site.as_str()).collect::<Vec<_>>(), ["ost"]);
        // The positive control: without the member both would wait.
        assert_eq!(open_requests(&all, &[]).unwrap().len(), 2);
    }

    #[test]
    fn a_fingerprint_may_be_read_out_in_any_grouping_but_not_too_short() {
        let hash = Hash([0xab; 32]);
        let all = [Fingerprint { label: String::new(), name: "node", hash }];
        for good in ["abababababababab", "ABAB ABAB:ABAB-ABAB", &groups(&hash.to_string())] {
            check_fingerprint(good, &all).unwrap();
        }
        for bad in ["", "abab", "abab abab abab abac", &"ab".repeat(33)] {
            assert!(check_fingerprint(bad, &all).is_err(), "{bad}");
        }
    }
}
