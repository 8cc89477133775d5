//! A customer's consent that its data is processed at sites (Rahmenwerk 4.2).

use verbund_model::resource::{Consent, Site, Workload};
use verbund_model::{Accepted, WorkloadName};

use crate::act::{Act, Decision, invalid, within};
use crate::limits::MAX_LIST;

impl Act<'_> {
    pub(crate) fn give_consent(&mut self, consent: &Consent) -> Decision {
        let workload = &self.existing::<Workload>(&consent.workload)?.value;
        if workload.customer.as_ref() != Some(&consent.customer) {
            let reason = format!("the data of workload {} is not that of {}", consent.workload, consent.customer);
            return Err(invalid("consent.customer", reason));
        }
        within("the number of consent.sites", consent.sites.len() as u64, MAX_LIST)?;
        for site in &consent.sites {
            self.existing::<Site>(site)?;
        }
        let old = self.state.find::<Consent>(&consent.workload);
        if let Some(old) = old.filter(|old| old.value == *consent) {
            return Ok(Accepted::Unchanged { version: old.version });
        }
        self.put(consent.clone());
        Ok(self.changed())
    }

    /// What runs goes on until its operator moves it; nothing is placed without consent any more.
    pub(crate) fn withdraw_consent(&mut self, workload: &WorkloadName) -> Decision {
        self.existing::<Consent>(workload)?;
        self.delete::<Consent>(workload);
        Ok(self.changed())
    }
}
