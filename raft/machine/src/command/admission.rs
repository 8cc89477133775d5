//! How a site becomes a member (formats 2): invitation, request, approvals.

use std::collections::BTreeSet;

use verbund_identity::certificate::is_issued_by;
use verbund_identity::{CaCertificate, CaCertificateError, admission_binding, key_id, sha256};
use verbund_model::instant::rfc3339;
use verbund_model::resource::{
    Admission, AdmissionRefusal, AdmissionRequest, Der, Invitation, InvitationUse, KeyOwner, Maintenance, Millis,
    Organisation, Proofs, RegisteredKey, Site, Standing,
};
use verbund_model::{Accepted, Algorithm, Hash, KeyId, NodeId, OrgName, PublicKey, Refusal, SiteName};

use super::coordinators::Count;
use super::form::text;
use super::site::check_addresses;
use crate::act::{Act, Decision, check_key, conflict, invalid, within};
use crate::limits::{MAX_ANCHORS, MAX_INVITATION};
use crate::object::label;
use crate::tables::{Mark, Marked};

/// What a request's certificates say.
struct Authority {
    issuing_key: PublicKey,
    marks: BTreeSet<Mark>,
}

impl Act<'_> {
    pub(crate) fn invite(
        &mut self,
        key: &PublicKey,
        site: &SiteName,
        organisation: &OrgName,
        expires: Millis,
    ) -> Decision {
        self.existing::<Organisation>(organisation)?;
        self.state.check_organisation(organisation)?;
        self.state.never_excluded_site(site)?;
        self.absent::<Site>(site)?;
        if expires <= self.now {
            return Err(invalid("expires", format!("{} is over", rfc3339(expires))));
        }
        let latest = self.now.saturating_add(MAX_INVITATION);
        if expires > latest {
            return Err(invalid("expires", format!("it may be {} at the latest", rfc3339(latest))));
        }
        let id = self.fresh_key("key", key, Algorithm::P256)?;
        self.put(RegisteredKey { id, key: key.clone(), owner: KeyOwner::Invitation, revoked: false });
        self.put(Invitation {
            key: key.clone(),
            site: site.clone(),
            organisation: organisation.clone(),
            expires,
            invited_by: self.author.key,
            used: InvitationUse::Open,
        });
        Ok(self.changed())
    }

    /// The key stays registered, so that whoever comes with it is told what became of the invitation.
    pub(crate) fn revoke_invitation(&mut self, invitation: &KeyId) -> Decision {
        let found = self.existing::<Invitation>(invitation)?;
        match found.value.used {
            InvitationUse::Revoked => return Ok(Accepted::Unchanged { version: found.version }),
            InvitationUse::Used { request } => {
                let request = request.short();
                return Err(conflict(format!("the invitation was used for request {request}: nothing to take back")));
            }
            InvitationUse::Open => {}
        }
        let revoked = Invitation { used: InvitationUse::Revoked, ..found.value.clone() };
        self.put(revoked);
        Ok(self.changed())
    }

    pub(crate) fn request_admission(&mut self, request: &AdmissionRequest, proofs: &Proofs) -> Decision {
        let (key, hash) = (self.author.key, self.author.payload);
        let invitation = self.existing::<Invitation>(&key)?.value.clone();
        self.check_invitation(&invitation, request)?;
        let authority = self.check_request(request)?;
        let binding = admission_binding(&self.federation().id, &key, request);
        self.check_proof("node", &request.node_key, &binding, &proofs.node)?;
        self.check_proof("issuing CA", &authority.issuing_key, &binding, &proofs.issuing)?;
        self.put(Invitation { used: InvitationUse::Used { request: hash }, ..invitation });
        let approvals = BTreeSet::new();
        self.put(Admission { hash, request: request.clone(), approvals, admitted: None, refused: None });
        Ok(Accepted::Waiting { subject: hash, have: 0, need: self.federation().coordinators.threshold })
    }

    fn check_invitation(&self, invitation: &Invitation, request: &AdmissionRequest) -> Result<(), Refusal> {
        let spent = |reason: String| Err(Refusal::InvitationSpent { reason });
        match invitation.used {
            InvitationUse::Open => {}
            InvitationUse::Revoked => return spent("was taken back".to_owned()),
            InvitationUse::Used { request } => return spent(format!("was used for request {}", request.short())),
        }
        if invitation.expires < self.now {
            return spent(format!("ended at {}", rfc3339(invitation.expires)));
        }
        if invitation.site != request.site {
            return Err(invalid("request.site", format!("the invitation is for site {}", invitation.site)));
        }
        if invitation.organisation != request.organisation {
            let reason = format!("the invitation is for organisation {}", invitation.organisation);
            return Err(invalid("request.organisation", reason));
        }
        Ok(())
    }

    /// What must hold when a site asks, and again when it is let in, because other things happen in between.
    fn check_request(&self, request: &AdmissionRequest) -> Result<Authority, Refusal> {
        self.state.check_organisation(&request.organisation)?;
        self.state.never_excluded_site(&request.site)?;
        self.absent::<Site>(&request.site)?;
        check_addresses("request.addresses", &request.addresses)?;
        self.fresh_key("request.nodeKey", &request.node_key, Algorithm::P256)?;
        check_key("request.sealingKey", &request.sealing_key, Algorithm::P384)?;
        self.state.never_excluded_key(&key_id(&request.sealing_key))?;
        let authority = self.check_certificates(request)?;
        for mark in &authority.marks {
            if let Mark::Key(key) = mark {
                self.state.never_excluded_key(key)?;
            }
            if let Some(Marked(other)) = self.state.tables.marks.get(mark) {
                let what = match mark {
                    Mark::Key(_) => "the key of a trust anchor or issuing CA",
                    Mark::Subject(_) => "the name of a trust anchor",
                };
                let what = format!("{what} is one of {} already", label::<Site>(other));
                // Whoever comes again comes under a trust anchor of another name.
                self.state.never_excluded_site(other)?;
                return Err(conflict(what));
            }
        }
        Ok(authority)
    }

    fn check_certificates(&self, request: &AdmissionRequest) -> Result<Authority, Refusal> {
        let field = "request.issuingCertificate";
        within("the number of trust anchors", request.anchors.len() as u64, MAX_ANCHORS)?;
        let issuing = self.certificate(field, &request.issuing_certificate)?;
        let mut marks = BTreeSet::from([Mark::Key(key_id(&issuing.key))]);
        let mut anchored = false;
        for der in &request.anchors {
            let anchor = self.certificate("request.anchors", der)?;
            marks.insert(Mark::Key(key_id(&anchor.key)));
            marks.insert(Mark::Subject(sha256(&anchor.subject)));
            // An authority's PKI: the issuing CA itself is the anchor. Otherwise the site's root, which signed it.
            anchored |= *der == request.issuing_certificate
                || (anchor.path_len != Some(0) && is_issued_by(&request.issuing_certificate.0, &anchor, self.verifier));
        }
        if anchored {
            return Ok(Authority { issuing_key: issuing.key, marks });
        }
        Err(invalid(field, "it is none of the trust anchors, and none of them issued it"))
    }

    pub(crate) fn certificate(&self, field: &str, der: &Der) -> Result<CaCertificate, Refusal> {
        let certificate = CaCertificate::from_der(&der.0).map_err(|error| match error {
            CaCertificateError::Form { .. } => invalid(field, "not one X.509 certificate in DER"),
            CaCertificateError::Rule { reason } => invalid(field, reason),
        })?;
        let end = u64::try_from(certificate.not_after).unwrap_or(0).saturating_mul(1000);
        if end < self.now {
            return Err(invalid(field, format!("the certificate ended at {}", rfc3339(end))));
        }
        Ok(certificate)
    }

    pub(crate) fn approve_admission(&mut self, subject: &Hash) -> Decision {
        let found = self.existing::<Admission>(subject)?;
        if found.value.admitted.is_some() || found.value.approvals.contains(&self.author.key) {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        if let Some(refused) = &found.value.refused {
            let by = refused.by.0.short();
            return Err(conflict(format!("the request was refused by coordinator {by}: {}", refused.reason)));
        }
        let mut admission = found.value.clone();
        admission.approvals.insert(self.author.key);
        match self.count(*subject, &admission.approvals) {
            Count::Waiting(waiting) => {
                self.put(admission);
                Ok(waiting)
            }
            Count::Enough => {
                let node = self.admit(&admission.request)?;
                admission.admitted = Some(node);
                self.put(admission);
                Ok(Accepted::Admitted { node })
            }
        }
    }

    /// One coordinator is enough, as for taking an invitation back: to keep somebody out takes less than to let somebody
    /// in, whoever approved in error undoes it so, and a coordinator who only obstructs is replaced by the others. It is for
    /// good, so that nobody has to wonder whether approvals given before still count.
    pub(crate) fn refuse_admission(&mut self, request: &Hash, reason: &str) -> Decision {
        let found = self.existing::<Admission>(request)?;
        if found.value.refused.is_some() {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        if let Some(node) = found.value.admitted {
            return Err(conflict(format!("the request was admitted as node {node}: nothing to refuse")));
        }
        text("reason", reason, true)?;
        let refused = Some(AdmissionRefusal { by: self.author.key, reason: reason.to_owned() });
        let admission = Admission { refused, ..found.value.clone() };
        self.put(admission);
        Ok(self.changed())
    }

    fn admit(&mut self, request: &AdmissionRequest) -> Result<NodeId, Refusal> {
        let authority = self.check_request(request)?;
        let node = self.mint()?;
        for mark in authority.marks {
            self.state.tables.marks.put(mark, Marked(request.site.clone()));
        }
        self.put(Site {
            name: request.site.clone(),
            organisation: request.organisation.clone(),
            land: request.land,
            anchors: request.anchors.clone(),
            issuing_key: authority.issuing_key,
            authorities: Vec::new(),
            retired: BTreeSet::new(),
            sealing_key: request.sealing_key.clone(),
            facts: None,
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        });
        self.put_node(node, &request.site, key_id(&request.node_key), &request.node_key, &request.addresses);
        Ok(node)
    }
}
