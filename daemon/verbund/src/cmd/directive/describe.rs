//! Directives in plain words, for who signs or looks at one.

use verbund_api::port::DirectiveView;
use verbund_identity::Directive;
use verbund_machine::planner::{Lang, Protection};
use verbund_machine::{Impact, Moved};
use verbund_model::resource::{Order, SignedDirective};

use crate::cmd::site::groups;
use crate::failure::Failure;
use crate::i18n;
use crate::output::{Table, local};
use crate::t;

/// What the bytes say that were or will be signed.
pub fn parse(signed: &SignedDirective) -> Result<Directive, Failure> {
    Ok(Directive::from_payload(&signed.payload.0)?)
}

/// What is ordered, in one line.
pub fn act(order: &Order) -> String {
    match order {
        Order::ExcludeSite { site, .. } => t!("directive-exclude-site", site = site.to_string()),
        Order::ExcludeOrganisation { organisation, .. } => {
            t!("directive-exclude-org", organisation = organisation.to_string())
        }
        Order::Recover { .. } => t!("directive-recover"),
    }
}

/// A directive with all that counts about it, and who has signed it.
pub fn directive(directive: &Directive, signed: &SignedDirective) -> String {
    let mut table = Table::plain();
    let mut row = |label: String, text: String| table.row(vec![label, text]);
    row(t!("column-action"), act(&directive.order));
    row(t!("column-reason"), directive.order.reason().to_owned());
    row(t!("column-federation"), directive.federation.0.short());
    row(t!("column-number"), directive.number.to_string());
    row(t!("column-predecessor"), directive.predecessor.short());
    row(t!("column-coordinators"), t!("directive-set", version = directive.coordinator_set_version));
    row(t!("column-created"), local(directive.issued));
    let accepts = directive.accept_quorum_loss;
    row(t!("column-quorum"), if accepts { t!("directive-accepts") } else { t!("directive-accepts-not") });
    for site in directive.order.sites() {
        let nodes: Vec<String> = site.nodes.iter().map(ToString::to_string).collect();
        let text = t!("directive-site", site = site.site.to_string(), nodes = nodes.join(", "), keys = site.keys.len());
        row(t!("column-site"), text);
    }
    let organisations: Vec<String> = directive.order.organisations().iter().map(ToString::to_string).collect();
    if !organisations.is_empty() {
        row(t!("column-organisation"), organisations.join(", "));
        row(t!("column-keys"), t!("directive-keys", count = directive.order.keys().len()));
    }
    for signature in &signed.signatures {
        row(t!("column-signature"), groups(&signature.key.0.to_string()));
    }
    row(t!("column-hash"), groups(&Directive::hash_of(signed).to_string()));
    table.render()
}

/// Who has enforced it, and how long that took at each node.
pub fn receipts(view: &DirectiveView) -> String {
    let mut table = Table::new(vec![
        t!("column-site"),
        t!("column-node"),
        t!("column-enforced"),
        t!("column-took"),
        t!("column-lines"),
    ]);
    for signed in &view.receipts {
        let receipt = &signed.receipt;
        table.row(vec![
            receipt.site.to_string(),
            receipt.node.to_string(),
            local(receipt.done),
            t!("directive-ms", ms = receipt.done.saturating_sub(receipt.heard)),
            receipt.lines.to_string(),
        ]);
    }
    for awaited in &view.awaited {
        let (site, node) = (awaited.site.to_string(), awaited.node.to_string());
        table.row(vec![site, node, t!("directive-awaited"), "-".to_owned(), "-".to_owned()]);
    }
    table.render()
}

/// What is still open about a directive that is in force.
pub fn open(view: &DirectiveView) -> String {
    let sites: Vec<String> = view.awaited.iter().map(|awaited| awaited.site.to_string()).collect();
    match (sites.is_empty(), view.recorded) {
        (false, _) => t!("directive-open-sites", sites = sites.join(", ")),
        (true, false) => t!("directive-open-log"),
        (true, true) => t!("directive-complete"),
    }
}

/// What an exclusion would do.
pub fn impact(impact: &Impact) -> String {
    let list = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>().join(", ");
    let quorum = &impact.quorum;
    let mut table = Table::plain();
    let mut row = |label: String, text: String| {
        if !text.is_empty() {
            table.row(vec![label, text]);
        }
    };
    let counts = (quorum.left.len(), quorum.now.len(), quorum.needed);
    let (left, now, needed) = counts;
    let text = if quorum.survives {
        t!("impact-quorum-kept", left = left, now = now, needed = needed)
    } else {
        t!("impact-quorum-lost", left = left, now = now, needed = needed)
    };
    row(t!("column-quorum"), text);
    row(t!("column-organisation"), list(&mut impact.organisations.iter().map(ToString::to_string)));
    row(t!("column-site"), list(&mut impact.sites.iter().map(ToString::to_string)));
    row(t!("column-node"), list(&mut impact.nodes.iter().map(ToString::to_string)));
    row(t!("column-keys"), t!("directive-keys", count = impact.keys.len()));
    row(t!("impact-unnamed"), list(&mut impact.unnamed.iter().map(|key| key.0.short())));
    row(t!("impact-users"), list(&mut impact.users.iter().cloned()));
    row(t!("impact-offerings"), list(&mut impact.offerings.iter().map(ToString::to_string)));
    row(t!("impact-secrets"), list(&mut impact.secrets.iter().cloned()));
    row(t!("impact-orphaned"), list(&mut impact.orphaned.iter().map(ToString::to_string)));
    row(t!("impact-strays"), list(&mut impact.strays.iter().cloned()));
    let mut text = table.render();
    if !impact.workloads.is_empty() {
        text += &format!("\n{}", workloads(&impact.workloads));
    }
    text
}

fn workloads(moved: &[Moved]) -> String {
    let lang = if i18n::lang() == i18n::Lang::De { Lang::De } else { Lang::En };
    let mut table =
        Table::new(vec![t!("column-workload"), t!("column-from"), t!("column-to"), t!("column-protection")]);
    for one in moved {
        let names = |all: &std::collections::BTreeSet<verbund_model::ClusterName>| {
            all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        let to = if one.fits { names(&one.to) } else { t!("impact-nowhere") };
        table.row(vec![one.workload.to_string(), names(&one.from), to, one.protection.text(lang).to_owned()]);
    }
    table.render()
}

/// What an exclusion does not do, and what somebody has to do yet.
pub fn still_to_do(impact: Option<&Impact>) -> String {
    let unprotected =
        |one: &&Moved| one.active && matches!(one.protection, Protection::Time | Protection::Confirmation);
    let workloads: Vec<String> = impact
        .iter()
        .flat_map(|impact| &impact.workloads)
        .filter(unprotected)
        .map(|one| one.workload.to_string())
        .collect();
    let mut text = if workloads.is_empty() {
        t!("directive-to-do")
    } else {
        t!("directive-to-do-workloads", workloads = workloads.join(", "))
    };
    if let Some(impact) = impact.filter(|impact| !impact.secrets.is_empty()) {
        let secrets: Vec<String> = impact.secrets.iter().cloned().collect();
        text += &format!(" {}", t!("directive-to-do-secrets", secrets = secrets.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use verbund_model::resource::{Der, DirectiveSignature};
    use verbund_model::{Hash, KeyId};

    use super::*;

    fn impact_of(workloads: &Value, survives: bool) -> Impact {
        serde_json::from_value(json!({
            "index": 7, "possible": true, "organisations": [], "sites": ["ost"], "nodes": [3], "keys": ["03".repeat(32)],
            "unnamed": [], "users": ["o.u"], "strays": [],
            "quorum": { "now": [1, 2, 3], "left": [1, 2], "needed": 2, "survives": survives, "after": [1] },
            "workloads": workloads, "orphaned": [], "offerings": ["dns"], "secrets": [],
        }))
        .unwrap()
    }

    fn moved(workload: &str, protection: &str, active: bool) -> Value {
        json!({
            "workload": workload, "organisation": "o", "from": ["ost-a"], "active": active, "to": ["nord-a"],
            "waiting": null, "fits": true, "protection": protection,
        })
    }

    #[test]
    fn whoever_signs_sees_all_that_is_signed() {
        let order = Order::ExcludeSite {
            site: "ost".parse().unwrap(),
            nodes: [verbund_model::NodeId(3)].into(),
            keys: [KeyId(Hash([3; 32])), KeyId(Hash([4; 32]))].into(),
            reason: "the keys were copied".to_owned(),
        };
        let drawn = Directive {
            v: 1,
            federation: verbund_model::FederationId(Hash([1; 32])),
            generation: 0,
            number: 4,
            predecessor: Hash([2; 32]),
            coordinator_set_version: 1,
            issued: 1_790_000_000_000,
            order,
            accept_quorum_loss: true,
        };
        let signature = DirectiveSignature { key: KeyId(Hash([9; 32])), signature: Der(vec![1]) };
        let signed = SignedDirective { payload: Der(drawn.to_payload()), signatures: vec![signature] };
        assert_eq!(parse(&signed).unwrap(), drawn);
        let text = directive(&drawn, &signed);
        for part in ["ost", "0.3", "the keys were copied", "0909 0909", &t!("directive-accepts")] {
            assert!(text.contains(part), "{part} is missing: {text}");
        }
        assert!(text.contains(&groups(&Directive::hash_of(&signed).to_string())), "{text}");
    }

    #[test]
    fn what_it_costs_and_what_is_left_to_do_is_said() {
        let all = json!([
            moved("a", "parallel", true),
            moved("b", "data", true),
            moved("c", "time", true),
            moved("d", "confirmation", true),
            moved("e", "confirmation", false),
        ]);
        let shown = impact(&impact_of(&all, false));
        for part in ["2 of 3", "o.u", "dns", "ost-a", "nord-a"] {
            assert!(shown.contains(part), "{part} is missing: {shown}");
        }
        assert!(shown.contains(&t!("impact-quorum-lost", left = 2_usize, now = 3_usize, needed = 2_u32)), "{shown}");
        // Those whose data nothing but time or a person protects from an active copy.
        assert_eq!(still_to_do(Some(&impact_of(&all, true))), t!("directive-to-do-workloads", workloads = "c, d"));
        assert_eq!(still_to_do(Some(&impact_of(&json!([]), true))), t!("directive-to-do"));
        let known = Impact { secrets: ["kfz.db".to_owned()].into(), ..impact_of(&json!([]), true) };
        let said = still_to_do(Some(&known));
        assert!(said.contains(&t!("directive-to-do-secrets", secrets = "kfz.db")), "{said}");
        assert!(impact(&known).contains("kfz.db"));
    }
}
