//! The rotation of issuing CAs in the model.

use verbund_identity::{CaCertificate, key_id};
use verbund_model::resource::{AuthorityPhase, AuthorityStep, Site, SiteAuthority};
use verbund_model::{Accepted, KeyId, PublicKey, SiteName};

use super::commands::{may_act, must};
use super::{Case, Expected, Model};

impl Model {
    pub(super) fn rotate(&mut self, index: u64, case: &Case, name: &SiteName, step: &AuthorityStep) -> Expected {
        let (version, site) = self.things.sites.get(name).ok_or("not-found")?;
        may_act(site.standing)?;
        let (version, site) = (*version, site.clone());
        let after = match step {
            AuthorityStep::Prepare { certificate, .. } => {
                let prepared = self.announce(case, site.clone())?;
                prepared.map(|mut site: Site| {
                    if case.certificates.as_ref().unwrap().marks.len() > 1 {
                        site.anchors.push(certificate.clone());
                    }
                    site
                })
            }
            AuthorityStep::Activate { key } => activated(site.clone(), key)?,
            AuthorityStep::Taint { key } => {
                let at = place(&site, key)?;
                must(site.authorities[at].phase != AuthorityPhase::Prepared, "conflict")?;
                let mut site = site.clone();
                let was = std::mem::replace(&mut site.authorities[at].phase, AuthorityPhase::Tainted);
                (was == AuthorityPhase::Previous).then_some(site)
            }
            AuthorityStep::Revoke { key } => gone(site.clone(), key, AuthorityPhase::Tainted)?,
            AuthorityStep::Withdraw { key } => gone(site.clone(), key, AuthorityPhase::Prepared)?,
        };
        match after {
            None => Ok(Accepted::Unchanged { version }),
            Some(site) => {
                self.things.sites.insert(name.clone(), (index, site));
                Ok(Accepted::Changed { version: index })
            }
        }
    }

    fn announce(&mut self, case: &Case, mut site: Site) -> Result<Option<Site>, &'static str> {
        let certificates = case.certificates.clone().unwrap();
        let id = key_id(&certificates.issuing_key);
        must(certificates.good, "invalid")?;
        must(!self.is_gone("key", id), "excluded")?;
        let prepared = site.authorities.iter().find(|known| known.phase == AuthorityPhase::Prepared);
        if prepared.is_some_and(|known| known.key == certificates.issuing_key) {
            return Ok(None);
        }
        must(!self.things.marks.contains_key(&format!("key {id}")), "conflict")?;
        must(prepared.is_none(), "conflict")?;
        must(site.authorities.len() < 4, "too-large")?;
        let endorsed = certificates.marks.len() > 1;
        must(!endorsed || case.proofs.0, "bad-proof")?;
        must(!endorsed || site.anchors.len() < 4, "too-large")?;
        must(case.proofs.1, "bad-proof")?;
        for mark in certificates.marks {
            self.things.marks.insert(mark, site.name.clone());
        }
        site.authorities.push(SiteAuthority { key: certificates.issuing_key, phase: AuthorityPhase::Prepared });
        Ok(Some(site))
    }
}

fn place(site: &Site, key: &KeyId) -> Result<usize, &'static str> {
    must(key_id(&site.issuing_key) != *key, "conflict")?;
    site.authorities.iter().position(|authority| key_id(&authority.key) == *key).ok_or("not-found")
}

fn activated(mut site: Site, key: &KeyId) -> Result<Option<Site>, &'static str> {
    if key_id(&site.issuing_key) == *key {
        return Ok(None);
    }
    let at = place(&site, key)?;
    let next: PublicKey = site.authorities.remove(at).key;
    let previous = SiteAuthority { key: site.issuing_key, phase: AuthorityPhase::Previous };
    site.authorities.push(previous);
    site.issuing_key = next;
    Ok(Some(site))
}

fn gone(mut site: Site, key: &KeyId, from: AuthorityPhase) -> Result<Option<Site>, &'static str> {
    if site.retired.contains(key) {
        return Ok(None);
    }
    let at = place(&site, key)?;
    must(site.authorities[at].phase == from, "conflict")?;
    must(site.retired.len() < 256, "too-large")?;
    site.authorities.remove(at);
    site.anchors.retain(|der| key_id(&CaCertificate::from_der(&der.0).unwrap().key) != *key);
    site.retired.insert(*key);
    Ok(Some(site))
}
