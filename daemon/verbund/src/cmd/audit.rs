//! `verbund audit`: exports, and their verification.

mod list;

use std::io::{BufReader, Write};
use std::path::Path;

use http_body_util::BodyExt as _;
use serde_json::json;
use verbund_keys::AwsVerifier;

use crate::app::App;
use crate::audit::{Anchored, Bad, Options, Report, verify};
use crate::cli::{AuditCommand, AuditExport, AuditVerify};
use crate::client::Client;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, age, local, say, utc};
use crate::t;

pub async fn run(app: &App, command: AuditCommand) -> Result<Exit, Failure> {
    match command {
        AuditCommand::List(args) => list::run(app, &args).await,
        AuditCommand::Export(export) => write(app, &export).await,
        AuditCommand::Verify(args) => check(app, &args),
    }
}

/// Writes the export beside its place and moves it there when it is whole and verified.
async fn write(app: &App, export: &AuditExport) -> Result<Exit, Failure> {
    let path = export.out.display().to_string();
    if export.out.exists() {
        return Err(Failure::usage(t!("audit-exists", path = path.as_str())).remedy(t!("keys-exists-remedy")));
    }
    let client = app.client()?;
    let parent = export.out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".export-").tempfile_in(parent)?;
    download(&client, export.to, &mut file).await?;
    file.as_file().sync_all()?;
    let options = Options { federation: Some(client.context().federation), at_least: None };
    let report = verify(BufReader::new(file.reopen()?), &options, &AwsVerifier).map_err(|bad| failure(&bad))?;
    file.persist_noclobber(&export.out).map_err(|error| Failure::internal(error.error))?;
    say(&t!("audit-written", path = path));
    show(app, &report)?;
    Ok(match shorter(export.to, report.head.index) {
        None => Exit::Ok,
        Some(warning) => {
            say(&format!("{}: {warning}", t!("warning-prefix")));
            Exit::Warnings
        }
    })
}

/// Writes the export up to an index (none: the newest) as it comes. Errors: it broke off.
async fn download(client: &Client, to: Option<u64>, out: &mut impl Write) -> Result<(), Failure> {
    let mut body = client.audit_export(to).await?;
    while let Some(frame) = body.frame().await {
        let broken = |error: hyper::Error| Failure::new(t!("audit-broken", reason = crate::failure::chain(&error)));
        if let Ok(bytes) = frame.map_err(broken)?.into_data() {
            out.write_all(&bytes)?;
        }
    }
    Ok(())
}

/// An export ends where a majority of sites vouches for it, at the index that was asked for or before. A person is told.
fn shorter(wanted: Option<u64>, ends: u64) -> Option<String> {
    wanted.filter(|wanted| ends < *wanted).map(|wanted| t!("audit-shorter", ends = ends, wanted = wanted))
}

fn check(app: &App, args: &AuditVerify) -> Result<Exit, Failure> {
    let file = open(&args.file)?;
    let options = Options { federation: args.federation, at_least: args.at_least };
    let report = verify(BufReader::new(file), &options, &AwsVerifier).map_err(|bad| failure(&bad))?;
    show(app, &report)?;
    let mut exit = Exit::Ok;
    let mut warn = |text: String| {
        say(&format!("{}: {text}", t!("warning-prefix")));
        exit = Exit::Warnings;
    };
    if args.federation.is_none() {
        warn(t!("audit-no-federation"));
    }
    if let Anchored::Head(head) = report.anchored {
        warn(t!("audit-anchor-head", index = head.index));
    }
    for (node, index) in &report.dissent {
        warn(t!("audit-dissent", node = node.to_string(), index = *index));
    }
    let old = crate::client::now().saturating_sub(report.time);
    if args.max_age.is_some_and(|limit| old > limit.millis()) {
        return Err(Failure::new(t!("audit-old", age = age(old)))
            .remedy(t!("audit-old-remedy"))
            .exit_with(Exit::CheckFailed));
    }
    Ok(exit)
}

fn open(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::File::open(path).map_err(|error| {
        let path = path.display().to_string();
        Failure::new(t!("file-unreadable", path = path, reason = crate::words::chain(&error)))
    })
}

fn failure(bad: &Bad) -> Failure {
    let first = bad.first_record();
    let failure = Failure::new(bad.to_string()).exit_with(Exit::CheckFailed);
    match first {
        Some(index) => failure.remedy(t!("audit-first-bad", index = index)),
        None => failure,
    }
}

fn show(app: &App, report: &Report) -> Result<(), Failure> {
    let anchored = match report.anchored {
        Anchored::Genesis => json!("genesis"),
        Anchored::Head(head) => json!({ "head": head }),
    };
    let old = crate::client::now().saturating_sub(report.time);
    let value = json!({
        "federation": report.federation,
        "name": report.name,
        "anchoredTo": anchored,
        "records": report.records,
        "head": report.head,
        "time": utc(report.time),
        "ageMs": old,
        "signedBy": report.signed_by,
        "sites": report.sites,
    });
    app.output.value(&value, || {
        let mut table = Table::plain();
        table.row(vec![t!("column-federation"), format!("{} ({})", report.name, report.federation)]);
        let anchor = match report.anchored {
            Anchored::Genesis => t!("audit-genesis"),
            Anchored::Head(head) => t!("audit-head", index = head.index),
        };
        table.row(vec![t!("audit-anchored"), anchor]);
        table.row(vec![t!("audit-records"), report.records.to_string()]);
        table.row(vec![t!("audit-end"), format!("{} ({})", report.head.index, local(report.time))]);
        table.row(vec![t!("audit-age"), age(old)]);
        table.row(vec![t!("audit-chain"), report.head.chain.to_string()]);
        let sites = report.signed_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (signed, all) = (report.signed_by.len(), report.sites);
        table.row(vec![t!("audit-signed"), t!("audit-signed-value", signed = signed, all = all, sites = sites)]);
        t!("audit-good") + "\n" + &table.render()
    })
}

#[cfg(test)]
mod tests {
    use verbund_model::{FederationId, Hash};

    use super::*;

    #[test]
    fn an_export_that_ends_early_says_so() {
        assert_eq!(shorter(None, 7), None);
        assert_eq!(shorter(Some(7), 7), None);
        let text = shorter(Some(99_999), 7).unwrap();
        assert!(text.contains('7') && text.contains("99"), "{text}");
    }

    #[test]
    fn another_federation_is_no_bad_record() {
        let (found, wanted) = (FederationId(Hash([1; 32])), FederationId(Hash([2; 32])));
        let text = failure(&Bad::Federation { found, wanted }).to_string();
        assert!(text.contains(&found.to_string()) && text.contains(&wanted.to_string()), "{text}");
        assert!(!text.contains(&t!("audit-first-bad", index = 0_u64)), "{text}");
        assert!(
            failure(&Bad::Missing { wanted: 3, found: 4 }).to_string().contains(&t!("audit-first-bad", index = 3_u64))
        );
    }
}
