//! Steps of the rotation of a site's issuing CA.

use verbund_identity::{CaCertificate, authority_binding, key_id};
use verbund_model::resource::{AuthorityPhase, AuthorityStep, Der, Site};
use verbund_model::{Command, KeyId, PublicKey};

use super::{Generator, Step};
use crate::model::{Certificates, Model};
use crate::support::build::{Ca, ca_params};
use crate::support::keys::Signer;

impl Generator {
    /// Who holds a CA's key.
    pub(super) fn holder(&self, key: &PublicKey) -> Option<Signer> {
        let id = key_id(key);
        let of_authority = || self.authorities.iter().flat_map(|(root, issuing)| [root, issuing]).find(|s| s.id == id);
        self.signers.get(&id).or_else(of_authority).cloned()
    }

    pub(super) fn rotate(&mut self, model: &Model) -> Option<Step> {
        let (person, name) = self.operator(model)?;
        let site = model.things.sites[&name].1.clone();
        let wrong = self.random.chance(8);
        let others: Vec<(KeyId, AuthorityPhase)> =
            site.authorities.iter().map(|authority| (key_id(&authority.key), authority.phase)).collect();
        let is_prepared = others.iter().any(|(_, phase)| *phase == AuthorityPhase::Prepared);
        if others.is_empty() || (!is_prepared && self.random.chance(25)) || (is_prepared && self.random.chance(3)) {
            return self.prepare(model, &person.key, &site);
        }
        let mut keys: Vec<KeyId> = others.iter().map(|(key, _)| *key).collect();
        keys.push(key_id(&site.issuing_key));
        keys.extend(site.retired.iter().copied());
        let (key, phase) = *self.random.pick(&others)?;
        let step = match (phase, wrong, self.random.below(100)) {
            (_, true, 0..=24) => AuthorityStep::Taint { key: *self.random.pick(&keys)? },
            (_, true, 25..=49) => AuthorityStep::Revoke { key: *self.random.pick(&keys)? },
            (_, true, 50..=74) => AuthorityStep::Withdraw { key: *self.random.pick(&keys)? },
            (_, true, _) => AuthorityStep::Activate { key: *self.random.pick(&keys)? },
            (AuthorityPhase::Prepared, _, 0..=24) => AuthorityStep::Withdraw { key },
            (AuthorityPhase::Previous, _, 0..=79) => AuthorityStep::Taint { key },
            (AuthorityPhase::Tainted, _, 0..=79) => AuthorityStep::Revoke { key },
            _ => AuthorityStep::Activate { key },
        };
        let said = self.say(model, &person.key, Command::RotateAuthority { site: name, step });
        self.send(model, said)
    }

    fn prepare(&mut self, model: &Model, author: &KeyId, site: &Site) -> Option<Step> {
        let next = self.new384();
        let root = site.anchors.iter().filter_map(|anchor| CaCertificate::from_der(&anchor.0).ok());
        let root = root.filter(|ca| ca.path_len != Some(0)).find_map(|ca| self.holder(&ca.key));
        let mut marks = std::collections::BTreeSet::from([format!("key {}", next.id)]);
        let certificate = match &root {
            Some(root) => {
                let of_nord = self.authorities[0].0.id == root.id;
                let name = if of_nord { "root nord".to_owned() } else { format!("root {}", root.id) };
                Ca::root(&name, root.clone()).below(&format!("issuing {}", next.id), next.clone()).der
            }
            None => {
                let name = format!("issuing {}", next.id);
                marks.insert(format!("name {name}"));
                Ca::own(ca_params(&name, Some(0), 2039), next.clone()).der
            }
        };
        let binding = authority_binding(&model.id, &site.name, &certificate);
        let present = self.holder(&site.issuing_key)?;
        let (endorses, proves) = (!self.random.chance(5), !self.random.chance(5));
        let signed = |signer: &Signer, holds: bool| Der(signer.sign(if holds { &binding } else { b"something else" }));
        let step = AuthorityStep::Prepare {
            proof: signed(&next, proves),
            endorsement: root.is_none().then(|| signed(&present, endorses)),
            certificate,
        };
        let said = self.say(model, author, Command::RotateAuthority { site: site.name.clone(), step });
        let certificates = Certificates { good: true, issuing_key: next.key, marks };
        self.send_with(model, said, (endorses, proves), Some(certificates))
    }
}
