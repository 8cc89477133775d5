//! `verbund audit list`: who did what and when, as the verified record says.

use std::io::{BufReader, Seek as _};

use serde::Serialize;
use serde_json::json;
use verbund_keys::AwsVerifier;
use verbund_machine::{AuditRecord, State};
use verbund_model::KeyId;
use verbund_model::resource::{KeyOwner, Millis};

use super::{download, failure, open};
use crate::app::App;
use crate::audit::{Anchored, Options, Summary, verify_each};
use crate::cli::AuditList;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Table, Tone, local, say, utc};
use crate::t;

/// A record as it is listed.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Row {
    index: u64,
    time: String,
    author: Option<Author>,
    kind: String,
    subject: Option<String>,
    /// `accepted` or the name of the refusal; `null` for what nobody asked for.
    outcome: Option<String>,
    #[serde(skip)]
    at: Millis,
}

/// Who signed it.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
struct Author {
    key: KeyId,
    /// Whose key it was at that time; `null`: it was not registered.
    owner: Option<KeyOwner>,
}

pub async fn run(app: &App, args: &AuditList) -> Result<Exit, Failure> {
    let (file, federation) = match &args.file {
        Some(path) => (open(path)?, None),
        None => {
            let client = app.client()?;
            let mut file = tempfile::tempfile()?;
            download(&client, None, &mut file).await?;
            file.rewind()?;
            (file, Some(client.context().federation))
        }
    };
    let mut rows = Vec::new();
    let mut visit =
        |state: &State, record: &AuditRecord| rows.extend(Some(row(state, record)).filter(|row| wanted(row, args)));
    let options = Options { federation, at_least: None };
    let report = verify_each(BufReader::new(file), &options, &AwsVerifier, &mut visit).map_err(|bad| failure(&bad))?;
    let value = json!({ "federation": report.federation, "head": report.head, "items": rows });
    app.output.value(&value, || table(app, &rows).render())?;
    let sites = report.signed_by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (name, federation) = (report.name.to_string(), report.federation.to_string());
    say(&t!("audit-listed", ends = report.head.index, sites = sites, name = name, federation = federation));
    if let Anchored::Head(head) = report.anchored {
        say(&format!("{}: {}", t!("warning-prefix"), t!("audit-anchor-head", index = head.index)));
        return Ok(Exit::Warnings);
    }
    Ok(Exit::Ok)
}

fn row(state: &State, record: &AuditRecord) -> Row {
    let Summary { kind, subject, key, refused } = Summary::of(record);
    let owner = |key: &KeyId| state.key(key).map(|held| held.value.owner.clone());
    let outcome = record.outcome.as_ref().map(|_| refused.unwrap_or_else(|| "accepted".to_owned()));
    let author = key.map(|key| Author { owner: owner(&key), key });
    Row { index: record.at.index, time: utc(record.time), author, kind, subject, outcome, at: record.time }
}

fn wanted(row: &Row, args: &AuditList) -> bool {
    let within = args.from.is_none_or(|from| row.index >= from) && args.to.is_none_or(|to| row.index <= to);
    let by = |name: &String| row.author.as_ref().is_some_and(|author| author.is(name));
    within && args.author.as_ref().is_none_or(by)
}

impl Author {
    /// Whether people mean it by this name: a user, a node, a cluster, `coordinator`, or the beginning of the key's id.
    fn is(&self, name: &str) -> bool {
        // Four digits tell keys apart; fewer would hit by chance what was meant as a name.
        let key = name.len() >= 4 && self.key.to_string().starts_with(name);
        key || match &self.owner {
            Some(KeyOwner::Coordinator) => name == "coordinator",
            Some(KeyOwner::Invitation) => name == "invitation",
            Some(KeyOwner::User { organisation, user }) => {
                name == user.to_string() || name == format!("{organisation}/{user}")
            }
            Some(KeyOwner::Node { node }) => name == node.to_string(),
            Some(KeyOwner::Agent { cluster }) => name == cluster.as_str(),
            None => false,
        }
    }

    fn shown(&self) -> String {
        let key = self.key.0.short();
        match &self.owner {
            Some(KeyOwner::Coordinator) => t!("audit-by-coordinator", key = key),
            Some(KeyOwner::Invitation) => t!("audit-by-invitation", key = key),
            Some(KeyOwner::User { organisation, user }) => format!("{organisation}/{user}"),
            Some(KeyOwner::Node { node }) => t!("audit-by-node", node = node.to_string()),
            Some(KeyOwner::Agent { cluster }) => t!("audit-by-agent", cluster = cluster.to_string()),
            None => t!("audit-by-unknown", key = key),
        }
    }
}

fn table(app: &App, rows: &[Row]) -> Table {
    let paint = app.output.paint();
    let mut table = Table::new(vec![
        t!("column-index"),
        t!("column-time"),
        t!("column-author"),
        t!("column-what"),
        t!("column-outcome"),
    ]);
    for row in rows {
        let what = row.subject.as_ref().map_or_else(|| row.kind.clone(), |subject| format!("{} {subject}", row.kind));
        let outcome = match row.outcome.as_deref() {
            None => "-".to_owned(),
            Some("accepted") => t!("audit-accepted"),
            Some(refusal) => paint.paint(Tone::Bad, &t!("audit-refused", refusal = refusal)),
        };
        let author = row.author.as_ref().map_or_else(|| "-".to_owned(), Author::shown);
        table.row(vec![row.index.to_string(), local(row.at), author, what, outcome]);
    }
    table
}

#[cfg(test)]
mod tests {
    use verbund_model::Hash;

    use super::*;

    fn by(owner: KeyOwner) -> Author {
        Author { key: KeyId(Hash([0xab; 32])), owner: Some(owner) }
    }

    #[test]
    fn authors_are_found_by_what_people_call_them() {
        let anna = by(KeyOwner::User { organisation: "lgln".parse().unwrap(), user: "anna".parse().unwrap() });
        assert!(anna.is("anna") && anna.is("lgln/anna") && anna.is("abab") && !anna.is("bert") && !anna.is("ab"));
        assert!(by(KeyOwner::Coordinator).is("coordinator") && !by(KeyOwner::Invitation).is("coordinator"));
        let args =
            |from, to, author: Option<&str>| AuditList { file: None, from, to, author: author.map(str::to_owned) };
        let row = |author| Row {
            index: 7,
            time: String::new(),
            author,
            kind: "leader".to_owned(),
            subject: None,
            outcome: None,
            at: 0,
        };
        assert!(wanted(&row(None), &args(Some(7), Some(7), None)));
        assert!(!wanted(&row(None), &args(Some(8), None, None)) && !wanted(&row(None), &args(None, Some(6), None)));
        assert!(!wanted(&row(None), &args(None, None, Some("anna"))), "nobody signed it");
        assert!(wanted(&row(Some(anna)), &args(None, None, Some("anna"))));
    }
}
