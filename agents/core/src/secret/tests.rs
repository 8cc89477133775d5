use serde_json::json;
use verbund_model::resource::CopyPhase;

use super::*;
use crate::reconcile::SETTLE;
use crate::samples::{EXCLUSIVE, PARALLEL, Place, Toy, copy, deployment};
use crate::{Act, Action, DesiredCopy, DesiredRole, Given, Right, reconcile};

const HELD: Given = Given { right: Right::Held { generation: 7 }, quiet: SETTLE, floor: 0 };

fn opened(name: &str, stamp: &str, pairs: &[(&str, &str)]) -> DesiredSecret {
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), SecretText::new(value.as_bytes()))).collect();
    DesiredSecret { name: name.parse().unwrap(), stamp: stamp.to_owned(), content: SecretContent::Opened { data } }
}

fn closed(name: &str, stamp: &str) -> DesiredSecret {
    let content = SecretContent::Closed { reason: "the token is away".to_owned() };
    DesiredSecret { name: name.parse().unwrap(), stamp: stamp.to_owned(), content }
}

fn with(secrets: Vec<DesiredSecret>, role: DesiredRole) -> DesiredCopy {
    DesiredCopy { secrets: secrets.into(), ..copy(PARALLEL, role, 1, &[deployment()]) }
}

/// Rounds until nothing but reports is left; gives the last.
fn settle(toy: &mut Toy, copy: &DesiredCopy) -> Vec<Action> {
    for _ in 0..12 {
        let actions = reconcile(&copy.workload, Some(copy), &toy.observe(), HELD, &Place::new().context());
        if actions.iter().all(|action| matches!(action.act, Act::Report { .. })) {
            return actions;
        }
        actions.iter().for_each(|action| toy.do_it(&action.act).unwrap());
        toy.settle();
    }
    panic!("it does not come to rest");
}

fn phase(actions: &[Action]) -> CopyPhase {
    let phase = |action: &Action| match &action.act {
        Act::Report { phase, .. } => Some(phase.clone()),
        _ => None,
    };
    actions.iter().find_map(phase).unwrap()
}

fn live<'a>(toy: &'a Toy, kind: &str, name: &str) -> Option<&'a Value> {
    toy.objects.iter().find(|(key, _)| key.kind.kind == kind && key.name == name).map(|(_, body)| body)
}

fn template_stamp(toy: &Toy) -> Value {
    live(toy, "Deployment", "web").unwrap()["spec"]["template"]["metadata"]["annotations"][names::SECRETS].clone()
}

#[test]
fn a_secret_lies_in_the_namespace_before_what_reads_it() {
    let copy = with(vec![opened("db", "1-1", &[("password", "hunter2")])], DesiredRole::Active);
    let mut toy = Toy::default();
    assert_eq!(phase(&settle(&mut toy, &copy)), CopyPhase::Ready);
    let secret = live(&toy, "Secret", "db").unwrap();
    assert_eq!(secret["data"]["password"], "aHVudGVyMg==");
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(secret["metadata"]["namespace"], "wohngeld");
    assert_eq!(template_stamp(&toy), "db=1-1");

    let order = crate::render::render(&copy, &Place::new().context()).unwrap();
    let at = |kind: &str| order.iter().position(|one| one.object.key.kind.kind == kind).unwrap();
    assert!(at("Secret") < at("Deployment"));
}

#[test]
fn other_values_replace_it_and_make_pods_anew_and_the_same_do_not() {
    let mut toy = Toy::default();
    settle(&mut toy, &with(vec![opened("db", "1-1", &[("password", "hunter2")])], DesiredRole::Active));
    let before = toy.objects.clone();
    settle(&mut toy, &with(vec![opened("db", "1-1", &[("password", "hunter2")])], DesiredRole::Active));
    assert_eq!(toy.objects, before, "nothing is written for what is the same");
    settle(&mut toy, &with(vec![opened("db", "1-2", &[("password", "hunter3")])], DesiredRole::Active));
    assert_eq!(live(&toy, "Secret", "db").unwrap()["data"]["password"], "aHVudGVyMw==");
    assert_eq!(template_stamp(&toy), "db=1-2");
}

#[test]
fn what_cannot_be_opened_leaves_what_runs_and_lets_nothing_begin() {
    let mut fresh = Toy::default();
    let wanted = with(vec![closed("db", "1-1")], DesiredRole::Active);
    let said = phase(&settle(&mut fresh, &wanted));
    assert!(matches!(&said, CopyPhase::Failed { reason } if reason.contains("the token is away")), "{said:?}");
    assert!(live(&fresh, "Deployment", "web").is_none() && fresh.pods.is_empty());

    // The same values are there: a daemon that can't open them now is no reason to wait.
    let mut running = Toy::default();
    settle(&mut running, &with(vec![opened("db", "1-1", &[("password", "hunter2")])], DesiredRole::Active));
    let before = running.objects.clone();
    assert_eq!(phase(&settle(&mut running, &wanted)), CopyPhase::Ready);
    assert_eq!(running.objects, before);

    // Others are wanted, and can't be opened: the old ones stay, and so does what runs.
    let said = phase(&settle(&mut running, &with(vec![closed("db", "1-2")], DesiredRole::Active)));
    assert!(matches!(said, CopyPhase::Failed { .. }), "{said:?}");
    assert_eq!(running.objects, before);
}

#[test]
fn a_standby_is_given_its_secrets_and_one_that_left_the_document_goes() {
    let mut toy = Toy::default();
    settle(&mut toy, &with(vec![opened("db", "1-1", &[("k", "v")])], DesiredRole::Standby));
    assert!(live(&toy, "Secret", "db").is_some() && live(&toy, "Deployment", "web").is_none());
    settle(&mut toy, &with(vec![], DesiredRole::Standby));
    assert!(live(&toy, "Secret", "db").is_none());
}

#[test]
fn the_type_follows_from_the_keys_and_a_change_of_it_makes_the_secret_anew() {
    let mut toy = Toy::default();
    settle(&mut toy, &with(vec![opened("web-tls", "1-1", &[("tls.crt", "c")])], DesiredRole::Active));
    assert_eq!(live(&toy, "Secret", "web-tls").unwrap()["type"], "Opaque");
    let tls = with(vec![opened("web-tls", "1-2", &[("tls.crt", "c"), ("tls.key", "k")])], DesiredRole::Active);
    let actions = reconcile(&tls.workload, Some(&tls), &toy.observe(), HELD, &Place::new().context());
    assert!(actions.iter().any(|action| matches!(&action.act, Act::Prune { objects } if objects[0].name == "web-tls")));
    settle(&mut toy, &tls);
    assert_eq!(live(&toy, "Secret", "web-tls").unwrap()["type"], "kubernetes.io/tls");
    let pull = opened("pull", "1-1", &[(".dockerconfigjson", "{}")]);
    assert_eq!(pull.object("w").unwrap().body["type"], "kubernetes.io/dockerconfigjson");
}

#[test]
fn a_job_does_not_run_again_for_other_values() {
    let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "j" },
                      "spec": { "template": { "spec": { "containers": [] } } } });
    let rendered = |stamp: &str| {
        let secrets = vec![opened("db", stamp, &[("k", "v")])];
        let copy = DesiredCopy {
            secrets: secrets.into(),
            ..copy(EXCLUSIVE, DesiredRole::Active, 1, std::slice::from_ref(&job))
        };
        let wanted = crate::render::render(&copy, &Place::new().context()).unwrap();
        wanted.into_iter().find(|one| one.object.key.kind.kind == "Job").unwrap().object
    };
    assert_eq!(rendered("1-1").digest, rendered("1-2").digest);
}

#[test]
fn no_value_is_shown_or_reported() {
    let secret = opened("db", "1-1", &[("password", "hunter2hunter2"), ("pin", "123")]);
    let shown = format!("{secret:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("aHVudGVy"), "{shown}");
    let base64 = BASE64.encode(b"hunter2hunter2");
    let text = redact(&format!("no such user: hunter2hunter2 ({base64}), 123 tries"), &[secret]);
    assert_eq!(text, "no such user: <not shown> (<not shown>), 123 tries");
}

#[test]
fn what_a_pod_says_of_its_secret_is_not_passed_on() {
    let secret = opened("db", "1-1", &[("password", "hunter2hunter2")]);
    let copy = with(vec![secret], DesiredRole::Active);
    let mut toy = Toy::default();
    settle(&mut toy, &copy);
    let mut observed = toy.observe();
    observed.pods[0].ready = false;
    observed.pods[0].trouble = "container web: cannot log in with hunter2hunter2".to_owned();
    let status = json!({ "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1 });
    for (key, object) in &mut observed.objects {
        if key.kind.kind == "Deployment" {
            std::sync::Arc::make_mut(&mut object.live)["status"] = status.clone();
        }
    }
    let said = phase(&reconcile(&copy.workload, Some(&copy), &observed, HELD, &Place::new().context()));
    let shown = format!("{said:?}");
    assert!(shown.contains("cannot log in with <not shown>") && !shown.contains("hunter2"), "{shown}");
}
