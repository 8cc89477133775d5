//! A Plattformbetreiber's refusal to run a workload, for its licence.

use verbund_model::resource::{LicenceVeto, Workload};
use verbund_model::{Accepted, SiteName, WorkloadName};

use super::form;
use crate::act::{Act, Decision, within};
use crate::limits::MAX_VETOES;

impl Act<'_> {
    /// What runs there already stays until its operator moves it: a veto stops nobody's service by itself.
    pub(crate) fn set_licence_veto(&mut self, veto: &LicenceVeto) -> Decision {
        self.existing::<Workload>(&veto.workload)?;
        form::text("veto.reason", &veto.reason, true)?;
        match self.state.find::<LicenceVeto>(&(veto.site.clone(), veto.workload.clone())) {
            Some(old) if old.value == *veto => return Ok(Accepted::Unchanged { version: old.version }),
            Some(_) => {}
            None => {
                let count = self.state.index.veto_counts.get(&veto.site).copied().unwrap_or(0);
                within("the site's number of licence vetoes", count + 1, MAX_VETOES)?;
            }
        }
        self.put(veto.clone());
        Ok(self.changed())
    }

    pub(crate) fn lift_licence_veto(&mut self, site: &SiteName, workload: &WorkloadName) -> Decision {
        let key = (site.clone(), workload.clone());
        self.existing::<LicenceVeto>(&key)?;
        self.delete::<LicenceVeto>(&key);
        Ok(self.changed())
    }
}
