//! Documents as people write them, and what is said about wrong ones.

use super::*;

fn origin(directory: &Path) -> Origin<'_> {
    Origin { directory, organisation: None }
}

fn spec() -> Value {
    json!({
        "organisation": "dataport",
        "requirements": {
            "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal", "stage": "production",
            "amounts": { "cpuMillis": 500 },
        },
        "mode": { "exclusive": { "fence": "guard" } },
        "stopBudget": 2000,
        "failover": "automatic",
        "manifests": [],
    })
}

#[test]
fn a_workload_takes_manifests_from_files() {
    let directory = tempfile::tempdir().unwrap();
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n";
    std::fs::write(directory.path().join("all.yaml"), text).unwrap();
    let mut spec = spec();
    spec["manifestFiles"] = json!(["all.yaml"]);
    spec["manifests"] = json!([{ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "c" } }]);
    let workload = workload("kfz", spec.clone(), origin(directory.path())).unwrap();
    let kinds: Vec<_> = workload.spec.manifests.iter().map(|m| m.to_value()["kind"].clone()).collect();
    assert_eq!(kinds, ["Secret", "Service", "ConfigMap"]);
    assert_eq!(shown(&workload)["organisation"], "dataport");
    for (files, part) in [(json!(["none.yaml"]), "spec.manifestFiles[0]"), (json!("all.yaml"), "spec.manifestFiles")] {
        spec["manifestFiles"] = files;
        let error = super::workload("kfz", spec.clone(), origin(directory.path())).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn mistakes_name_their_field() {
    let of = |change: fn(&mut Value)| {
        let mut spec = spec();
        change(&mut spec);
        workload("kfz", spec, origin(Path::new("."))).unwrap_err()
    };
    for (error, parts) in [
        (of(|s| s["requirements"]["zone"] = json!("outer")), ["spec.requirements.zone", "outer", "raised"]),
        (of(|s| s["mode"] = json!({ "parallel": { "copies": "two" } })), ["spec.mode", "two", "u8"]),
        (of(|s| s["failover"] = json!("perhaps")), ["spec.failover", "perhaps", "manual"]),
        (of(|s| s["stopbudget"] = json!(1)), ["spec", "stopbudget", "stopBudget"]),
        (of(|s| s["customer"] = json!("Kein Name")), ["spec.customer", "Kein Name", "a-z"]),
    ] {
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn sites_take_facts_in_degrees() {
    let spec = json!({ "land": "DE-NI", "facts": {
        "coordinates": { "latitude": 52.3759, "longitude": 9.732 }, "country": "DE", "operator": "public", "fallback": true } });
    let wish = wish(Kind::Site, "nord", &spec, origin(Path::new("."))).unwrap();
    let Some(Wish::Commands(commands)) = wish else { panic!("{wish:?}") };
    assert!(matches!(&commands[0], Command::UpdateSite { .. }));
    let Command::SetSiteFacts { facts, .. } = &commands[1] else { panic!("{commands:?}") };
    assert_eq!((facts.coordinates.latitude, facts.coordinates.longitude), (52_375_900, 9_732_000));
    for wrong in [json!({}), json!({ "land": "DE-NI", "fact": 1 })] {
        assert!(super::wish(Kind::Site, "nord", &wrong, origin(Path::new("."))).is_err(), "{wrong}");
    }
}

#[test]
fn the_other_kinds() {
    let of = |kind, name: &str, spec: Value| wish(kind, name, &spec, origin(Path::new(".")));
    let evidence = json!({ "subject": { "site": "nord" }, "kind": "c5", "issuer": "BSI", "document": "ab".repeat(32),
        "validUntil": "2027-01-01T00:00:00Z" });
    let found = of(Kind::Evidence, "nord-c5", evidence.clone()).unwrap();
    let Some(Wish::Commands(commands)) = found else { panic!("{found:?}") };
    let Command::ApplyEvidence { evidence: given } = &commands[0] else { panic!("{commands:?}") };
    assert_eq!(given.valid_until, 1_798_761_600_000);
    let mut soon = evidence;
    soon["validUntil"] = json!("soon");
    assert!(of(Kind::Evidence, "nord-c5", soon).unwrap_err().contains("spec.validUntil"));
    let veto = json!({ "site": "nord", "workload": "kfz", "reason": "licence" });
    assert!(of(Kind::LicenceVeto, "nord.kfz", veto.clone()).is_ok());
    assert!(of(Kind::LicenceVeto, "sued.kfz", veto).is_err());
    let consent = json!({ "customer": "stadt", "workload": "kfz", "sites": ["nord"] });
    assert!(of(Kind::Consent, "kfz", consent.clone()).is_ok());
    assert!(of(Kind::Consent, "other", consent).is_err());
    let cluster = json!({ "site": "nord", "zone": "internal", "schutzbedarf": "normal", "confidentiality": "internal", "stage": "test" });
    assert!(matches!(of(Kind::Cluster, "nord-a", cluster), Ok(Some(Wish::Cluster { site: Some(_), .. }))));
    assert!(of(Kind::Node, "1", json!({})).unwrap().is_none());
}

#[test]
fn windows_and_freezes_are_written_as_people_say_them() {
    let said = json!({
        "windows": [{"days": ["sat", "sun"], "from": "22:00", "to": "04:00"}],
        "freezes": [{"from": "2026-12-18", "to": "2027-01-06", "reason": "Jahreswechsel"}],
    });
    let commands = |kind, spec: Value| match wish(kind, "nord", &spec, origin(Path::new("."))) {
        Ok(Some(Wish::Commands(commands))) => Ok(commands),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error),
    };
    // What `get` prints may stand beside it.
    let found = commands(
        Kind::Organisation,
        json!({ "displayName": "Nord", "roles": [], "parent": null, "maintenance": said }),
    );
    assert!(
        matches!(&found.unwrap()[..], [Command::SetOrganisationMaintenance { maintenance, .. }] if json!(maintenance) == said)
    );
    let found = commands(Kind::Site, json!({ "land": "DE-NI", "maintenance": said })).unwrap();
    assert!(matches!(&found[..], [Command::UpdateSite { .. }, Command::SetSiteMaintenance { .. }]), "{found:?}");
    let mut spec = spec();
    spec["maintenance"] = said.clone();
    assert_eq!(json!(workload("kfz", spec, origin(Path::new("."))).unwrap().spec.maintenance), said);
    for (wrong, part) in [
        (json!({ "windows": [{ "days": ["sat"], "from": "25:00", "to": "04:00" }] }), "25:00"),
        (json!({ "windows": [{ "days": ["samstag"], "from": "22:00", "to": "04:00" }] }), "samstag"),
        (json!({ "freezes": [{ "from": "2026-02-30", "to": "2026-03-01", "reason": "r" }] }), "2026-02-30"),
        (json!({ "fenster": [] }), "fenster"),
    ] {
        let error = commands(Kind::Site, json!({ "maintenance": wrong })).unwrap_err();
        assert!(error.contains("spec.maintenance") && error.contains(part), "{error}");
    }
    assert!(commands(Kind::Organisation, json!({ "displayName": "Nord" })).unwrap_err().contains("verbund org create"));
}
