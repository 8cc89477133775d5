//! What apply should do about placements, written down a second time with plain maps.

use std::collections::BTreeMap;

use verbund_identity::{Directive, key_id, sha256};
use verbund_machine::State;
use verbund_model::resource::{
    AwaitedDecision, Cause, ChangeKind, ChangeTicket, Cluster, ClusterStanding, Consent, CopyPhase, CopyRole, Evidence,
    EvidenceSubject, Exception, FailoverAuthority, Finding, Incident, KeyOwner, Lease, LicenceVeto, Maintenance,
    Millis, Mode, Organisation, PlacedCopy, Placement, Presence, Recipient, Sealed, SealedSecret, SignedDirective,
    SignedFinding, Site, Standing, Verdict, Waiting, Workload,
};
use verbund_model::{
    Accepted, ClusterName, Command, EvidenceName, ExceptionName, Hash, KeyId, NodeId, OrgName, PublicKey, SecretName,
    SiteName, TicketName, WorkloadName,
};
use verbund_planner::{Inventory, Plan, Request, check, excluded, lost, plan, plan_batch};

use crate::country::Country;
use crate::support::build::name;

/// An answer: what was accepted, or the name of the refusal.
pub type Expected = Result<Accepted, &'static str>;
type Refused<T = ()> = Result<T, &'static str>;
/// A resource and its version.
pub type Kept<T> = (u64, T);

fn must(holds: bool, otherwise: &'static str) -> Refused {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// The model of the state.
#[derive(Clone)]
pub struct Model {
    pub organisations: BTreeMap<OrgName, Kept<Organisation>>,
    pub sites: BTreeMap<SiteName, Kept<Site>>,
    pub clusters: BTreeMap<ClusterName, Kept<Cluster>>,
    pub workloads: BTreeMap<WorkloadName, Kept<Workload>>,
    pub placements: BTreeMap<WorkloadName, Kept<Placement>>,
    pub evidence: BTreeMap<EvidenceName, Kept<Evidence>>,
    pub leases: BTreeMap<ClusterName, Kept<Lease>>,
    pub presences: BTreeMap<SiteName, Kept<Presence>>,
    pub verdicts: BTreeMap<u64, Kept<Verdict>>,
    pub changes: BTreeMap<TicketName, Kept<ChangeTicket>>,
    pub incidents: BTreeMap<TicketName, Kept<Incident>>,
    pub exceptions: BTreeMap<ExceptionName, Kept<Exception>>,
    pub consents: BTreeMap<WorkloadName, Kept<Consent>>,
    pub vetoes: BTreeMap<(SiteName, WorkloadName), Kept<LicenceVeto>>,
    pub secrets: BTreeMap<(WorkloadName, SecretName), Kept<SealedSecret>>,
    pub epochs: BTreeMap<WorkloadName, u64>,
    pub keys: BTreeMap<KeyId, (KeyOwner, bool)>,
    /// Recorded directives: the index of each.
    pub directives: BTreeMap<Hash, u64>,
    index: u64,
    now: Millis,
    /// How many resources the entry has changed so far.
    parts: usize,
    /// Whether what is planned was brought because it was due.
    due: bool,
}

/// A change for a move: its name, and the change itself if it is a new one.
type Ticket = (TicketName, Option<ChangeTicket>);

macro_rules! put {
    ($self:ident.$map:ident, $key:expr, $value:expr) => {{
        let (key, value) = ($key, $value);
        $self.$map.insert(key, ($self.index, value));
        $self.parts += 1;
    }};
}

macro_rules! delete {
    ($self:ident.$map:ident, $key:expr) => {
        if $self.$map.remove($key).is_some() {
            $self.parts += 1;
        }
    };
}

impl Model {
    /// Begins with what the state has.
    pub fn of(state: &State) -> Self {
        macro_rules! all {
            ($all:ident, $key:expr) => {
                state.$all().map(|held| ($key(&held.value), (held.version, held.value.clone()))).collect()
            };
        }
        Self {
            organisations: all!(organisations, |o: &Organisation| o.name.clone()),
            sites: all!(sites, |s: &Site| s.name.clone()),
            clusters: all!(clusters, |c: &Cluster| c.name.clone()),
            workloads: all!(workloads, |w: &Workload| w.name.clone()),
            placements: all!(placements, |p: &Placement| p.workload.clone()),
            evidence: all!(evidence, |e: &Evidence| e.name.clone()),
            leases: all!(leases, |l: &Lease| l.cluster.clone()),
            presences: all!(presences, |p: &Presence| p.site.clone()),
            verdicts: all!(verdicts, |v: &Verdict| v.index),
            changes: all!(changes, |c: &ChangeTicket| c.name.clone()),
            incidents: all!(incidents, |i: &Incident| i.name.clone()),
            exceptions: all!(exceptions, |e: &Exception| e.name.clone()),
            consents: all!(consents, |c: &Consent| c.workload.clone()),
            vetoes: all!(licence_vetoes, |v: &LicenceVeto| (v.site.clone(), v.workload.clone())),
            secrets: all!(secrets, |s: &SealedSecret| (s.workload.clone(), s.name.clone())),
            epochs: BTreeMap::new(),
            keys: state.keys().map(|held| (held.value.id, (held.value.owner.clone(), held.value.revoked))).collect(),
            directives: BTreeMap::new(),
            index: 0,
            now: 0,
            parts: 0,
            due: false,
        }
    }

    /// What planning looks at, made anew.
    pub fn inventory(&self) -> Inventory {
        let mut inventory = Inventory::default();
        self.organisations.values().for_each(|(_, o)| inventory.put_organisation(o));
        for (_, site) in self.sites.values() {
            inventory.put_site(site);
            if let Some(facts) = &site.facts {
                inventory.put_facts(&site.name, facts);
            }
        }
        self.presences.values().for_each(|(_, x)| inventory.put_presence(x));
        self.clusters.values().for_each(|(_, x)| inventory.put_cluster(x));
        self.leases.values().for_each(|(_, x)| inventory.put_lease(x));
        self.evidence.values().for_each(|(_, x)| inventory.put_evidence(x));
        self.consents.values().for_each(|(_, x)| inventory.put_consent(x));
        self.exceptions.values().for_each(|(_, x)| inventory.put_exception(x));
        self.vetoes.values().for_each(|(_, x)| inventory.put_veto(x));
        self.secrets.values().for_each(|(_, x)| inventory.put_secret(x));
        self.workloads.values().for_each(|(_, x)| inventory.put_workload(x));
        self.placements.values().for_each(|(_, x)| inventory.put_placement(x));
        inventory
    }

    /// Refused is refused: nothing of it stays.
    pub fn apply(&mut self, index: u64, now: Millis, key: &KeyId, command: &Command, country: &Country) -> Expected {
        (self.index, self.now, self.parts) = (index, now, 0);
        let (owner, revoked) = self.keys[key].clone();
        must(!revoked, "key-revoked")?;
        must(self.may(&owner, command), "not-authorised")?;
        must(!self.is_of_excluded(command), "excluded")?;
        // This one changes before it knows.
        let before = matches!(command, Command::ApplyWorkload { .. }).then(|| self.clone());
        let answer = self.command(key, command, country);
        if let (Err(_), Some(before)) = (&answer, before) {
            *self = before;
        }
        if answer.is_ok() {
            self.settle();
        }
        answer
    }

    /// In this country `kost.ada` runs workloads and its own site, `b.chef` and `c.chef` run theirs.
    fn may(&self, owner: &KeyOwner, command: &Command) -> bool {
        use Command as C;
        let user = match owner {
            KeyOwner::User { organisation, .. } => organisation.as_str(),
            _ => "",
        };
        let runs = |site: Option<&SiteName>| match site.map(|site| self.sites.get(site)) {
            None | Some(None) => !user.is_empty(),
            Some(Some((_, site))) => site.organisation.as_str() == user,
        };
        let at = |cluster: &ClusterName| runs(self.clusters.get(cluster).map(|(_, cluster)| &cluster.site));
        let of = |subject: &EvidenceSubject| match subject {
            EvidenceSubject::Site(site) => runs(Some(site)),
            EvidenceSubject::Cluster(cluster) => at(cluster),
        };
        match command {
            C::SetSiteFacts { site, .. }
            | C::SetSiteMaintenance { site, .. }
            | C::ApplyCluster { site, .. }
            | C::LiftLicenceVeto { site, .. }
            | C::ResealSecret { site, .. } => runs(Some(site)),
            // Each is its organisation's administrator.
            C::SetOrganisationMaintenance { organisation, .. } => user == organisation.as_str(),
            C::SetLicenceVeto { veto } => runs(Some(&veto.site)),
            // Nobody believes an excluded site about having stopped.
            C::ConfirmFence { cluster, .. } if self.is_excluded(cluster) => *owner == KeyOwner::Coordinator,
            C::CordonCluster { name, .. } | C::RemoveCluster { name } | C::ConfirmFence { cluster: name, .. } => {
                at(name)
            }
            C::ApplyEvidence { evidence } => of(&evidence.subject),
            C::DeleteEvidence { name } => match self.evidence.get(name) {
                Some((_, evidence)) => of(&evidence.subject),
                None => !user.is_empty(),
            },
            C::ApplyWorkload { .. }
            | C::DeleteWorkload { .. }
            | C::ApplySecret { .. }
            | C::DeleteSecret { .. }
            | C::Failover { .. }
            | C::Relocate { .. }
            | C::Failback { .. }
            | C::StartDrill { .. }
            | C::RequestException { .. }
            | C::OpenChange { .. }
            | C::CloseChange { .. }
            | C::CloseIncident { .. }
            | C::WithdrawConsent { .. } => user == "kost",
            // The others' chefs are no Cloud-Service-Kunden.
            C::GiveConsent { consent } => user == "kost" && consent.customer.as_str() == user,
            C::ApproveException { .. } | C::SuspendSite { .. } | C::ResumeSite { .. } => {
                *owner == KeyOwner::Coordinator
            }
            C::RecordDirective { .. } => matches!(owner, KeyOwner::Coordinator | KeyOwner::Node { .. }),
            C::SubmitVerdict { .. } | C::OpenLease { .. } | C::PlanNext { .. } | C::Replan { .. } => {
                matches!(owner, KeyOwner::Node { .. })
            }
            C::RegisterStart { cluster }
            | C::Observe { cluster, .. }
            | C::ReportCopies { cluster, .. }
            | C::Receipt { cluster, .. } => *owner == KeyOwner::Agent { cluster: cluster.clone() },
            other => panic!("{other:?} is for tests/apply_against_model.rs"),
        }
    }

    fn command(&mut self, author: &KeyId, command: &Command, country: &Country) -> Expected {
        use Command as C;
        let changed = Ok(Accepted::Changed { version: self.index });
        let unchanged = |version: u64| Ok(Accepted::Unchanged { version });
        match command {
            C::SetSiteFacts { site, facts } => {
                let (version, site) = self.sites.get(site).ok_or("not-found")?.clone();
                must(facts.coordinates.latitude.abs() <= 90_000_000 && facts.country.len() == 2, "invalid")?;
                if site.facts.as_ref() == Some(facts) {
                    return unchanged(version);
                }
                put!(self.sites, site.name.clone(), Site { facts: Some(facts.clone()), ..site });
            }
            C::SetSiteMaintenance { site, maintenance } => {
                let (version, site) = self.sites.get(site).ok_or("not-found")?.clone();
                must(makes_sense(maintenance), "invalid")?;
                if site.maintenance == *maintenance {
                    return unchanged(version);
                }
                put!(self.sites, site.name.clone(), Site { maintenance: maintenance.clone(), ..site });
            }
            C::SetOrganisationMaintenance { organisation, maintenance } => {
                let (version, old) = self.organisations.get(organisation).ok_or("not-found")?.clone();
                must(makes_sense(maintenance), "invalid")?;
                if old.maintenance == *maintenance {
                    return unchanged(version);
                }
                let maintenance = maintenance.clone();
                put!(self.organisations, organisation.clone(), Organisation { maintenance, ..old });
            }
            C::SuspendSite { name } => return self.stand(name, Standing::Suspended),
            C::ResumeSite { name } => return self.stand(name, Standing::Active),
            C::RecordDirective { directive } => return self.record(directive, country),
            C::ApplyCluster { name, site, spec, agent_key } => return self.apply_cluster(name, site, spec, agent_key),
            C::CordonCluster { name, cordoned } => {
                let (version, cluster) = self.clusters.get(name).ok_or("not-found")?.clone();
                let standing = if *cordoned { ClusterStanding::Cordoned } else { ClusterStanding::Active };
                if cluster.standing == standing {
                    return unchanged(version);
                }
                put!(self.clusters, name.clone(), Cluster { standing, ..cluster });
            }
            C::RemoveCluster { name } => {
                let (_, cluster) = self.clusters.get(name).ok_or("not-found")?.clone();
                must(self.on(name).is_empty(), "conflict")?;
                if let Some((_, lease)) = self.leases.get(name).cloned().filter(|(_, lease)| lease.open) {
                    put!(self.leases, name.clone(), Lease { open: false, ..lease });
                }
                self.evidence.retain(|_, (_, e)| e.subject != EvidenceSubject::Cluster(name.clone()));
                self.resolve(name);
                self.keys.get_mut(&cluster.agent).unwrap().1 = true;
                self.clusters.remove(name);
            }
            C::ApplyEvidence { evidence } => {
                let known = match &evidence.subject {
                    EvidenceSubject::Site(site) => self.sites.contains_key(site),
                    EvidenceSubject::Cluster(cluster) => self.clusters.contains_key(cluster),
                };
                must(known, "not-found")?;
                must(!evidence.issuer.is_empty() && evidence.valid_until > self.now, "invalid")?;
                if let Some((version, old)) = self.evidence.get(&evidence.name) {
                    if old == evidence {
                        return unchanged(*version);
                    }
                    must(old.subject == evidence.subject, "conflict")?;
                } else {
                    let count = self.evidence.values().filter(|(_, e)| e.subject == evidence.subject).count();
                    must(count < 64, "too-large")?;
                }
                put!(self.evidence, evidence.name.clone(), evidence.clone());
            }
            C::DeleteEvidence { name } => must(self.evidence.remove(name).is_some(), "not-found")?,
            C::SetLicenceVeto { veto } => {
                must(self.workloads.contains_key(&veto.workload), "not-found")?;
                let key = (veto.site.clone(), veto.workload.clone());
                if let Some((version, old)) = self.vetoes.get(&key)
                    && old == veto
                {
                    return unchanged(*version);
                }
                put!(self.vetoes, key, veto.clone());
            }
            C::LiftLicenceVeto { site, workload } => {
                must(self.vetoes.remove(&(site.clone(), workload.clone())).is_some(), "not-found")?;
            }
            C::ApplySecret { workload, name, sealed, same_values, delegated } => {
                return self.apply_secret(workload, name, sealed, *same_values, *delegated);
            }
            C::ResealSecret { site, workload, name, revision, recipients } => {
                return self.reseal_secret(site, workload, name, *revision, recipients);
            }
            C::DeleteSecret { workload, name } => {
                let key = (workload.clone(), name.clone());
                must(self.secrets.contains_key(&key), "not-found")?;
                let needed = self.living(workload).is_ok_and(|workload| workload.spec.secrets.contains(name));
                must(!needed, "conflict")?;
                self.secrets.remove(&key);
            }
            C::RequestException { name, workload, reason, rule, until } => {
                must(self.workloads.contains_key(workload), "not-found")?;
                must(!self.exceptions.contains_key(name), "already-exists")?;
                must(*until > self.now && !reason.is_empty(), "invalid")?;
                let count = self.exceptions.values().filter(|(_, e)| e.workload == *workload).count();
                must(count < 32, "too-large")?;
                let (rule, reason, approvals) = (rule.clone(), reason.clone(), [].into());
                let (workload, until) = (workload.clone(), *until);
                put!(
                    self.exceptions,
                    name.clone(),
                    Exception { name: name.clone(), rule, workload, reason, until, approvals }
                );
            }
            C::ApproveException { name } => {
                let (version, mut exception) = self.exceptions.get(name).ok_or("not-found")?.clone();
                if exception.approvals.contains(author) {
                    return unchanged(version);
                }
                must(exception.until > self.now, "conflict")?;
                exception.approvals.insert(*author);
                put!(self.exceptions, name.clone(), exception);
            }
            C::OpenChange { name, workload, description } => return self.open_change(name, workload, description),
            C::CloseChange { name, review } => {
                let (version, change) = self.changes.get(name).ok_or("not-found")?.clone();
                if change.closed {
                    return unchanged(version);
                }
                must(change.kind == ChangeKind::Standard || !review.is_empty(), "invalid")?;
                let workload = change.workload.clone();
                put!(self.changes, name.clone(), ChangeTicket { closed: true, review: review.clone(), ..change });
                self.forget_changes(&workload);
            }
            C::CloseIncident { name } => {
                let (version, incident) = self.incidents.get(name).ok_or("not-found")?.clone();
                if incident.resolved {
                    return unchanged(version);
                }
                put!(self.incidents, name.clone(), Incident { resolved: true, awaits: None, ..incident });
            }
            C::GiveConsent { consent } => {
                let (_, workload) = self.workloads.get(&consent.workload).ok_or("not-found")?;
                must(workload.customer.as_ref() == Some(&consent.customer), "invalid")?;
                must(consent.sites.iter().all(|site| self.sites.contains_key(site)), "not-found")?;
                if let Some((version, old)) = self.consents.get(&consent.workload)
                    && old == consent
                {
                    return unchanged(*version);
                }
                put!(self.consents, consent.workload.clone(), consent.clone());
            }
            C::WithdrawConsent { workload } => must(self.consents.remove(workload).is_some(), "not-found")?,
            C::RegisterStart { cluster } => {
                let (_, found) = self.clusters.get(cluster).ok_or("not-found")?.clone();
                assert!(found.incarnation < self.index, "the number of a start only rises");
                put!(self.clusters, cluster.clone(), Cluster { incarnation: self.index, ..found });
            }
            C::Observe { cluster, observation } => {
                let (version, found) = self.clusters.get(cluster).ok_or("not-found")?.clone();
                if found.observation.as_ref() == Some(observation) {
                    return unchanged(version);
                }
                put!(
                    self.clusters,
                    cluster.clone(),
                    Cluster { observation: Some(observation.clone()), ..found.clone() }
                );
                if !observation.ready || !observation.impairment.is_empty() {
                    let words = &observation.impairment;
                    let reason = match words.is_empty() {
                        true => "the cluster is not ready".to_owned(),
                        false => words.clone(),
                    };
                    let new = found.observation.is_none_or(|o| o.ready != observation.ready || o.impairment != *words);
                    if new {
                        self.on(cluster).iter().for_each(|w| self.tell(w, cluster, &reason));
                    }
                } else if !self.presences.get(&found.site).is_some_and(|(_, presence)| presence.lost) {
                    self.resolve(cluster);
                }
            }
            C::ApplyWorkload { name, organisation, customer, spec, expect, emergency } => {
                let (organisation, customer) = (organisation.clone(), customer.clone());
                let workload =
                    Workload { name: name.clone(), organisation, customer, spec: spec.clone(), deleting: false };
                return self.apply_workload(workload, *expect, emergency);
            }
            C::DeleteWorkload { name } => self.delete_workload(name)?,
            C::Failover { workload, to, accept_loss } => {
                self.living(workload)?;
                must(*accept_loss || !self.lives(workload), "conflict")?;
                let ticket = self.automatic(workload, "failover, as a person said");
                self.go(workload, Cause::Failover, to.clone(), ticket, true)?;
            }
            C::Relocate { workload, to, emergency } => {
                self.living(workload)?;
                let ticket = self.planned_ticket(workload, "relocated by its operator", emergency)?;
                self.go(workload, Cause::Relocate, Some(to.clone()), ticket, emergency.is_some())?;
            }
            C::Failback { workload, emergency } => {
                self.living(workload)?;
                let ticket = self.planned_ticket(workload, "brought back by its operator", emergency)?;
                self.go(workload, Cause::Failback, None, ticket, emergency.is_some())?;
            }
            C::StartDrill { workload, emergency } => {
                self.living(workload)?;
                let ticket = self.planned_ticket(workload, "drill, as its operator said", emergency)?;
                self.go(workload, Cause::Drill, None, ticket, emergency.is_some())?;
            }
            C::Replan { workload } => self.replan(workload)?,
            C::SubmitVerdict { finding, statements } => self.verdict(finding, statements, country)?,
            C::PlanNext { verdict } => {
                let (_, verdict) = self.verdicts.get(verdict).ok_or("not-found")?.clone();
                must(!verdict.remaining.is_empty(), "conflict")?;
                self.plan_some(verdict);
            }
            C::OpenLease { cluster, generation, refusal } => {
                self.open(cluster, *generation, refusal.as_ref(), country)?
            }
            C::ReportCopies { cluster, copies } => {
                let version = self.clusters.get(cluster).ok_or("not-found")?.0;
                for report in copies {
                    self.report(cluster, &report.workload, report.epoch, &report.phase);
                }
                if self.parts == 0 {
                    return unchanged(version);
                }
            }
            C::Receipt { cluster, workload, epoch } | C::ConfirmFence { workload, cluster, epoch } => {
                return self.stopped(workload, cluster, *epoch);
            }
            other => panic!("{other:?} is for tests/apply_against_model.rs"),
        }
        changed
    }

    /// Whether a cluster is at a site that was excluded.
    fn is_excluded(&self, cluster: &ClusterName) -> bool {
        let site = self.clusters.get(cluster).map(|(_, cluster)| &cluster.site);
        site.is_some_and(|site| self.sites[site].1.standing == Standing::Excluded)
    }

    /// Whether it is a Plattformbetreiber's command about a site that was excluded.
    fn is_of_excluded(&self, command: &Command) -> bool {
        use Command as C;
        let at = |site: &SiteName| self.sites.get(site).is_some_and(|(_, site)| site.standing == Standing::Excluded);
        let of = |subject: &EvidenceSubject| match subject {
            EvidenceSubject::Site(site) => at(site),
            EvidenceSubject::Cluster(cluster) => self.is_excluded(cluster),
        };
        match command {
            C::SetSiteFacts { site, .. }
            | C::SetSiteMaintenance { site, .. }
            | C::ApplyCluster { site, .. }
            | C::LiftLicenceVeto { site, .. }
            | C::ResealSecret { site, .. } => at(site),
            C::SetLicenceVeto { veto } => at(&veto.site),
            C::CordonCluster { name, .. } | C::RemoveCluster { name } => self.is_excluded(name),
            C::ApplyEvidence { evidence } => of(&evidence.subject),
            C::DeleteEvidence { name } => self.evidence.get(name).is_some_and(|(_, evidence)| of(&evidence.subject)),
            _ => false,
        }
    }

    /// Whether the node that signed may not speak any more.
    fn is_silenced(&self, signed: &SignedFinding, country: &Country) -> bool {
        let node = country.nodes.iter().find(|(id, _)| *id == signed.node);
        node.is_some_and(|(_, signer)| self.keys[&signer.id].1)
    }

    fn stand(&mut self, name: &SiteName, standing: Standing) -> Expected {
        let (version, site) = self.sites.get(name).ok_or("not-found")?.clone();
        if site.standing == standing {
            return Ok(Accepted::Unchanged { version });
        }
        must(site.standing != Standing::Excluded, "excluded")?;
        put!(self.sites, name.clone(), Site { standing, ..site });
        Ok(Accepted::Changed { version: self.index })
    }

    /// Directives here are all in order: what else there is, tests/apply_against_model.rs tries.
    fn record(&mut self, signed: &SignedDirective, country: &Country) -> Expected {
        let hash = sha256(&signed.payload.0);
        if let Some(version) = self.directives.get(&hash) {
            return Ok(Accepted::Unchanged { version: *version });
        }
        let directive = Directive::from_payload(&signed.payload.0).unwrap();
        let follows = directive.number == 1 || self.directives.contains_key(&directive.predecessor);
        must(follows, "conflict")?;
        self.directives.insert(hash, self.index);
        let sites: std::collections::BTreeSet<SiteName> =
            directive.order.sites().into_iter().map(|site| site.site).collect();
        for name in &sites {
            let Some((_, site)) = self.sites.get(name).cloned() else { continue };
            if site.standing != Standing::Excluded {
                put!(self.sites, name.clone(), Site { standing: Standing::Excluded, ..site });
            }
        }
        let nodes = country.nodes.iter().zip(["nord", "site-b", "site-c"]);
        let nodes = nodes.filter(|(_, site)| sites.iter().any(|name| name.as_str() == *site));
        let mut gone: Vec<KeyId> = nodes.map(|((_, signer), _)| signer.id).collect();
        gone.extend(self.clusters.values().filter(|(_, c)| sites.contains(&c.site)).map(|(_, c)| c.agent));
        for key in gone {
            self.keys.get_mut(&key).unwrap().1 = true;
        }
        let mut batch = excluded(&self.inventory(), &sites);
        batch.retain(|name| self.living(name).is_ok());
        batch.truncate(64);
        self.move_all(&batch, &Cause::Excluded, "moved because a site was excluded");
        Ok(Accepted::Changed { version: self.index })
    }

    /// The workloads with a copy on a cluster.
    fn on(&self, cluster: &ClusterName) -> Vec<WorkloadName> {
        let has = |placement: &Placement| placement.copies.iter().any(|copy| copy.cluster == *cluster);
        self.placements.values().filter(|(_, p)| has(p)).map(|(_, p)| p.workload.clone()).collect()
    }

    fn living(&self, name: &WorkloadName) -> Refused<Workload> {
        let (_, workload) = self.workloads.get(name).ok_or("not-found")?;
        must(!workload.deleting, "conflict")?;
        Ok(workload.clone())
    }

    fn apply_cluster(
        &mut self,
        name: &ClusterName,
        site: &SiteName,
        spec: &verbund_model::resource::ClusterSpec,
        key: &PublicKey,
    ) -> Expected {
        let (_, at) = self.sites.get(site).ok_or("not-found")?;
        must(at.standing == Standing::Active, "suspended")?;
        let agent = key_id(key);
        let fresh = !self.keys.contains_key(&agent);
        let owner = KeyOwner::Agent { cluster: name.clone() };
        let spec = spec.clone();
        match self.clusters.get(name).cloned() {
            None => {
                must(fresh, "already-exists")?;
                let (name, site, standing) = (name.clone(), site.clone(), ClusterStanding::Active);
                let (observation, incarnation) = (None, 0);
                put!(
                    self.clusters,
                    name.clone(),
                    Cluster { name, site, spec, agent, standing, observation, incarnation }
                );
            }
            Some((version, old)) => {
                must(old.site == *site, "conflict")?;
                if old.agent == agent && old.spec == spec {
                    return Ok(Accepted::Unchanged { version });
                }
                must(old.agent == agent || fresh, "already-exists")?;
                let kept = old.spec.zone == spec.zone
                    && old.spec.stage == spec.stage
                    && old.spec.labels.iter().all(|(key, value)| spec.labels.get(key) == Some(value));
                must(kept || self.on(name).is_empty(), "conflict")?;
                if old.agent != agent {
                    self.keys.get_mut(&old.agent).unwrap().1 = true;
                }
                put!(self.clusters, name.clone(), Cluster { spec, agent, ..old });
            }
        }
        if fresh {
            self.keys.insert(agent, (owner, false));
        }
        Ok(Accepted::Changed { version: self.index })
    }

    fn apply_secret(
        &mut self,
        workload: &WorkloadName,
        name: &SecretName,
        sealed: &Sealed,
        same_values: bool,
        delegated: bool,
    ) -> Expected {
        let organisation = self.living(workload)?.organisation;
        let key = (workload.clone(), name.clone());
        let old = self.secrets.get(&key).map(|(_, old)| old.clone());
        must(sealed.revision == old.as_ref().map_or(1, |old| old.sealed.revision + 1), "invalid")?;
        must(!same_values || old.is_some(), "invalid")?;
        must(old.is_some() || self.secrets.keys().filter(|(of, _)| of == workload).count() < 32, "too-large")?;
        must(!sealed.keys.is_empty() && sealed.ciphertext.0.len() >= 28, "invalid")?;
        self.can_open(&sealed.recipients)?;
        let mut exposed: std::collections::BTreeSet<SiteName> = sealed.recipients.keys().cloned().collect();
        let mut values_since = sealed.revision;
        if let Some(old) = old.filter(|_| same_values) {
            exposed.extend(old.exposed);
            values_since = old.values_since;
        }
        let (workload, name, sealed) = (workload.clone(), name.clone(), sealed.clone());
        put!(
            self.secrets,
            key,
            SealedSecret { workload, name, organisation, sealed, delegated, values_since, exposed }
        );
        Ok(Accepted::Changed { version: self.index })
    }

    fn reseal_secret(
        &mut self,
        site: &SiteName,
        workload: &WorkloadName,
        name: &SecretName,
        revision: u64,
        recipients: &BTreeMap<SiteName, Recipient>,
    ) -> Expected {
        self.living(workload)?;
        let key = (workload.clone(), name.clone());
        let (version, old) = self.secrets.get(&key).ok_or("not-found")?.clone();
        must(old.delegated && old.sealed.recipients.contains_key(site), "conflict")?;
        must(old.sealed.revision == revision, "conflict")?;
        self.can_open(recipients)?;
        let mut new = old.clone();
        for (site, recipient) in recipients {
            // No site of this country ever has another sealing key.
            new.sealed.recipients.entry(site.clone()).or_insert_with(|| recipient.clone());
            new.exposed.insert(site.clone());
        }
        if new == old {
            return Ok(Accepted::Unchanged { version });
        }
        put!(self.secrets, key, new);
        Ok(Accepted::Changed { version: self.index })
    }

    fn can_open(&self, recipients: &BTreeMap<SiteName, Recipient>) -> Refused {
        must(!recipients.is_empty(), "invalid")?;
        for (site, recipient) in recipients {
            let (_, site) = self.sites.get(site).ok_or("not-found")?;
            must(site.standing != Standing::Excluded, "excluded")?;
            must(recipient.key == site.sealing_key && recipient.sealed.0.len() == 145, "invalid")?;
        }
        Ok(())
    }

    fn open_change(&mut self, name: &TicketName, workload: &WorkloadName, description: &str) -> Expected {
        let (_, found) = self.workloads.get(workload).ok_or("not-found")?;
        let organisation = found.organisation.clone();
        must(!self.changes.contains_key(name), "already-exists")?;
        must(!name.as_str().starts_with("chg-") && !name.as_str().starts_with("inc-"), "invalid")?;
        must(self.standing(workload).len() < 16, "too-large")?;
        let (workload, description) = (workload.clone(), description.to_owned());
        let kind = ChangeKind::Standard;
        let change = ChangeTicket {
            name: name.clone(),
            workload,
            organisation,
            kind,
            description,
            closed: false,
            review: String::new(),
        };
        put!(self.changes, name.clone(), change);
        Ok(Accepted::Changed { version: self.index })
    }

    /// The open standard changes of a workload.
    fn standing(&self, workload: &WorkloadName) -> Vec<TicketName> {
        let is = |c: &ChangeTicket| c.workload == *workload && c.kind == ChangeKind::Standard && !c.closed;
        self.changes.values().filter(|(_, c)| is(c)).map(|(_, c)| c.name.clone()).collect()
    }

    fn ticket(&self, workload: &WorkloadName, kind: ChangeKind, description: &str) -> Ticket {
        let ticket: TicketName = name(&format!("chg-{}-{workload}", self.index));
        let change = ChangeTicket {
            name: ticket.clone(),
            workload: workload.clone(),
            organisation: name("kost"),
            kind,
            description: description.to_owned(),
            closed: kind == ChangeKind::Normal,
            review: String::new(),
        };
        (ticket, Some(change))
    }

    /// A normal change, or an emergency change with a reason.
    fn planned_ticket(&self, workload: &WorkloadName, what: &str, emergency: &Option<String>) -> Refused<Ticket> {
        let Some(reason) = emergency else { return Ok(self.ticket(workload, ChangeKind::Normal, what)) };
        must(!reason.is_empty(), "invalid")?;
        Ok(self.ticket(workload, ChangeKind::Emergency, &format!("{what}: {reason}")))
    }

    /// Who may forbid that a workload moves from or to clusters now, in the order in which they are asked.
    fn forbidding(&self, workload: &Workload, clusters: &[ClusterName]) -> Vec<(String, Maintenance)> {
        let (_, organisation) = &self.organisations[&workload.organisation];
        let mut all = vec![
            (format!("workload {}", workload.name), workload.spec.maintenance.clone()),
            (format!("organisation {}", organisation.name), organisation.maintenance.clone()),
        ];
        let mut sites: Vec<_> = clusters.iter().filter_map(|c| Some(self.clusters.get(c)?.1.site.clone())).collect();
        sites.sort();
        sites.dedup();
        all.extend(sites.iter().map(|site| (format!("site {site}"), self.sites[site].1.maintenance.clone())));
        all
    }

    fn closed(&self, workload: &Workload, clusters: &[ClusterName]) -> bool {
        self.forbidding(workload, clusters).iter().any(|(_, one)| closed(one, self.now).is_some())
    }

    fn active(&self, workload: &WorkloadName) -> Vec<PlacedCopy> {
        let copies = self.placements.get(workload).map_or(vec![], |(_, placement)| placement.copies.clone());
        copies.into_iter().filter(|copy| copy.role == CopyRole::Active).collect()
    }

    fn held(&self, workload: &Workload) -> bool {
        let at: Vec<ClusterName> = self.active(&workload.name).into_iter().map(|copy| copy.cluster).collect();
        self.closed(workload, &at)
    }

    /// What a placement newly serves from.
    fn coming(&self, after: &Placement) -> Vec<ClusterName> {
        let was: Vec<_> = self.active(&after.workload).into_iter().map(|copy| copy.cluster).collect();
        let target = self.placements.get(&after.workload).and_then(|(_, before)| before.target.clone());
        let new = after.copies.iter().filter(|copy| copy.role == CopyRole::Active && !was.contains(&copy.cluster));
        let mut all: Vec<ClusterName> = new.map(|copy| copy.cluster.clone()).collect();
        all.extend(after.target.clone().filter(|_| after.target != target));
        all
    }

    /// Whether a plan moves what runs, and windows or freezes forbid it.
    fn forbidden(&self, workload: &Workload, after: &Placement) -> bool {
        let alive: Vec<_> = self.active(&after.workload).into_iter().filter(|copy| self.alive(copy)).collect();
        let stays = |copy: &PlacedCopy| {
            after.copies.iter().any(|other| other.cluster == copy.cluster && other.role == CopyRole::Active)
        };
        let leaving = alive.iter().filter(|copy| !stays(copy)).map(|copy| copy.cluster.clone());
        let (leaving, coming): (Vec<_>, _) = (leaving.collect(), self.coming(after));
        let target = self.placements.get(&after.workload).and_then(|(_, before)| before.target.clone());
        let moves = (!leaving.is_empty() && (!coming.is_empty() || after.waiting.is_some()))
            || (!alive.is_empty() && after.target.is_some() && after.target != target);
        moves && self.closed(workload, &[leaving, coming].concat())
    }

    fn automatic(&self, workload: &WorkloadName, description: &str) -> Ticket {
        let (_, found) = &self.workloads[workload];
        let at: Vec<ClusterName> = self.active(workload).into_iter().map(|copy| copy.cluster).collect();
        let freeze = self
            .forbidding(found, &at)
            .into_iter()
            .find_map(|(of, one)| Some(format!("the freeze of {of} ({})", closed(&one, self.now)??)));
        if let Some(freeze) = freeze {
            return self.ticket(workload, ChangeKind::Emergency, &format!("{description}, in {freeze}"));
        }
        match self.standing(workload).into_iter().next() {
            Some(standing) => (standing, None),
            None => self.ticket(workload, ChangeKind::Emergency, description),
        }
    }

    fn forget_changes(&mut self, workload: &WorkloadName) {
        let last = self.placements.get(workload).map(|(_, placement)| placement.change.clone());
        let closed = self.changes.iter().filter(|(_, (_, c))| c.workload == *workload && c.closed);
        let mut closed: Vec<_> = closed.map(|(name, (version, _))| (*version, name.clone())).collect();
        closed.sort();
        let surplus = closed.len().saturating_sub(32);
        for (_, name) in closed.into_iter().take(surplus) {
            if Some(&name) != last.as_ref() {
                delete!(self.changes, &name);
            }
        }
    }

    /// A plan that may be carried out: nobody was refused anything, and the checker likes it.
    fn planned(
        &self,
        inventory: &Inventory,
        workload: &WorkloadName,
        cause: Cause,
        target: Option<ClusterName>,
        change: &TicketName,
    ) -> Refused<Plan> {
        // What is applied is looked at as a whole; of everything else what need not move now waits.
        let held = cause != Cause::Applied
            && self.workloads.get(workload).is_some_and(|(_, found)| !found.deleting && self.held(found));
        let mut request =
            Request { workload: workload.clone(), cause, now: self.now, target, change: change.clone(), held };
        let mut plan = plan(inventory, &request);
        if self.due && plan.changed && self.closed(&self.workloads[workload].1, &self.coming(&plan.placement)) {
            request.held = true;
            plan = verbund_planner::plan(inventory, &request);
        }
        match &plan.report.refused {
            Some(verbund_planner::Refused::UnknownWorkload | verbund_planner::Refused::UnknownCluster { .. }) => {
                return Err("not-found");
            }
            Some(_) => return Err("conflict"),
            None => {}
        }
        if plan.changed {
            assert_eq!(check(inventory, &plan.placement, self.now), Ok(()));
        }
        Ok(plan)
    }

    fn carry_out(&mut self, plan: Plan, (_, new): Ticket) -> bool {
        if !plan.changed {
            return false;
        }
        let mut placement = plan.placement;
        match self.placements.get(&placement.workload) {
            Some((_, before)) if before.copies == placement.copies => placement.change = before.change.clone(),
            _ => {
                if let Some(new) = new {
                    put!(self.changes, new.name.clone(), new);
                }
            }
        }
        let workload = placement.workload.clone();
        put!(self.placements, workload.clone(), placement);
        self.forget_changes(&workload);
        true
    }

    fn go(
        &mut self,
        workload: &WorkloadName,
        cause: Cause,
        target: Option<ClusterName>,
        ticket: Ticket,
        urgent: bool,
    ) -> Refused {
        let plan = self.planned(&self.inventory(), workload, cause, target, &ticket.0)?;
        must(urgent || !self.forbidden(&self.workloads[workload].1, &plan.placement), "not-now")?;
        must(self.carry_out(plan, ticket), "conflict")
    }

    fn replan(&mut self, name: &WorkloadName) -> Refused {
        let workload = self.living(name)?;
        let placement = self.placements.get(name).map(|(_, placement)| placement.clone());
        let copies = placement.as_ref().map_or(vec![], |placement| placement.copies.clone());
        let expired = copies.iter().filter(|copy| copy.role == CopyRole::Active).any(|copy| {
            let Some((_, cluster)) = self.clusters.get(&copy.cluster) else { return false };
            let here = |e: &Evidence| match &e.subject {
                EvidenceSubject::Site(site) => *site == cluster.site,
                EvidenceSubject::Cluster(name) => *name == cluster.name,
            };
            workload.spec.requirements.evidence.iter().any(|wanted| {
                let held = self.evidence.values().filter(|(_, e)| here(e) && e.kind == *wanted);
                let ends: Vec<Millis> = held.map(|(_, e)| e.valid_until).collect();
                !ends.is_empty() && ends.iter().all(|end| *end <= self.now)
            })
        });
        let moving = placement.as_ref().is_some_and(|placement| placement.target.is_some());
        let settled = placement.as_ref().is_some_and(|p| {
            let count = |role| p.copies.iter().filter(|copy| copy.role == role).count();
            let wanted = if let Mode::Parallel { copies } = workload.spec.mode { usize::from(copies) } else { 1 };
            let standby = workload.spec.standby.is_none() || count(CopyRole::Standby) > 0;
            p.waiting == Some(Waiting::Window) || p.waiting.is_none() && count(CopyRole::Active) >= wanted && standby
        });
        let room = if settled { Cause::Misplaced } else { Cause::Room };
        let unfinished = placement
            .as_ref()
            .filter(|p| p.waiting.as_ref().is_some_and(|w| *w != Waiting::Window) || p.target.is_some());
        let left = copies.iter().any(|copy| copy.role != CopyRole::Stopping && self.is_excluded(&copy.cluster));
        let (cause, ticket) = match unfinished.filter(|p| !expired && self.changes.contains_key(&p.change)) {
            _ if left => (Cause::Excluded, self.automatic(name, "moved because a site was excluded")),
            Some(p) => (if moving { Cause::Released } else { room }, (p.change.clone(), None)),
            None => {
                let cause = if moving { Cause::Released } else { room };
                (if expired { Cause::EvidenceExpired } else { cause }, self.automatic(name, "moved by the rules"))
            }
        };
        self.due = true;
        let done = self.go(name, cause, None, ticket, true);
        self.due = false;
        done
    }

    fn apply_workload(
        &mut self,
        workload: Workload,
        expect: Option<verbund_model::Hash>,
        emergency: &Option<String>,
    ) -> Expected {
        let name = workload.name.clone();
        let old = self.workloads.get(&name).cloned();
        if let Some((version, old)) = &old {
            must(!old.deleting, "conflict")?;
            if *old == workload {
                return Ok(Accepted::Unchanged { version: *version });
            }
        }
        must(workload.spec.stop_budget > 0 && makes_sense(&workload.spec.maintenance), "invalid")?;
        let ticket = self.planned_ticket(&name, "applied by its operator", emergency)?;
        if old.is_some_and(|(_, old)| old.customer != workload.customer) {
            delete!(self.consents, &name);
        }
        put!(self.workloads, name.clone(), workload);
        let mut inventory = self.inventory();
        if let (Some(epoch), None) = (self.epochs.get(&name), self.placements.get(&name)) {
            let (workload, epoch, copies, cause) = (name.clone(), *epoch, vec![], Cause::Applied);
            let (waiting, target, home, change) = (None, None, None, ticket.0.clone());
            inventory.put_placement(&Placement { workload, epoch, copies, waiting, target, cause, home, change });
        }
        let plan = self.planned(&inventory, &name, Cause::Applied, None, &ticket.0)?;
        must(expect.is_none_or(|hash| hash == verbund_machine::plan_hash(&plan.placement)), "conflict")?;
        let forbidden = self.forbidden(&self.workloads[&name].1, &plan.placement);
        must(emergency.is_some() || !forbidden, "not-now")?;
        put!(self.changes, ticket.0.clone(), ticket.1.unwrap());
        if plan.changed {
            put!(self.placements, name.clone(), plan.placement);
        }
        self.forget_changes(&name);
        Ok(Accepted::Changed { version: self.index })
    }

    fn delete_workload(&mut self, name: &WorkloadName) -> Refused {
        let workload = self.living(name)?;
        let (change, new) = self.ticket(name, ChangeKind::Normal, "deleted by its operator");
        put!(self.workloads, name.clone(), Workload { deleting: true, ..workload });
        put!(self.changes, change.clone(), new.unwrap());
        if let Some((_, mut placement)) = self.placements.get(name).cloned() {
            placement.copies.retain(|copy| copy.role != CopyRole::Standby);
            for copy in &mut placement.copies {
                if copy.role == CopyRole::Active {
                    (copy.role, copy.since) = (CopyRole::Stopping, self.now);
                }
            }
            (placement.waiting, placement.target, placement.cause, placement.change) =
                (None, None, Cause::Applied, change);
            put!(self.placements, name.clone(), placement);
        }
        self.bury(name);
        Ok(())
    }

    /// A deleted workload without copies is gone with all that is about it.
    fn bury(&mut self, name: &WorkloadName) {
        let deleting = self.workloads.get(name).is_some_and(|(_, workload)| workload.deleting);
        let (_, placement) = self.placements.get(name).unwrap();
        if !deleting || !placement.copies.is_empty() {
            return;
        }
        self.epochs.insert(name.clone(), placement.epoch);
        self.placements.remove(name);
        self.workloads.remove(name);
        self.consents.remove(name);
        self.exceptions.retain(|_, (_, e)| e.workload != *name);
        self.vetoes.retain(|(_, workload), _| workload != name);
        self.secrets.retain(|(workload, _), _| workload != name);
        self.incidents.retain(|_, (_, i)| i.workload != *name);
        self.changes.retain(|_, (_, c)| c.workload != *name);
    }

    /// Whether an active copy is not found lost.
    fn lives(&self, name: &WorkloadName) -> bool {
        self.active(name).iter().any(|copy| self.alive(copy))
    }

    fn alive(&self, copy: &PlacedCopy) -> bool {
        let lease = self.leases.get(&copy.cluster).map(|(_, lease)| lease);
        let holds = copy.generation == 0 || lease.is_none_or(|lease| lease.open && lease.generation == copy.generation);
        !self.is_lost(&copy.cluster) && holds && !self.is_excluded(&copy.cluster)
    }

    fn is_lost(&self, cluster: &ClusterName) -> bool {
        let site = self.clusters.get(cluster).map(|(_, cluster)| cluster.site.clone());
        site.is_some_and(|site| self.presences.get(&site).is_some_and(|(_, presence)| presence.lost))
    }

    /// An incident for a workload that is active there and has no open one there.
    fn tell(&mut self, workload: &WorkloadName, cluster: &ClusterName, reason: &str) {
        let is = |i: &Incident| i.workload == *workload && i.cluster == *cluster && !i.resolved;
        let copies = self.placements.get(workload).map_or(vec![], |(_, placement)| placement.copies.clone());
        let active = copies.iter().any(|copy| copy.cluster == *cluster && copy.role == CopyRole::Active);
        if active && !self.incidents.values().any(|(_, i)| is(i)) {
            self.report_trouble(workload, cluster, reason, None);
        }
    }

    fn report_trouble(
        &mut self,
        workload: &WorkloadName,
        cluster: &ClusterName,
        reason: &str,
        awaits: Option<AwaitedDecision>,
    ) {
        let ticket: TicketName = name(&format!("inc-{}-{}-{workload}", self.index, self.parts));
        let incident = Incident {
            name: ticket.clone(),
            workload: workload.clone(),
            organisation: name("kost"),
            cluster: cluster.clone(),
            reason: reason.to_owned(),
            awaits,
            resolved: false,
        };
        put!(self.incidents, ticket, incident);
        let resolved = self.incidents.iter().filter(|(_, (_, i))| i.workload == *workload && i.resolved);
        let mut resolved: Vec<_> = resolved.map(|(name, (version, _))| (*version, name.clone())).collect();
        resolved.sort();
        let surplus = resolved.len().saturating_sub(32);
        for (_, name) in resolved.into_iter().take(surplus) {
            delete!(self.incidents, &name);
        }
    }

    fn resolve(&mut self, cluster: &ClusterName) {
        let open = self.incidents.values().filter(|(_, i)| i.cluster == *cluster && !i.resolved && i.awaits.is_none());
        let open: Vec<Incident> = open.map(|(_, i)| i.clone()).collect();
        for incident in open {
            put!(self.incidents, incident.name.clone(), Incident { resolved: true, ..incident });
        }
    }

    /// What an entry did to placements opens incidents that await a decision, and closes those that are over.
    fn settle(&mut self) {
        let moved = self.placements.values().filter(|(version, _)| *version == self.index);
        let moved: Vec<Placement> = moved.map(|(_, placement)| placement.clone()).collect();
        for placement in moved {
            let Some((_, workload)) = self.workloads.get(&placement.workload).cloned() else { continue };
            let open = self.incidents.values().filter(|(_, i)| i.workload == workload.name && !i.resolved);
            let open: Vec<Incident> = open.map(|(_, i)| i.clone()).collect();
            let asks = workload.spec.failover == FailoverAuthority::Ask && !workload.deleting;
            if asks && placement.waiting == Some(Waiting::Person) {
                let awaits = Some(AwaitedDecision { since: self.now, rpo: workload.spec.rpo });
                let of = |standby: bool| {
                    let copies = placement.copies.iter().filter(|copy| (copy.role == CopyRole::Standby) == standby);
                    copies.map(|copy| copy.cluster.clone()).collect::<Vec<_>>()
                };
                let elsewhere: Vec<_> = open.iter().filter(|i| !of(true).contains(&i.cluster)).collect();
                for incident in elsewhere.iter().filter(|i| i.awaits.is_none()) {
                    put!(self.incidents, incident.name.clone(), Incident { awaits, ..(*incident).clone() });
                }
                let at = of(false).first().cloned().or(placement.home.clone());
                if let Some(cluster) = at.filter(|_| elsewhere.is_empty()) {
                    let reason = format!("no copy may go on at cluster {cluster}");
                    self.report_trouble(&workload.name, &cluster, &reason, awaits);
                }
                continue;
            }
            for incident in open {
                let cluster = &incident.cluster;
                let there = placement.copies.iter().any(|copy| copy.cluster == *cluster);
                let known = self.clusters.get(cluster).map(|(_, cluster)| cluster.observation.clone());
                let bad = known.is_some_and(|seen| seen.is_some_and(|s| !s.ready || !s.impairment.is_empty()));
                let silent = self.clusters.contains_key(cluster)
                    && self.leases.get(cluster).is_some_and(|(_, lease)| !lease.open);
                let well = !bad && !silent && !self.is_lost(cluster);
                let resolved = !there || (incident.awaits.is_some() && well);
                if resolved || incident.awaits.is_some() {
                    put!(self.incidents, incident.name.clone(), Incident { resolved, awaits: None, ..incident });
                }
            }
        }
    }

    fn resolve_if_well(&mut self, cluster: &ClusterName) {
        let seen = self.clusters.get(cluster).and_then(|(_, cluster)| cluster.observation.clone());
        if seen.is_some_and(|seen| seen.ready && seen.impairment.is_empty()) {
            self.resolve(cluster);
        }
    }

    fn verdict(&mut self, finding: &Finding, statements: &[SignedFinding], country: &Country) -> Refused {
        let presence = |site: &SiteName| self.presences.get(site).map_or((0, false), |(_, p)| (p.number, p.lost));
        match finding {
            Finding::LeaseEnded { cluster, generation } => {
                let (_, lease) = self.leases.get(cluster).ok_or("not-found")?;
                must(lease.open && lease.generation == *generation, "conflict")?;
            }
            Finding::Unreachable { site, presence: number } => must(presence(site) == (*number, false), "conflict")?,
            Finding::Returned { site, presence: number } => must(presence(site) == (*number, true), "conflict")?,
        }
        let voters: Vec<NodeId> = country.nodes.iter().map(|(id, _)| *id).collect();
        let mut nodes: Vec<NodeId> = statements.iter().map(|signed| signed.node).collect();
        must(statements.iter().all(|signed| signed.membership == country.membership()), "conflict")?;
        nodes.sort();
        nodes.dedup();
        must(
            nodes.len() == statements.len() && nodes.len() >= 2 && nodes.iter().all(|n| voters.contains(n)),
            "conflict",
        )?;
        for signed in statements {
            must(!self.is_silenced(signed, country), "key-revoked")?;
            must(is_own(signed, finding, country), "bad-signature")?;
        }
        match finding {
            Finding::LeaseEnded { cluster, .. } => {
                let (_, lease) = self.leases[cluster].clone();
                put!(self.leases, cluster.clone(), Lease { open: false, ..lease });
            }
            Finding::Unreachable { site, presence } => {
                let (site, number) = (site.clone(), presence + 1);
                put!(self.presences, site.clone(), Presence { site, number, lost: true });
            }
            Finding::Returned { site, presence } => {
                let (of, number) = (site.clone(), presence + 1);
                put!(self.presences, site.clone(), Presence { site: of, number, lost: false });
                let clusters: Vec<ClusterName> =
                    self.clusters.values().filter(|(_, c)| c.site == *site).map(|(_, c)| c.name.clone()).collect();
                clusters.iter().for_each(|cluster| self.resolve_if_well(cluster));
            }
        }
        let mut remaining = lost(&self.inventory(), finding);
        if let Finding::LeaseEnded { cluster, .. } = finding
            && !self.is_lost(cluster)
        {
            let parallel = |name: &WorkloadName| matches!(self.workloads[name].1.spec.mode, Mode::Parallel { .. });
            let here = |name: &WorkloadName| self.active(name).iter().any(|copy| copy.cluster == *cluster);
            remaining.extend(self.on(cluster).into_iter().filter(|name| parallel(name) && here(name)));
        }
        remaining.retain(|name| self.living(name).is_ok());
        let (index, finding, by) = (self.index, finding.clone(), statements.to_vec());
        self.plan_some(Verdict { index, finding, by, remaining });
        Ok(())
    }

    fn plan_some(&mut self, mut verdict: Verdict) {
        let batch: Vec<WorkloadName> = verdict.remaining.iter().take(64).cloned().collect();
        verdict.remaining.drain(..batch.len());
        for name in &batch {
            match &verdict.finding {
                Finding::LeaseEnded { cluster, generation } => {
                    let site = if self.is_lost(cluster) { "its site is lost" } else { "its site is there" };
                    let reason = format!(
                        "the agent of cluster {cluster} is silent, and {site}: generation {generation} of its lease has ended"
                    );
                    self.tell(name, cluster, &reason);
                }
                Finding::Unreachable { site, .. } => {
                    let copies = self.placements.get(name).map_or(vec![], |(_, placement)| placement.copies.clone());
                    for copy in copies {
                        if self.clusters.get(&copy.cluster).is_some_and(|(_, cluster)| cluster.site == *site) {
                            self.tell(name, &copy.cluster, &format!("site {site} was found lost"));
                        }
                    }
                }
                Finding::Returned { .. } => {}
            }
        }
        let moves = |name: &WorkloadName| {
            let told = matches!(verdict.finding, Finding::LeaseEnded { .. });
            self.living(name).is_ok_and(|found| !told || matches!(found.spec.mode, Mode::Exclusive { .. }))
        };
        let living: Vec<WorkloadName> = batch.into_iter().filter(moves).collect();
        let why = format!("moved because of verdict {}", verdict.index);
        self.move_all(&living, &Cause::Verdict { index: verdict.index }, &why);
        put!(self.verdicts, verdict.index, verdict);
        // Old verdicts of which nothing remains are forgotten; a world has too few for it.
        assert!(self.verdicts.len() < 1_000);
    }

    /// Plans one after the other, for one cause.
    fn move_all(&mut self, living: &[WorkloadName], cause: &Cause, why: &str) {
        let tickets: Vec<Ticket> = living.iter().map(|name| self.automatic(name, why)).collect();
        let now = self.now;
        let closed = self.sites.values().any(|(_, site)| site.maintenance.closed(now).is_some());
        let request = |(workload, (change, _)): (&WorkloadName, &Ticket)| Request {
            workload: workload.clone(),
            cause: cause.clone(),
            now,
            target: None,
            change: change.clone(),
            held: closed || self.held(&self.workloads[workload].1),
        };
        let requests: Vec<Request> = living.iter().zip(&tickets).map(request).collect();
        for (plan, ticket) in plan_batch(&self.inventory(), &requests).into_iter().zip(tickets) {
            self.carry_out(plan, ticket);
        }
    }

    fn open(
        &mut self,
        cluster: &ClusterName,
        generation: u64,
        refusal: Option<&SignedFinding>,
        country: &Country,
    ) -> Refused {
        let (_, found) = self.clusters.get(cluster).ok_or("not-found")?;
        must(!self.is_excluded(cluster), "excluded")?;
        must(!self.presences.get(&found.site).is_some_and(|(_, presence)| presence.lost), "conflict")?;
        let (last, open) = self.leases.get(cluster).map_or((0, false), |(_, lease)| (lease.generation, lease.open));
        must(generation == last + 1, "conflict")?;
        match (open, refusal) {
            (false, None) => {}
            (false, Some(_)) => return Err("invalid"),
            (true, None) => return Err("conflict"),
            (true, Some(signed)) => {
                must(signed.membership == country.membership(), "conflict")?;
                must(country.nodes.iter().any(|(id, _)| *id == signed.node), "conflict")?;
                let finding = Finding::LeaseEnded { cluster: cluster.clone(), generation: last };
                must(!self.is_silenced(signed, country), "key-revoked")?;
                must(is_own(signed, &finding, country), "bad-signature")?;
            }
        }
        let (name, opened_at) = (cluster.clone(), self.index);
        put!(self.leases, cluster.clone(), Lease { cluster: name, generation, open: true, opened_at });
        if !open {
            self.resolve_if_well(cluster);
            return Ok(());
        }
        for name in self.on(cluster) {
            let (_, mut placement) = self.placements[&name].clone();
            let mut moved = false;
            for copy in &mut placement.copies {
                if copy.cluster == *cluster && copy.generation == last && copy.role != CopyRole::Standby {
                    copy.generation = generation;
                    moved = true;
                }
            }
            if moved {
                put!(self.placements, name, placement);
            }
        }
        Ok(())
    }

    fn report(&mut self, cluster: &ClusterName, workload: &WorkloadName, epoch: u64, phase: &CopyPhase) {
        let Some((_, mut placement)) = self.placements.get(workload).cloned() else { return };
        let target = placement.target.clone();
        let found = placement.copies.iter_mut().find(|copy| copy.cluster == *cluster && copy.epoch == epoch);
        let Some(copy) = found.filter(|copy| copy.phase != *phase) else { return };
        copy.phase = phase.clone();
        let arrived = copy.role == CopyRole::Active && *phase == CopyPhase::Ready && target.as_ref() == Some(cluster);
        let change = placement.change.clone();
        put!(self.placements, workload.clone(), placement);
        if arrived && self.living(workload).is_ok() {
            let plan = self.planned(&self.inventory(), workload, Cause::Released, None, &change);
            if let Ok(plan) = plan {
                self.carry_out(plan, (change, None));
            }
        }
    }

    fn stopped(&mut self, name: &WorkloadName, cluster: &ClusterName, epoch: u64) -> Expected {
        must(self.clusters.contains_key(cluster), "not-found")?;
        let (version, mut placement) = self.placements.get(name).ok_or("not-found")?.clone();
        match placement.copies.iter().find(|copy| copy.cluster == *cluster) {
            None => return Ok(Accepted::Unchanged { version }),
            Some(copy) if epoch < copy.epoch => return Ok(Accepted::Unchanged { version }),
            Some(copy) => must(epoch == copy.epoch && copy.role == CopyRole::Stopping, "conflict")?,
        }
        placement.copies.retain(|copy| copy.cluster != *cluster);
        put!(self.placements, name.clone(), placement.clone());
        if self.living(name).is_ok() {
            let plan = self.planned(&self.inventory(), name, Cause::Released, None, &placement.change)?;
            self.placements.insert(name.clone(), (self.index, plan.placement));
        }
        self.bury(name);
        Ok(Accepted::Changed { version: self.index })
    }
}

/// Whether the node that is named signed this.
fn is_own(signed: &SignedFinding, finding: &Finding, country: &Country) -> bool {
    let number = country.nodes.iter().position(|(id, _)| *id == signed.node).unwrap();
    country.signed(finding, number, signed.membership) == *signed
}

/// Whether windows and freezes are such as may be set.
fn makes_sense(maintenance: &Maintenance) -> bool {
    maintenance.windows.iter().all(|window| !window.days.is_empty() && window.from != window.to)
        && maintenance.freezes.iter().all(|freeze| freeze.from <= freeze.to && !freeze.reason.is_empty())
}

/// Whether nothing may be moved now, and the reason of the freeze if it is one: by what a clock in Berlin shows. The
/// windows of the generator do not end within an hour that comes twice.
fn closed(maintenance: &Maintenance, now: Millis) -> Option<Option<String>> {
    let zone = jiff::tz::TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    let shown = jiff::Timestamp::from_millisecond(i64::try_from(now).unwrap()).unwrap().to_zoned(zone);
    let date = shown.strftime("%Y-%m-%d").to_string();
    for freeze in &maintenance.freezes {
        if (freeze.from.to_string()..=freeze.to.to_string()).contains(&date) {
            return Some(Some(freeze.reason.clone()));
        }
    }
    let (clock, today) = (shown.strftime("%H:%M").to_string(), shown.strftime("%a").to_string().to_lowercase());
    let yesterday = shown.yesterday().unwrap().strftime("%a").to_string().to_lowercase();
    let open = maintenance.windows.iter().any(|window| {
        let on = |day: &String| window.days.iter().any(|known| format!("{known:?}").to_lowercase() == *day);
        let (from, to) = (window.from.to_string(), window.to.to_string());
        let over = to < from;
        (on(&today) && from <= clock && (over || clock < to)) || (over && on(&yesterday) && clock < to)
    });
    (!maintenance.windows.is_empty() && !open).then_some(None)
}
