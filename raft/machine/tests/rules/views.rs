//! Resources and events as people see them.

use serde_json::json;
use verbund_model::resource::{
    Consent, Evidence, EvidenceKind, EvidenceSubject, FailoverAuthority, FenceLevel, LicenceVeto, Mode, UserRole,
};
use verbund_model::view::{Change, Kind};
use verbund_model::{Command, Outcome};

use crate::country::{Country, apply, ended, spec, unreachable};
use crate::federation::Federation;
use crate::support::build::{document, entry, name, signed};

/// A country in which there is something of every kind.
fn of_everything() -> Country {
    let mut country = Country::new();
    let set = verbund_model::resource::Action::SetPolicy { name: name("regel"), document: document("{}") };
    let coordinator = country.f.coordinator(2);
    country.f.act(&coordinator, Command::Propose { action: set });
    let command = Command::ApplyCatalogueEntry {
        name: name("dienst"),
        organisation: name("b"),
        schema_version: 3,
        document: document(r#"{"titel":"Wärme"}"#),
    };
    let chef = country.chefs[1].clone();
    country.f.act(&chef, command);
    let ada = country.ada();
    let mut wanted = spec(Mode::Exclusive { fence: FenceLevel::Guard }, FailoverAuthority::Automatic, None);
    wanted.requirements.sites = [name("nord")].into();
    country.f.act(&ada, apply("w", wanted));
    let evidence = Evidence {
        name: name("c5-nord"),
        subject: EvidenceSubject::Site(name("nord")),
        kind: EvidenceKind::C5,
        issuer: "Prüfer".to_owned(),
        document: verbund_model::Hash([1; 32]),
        valid_until: country.f.clock + 1_000_000,
    };
    country.f.act(&ada, Command::ApplyEvidence { evidence });
    let veto = LicenceVeto { site: name("nord"), workload: name("w"), reason: "Lizenz".to_owned() };
    country.f.act(&ada, Command::SetLicenceVeto { veto });
    let (rule, reason, until) = ("georedundancy".to_owned(), "Übergang".to_owned(), country.f.clock + 1_000_000);
    country.f.act(&ada, Command::RequestException { name: name("nah"), rule, workload: name("w"), reason, until });
    let Command::ApplyWorkload { spec: with_customer, .. } =
        apply("v", spec(Mode::Parallel { copies: 1 }, FailoverAuthority::Automatic, None))
    else {
        unreachable!()
    };
    let (organisation, customer) = (name("kost"), Some(name("kost")));
    let command = Command::ApplyWorkload {
        name: name("v"),
        organisation,
        customer,
        spec: with_customer,
        expect: None,
        emergency: None,
    };
    country.f.act(&ada, command);
    let consent = Consent { customer: name("kost"), workload: name("v"), sites: [].into() };
    country.f.act(&ada, Command::GiveConsent { consent });
    country.find(&ended("c-nord", 1));
    country.find(&unreachable("site-c", 0));
    crate::exclusions::exclude_a_stranger(&mut country);
    crate::secrets::seal_one(&mut country);
    country
}

#[test]
fn every_kind_is_listed_and_found_by_its_name() {
    let federation = of_everything().f;
    for kind in Kind::ALL {
        let all = federation.state.list(*kind, None, usize::MAX);
        assert!(!all.is_empty(), "{kind}");
        let mut paged = Vec::new();
        while let [resource] = federation.state.list(*kind, paged.last().map(String::as_str), 1).as_slice() {
            assert_eq!(resource.kind, *kind);
            assert_eq!(federation.state.get(*kind, &resource.metadata.name).as_ref(), Some(resource));
            paged.push(resource.metadata.name.clone());
        }
        let names: Vec<_> = all.iter().map(|resource| resource.metadata.name.clone()).collect();
        assert_eq!(paged, names, "{kind}");
        assert_eq!(federation.state.get(*kind, "no.such.name.at.all"), None);
        assert!(federation.state.list(*kind, Some("NO NAME"), 9).is_empty());
    }
}

#[test]
fn resources_have_the_form_that_kubernetes_users_know() {
    let mut federation = Federation::new();
    let author = federation.organisation("amt");
    let command = Command::ApplyCatalogueEntry {
        name: name("dienst"),
        organisation: name("amt"),
        schema_version: 3,
        document: document(r#"{"titel":"Wärme"}"#),
    };
    federation.act(&author, command);
    let (version, time) = (federation.index, verbund_model::instant::rfc3339(federation.state.time()));
    let entry = serde_json::to_value(federation.state.get(Kind::CatalogueEntry, "dienst").unwrap()).unwrap();
    assert_eq!(
        entry,
        json!({
            "apiVersion": "verbund.de/v1",
            "kind": "CatalogueEntry",
            "metadata": {"name": "dienst", "resourceVersion": version, "created": time, "changed": time},
            "spec": {"organisation": "amt", "schemaVersion": 3, "document": {"titel": "Wärme"}},
            "status": null,
        })
    );
    let node = serde_json::to_value(federation.state.get(Kind::Node, "0.1").unwrap()).unwrap();
    assert_eq!(node["spec"]["site"], "nord");
    assert_eq!(node["status"], json!({"standing": "active"}));
    assert_eq!(node["metadata"]["created"], "2026-01-01T00:00:00.000Z");
    let federation_view = serde_json::to_value(federation.state.get(Kind::Federation, "dvc").unwrap()).unwrap();
    assert_eq!(federation_view["spec"]["coordinators"]["threshold"], 2);
    assert_eq!(federation_view["status"]["id"], json!(federation.state.federation().value.id));
    let binding = federation.state.get(Kind::RoleBinding, "amt.chef.cloud-service-anbieter").unwrap();
    assert_eq!(binding.spec["role"], "cloud-service-anbieter");
}

#[test]
fn events_tell_what_changed_in_order() {
    let mut federation = Federation::new();
    let author = federation.organisation("amt");
    let key = federation.ring.p256().key;
    federation.act(&author, Command::CreateUser { organisation: name("amt"), user: name("eva"), key });
    federation.bind(&author, "amt", "eva", UserRole::Auditor, &[]);
    let delete = Command::DeleteUser { organisation: name("amt"), user: name("eva") };
    let statement = federation.statement(&author, delete);
    let bytes = entry(federation.clock, &signed(&author, statement.to_payload()));
    let applied = federation.apply_bytes(&bytes);
    assert!(matches!(applied.outcome, Some(Outcome::Accepted(_))));
    let told: Vec<_> = applied
        .events
        .iter()
        .map(|event| event.render())
        .map(|event| (event.part, event.change, event.resource.kind, event.resource.metadata.name))
        .collect();
    let key = told[1].3.clone();
    let wanted = [
        (0, Change::Deleted, Kind::RoleBinding, "amt.eva.auditor".to_owned()),
        (1, Change::Updated, Kind::Key, key.clone()),
        (2, Change::Deleted, Kind::User, "amt.eva".to_owned()),
    ];
    assert_eq!(told, wanted);
    assert_eq!(federation.state.get(Kind::Key, &key).unwrap().status["revoked"], true);
}

#[test]
fn what_people_wrote_of_a_workload_stands_in_its_spec() {
    let state = of_everything().f.state;
    let workload = state.get(Kind::Workload, "w").unwrap();
    assert_eq!(workload.spec["mode"], json!({"exclusive": {"fence": "guard"}}));
    assert_eq!((&workload.spec["organisation"], &workload.status["deleting"]), (&json!("kost"), &json!(false)));
    let cluster = state.get(Kind::Cluster, "c-nord").unwrap();
    assert_eq!((&cluster.spec["site"], &cluster.spec["zone"]), (&json!("nord"), &json!("internal")));
    assert_eq!(
        (&cluster.status["standing"], &cluster.status["observation"]["ready"]),
        (&json!("active"), &json!(true))
    );
    let placement = state.get(Kind::Placement, "w").unwrap();
    assert_eq!(placement.status["copies"][0]["cluster"], "c-nord");
    let veto = state.get(Kind::LicenceVeto, "nord.w").unwrap();
    assert_eq!(veto.metadata.name, "nord.w");
}
