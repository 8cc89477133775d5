//! `verbund why`: for each cluster each rule that is not kept, with the standard behind it, what was found and what was
//! wanted.

use serde_json::{Value, json};
use verbund_machine::planner::{ClusterReport, Lang as Told, Reason, Report};

use super::placing;
use crate::app::App;
use crate::cli::Why;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::i18n::{self, Lang};
use crate::output::{Paint, Table, Tone};
use crate::t;

pub async fn run(app: &App, why: Why) -> Result<Exit, Failure> {
    let client = app.client()?;
    let read = client.why(&why.workload).await?;
    let mut report = read.value;
    if let Some(cluster) = &why.cluster {
        report.clusters.retain(|one| one.cluster == *cluster);
        if report.clusters.is_empty() {
            return Err(super::resource::none(verbund_model::view::Kind::Cluster, cluster.as_str()));
        }
    }
    let value = json!({ "index": read.index, "report": report, "reasons": reasons(&report) });
    app.output.value(&value, || screen(&report, app.output.paint()))?;
    let somewhere = report.clusters.iter().any(|one| one.fits() || one.holds.is_some());
    Ok(if somewhere { Exit::Ok } else { Exit::NotPlaceable })
}

fn told() -> Told {
    match i18n::lang() {
        Lang::De => Told::De,
        Lang::En => Told::En,
    }
}

fn failed(cluster: &ClusterReport) -> impl Iterator<Item = &Reason> {
    cluster.tried.iter().flat_map(|tried| &tried.reasons)
}

/// Each failed rule in both languages, for programs that show it to people.
fn reasons(report: &Report) -> Vec<Value> {
    let one = |cluster: &ClusterReport, reason: &Reason| {
        json!({
            "cluster": cluster.cluster, "site": cluster.site, "rule": reason.rule(), "standard": reason.standard(),
            "found": { "de": reason.found(Told::De), "en": reason.found(Told::En) },
            "wanted": { "de": reason.wanted(Told::De), "en": reason.wanted(Told::En) },
            "text": { "de": reason.text(Told::De), "en": reason.text(Told::En) },
        })
    };
    report.clusters.iter().flat_map(|cluster| failed(cluster).map(move |reason| one(cluster, reason))).collect()
}

fn screen(report: &Report, paint: Paint) -> String {
    let role = placing::role(report.sought);
    let mut text = t!("why-sought", workload = report.workload.to_string(), role = role) + "\n";
    if report.clusters.is_empty() {
        return text + &t!("why-no-cluster") + "\n";
    }
    for cluster in &report.clusters {
        let holds = cluster.holds.map(placing::role).map(|role| format!(" [{role}]")).unwrap_or_default();
        let name = format!("{} ({}){holds}", cluster.cluster, cluster.site);
        let count = failed(cluster).count();
        let verdict = match cluster.score {
            _ if count > 0 => paint.paint(Tone::Bad, &t!("why-fails", count = count)),
            Some(score) => paint.paint(Tone::Good, &t!("why-fits-score", score = score.total)),
            None => paint.paint(Tone::Good, &t!("why-fits")),
        };
        text += &format!("\n{}: {verdict}\n", paint.paint(Tone::Strong, &name));
        if count == 0 {
            continue;
        }
        let mut table =
            Table::new(vec![t!("column-standard"), t!("column-found"), t!("column-wanted"), t!("column-reason")]);
        for reason in failed(cluster) {
            let lang = told();
            table.row(vec![reason.standard().to_owned(), reason.found(lang), reason.wanted(lang), reason.text(lang)]);
        }
        for row in table.render().lines() {
            text += &format!("  {row}\n");
        }
    }
    text
}
