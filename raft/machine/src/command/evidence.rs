//! Certificates and attestations of sites and clusters (DVS-005, DVS-006).

use verbund_model::instant::rfc3339;
use verbund_model::resource::{Cluster, Evidence, EvidenceSubject, Site};
use verbund_model::{Accepted, EvidenceName};

use super::form;
use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::MAX_EVIDENCE;

impl Act<'_> {
    pub(crate) fn apply_evidence(&mut self, evidence: &Evidence) -> Decision {
        match &evidence.subject {
            EvidenceSubject::Site(site) => drop(self.existing::<Site>(site)?),
            EvidenceSubject::Cluster(cluster) => drop(self.existing::<Cluster>(cluster)?),
        }
        form::text("evidence.issuer", &evidence.issuer, true)?;
        if evidence.valid_until <= self.now {
            let (found, now) = (rfc3339(evidence.valid_until), rfc3339(self.now));
            return Err(invalid("evidence.validUntil", format!("found {found}, allowed is a time after {now}")));
        }
        match self.state.find::<Evidence>(&evidence.name) {
            Some(old) if old.value == *evidence => return Ok(Accepted::Unchanged { version: old.version }),
            Some(old) if old.value.subject != evidence.subject => {
                return Err(conflict(format!("evidence {} is one of another site or cluster", evidence.name)));
            }
            Some(_) => {}
            None => {
                let count = self.state.index.evidence.count(&evidence.subject);
                within("the subject's number of evidence", count + 1, MAX_EVIDENCE)?;
            }
        }
        self.put(evidence.clone());
        Ok(self.changed())
    }

    pub(crate) fn delete_evidence(&mut self, name: &EvidenceName) -> Decision {
        self.existing::<Evidence>(name)?;
        self.delete::<Evidence>(name);
        Ok(self.changed())
    }
}
