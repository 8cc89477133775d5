//! Genesis, certificates, envelopes, entries.

use std::collections::BTreeSet;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, SerialNumber};
use verbund_identity::batch::{build, leaf_hash};
use verbund_identity::envelope::{BATCH_TYPE, STATEMENT_TYPE, pae};
use verbund_identity::genesis::{FirstOrganisation, FirstSite};
use verbund_identity::{Authentication, Envelope, Genesis, Precondition, Statement, sha256};
use verbund_machine::{Entry, LogId};
use verbund_model::resource::{Address, AdmissionRequest, CoordinatorSet, Der, Millis, OrgRole, Proofs};
use verbund_model::{Command, Document, FederationId, KeyId, SiteName};

use super::keys::Signer;

/// 2026-01-01T00:00:00Z.
pub const START: Millis = 1_767_225_600_000;

pub fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub fn document(text: &str) -> Document {
    serde_json::from_str(text).unwrap()
}

/// A CA's certificate: by itself, or by `issuer`.
pub struct Ca {
    pub signer: Signer,
    pub params: CertificateParams,
    pub der: Der,
}

pub fn ca_params(common_name: &str, path_len: Option<u8>, end: i32) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(path_len.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from(7_u64));
    params.key_identifier_method = KeyIdMethod::PreSpecified(vec![1; 20]);
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(end, 1, 1);
    params
}

impl Ca {
    pub fn root(common_name: &str, signer: Signer) -> Self {
        Self::own(ca_params(common_name, None, 2040), signer)
    }

    pub fn own(params: CertificateParams, signer: Signer) -> Self {
        let der = Der(params.self_signed(&signer).unwrap().der().to_vec());
        Self { signer, params, der }
    }

    pub fn below(&self, common_name: &str, signer: Signer) -> Self {
        self.issue(ca_params(common_name, Some(0), 2039), signer)
    }

    pub fn issue(&self, params: CertificateParams, signer: Signer) -> Self {
        let issuer = Issuer::from_params(&self.params, &self.signer);
        let der = Der(params.signed_by(&signer, &issuer).unwrap().der().to_vec());
        Self { signer, params, der }
    }
}

/// Everybody of a federation of one site.
pub struct Founders {
    pub coordinators: Vec<Signer>,
    pub administrator: Signer,
    pub node: Signer,
    pub root: Ca,
    pub issuing: Ca,
    pub sealing: Signer,
}

pub const ALL_ROLES: [OrgRole; 9] = [
    OrgRole::CloudServiceKunde,
    OrgRole::CloudServiceVermittler,
    OrgRole::Plattformbetreiber,
    OrgRole::Softwarebetreiber,
    OrgRole::CloudIntegrator,
    OrgRole::PortalNutzende,
    OrgRole::Koordinierungsstelle,
    OrgRole::Softwarelieferant,
    OrgRole::Architekturboard,
];

impl Founders {
    /// Organisation `kost` with administrator `ada`, site `nord` in Niedersachsen.
    pub fn genesis(&self, threshold: u32) -> Genesis {
        Genesis {
            v: 1,
            name: name("dvc"),
            salt: sha256(b"salt"),
            time: START,
            coordinators: CoordinatorSet {
                version: 1,
                keys: self.coordinators.iter().map(|c| c.key.clone()).collect(),
                threshold,
            },
            policy: document(r#"{"first":true}"#),
            organisation: FirstOrganisation {
                name: name("kost"),
                display_name: "Koordinierungsstelle".to_owned(),
                roles: ALL_ROLES.to_vec(),
                administrator: name("ada"),
                administrator_keys: vec![self.administrator.key.clone()],
            },
            site: FirstSite {
                name: name("nord"),
                land: name("DE-NI"),
                anchors: vec![self.root.der.clone()],
                issuing_key: self.issuing.signer.key.clone(),
                sealing_key: self.sealing.key.clone(),
                node_key: self.node.key.clone(),
                addresses: vec![address("localhost:7100")],
            },
        }
    }
}

/// What every statement of a federation says.
pub struct Statements {
    pub federation: FederationId,
}

impl Statements {
    pub fn statement(&self, author: &KeyId, session: u64, sequence: u64, now: Millis, command: Command) -> Statement {
        Statement {
            v: 1,
            federation: self.federation,
            generation: 0,
            key: *author,
            session,
            sequence,
            not_after: now + 60_000,
            precondition: None,
            command,
            sealed: Vec::new(),
        }
    }
}

pub fn with(statement: Statement, precondition: Precondition) -> Statement {
    Statement { precondition: Some(precondition), ..statement }
}

/// The statement under the author's own signature.
pub fn signed(author: &Signer, payload: Vec<u8>) -> Envelope {
    let signature = author.sign(&pae(STATEMENT_TYPE, &payload));
    Envelope { payload, key: author.id, authentication: Authentication::Direct { signature } }
}

/// All statements under one signature.
pub fn batch(author: &Signer, payloads: &[Vec<u8>]) -> Vec<Envelope> {
    let leaves: Vec<_> = payloads.iter().map(|payload| leaf_hash(&pae(STATEMENT_TYPE, payload))).collect();
    let (root, proofs) = build(&leaves).unwrap();
    let signature = author.sign(&pae(BATCH_TYPE, &root.0));
    let envelope = |(payload, proof): (&Vec<u8>, _)| Envelope {
        payload: payload.clone(),
        key: author.id,
        authentication: Authentication::Batch { signature: signature.clone(), proof },
    };
    payloads.iter().zip(proofs).map(envelope).collect()
}

pub fn entry(stamp: Millis, envelope: &Envelope) -> Vec<u8> {
    Entry { stamp, envelope: envelope.to_bytes() }.to_bytes()
}

pub fn at(index: u64) -> LogId {
    LogId { term: 1, node: 1, index }
}

/// The proofs of a request, by the keys that it names.
pub fn proofs(
    federation: &FederationId,
    invitation: &KeyId,
    request: &AdmissionRequest,
    node: &Signer,
    issuing: &Signer,
) -> Proofs {
    let binding = verbund_identity::admission_binding(federation, invitation, request);
    Proofs { node: Der(node.sign(&binding)), issuing: Der(issuing.sign(&binding)) }
}

pub fn sites(names: &[&str]) -> BTreeSet<SiteName> {
    names.iter().map(|text| name(text)).collect()
}
