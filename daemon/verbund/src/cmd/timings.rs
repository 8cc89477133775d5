//! `verbund timings`: how long leases last and how soon a site counts as lost, with the sum that people wait.

use verbund_model::Command;
use verbund_model::resource::{Action, Timings, TimingsInForce};
use verbund_model::view::Kind;

use super::from_resource;
use crate::app::{App, change};
use crate::cli::{Span, TimingsCommand, TimingsSet};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::t;

/// What statements, the verdict and the activation elsewhere may take once the voters have waited, in milliseconds (design
/// 6).
const ACTIVATION: u64 = 2_000;

pub async fn run(app: &App, command: TimingsCommand) -> Result<Exit, Failure> {
    let client = app.client()?;
    let current = current(&client).await?;
    match command {
        TimingsCommand::Show => {
            app.output.value(&current, || screen(&current.timings, Some(&current)))?;
            Ok(Exit::Ok)
        }
        TimingsCommand::Set(set) => {
            let yes = set.confirm.yes;
            let timings = changed(current.timings, set)?;
            check(&timings)?;
            say(&screen(&timings, None));
            app.confirm(&t!("confirm-timings"), yes)?;
            let action = Action::SetTimings { timings };
            app.change(&client, change(t!("about-timings"), Command::Propose { action })).await
        }
    }
}

/// What is in force; a federation that never chose has the defaults.
async fn current(client: &Client) -> Result<TimingsInForce, Failure> {
    let found = client.get(Kind::Timings, "timings").await?;
    found.map_or_else(|| Ok(TimingsInForce::default()), |read| from_resource(&read.value))
}

fn changed(timings: Timings, set: TimingsSet) -> Result<Timings, Failure> {
    let millis = |span: Option<Span>, before: u32| match span {
        None => Ok(before),
        Some(span) => u32::try_from(span.millis()).map_err(|_| Failure::usage(t!("timings-long"))),
    };
    Ok(Timings {
        lease: millis(set.lease, timings.lease)?,
        margin: millis(set.margin, timings.margin)?,
        drift: set.drift.unwrap_or(timings.drift),
        unreachable_after: millis(set.unreachable_after, timings.unreachable_after)?,
        returned_after: millis(set.returned_after, timings.returned_after)?,
        one_liar: set.one_liar.unwrap_or(timings.one_liar),
    })
}

/// The condition without which two copies could run (lease.md, Numbers), before anybody is asked to agree.
fn check(timings: &Timings) -> Result<(), Failure> {
    match timings.least_margin() {
        Some(least) if least <= u64::from(timings.margin) => Ok(()),
        Some(least) => Err(Failure::usage(t!(
            "timings-margin",
            margin = timings.margin,
            lease = timings.lease,
            drift = timings.drift,
            least = least
        ))),
        None => Err(Failure::usage(t!("timings-drift", drift = timings.drift))),
    }
}

fn screen(timings: &Timings, in_force: Option<&TimingsInForce>) -> String {
    let ms = |value: u32| format!("{value} ms");
    let mut table = Table::plain();
    table.row(vec![t!("timings-lease"), ms(timings.lease)]);
    let least = timings.least_margin().unwrap_or(u64::MAX);
    table.row(vec![t!("timings-margin-row"), t!("timings-margin-value", margin = timings.margin, least = least)]);
    table.row(vec![t!("timings-drift-row"), t!("timings-drift-value", drift = timings.drift)]);
    table.row(vec![t!("timings-unreachable"), ms(timings.unreachable_after)]);
    table.row(vec![t!("timings-returned"), ms(timings.returned_after)]);
    let liar = if timings.one_liar { t!("word-yes") } else { t!("word-no") };
    table.row(vec![t!("timings-liar"), liar]);
    if let Some(before) = in_force.filter(|in_force| in_force.lease_before > 0) {
        table.row(vec![t!("timings-before"), ms(before.lease_before)]);
    }
    let sum = u64::from(timings.lease) + u64::from(timings.margin) + ACTIVATION;
    let seconds = |ms: u64| format!("{}.{}", ms / 1_000, ms % 1_000 / 100);
    let text = table.render();
    format!(
        "{text}\n{}\n",
        t!(
            "timings-sum",
            lease = seconds(timings.lease.into()),
            margin = seconds(timings.margin.into()),
            sum = seconds(sum)
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_shown_and_an_unsafe_margin_is_refused() {
        let timings = Timings::default();
        assert!(screen(&timings, None).contains("12.0"), "{}", screen(&timings, None));
        check(&timings).unwrap();
        let least = u32::try_from(timings.least_margin().unwrap()).unwrap();
        check(&Timings { margin: least, ..timings }).unwrap();
        let refused = check(&Timings { margin: least - 1, ..timings }).unwrap_err();
        assert_eq!(refused.exit(), Exit::Usage);
        assert!(refused.to_string().contains(&least.to_string()), "{refused}");
        assert!(check(&Timings { drift: 1_000_000, ..timings }).is_err());
    }

    #[test]
    fn what_is_not_named_stays() {
        let set = TimingsSet {
            lease: Some("20s".parse().unwrap()),
            margin: None,
            drift: Some(1),
            unreachable_after: None,
            returned_after: None,
            one_liar: None,
            confirm: crate::cli::Confirm::default(),
        };
        let timings = changed(Timings::default(), set).unwrap();
        assert_eq!(timings, Timings { lease: 20_000, drift: 1, ..Timings::default() });
    }
}
