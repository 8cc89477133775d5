//! Deviations from standards: asked for with a reason and an end, approved by two coordinators (Rahmenwerk 2.2).

use std::collections::BTreeSet;

use verbund_model::instant::rfc3339;
use verbund_model::resource::{Exception, Millis, Workload};
use verbund_model::{Accepted, ExceptionName, WorkloadName};

use super::form;
use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::{MAX_EXCEPTION, MAX_EXCEPTIONS};

impl Act<'_> {
    pub(crate) fn request_exception(
        &mut self,
        name: &ExceptionName,
        rule: &str,
        workload: &WorkloadName,
        reason: &str,
        until: Millis,
    ) -> Decision {
        self.existing::<Workload>(workload)?;
        self.absent::<Exception>(name)?;
        form::subdomain("rule", rule)?;
        form::text("reason", reason, true)?;
        let latest = self.now.saturating_add(MAX_EXCEPTION);
        if until <= self.now || until > latest {
            let (found, now, latest) = (rfc3339(until), rfc3339(self.now), rfc3339(latest));
            return Err(invalid(
                "until",
                format!("found {found}, allowed is a time after {now} and not after {latest}"),
            ));
        }
        let count = self.state.index.exceptions.count(workload);
        within("the workload's number of exceptions", count + 1, MAX_EXCEPTIONS)?;
        self.put(Exception {
            name: name.clone(),
            rule: rule.to_owned(),
            workload: workload.clone(),
            reason: reason.to_owned(),
            until,
            approvals: BTreeSet::new(),
        });
        Ok(self.changed())
    }

    pub(crate) fn approve_exception(&mut self, name: &ExceptionName) -> Decision {
        let found = self.existing::<Exception>(name)?;
        if found.value.approvals.contains(&self.author.key) {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        if found.value.until <= self.now {
            return Err(conflict(format!("exception {name} ended at {}", rfc3339(found.value.until))));
        }
        let mut exception = found.value.clone();
        exception.approvals.insert(self.author.key);
        self.put(exception);
        Ok(self.changed())
    }
}
