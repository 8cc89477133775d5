//! How another issuing CA takes the place of a site's: prepare, activate, taint, revoke; with a way back until revoke.

use verbund_identity::certificate::is_issued_by;
use verbund_identity::{CaCertificate, authority_binding, key_id, sha256};
use verbund_model::resource::{AuthorityPhase, AuthorityStep, Der, Site, SiteAuthority};
use verbund_model::{Accepted, Algorithm, KeyId, Refusal, SiteName};

use crate::act::{Act, Decision, check_key, conflict, invalid, within};
use crate::limits::{MAX_ANCHORS, MAX_AUTHORITIES, MAX_RETIRED};
use crate::object::label;
use crate::tables::{Mark, Marked};

impl Act<'_> {
    pub(crate) fn rotate_authority(&mut self, name: &SiteName, step: &AuthorityStep) -> Decision {
        let found = self.existing::<Site>(name)?;
        let version = found.version;
        self.active_site(name)?;
        let site = found.value.clone();
        let changed = match step {
            AuthorityStep::Prepare { certificate, proof, endorsement } => {
                self.prepare(site, certificate, proof, endorsement.as_ref())?
            }
            AuthorityStep::Activate { key } => activate(site, key)?,
            AuthorityStep::Taint { key } => taint(site, key)?,
            AuthorityStep::Revoke { key } => self.take_out(site, key, AuthorityPhase::Tainted)?,
            AuthorityStep::Withdraw { key } => self.take_out(site, key, AuthorityPhase::Prepared)?,
        };
        let Some(site) = changed else { return Ok(Accepted::Unchanged { version }) };
        self.put(site);
        Ok(self.changed())
    }

    fn prepare(
        &mut self,
        mut site: Site,
        certificate: &Der,
        proof: &Der,
        endorsement: Option<&Der>,
    ) -> Result<Option<Site>, Refusal> {
        const FIELD: &str = "step.prepare.certificate";
        let ca = self.certificate(FIELD, certificate)?;
        check_key(FIELD, &ca.key, Algorithm::P384)?;
        let id = key_id(&ca.key);
        self.state.never_excluded_key(&id)?;
        if find(&site, &id).is_some_and(|known| known.phase == AuthorityPhase::Prepared) {
            return Ok(None);
        }
        if ca.path_len != Some(0) {
            return Err(invalid(FIELD, "its path length is not 0"));
        }
        if let Some(Marked(other)) = self.state.tables.marks.get(&Mark::Key(id)) {
            let what = format!("its key is or was one of {} already: make a new one", label::<Site>(other));
            return Err(conflict(what));
        }
        if site.authorities.iter().any(|known| known.phase == AuthorityPhase::Prepared) {
            return Err(conflict("a CA is announced already: activate it, or withdraw it"));
        }
        within("the site's number of CAs", site.authorities.len() as u64 + 1, MAX_AUTHORITIES)?;
        let binding = authority_binding(&self.federation().id, &site.name, certificate);
        if !self.has_root_above(&site, certificate) {
            // Below an authority's PKI no registered root vouches for the new CA: the present one does.
            let endorsement = endorsement.ok_or_else(|| {
                invalid(FIELD, "no registered root of the site issued it, and the present CA does not endorse it")
            })?;
            self.check_proof("present issuing CA", &site.issuing_key, &binding, endorsement)?;
            self.check_subject(&site.name, &ca)?;
            within("the number of trust anchors", site.anchors.len() as u64 + 1, MAX_ANCHORS)?;
            site.anchors.push(certificate.clone());
            self.state.tables.marks.put(Mark::Subject(sha256(&ca.subject)), Marked(site.name.clone()));
        }
        self.check_proof("new issuing CA", &ca.key, &binding, proof)?;
        self.state.tables.marks.put(Mark::Key(id), Marked(site.name.clone()));
        site.authorities.push(SiteAuthority { key: ca.key, phase: AuthorityPhase::Prepared });
        Ok(Some(site))
    }

    /// Whether a root among the site's anchors issued it.
    fn has_root_above(&self, site: &Site, certificate: &Der) -> bool {
        let roots = site.anchors.iter().filter_map(|anchor| CaCertificate::from_der(&anchor.0).ok());
        roots.filter(|root| root.path_len != Some(0)).any(|root| is_issued_by(&certificate.0, &root, self.verifier))
    }

    fn check_subject(&self, site: &SiteName, ca: &CaCertificate) -> Result<(), Refusal> {
        match self.state.tables.marks.get(&Mark::Subject(sha256(&ca.subject))) {
            // Of one name, the two anchors would be taken for each other only if they were of two sites.
            Some(Marked(other)) if other != site => {
                Err(conflict(format!("its name is that of an anchor of {} already", label::<Site>(other))))
            }
            _ => Ok(()),
        }
    }

    /// Takes a CA out for ever.
    fn take_out(&self, mut site: Site, key: &KeyId, from: AuthorityPhase) -> Result<Option<Site>, Refusal> {
        if site.retired.contains(key) {
            return Ok(None);
        }
        let phase = known(&site, key)?.phase;
        if phase != from {
            let wanted = match from {
                AuthorityPhase::Prepared => "only a CA that never issued is withdrawn: taint this one, then revoke it",
                _ => "taint it first, so that what it issued is replaced before it stops to count",
            };
            return Err(conflict(wanted));
        }
        within("the site's number of retired CAs", site.retired.len() as u64 + 1, MAX_RETIRED)?;
        site.authorities.retain(|authority| key_id(&authority.key) != *key);
        site.anchors.retain(|anchor| CaCertificate::from_der(&anchor.0).map_or(true, |ca| key_id(&ca.key) != *key));
        site.retired.insert(*key);
        Ok(Some(site))
    }
}

fn find<'a>(site: &'a Site, key: &KeyId) -> Option<&'a SiteAuthority> {
    site.authorities.iter().find(|authority| key_id(&authority.key) == *key)
}

/// A CA of the site that does not issue now.
fn known<'a>(site: &'a Site, key: &KeyId) -> Result<&'a SiteAuthority, Refusal> {
    if let Some(found) = find(site, key) {
        return Ok(found);
    }
    if key_id(&site.issuing_key) == *key {
        return Err(conflict("it is the CA that issues now: activate another one first"));
    }
    Err(Refusal::NotFound { what: format!("CA {key} of {}", label::<Site>(&site.name)) })
}

fn activate(mut site: Site, key: &KeyId) -> Result<Option<Site>, Refusal> {
    if key_id(&site.issuing_key) == *key {
        return Ok(None);
    }
    let next = known(&site, key)?.key.clone();
    site.authorities.retain(|authority| key_id(&authority.key) != *key);
    let before = std::mem::replace(&mut site.issuing_key, next);
    site.authorities.push(SiteAuthority { key: before, phase: AuthorityPhase::Previous });
    Ok(Some(site))
}

fn taint(mut site: Site, key: &KeyId) -> Result<Option<Site>, Refusal> {
    match known(&site, key)?.phase {
        AuthorityPhase::Tainted => return Ok(None),
        AuthorityPhase::Prepared => return Err(conflict("it never issued: withdraw it")),
        AuthorityPhase::Previous => {}
    }
    for authority in site.authorities.iter_mut().filter(|authority| key_id(&authority.key) == *key) {
        authority.phase = AuthorityPhase::Tainted;
    }
    Ok(Some(site))
}
