//! `verbund capacity`: for each site, can the federation lose it now?

use std::collections::BTreeSet;

use verbund_model::SiteName;

use crate::app::App;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, Tone};
use crate::t;

/// More names of workloads are counted, not shown.
const SHOWN: usize = 5;

pub async fn run(app: &App) -> Result<Exit, Failure> {
    let client = app.client()?;
    let losses = client.capacity().await?.value;
    let sites = client.status().await?.sites;
    let lost: BTreeSet<SiteName> = sites.into_iter().filter(|site| site.lost.is_some()).map(|site| site.site).collect();
    let paint = app.output.paint();
    app.output.value(&losses, || {
        let mut table = Table::new(vec![
            t!("column-site"),
            t!("column-can-be-lost"),
            t!("column-active"),
            t!("column-standby"),
            t!("column-would-not-fit"),
            t!("column-without-standby"),
        ]);
        for loss in &losses {
            let word = if lost.contains(&loss.site) {
                // Whether it could be is no question any more.
                paint.paint(Tone::Warning, &t!("capacity-is-lost"))
            } else if loss.can_be_lost {
                paint.paint(Tone::Good, &t!("word-yes"))
            } else {
                paint.paint(Tone::Bad, &t!("word-no"))
            };
            table.row(vec![
                loss.site.to_string(),
                word,
                loss.active.to_string(),
                loss.standby.to_string(),
                names(&loss.would_not_fit),
                names(&loss.without_standby),
            ]);
        }
        table.render()
    })?;
    let fine = losses.iter().all(|loss| loss.can_be_lost && loss.without_standby.is_empty());
    Ok(if fine { Exit::Ok } else { Exit::Warnings })
}

fn names<T: ToString>(all: &[T]) -> String {
    let mut shown: Vec<String> = all.iter().take(SHOWN).map(ToString::to_string).collect();
    if all.len() > SHOWN {
        shown.push(format!("+{}", all.len() - SHOWN));
    }
    if shown.is_empty() { "-".to_owned() } else { shown.join(", ") }
}
