//! Verdicts: what a majority of voters stated closes a lease, or says that a site is lost or has returned (lease.md 7
//! and 8), and moves what ran there, a bounded batch at a time.

use verbund_lease::CountError;
use verbund_model::resource::{Cause, Finding, Lease, Mode, Node, Presence, SignedFinding, Site, Verdict, Workload};
use verbund_model::{Refusal, SiteName, WorkloadName};
use verbund_planner::{BATCH, Request, check, lost, plan_batch};

use super::planning::Ticket;
use crate::act::{Act, Decision, conflict, within};
use crate::limits::KEPT_VERDICTS;
use crate::object::label;
use crate::statements::membership_id;
use crate::voters::MAX_VOTERS;

impl Act<'_> {
    pub(crate) fn submit_verdict(&mut self, finding: &Finding, statements: &[SignedFinding]) -> Decision {
        self.check_finding(finding)?;
        within("the number of statements", statements.len() as u64, 2 * MAX_VOTERS as u64)?;
        self.check_majority(finding, statements)?;
        self.record(finding);
        let living = |name: &WorkloadName| self.state.living(name).is_ok();
        let concerned = lost(&self.state.index.inventory, finding).into_iter().chain(self.told_only(finding));
        let remaining = concerned.filter(living).collect();
        let (index, finding, by) = (self.index, finding.clone(), statements.to_vec());
        self.plan_some(Verdict { index, finding, by, remaining });
        self.forget_verdicts();
        Ok(self.changed())
    }

    pub(crate) fn plan_next(&mut self, verdict: u64) -> Decision {
        // Only when there have been many are any forgotten.
        let forgotten = self.state.tables.verdicts.len() >= KEPT_VERDICTS;
        self.made_up |= !forgotten && self.state.find::<Verdict>(&verdict).is_none();
        let found = self.existing::<Verdict>(&verdict)?;
        if found.value.remaining.is_empty() {
            return Err(conflict(format!("nothing is due for {}", label::<Verdict>(&verdict))));
        }
        let verdict = found.value.clone();
        self.plan_some(verdict);
        Ok(self.changed())
    }

    /// That the finding ends what is now: the open generation, the last presence or absence (rule 8).
    fn check_finding(&self, finding: &Finding) -> Result<(), Refusal> {
        match finding {
            Finding::LeaseEnded { cluster, generation } => {
                let lease = &self.existing::<Lease>(cluster)?.value;
                if lease.open && lease.generation == *generation {
                    return Ok(());
                }
                let (found, is) = (lease.generation, if lease.open { "open" } else { "closed" });
                let what = label::<Lease>(cluster);
                Err(conflict(format!(
                    "generation {generation} is not to be ended: of {what}, generation {found} is {is}"
                )))
            }
            Finding::Unreachable { site, presence } => self.check_presence(site, *presence, false),
            Finding::Returned { site, presence } => self.check_presence(site, *presence, true),
        }
    }

    fn check_presence(&self, site: &SiteName, number: u64, lost: bool) -> Result<(), Refusal> {
        self.existing::<Site>(site)?;
        let found = self.presence(site);
        if found.number == number && found.lost == lost {
            return Ok(());
        }
        let is = if found.lost { "lost" } else { "there" };
        let what = label::<Site>(site);
        Err(conflict(format!("{what} is {is} with number {}, and the finding ends number {number}", found.number)))
    }

    fn presence(&self, site: &SiteName) -> Presence {
        let known = self.state.find::<Presence>(site).map(|found| found.value.clone());
        known.unwrap_or_else(|| Presence { site: site.clone(), number: 0, lost: false })
    }

    /// That enough voters of the membership in force at this very index stated it, each under its own signature (rule 7).
    ///
    /// Whoever brings statements has counted and checked them ([`State::counted`], [`State::check_statement`]). An honest
    /// one can be overtaken by a change of members or by the end of a node: then they name an older membership, or a key
    /// that no longer counts. Whatever else is wrong with them was made up.
    fn check_majority(&mut self, finding: &Finding, statements: &[SignedFinding]) -> Result<(), Refusal> {
        let checked = self.state.check_count(finding, statements).map_err(|error| {
            let overtaken = match &error {
                CountError::Membership { named, in_force, .. } => named < in_force,
                // More may be demanded now than when they were gathered; a majority is demanded always.
                CountError::TooFew { .. } => self.state.has_majority(finding, statements),
                _ => false,
            };
            (conflict(format!("the statements make no verdict: {error}")), overtaken)
        });
        if let Err((refusal, overtaken)) = checked {
            self.made_up |= !overtaken;
            return Err(refusal);
        }
        statements.iter().try_for_each(|signed| self.check_signature(finding, signed))
    }

    fn check_signature(&mut self, finding: &Finding, signed: &SignedFinding) -> Result<(), Refusal> {
        let checked = self.state.check_statement(finding, signed, self.verifier);
        self.made_up |= matches!(checked, Err(Refusal::BadSignature { .. }));
        checked
    }

    /// That a voter of the membership in force refuses the generation (rule 14).
    pub(crate) fn check_refusal(&mut self, finding: &Finding, signed: &SignedFinding) -> Result<(), Refusal> {
        let (membership, in_force) = self.state.membership();
        if signed.membership != membership_id(in_force) {
            return Err(conflict("the refusal was signed under another membership than the one in force"));
        }
        if !membership.voters().contains(&signed.node) {
            return Err(conflict(format!("{} is no voter", label::<Node>(&signed.node))));
        }
        self.check_signature(finding, signed)
    }

    /// What the verdict makes true.
    fn record(&mut self, finding: &Finding) {
        match finding {
            Finding::LeaseEnded { cluster, .. } => {
                let Some(lease) = self.state.find::<Lease>(cluster).map(|found| found.value.clone()) else { return };
                self.put(Lease { open: false, ..lease });
            }
            Finding::Unreachable { site, .. } => {
                let before = self.presence(site);
                self.put(Presence { number: before.number.saturating_add(1), lost: true, ..before });
            }
            Finding::Returned { site, .. } => {
                let before = self.presence(site);
                self.put(Presence { number: before.number.saturating_add(1), lost: false, ..before });
                for cluster in self.state.index.clusters.of(site) {
                    self.resolve_if_well(&cluster);
                }
            }
        }
    }

    /// The workloads that nothing moves because of a finding, and that are told of it: parallel ones run on while their agent
    /// is silent and their site is there.
    fn told_only(&self, finding: &Finding) -> Vec<WorkloadName> {
        match finding {
            Finding::LeaseEnded { cluster, .. } if !self.is_lost(cluster) => {
                let here = self.state.index.copies.of(cluster).into_iter();
                here.filter(|name| !self.is_exclusive(name) && self.is_active_at(name, cluster)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn is_exclusive(&self, name: &WorkloadName) -> bool {
        self.state.find::<Workload>(name).is_some_and(|found| matches!(found.value.spec.mode, Mode::Exclusive { .. }))
    }

    /// Tells the next batch of a verdict's workloads and plans it, the most urgent first, and keeps the rest.
    fn plan_some(&mut self, mut verdict: Verdict) {
        let rest = verdict.remaining.split_off(verdict.remaining.len().min(BATCH));
        let mut batch = std::mem::replace(&mut verdict.remaining, rest);
        self.note_finding(&verdict.finding, &batch);
        if matches!(verdict.finding, Finding::LeaseEnded { .. }) {
            batch.retain(|name| self.is_exclusive(name));
        }
        let index = verdict.index;
        self.move_batch(&batch, &Cause::Verdict { index }, &format!("moved because of verdict {index}"));
        self.put(verdict);
    }

    /// Plans a batch of workloads for one cause, one after the other.
    pub(crate) fn move_batch(&mut self, batch: &[WorkloadName], cause: &Cause, description: &str) {
        let mut moves: Vec<(Request, Ticket)> = Vec::with_capacity(batch.len());
        // Where a batch brings anything is known when it is planned. What only had better be elsewhere is left to `Replan`, which
        // asks the sites, while any of them is closed.
        let closed = self.state.any_site_closed(self.now);
        for name in batch {
            let Some(workload) = self.state.living(name).ok().cloned() else { continue };
            let Ok(ticket) = self.automatic_change(&workload, description) else { continue };
            let (held, change) = (closed || self.state.is_held(&workload, self.now), ticket.name.clone());
            let (workload, cause) = (name.clone(), cause.clone());
            moves.push((Request { workload, cause, now: self.now, target: None, change, held }, ticket));
        }
        let requests: Vec<Request> = moves.iter().map(|(request, _)| request.clone()).collect();
        let mut inventory = self.state.index.inventory.clone();
        let plans = plan_batch(&inventory, &requests);
        for (plan, (_, ticket)) in plans.into_iter().zip(moves) {
            // What the checker does not like stays as it is: `Replan` says why.
            if plan.changed && check(&inventory, &plan.placement, self.now).is_ok() {
                inventory.put_placement(&plan.placement);
                self.put_plan(plan, ticket);
            }
        }
    }

    /// Verdicts are kept for a while after everything because of them is planned.
    fn forget_verdicts(&mut self) {
        let surplus = self.state.tables.verdicts.len().saturating_sub(KEPT_VERDICTS);
        let done = self.state.tables.verdicts.iter().filter(|(_, verdict)| verdict.value.remaining.is_empty());
        let oldest: Vec<u64> = done.map(|(index, _)| *index).take(surplus).collect();
        for index in oldest {
            self.delete::<Verdict>(&index);
        }
    }
}
