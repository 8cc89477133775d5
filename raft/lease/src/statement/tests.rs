use verbund_model::Hash;

use super::*;

fn statement(finding: Finding) -> Statement {
    Statement {
        federation: FederationId(Hash([7; 32])),
        federation_generation: 1,
        finding,
        membership: MembershipId { term: 2, node: 3, index: 4 },
        node: NodeId(5),
    }
}

#[test]
fn the_message_is_these_bytes() {
    let finding = Finding::LeaseEnded { cluster: "nord-1".parse().unwrap(), generation: 6 };
    let mut wanted = b"DSSEv1 36 application/vnd.verbund.statement.v1 84 ".to_vec();
    wanted.extend([7; 32]);
    wanted.extend([0, 0, 0, 1]);
    for number in [2u8, 3, 4, 5] {
        wanted.extend([0, 0, 0, 0, 0, 0, 0, number]);
    }
    wanted.extend([1, 6]);
    wanted.extend(b"nord-1");
    wanted.extend([0, 0, 0, 0, 0, 0, 0, 6]);
    assert_eq!(statement(finding).message(), wanted);
}

#[test]
fn everything_that_a_statement_hangs_on_is_in_its_message() {
    let finding = Finding::LeaseEnded { cluster: "nord-1".parse().unwrap(), generation: 6 };
    let base = statement(finding);
    let mut others = vec![base.clone()];
    others.push(Statement { federation: FederationId(Hash([8; 32])), ..base.clone() });
    others.push(Statement { federation_generation: 2, ..base.clone() });
    others.push(Statement { membership: MembershipId { term: 3, ..base.membership }, ..base.clone() });
    others.push(Statement { membership: MembershipId { node: 4, ..base.membership }, ..base.clone() });
    others.push(Statement { membership: MembershipId { index: 5, ..base.membership }, ..base.clone() });
    others.push(Statement { node: NodeId(6), ..base.clone() });
    for finding in [
        Finding::LeaseEnded { cluster: "nord-1".parse().unwrap(), generation: 7 },
        Finding::LeaseEnded { cluster: "nord-2".parse().unwrap(), generation: 6 },
        Finding::Unreachable { site: "nord-1".parse().unwrap(), presence: 6 },
        Finding::Returned { site: "nord-1".parse().unwrap(), presence: 6 },
    ] {
        others.push(Statement { finding, ..base.clone() });
    }
    let messages: std::collections::BTreeSet<_> = others.iter().map(Statement::message).collect();
    assert_eq!(messages.len(), others.len());
}
