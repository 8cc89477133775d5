//! To whom a secret is sealed: the sites at which its workload might run, or those that a person names.

use std::collections::BTreeMap;

use verbund_machine::planner::{ClusterReport, Report, Rule};
use verbund_model::resource::{Site, Standing};
use verbund_model::view::Kind;
use verbund_model::{PublicKey, SiteName, WorkloadName};

use super::fingerprint;
use crate::app::App;
use crate::cli::Confirm;
use crate::client::Client;
use crate::cmd::resource::none;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::t;

/// Who gets it, each with the key to seal to.
pub type Recipients = BTreeMap<SiteName, PublicKey>;

/// The sites that are named, or else those at which the workload might run. Errors: an unknown or excluded site; none.
pub async fn resolve(client: &Client, workload: &WorkloadName, named: &[SiteName]) -> Result<Recipients, Failure> {
    let all = super::sites(client).await?;
    let find = |name: &SiteName| all.iter().find(|site| site.name == *name);
    if named.is_empty() {
        let report = client.why(workload).await?.value;
        let fitting = might_run(&report).filter_map(find).filter(|site| site.standing != Standing::Excluded);
        let recipients: Recipients = fitting.map(|site| (site.name.clone(), site.sealing_key.clone())).collect();
        if recipients.is_empty() {
            return Err(Failure::new(t!("secret-nowhere", workload = workload.to_string()))
                .remedy(t!("secret-nowhere-remedy", workload = workload.to_string()))
                .exit_with(Exit::NotPlaceable));
        }
        return Ok(recipients);
    }
    let one = |name: &SiteName| -> Result<_, Failure> {
        let site: &Site = find(name).ok_or_else(|| none(Kind::Site, name.as_str()))?;
        if site.standing == Standing::Excluded {
            return Err(Failure::new(t!("secret-to-excluded", site = name.to_string())));
        }
        Ok((name.clone(), site.sealing_key.clone()))
    };
    named.iter().map(one).collect()
}

/// Sites with a cluster that keeps every rule which lasts, whether or not it is sealed to it already. What is only of the
/// moment, and where the other copies happen to be, keeps no site from being a fallback later.
fn might_run(report: &Report) -> impl Iterator<Item = &SiteName> {
    let lasts =
        |rule: Rule| !rule.is_momentary() && !matches!(rule, Rule::Secrets | Rule::DistinctSites | Rule::Distance);
    let fits = move |cluster: &&ClusterReport| {
        cluster.holds.is_some() || cluster.tried.iter().all(|tried| tried.reasons.is_empty() || !lasts(tried.rule))
    };
    report.clusters.iter().filter(fits).map(|cluster| &cluster.site)
}

/// Says who they are, and asks whether to go on: before anything is sealed. Whoever named them was asked already.
pub fn confirm(app: &App, to: &Recipients, named: &[SiteName], confirm: &Confirm) -> Result<(), Failure> {
    let mut table = Table::new(vec![t!("column-site"), t!("column-sealing-key")]);
    for (site, key) in to {
        table.row(vec![site.to_string(), fingerprint(key)]);
    }
    say(&t!("secret-recipients"));
    say(table.render().trim_end());
    if named.is_empty() { app.confirm(&t!("secret-question", count = to.len()), confirm.yes) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cluster(site: &str, failed: &[&str], holds: Value) -> Value {
        let veto = json!({ "licenceVeto": { "reason": "r" } });
        let tried: Vec<Value> = Rule::ALL
            .iter()
            .map(|rule| {
                let word = json!(rule);
                let reasons = if failed.iter().any(|one| word == *one) { vec![veto.clone()] } else { vec![] };
                json!({ "rule": rule, "standard": "x", "reasons": reasons })
            })
            .collect();
        json!({ "cluster": format!("{site}-1"), "site": site, "holds": holds, "tried": tried, "score": null })
    }

    #[test]
    fn what_passes_keeps_no_site_from_being_a_recipient_and_what_lasts_does() {
        let clusters = [
            cluster("fits", &[], json!(null)),
            cluster("sealed-not-yet", &["secrets"], json!(null)),
            cluster("full-and-lost", &["capacity", "sitePresent", "lease", "observation"], json!(null)),
            cluster("near", &["distance", "distinctSites"], json!(null)),
            cluster("vetoed", &["licenceVeto"], json!(null)),
            cluster("zone", &["zone", "secrets"], json!(null)),
            cluster("consent", &["consent"], json!(null)),
            cluster("excluded", &["membership"], json!(null)),
            cluster("runs-there", &["licenceVeto"], json!("active")),
        ];
        let report: Report = serde_json::from_value(json!({
            "workload": "w", "refused": null, "choices": [], "lacks": [], "sought": "active", "clusters": clusters,
        }))
        .unwrap();
        let sites: Vec<&str> = might_run(&report).map(SiteName::as_str).collect();
        assert_eq!(sites, ["fits", "sealed-not-yet", "full-and-lost", "near", "runs-there"]);
    }
}
