//! SPIFFE ids, names and keys: one text form each, everything else refused.

use verbund_identity::SpiffeId;
use verbund_model::{NodeId, OrgName, PublicKey};

#[test]
fn spiffe_ids_round_trip() {
    for text in ["node/0.3", "agent/cluster-1", "user/u-17", "workload/fachverfahren"] {
        let text = format!("spiffe://nord.dvc/{text}");
        assert_eq!(text.parse::<SpiffeId>().unwrap().to_string(), text);
    }
}

#[test]
fn other_uris_are_no_names() {
    for text in [
        "",
        "spiffe://",
        "spiffe://nord.dvc",
        "spiffe://nord.dvc/",
        "spiffe://nord/node/0.1",
        "SPIFFE://nord.dvc/node/0.1",
        "spiffe://Nord.dvc/node/0.1",
        "spiffe://nord.dvc/node/00.1",
        "spiffe://nord.dvc/node/+0.1",
        "spiffe://nord.dvc/node/1",
        "spiffe://nord.dvc/node/0.1/",
        "spiffe://nord.dvc//node/0.1",
        "spiffe://nord.dvc/node/0.1?x",
        "spiffe://nord.dvc/user/a_b",
        "spiffe://nord.dvc.org/node/0.1",
        "spiffe://nord.dvc/root/0.1",
        "https://nord.dvc/node/0.1",
        "spiffe://a@nord.dvc/node/0.1",
        "spiffe://nord.dvc:1/node/0.1",
        "spiffe://nord.dvc/node/%30.1",
    ] {
        assert!(text.parse::<SpiffeId>().is_err(), "{text}");
    }
}

#[test]
fn names_are_dns_labels() {
    for good in ["a", "dataport", "x-1", &"a".repeat(40)] {
        assert!(OrgName::new(good).is_ok(), "{good}");
    }
    for bad in ["", "-a", "a-", "A", "ä", "a.b", "a_b", "a b", &"a".repeat(41)] {
        assert!(OrgName::new(bad).unwrap_err().to_string().contains("organisation"), "{bad}");
    }
}

#[test]
fn node_ids_carry_their_generation() {
    let id = NodeId::mint(2, 7);
    assert_eq!((id.generation(), id.counter(), id.to_string().as_str()), (2, 7, "2.7"));
    assert_eq!("2.7".parse::<NodeId>().unwrap(), id);
}

#[test]
fn keys_have_one_form() {
    for bad in ["", "p256:", "p521:AAAA", "p256:AAAA", "p384:BA", "p256:=", "P256:AAAA"] {
        assert!(bad.parse::<PublicKey>().is_err(), "{bad}");
    }
}
