//! Random commands about placement: most meant to be accepted, the others with something wrong in them. The model says
//! what should happen.

use std::collections::BTreeMap;

use verbund_identity::{Directive, sha256};
use verbund_model::instant::civil;
use verbund_model::local::{Weekday, day_at};
use verbund_model::resource::{
    Cause, Consent, CopyPhase, CopyReport, CopyRole, Der, DirectiveSignature, DistanceClass, Evidence, EvidenceKind,
    EvidenceSubject, FailoverAuthority, FenceLevel, Finding, Freeze, LicenceVeto, Maintenance, Mode, Order, PlacedCopy,
    Recipient, Sealed, SignedDirective, SignedFinding, Standby, Standing, Window, WorkloadSpec,
};
use verbund_model::{ClusterName, Command, Hash, KeyId, SecretName, SiteName, WorkloadName};

use super::model::Model;
use crate::country::{Country, cluster_spec, observation, spec};
use crate::support::build::{START, name};
use crate::support::keys::{Keyring, Signer};
use crate::support::random::Random;

/// More than one entry plans, so that the return of a site leaves something to be planned.
const HOPELESS: usize = 66;
const SITES: [&str; 3] = ["nord", "site-b", "site-c"];
const KINDS: [EvidenceKind; 2] = [EvidenceKind::C5, EvidenceKind::Iso27001];

pub struct Generator {
    random: Random,
    ring: Keyring,
    counter: u64,
    /// Whoever was made here, by key.
    signers: BTreeMap<KeyId, Signer>,
    /// How many commands came so far, and at which one a site is excluded.
    calls: usize,
    exclusion: usize,
    /// After so many commands a site is resumed.
    resume: Option<(usize, SiteName)>,
    /// Directives that were sent: each with its number and hash.
    directives: Vec<(u64, Hash, SignedDirective)>,
}

impl Generator {
    /// Sets the country up: workloads that fit nowhere, and some that do.
    pub fn new(seed: u64, country: &mut Country) -> Self {
        let signers = country.agents.values().map(|agent| (agent.id, agent.clone())).collect();
        let (calls, exclusion, resume, directives) = (0, 1_600, None, Vec::new());
        let (random, ring) = (Random::new(seed), Keyring::new(seed | 1 << 45));
        let mut generator = Self { random, ring, counter: 0, signers, calls, exclusion, resume, directives };
        let ada = country.ada();
        for number in 0..HOPELESS {
            let mut wanted = spec(Mode::Parallel { copies: 1 }, FailoverAuthority::Automatic, None);
            wanted.requirements.labels.insert("never".to_owned(), "there".to_owned());
            country.f.act(&ada, crate::country::apply(&format!("h-{number}"), wanted));
        }
        for number in 0..8 {
            let maintenance = Maintenance::default();
            let wanted = WorkloadSpec { stop_budget: 500, maintenance, ..generator.spec() };
            country.f.act(&ada, crate::country::apply(&format!("w-{number}"), wanted));
        }
        generator
    }

    /// The next command, and whose it is.
    pub fn next(&mut self, country: &mut Country, model: &Model) -> (Signer, Command) {
        self.calls += 1;
        let coordinator = country.f.coordinator(self.random.below(3));
        if self.calls == self.exclusion {
            let site = *self.random.pick(&SITES[1..]).unwrap();
            let order = country.f.state.exclude_site_order(&name(site), "Schlüssel entwendet").unwrap();
            return (coordinator, self.directive(country, model, order));
        }
        if let Some((_, name)) = self.resume.take_if(|(at, _)| *at <= self.calls) {
            return (coordinator, Command::ResumeSite { name });
        }
        loop {
            if let Some((author, command)) = self.try_next(country, model) {
                if model.keys[&author.id].1 && !country.f.has_session(&author.id) {
                    continue;
                }
                if !self.random.chance(4) {
                    return (author, command);
                }
                // Somebody else tries.
                let others = [country.ada(), country.chefs[1].clone(), country.node(0), country.f.coordinator(2)];
                return (self.random.pick(&others).unwrap().clone(), command);
            }
        }
    }

    /// The next directive with this order.
    fn directive(&mut self, country: &Country, model: &Model, order: Order) -> Command {
        let federation = &country.f.state.federation().value;
        // What somebody brought who may not is not recorded.
        let mut recorded = self.directives.iter().rev().filter(|(_, hash, _)| model.directives.contains_key(hash));
        let last = recorded.next().map(|(number, hash, _)| (number + 1, *hash));
        let (number, predecessor) = last.unwrap_or((1, federation.id.0));
        let directive = Directive {
            v: 1,
            federation: federation.id,
            generation: 0,
            number,
            predecessor,
            coordinator_set_version: federation.coordinators.version,
            issued: country.f.clock,
            order,
            accept_quorum_loss: false,
        };
        let payload = directive.to_payload();
        let message = Directive::message(&payload);
        let sign = |signer: Signer| DirectiveSignature { key: signer.id, signature: Der(signer.sign(&message)) };
        let signatures = [0, 2].map(|number| sign(country.f.coordinator(number))).into();
        let signed = SignedDirective { payload: Der(payload), signatures };
        self.directives.push((number, sha256(&signed.payload.0), signed.clone()));
        Command::RecordDirective { directive: signed }
    }

    fn fresh(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}-{}", self.counter)
    }

    fn site(&mut self) -> (usize, SiteName) {
        let number = self.random.below(3);
        (number, name(SITES[number]))
    }

    /// A workload that could run; now and then one that could not, or is not there.
    fn workload(&mut self, model: &Model) -> WorkloadName {
        let live: Vec<_> = model.workloads.keys().filter(|name| name.as_str().starts_with("w-")).cloned().collect();
        match self.random.below(60) {
            0 => name("nirgends"),
            1 => name("h-3"),
            _ => self.random.pick(&live).cloned().unwrap_or_else(|| name("h-1")),
        }
    }

    fn main_cluster(&mut self) -> ClusterName {
        let (_, site) = self.site();
        name(&format!("c-{site}"))
    }

    /// The chef of a cluster's site.
    fn chef(country: &Country, model: &Model, cluster: &ClusterName) -> Signer {
        let site = model.clusters.get(cluster).map(|(_, cluster)| cluster.site.as_str().to_owned());
        let number = SITES.iter().position(|known| Some(*known) == site.as_deref()).unwrap_or(0);
        country.chefs[number].clone()
    }

    fn agent(&self, model: &Model, cluster: &ClusterName) -> Option<Signer> {
        self.signers.get(&model.clusters.get(cluster)?.1.agent).cloned()
    }

    fn new_key(&mut self) -> Signer {
        let signer = self.ring.p256();
        self.signers.insert(signer.id, signer.clone());
        signer
    }

    fn spec(&mut self) -> WorkloadSpec {
        let fence = *self.random.pick(&[FenceLevel::Data, FenceLevel::Guard, FenceLevel::Agent]).unwrap();
        let mode = match self.random.below(3) {
            0 => Mode::Parallel { copies: 1 + self.random.below(2) as u8 },
            _ => Mode::Exclusive { fence },
        };
        let authority = match self.random.below(5) {
            0 => FailoverAuthority::Ask,
            1 => FailoverAuthority::Manual,
            _ => FailoverAuthority::Automatic,
        };
        let class = if self.random.chance(70) { DistanceClass::Betriebsredundant } else { DistanceClass::Georedundant };
        let standby = self.random.chance(80).then_some(Standby { distance: class });
        let mut wanted = spec(mode, authority, standby);
        wanted.maintenance = self.maintenance(8);
        wanted.rpo = self.random.below(3) as u32 * 15;
        wanted.priority = self.random.below(5) as u16;
        wanted.rto = self.random.below(100_000) as u32;
        if self.random.chance(10) {
            wanted.requirements.evidence = [*self.random.pick(&KINDS).unwrap()].into();
        }
        if self.random.chance(3) {
            wanted.stop_budget = 0;
        }
        if self.random.chance(8) {
            wanted.secrets = [self.secret()].into();
        }
        wanted
    }

    fn secret(&mut self) -> SecretName {
        name(self.random.pick(&["db", "mail", "tls"]).unwrap())
    }

    /// Sealed to some sites; now and then wrongly, to an excluded one or to one that is not there.
    fn recipients(&mut self, model: &Model) -> BTreeMap<SiteName, Recipient> {
        let few = self.random.chance(30);
        let chosen: Vec<&str> = SITES.into_iter().filter(|_| self.random.chance(if few { 40 } else { 85 })).collect();
        let excluded = self.random.chance(10);
        let mut recipients = BTreeMap::new();
        for site in chosen {
            let (_, site) = &model.sites[&name::<SiteName>(site)];
            if site.standing == Standing::Excluded && !excluded {
                continue;
            }
            let key = if self.random.chance(2) { site.issuing_key.clone() } else { site.sealing_key.clone() };
            let sealed = Der(vec![7; if self.random.chance(2) { 144 } else { 145 }]);
            recipients.insert(site.name.clone(), Recipient { key, sealed });
        }
        if self.random.chance(2)
            && let Some(first) = recipients.values().next().cloned()
        {
            recipients.insert(name("nirgends"), first);
        }
        recipients
    }

    fn apply_secret(&mut self, model: &Model) -> Command {
        let (workload, name) = (self.workload(model), self.secret());
        let last = model.secrets.get(&(workload.clone(), name.clone())).map_or(0, |(_, old)| old.sealed.revision);
        let revision = if self.random.chance(4) { last + 2 } else { last + 1 };
        let keys = if self.random.chance(2) { [].into() } else { ["password".to_owned()].into() };
        let ciphertext = Der(vec![7; if self.random.chance(2) { 27 } else { 300 }]);
        let sealed = Sealed { revision, keys, ciphertext, recipients: self.recipients(model) };
        let same_values = self.random.chance(if last == 0 { 3 } else { 40 });
        Command::ApplySecret { workload, name, sealed, same_values, delegated: self.random.chance(80) }
    }

    /// By the chef of a site that can open it, mostly.
    fn reseal_secret(&mut self, country: &Country, model: &Model) -> Option<(Signer, Command)> {
        let all: Vec<_> = model.secrets.values().map(|(_, secret)| secret).collect();
        let secret = (*self.random.pick(&all)?).clone();
        let opens = |number: &usize| secret.sealed.recipients.contains_key(&name::<SiteName>(SITES[*number]));
        let number = if self.random.chance(5) { self.random.below(3) } else { (0..3).find(opens)? };
        let revision = secret.sealed.revision + u64::from(self.random.chance(4));
        let recipients = self.recipients(model);
        let (workload, name, site) = (secret.workload, secret.name, name(SITES[number]));
        let command = Command::ResealSecret { site, workload, name, revision, recipients };
        Some((country.chefs[number].clone(), command))
    }

    /// A copy of a role, with its workload.
    fn copy(&mut self, model: &Model, role: CopyRole) -> Option<(WorkloadName, PlacedCopy)> {
        let all = model
            .placements
            .values()
            .flat_map(|(_, placement)| placement.copies.iter().map(|copy| (placement.workload.clone(), copy.clone())));
        let all: Vec<_> = all.filter(|(_, copy)| copy.role == role).collect();
        self.random.pick(&all).cloned()
    }

    /// Windows and freezes, `closed` times in a hundred such that nothing may be moved now.
    fn maintenance(&mut self, closed: u64) -> Maintenance {
        let day = |number: u64| {
            let (year, month, day) = civil(day_at(START) + number - 3);
            format!("{year:04}-{month:02}-{day:02}").parse().unwrap()
        };
        let window = |days: &[Weekday], from: &str, to: &str| Window {
            days: days.iter().copied().collect(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        };
        let mut freeze = |from, to| Freeze { from: day(from), to: day(to), reason: self.text() };
        let other = Weekday::of(day_at(START) + 3);
        let (holds, to_come, wrong) = (freeze(1, 5), freeze(30, 40), freeze(5, 1));
        let always = window(&Weekday::ALL, "00:00", "24:00");
        let elsewhen = window(&[other], "22:00", "04:00");
        let (windows, freezes) = match (self.random.chance(closed), self.random.below(6)) {
            (true, 0..=2) => (vec![], vec![to_come, holds]),
            (true, _) => (vec![elsewhen], vec![]),
            (false, 0) => (vec![elsewhen, always], vec![to_come]),
            (false, 1) => {
                (vec![window(&Weekday::ALL, "12:00", "11:00"), window(&Weekday::ALL, "11:00", "12:00")], vec![])
            }
            (false, 2) if self.random.chance(20) => (vec![], vec![wrong]),
            (false, 3) if self.random.chance(20) => (vec![window(&[], "10:00", "12:00")], vec![]),
            _ => (vec![], vec![]),
        };
        Maintenance { windows, freezes }
    }

    /// Why it can't wait, mostly where it would have to.
    fn emergency(
        &mut self,
        country: &Country,
        workload: &WorkloadName,
        cause: Cause,
        to: Option<ClusterName>,
    ) -> Option<String> {
        let dry = country.f.state.move_dry_run(workload, cause, to, country.f.clock);
        let closed = dry.is_ok_and(|dry| dry.closed.is_some());
        let urgent = self.random.chance(if closed { 70 } else { 4 });
        urgent.then(|| self.text())
    }

    fn text(&mut self) -> String {
        if self.random.chance(5) { String::new() } else { "weil es so ist".to_owned() }
    }

    fn try_next(&mut self, country: &mut Country, model: &Model) -> Option<(Signer, Command)> {
        let ada = country.ada();
        let node = country.node(self.random.below(3));
        Some(match self.random.below(188) {
            167..=172 => (ada, self.apply_secret(model)),
            175..=181 => self.reseal_secret(country, model)?,
            182..=187 => {
                let secrets: Vec<_> = model.secrets.keys().cloned().collect();
                let (workload, secret) = self.random.pick(&secrets)?.clone();
                let name = if self.random.chance(5) { name("nichts") } else { secret };
                (ada, Command::DeleteSecret { workload, name })
            }
            0..=2 => {
                let (number, site) = self.site();
                let mut facts = model.sites[&site].1.facts.clone().unwrap();
                facts.fallback = self.random.chance(50);
                if self.random.chance(5) {
                    facts.coordinates.latitude = 91_000_000;
                }
                (country.chefs[number].clone(), Command::SetSiteFacts { site, facts })
            }
            3..=7 => self.apply_cluster(country, model)?,
            8..=10 => {
                let name = self.any_cluster(model);
                let chef = Self::chef(country, model, &name);
                // Mostly open, or nothing would find a place.
                (chef, Command::CordonCluster { name, cordoned: self.random.chance(25) })
            }
            11..=13 => {
                let extra: Vec<_> = model.clusters.keys().filter(|c| c.as_str().starts_with("x-")).cloned().collect();
                // Without clusters nothing more would happen.
                let main = self.random.chance(10) && model.clusters.len() > 4;
                let name = if main { self.main_cluster() } else { self.random.pick(&extra)?.clone() };
                (Self::chef(country, model, &name), Command::RemoveCluster { name })
            }
            14..=17 => self.apply_evidence(country, model),
            18..=20 => {
                let names: Vec<_> = model.evidence.keys().cloned().collect();
                let nothing = self.random.chance(5);
                let name = if nothing { name("nichts") } else { self.random.pick(&names)?.clone() };
                let site = model.evidence.get(&name).map(|(_, evidence)| evidence.subject.clone());
                let number = SITES.iter().position(|s| site == Some(EvidenceSubject::Site(SiteName::new(*s).unwrap())));
                (country.chefs[number.unwrap_or(0)].clone(), Command::DeleteEvidence { name })
            }
            21..=23 => {
                let (number, site) = self.site();
                let veto = LicenceVeto { site, workload: self.workload(model), reason: "Lizenz".to_owned() };
                (country.chefs[number].clone(), Command::SetLicenceVeto { veto })
            }
            24..=27 => {
                let vetoes: Vec<_> = model.vetoes.keys().cloned().collect();
                let (site, workload) = self.random.pick(&vetoes)?.clone();
                let number = SITES.iter().position(|known| *known == site.as_str())?;
                (country.chefs[number].clone(), Command::LiftLicenceVeto { site, workload })
            }
            28..=31 => {
                let (workload, copy) = self.copy(model, CopyRole::Stopping)?;
                let epoch = self.epoch(copy.epoch);
                let chef = Self::chef(country, model, &copy.cluster);
                (chef, Command::ConfirmFence { workload, cluster: copy.cluster, epoch })
            }
            32..=41 => self.apply_workload(country, model),
            42..=45 => (ada, Command::DeleteWorkload { name: self.workload(model) }),
            46..=51 => {
                let accept_loss = self.random.chance(85);
                let (workload, to) = self.movable(country, model, &Cause::Failover);
                (ada, Command::Failover { workload, to, accept_loss })
            }
            52..=57 => {
                let (workload, to) = self.movable(country, model, &Cause::Relocate);
                let emergency = self.emergency(country, &workload, Cause::Relocate, to.clone());
                (ada, Command::Relocate { workload, to: to?, emergency })
            }
            58..=63 => {
                let (workload, _) = self.movable(country, model, &Cause::Failback);
                let emergency = self.emergency(country, &workload, Cause::Failback, None);
                (ada, Command::Failback { workload, emergency })
            }
            64..=69 | 173..=174 => {
                let (workload, _) = self.movable(country, model, &Cause::Drill);
                let emergency = self.emergency(country, &workload, Cause::Drill, None);
                (ada, Command::StartDrill { workload, emergency })
            }
            70..=72 => {
                let until = country.f.clock + 1 + self.random.next() % 100_000;
                let until = if self.random.chance(5) { 1 } else { until };
                let (workload, reason) = (self.workload(model), self.text());
                let again = self.random.chance(5) && !model.exceptions.is_empty();
                let fresh = self.fresh("ausnahme");
                let name = if again { model.exceptions.keys().next()?.clone() } else { name(&fresh) };
                (ada, Command::RequestException { name, rule: "georedundancy".to_owned(), workload, reason, until })
            }
            73..=75 => {
                let names: Vec<_> = model.exceptions.keys().rev().take(3).cloned().collect();
                let coordinator = country.f.coordinator(self.random.below(3));
                (coordinator, Command::ApproveException { name: self.random.pick(&names)?.clone() })
            }
            76..=78 => {
                let again = self.random.chance(5) && !model.changes.is_empty();
                let taken = self.random.chance(5);
                let fresh = self.fresh(if taken { "chg" } else { "standard" });
                let name = if again { model.changes.keys().next()?.clone() } else { name(&fresh) };
                let workload = self.workload(model);
                (ada, Command::OpenChange { name, workload, description: "Schwenk".to_owned() })
            }
            79..=82 => {
                let open: Vec<_> =
                    model.changes.values().filter(|(_, c)| !c.closed || c.name.as_str().len() % 7 == 0).collect();
                let name = self.random.pick(&open)?.1.name.clone();
                (ada, Command::CloseChange { name, review: self.text() })
            }
            83..=86 => {
                let any = self.random.chance(10);
                let may_be = |w: &verbund_model::resource::Workload| any || w.customer.is_some();
                let customers: Vec<_> = model.workloads.values().filter(|(_, w)| may_be(w)).collect();
                let workload = self.random.pick(&customers)?.1.name.clone();
                let sites = if self.random.chance(50) { [].into() } else { [self.site().1].into() };
                let customer = if self.random.chance(5) { name("b") } else { name("kost") };
                (ada, Command::GiveConsent { consent: Consent { customer, workload, sites } })
            }
            87..=88 => {
                let names: Vec<_> = model.consents.keys().cloned().collect();
                (ada, Command::WithdrawConsent { workload: self.random.pick(&names)?.clone() })
            }
            89..=95 => (node, self.verdict(country, model)?),
            96..=99 => (node, self.open_lease(country, model)),
            100..=102 => {
                let pending = model.verdicts.values().filter(|(_, v)| !v.remaining.is_empty()).map(|(_, v)| v.index);
                let pending: Vec<u64> = pending.collect();
                let done = self.random.chance(10).then(|| model.verdicts.keys().next_back().copied()).flatten();
                (node, Command::PlanNext { verdict: done.or_else(|| self.random.pick(&pending).copied())? })
            }
            103..=108 | 138..=141 => {
                // What lacks something, and what is where it should not be any more.
                let live = model.workloads.keys().filter(|name| name.as_str().starts_with("w-"));
                let due = live.filter(|name| country.f.state.is_due(name, country.f.clock)).cloned();
                let due: Vec<_> = due.collect();
                let any = self.random.chance(30);
                let workload = if any { self.workload(model) } else { self.random.pick(&due)?.clone() };
                (node, Command::Replan { workload })
            }
            109..=113 => {
                let cluster = self.main_cluster();
                let agent = self.agent(model, &cluster)?;
                let ready = self.random.chance(85);
                let words = if self.random.chance(90) { "" } else { "kein Speicher" };
                let mut observation = observation(ready, words);
                observation.foreign.cpu_millis = self.random.below(5) as u64;
                (agent, Command::Observe { cluster, observation })
            }
            114..=119 => self.report(model)?,
            126..=130 => (node, self.open_lease(country, model)),
            131..=133 => {
                let names: Vec<_> = model.consents.keys().cloned().collect();
                (ada, Command::WithdrawConsent { workload: self.random.pick(&names)?.clone() })
            }
            134..=137 => {
                // What is lost comes back soon, or nothing would find a place.
                let lost: Vec<_> = model.presences.values().filter(|(_, presence)| presence.lost).collect();
                let (_, presence) = *self.random.pick(&lost)?;
                let finding = Finding::Returned { site: presence.site.clone(), presence: presence.number };
                (node, country.verdict(&finding, &[0, 1]))
            }
            145..=148 => {
                let (_, site) = self.site();
                let coordinator = country.f.coordinator(self.random.below(3));
                // Now and then one that is resumed already, or for a while suspended.
                if self.random.chance(25) {
                    (coordinator, Command::ResumeSite { name: site })
                } else {
                    self.resume = Some((self.calls + self.random.below(6), site.clone()));
                    (coordinator, Command::SuspendSite { name: site })
                }
            }
            149..=151 => {
                // Those that were recorded, and one about somebody of whom nobody here has heard.
                let author = if self.random.chance(50) { node } else { country.f.coordinator(1) };
                if self.random.chance(60) && !self.directives.is_empty() {
                    let (_, _, signed) = self.random.pick(&self.directives)?.clone();
                    (author, Command::RecordDirective { directive: signed })
                } else {
                    let (site, reason) = (name(&self.fresh("geist")), "nie dagewesen".to_owned());
                    let order = Order::ExcludeSite { site, nodes: [].into(), keys: [].into(), reason };
                    (author, self.directive(country, model, order))
                }
            }
            152..=154 => {
                // Old copies at a site that was excluded: a coordinator vouches.
                let (workload, copy) = self.copy(model, CopyRole::Stopping)?;
                let site = &model.clusters.get(&copy.cluster)?.1.site;
                if model.sites[site].1.standing != Standing::Excluded {
                    return None;
                }
                let (cluster, epoch) = (copy.cluster, copy.epoch);
                (country.f.coordinator(0), Command::ConfirmFence { workload, cluster, epoch })
            }
            142..=144 => {
                let cluster = self.any_cluster(model);
                let agent = self.agent(model, &cluster)?;
                // Now and then an agent speaks for another cluster.
                let cluster = if self.random.chance(5) { self.main_cluster() } else { cluster };
                (agent, Command::RegisterStart { cluster })
            }
            155..=157 => {
                let (number, site) = self.site();
                let maintenance = self.maintenance(15);
                (country.chefs[number].clone(), Command::SetSiteMaintenance { site, maintenance })
            }
            158..=160 => {
                let organisation = name(if self.random.chance(3) { "nirgends" } else { "kost" });
                let maintenance = self.maintenance(15);
                (ada, Command::SetOrganisationMaintenance { organisation, maintenance })
            }
            161..=165 => {
                let open: Vec<_> = model.incidents.values().filter(|(_, i)| !i.resolved).collect();
                let any: Vec<_> = model.incidents.values().collect();
                let from = if self.random.chance(5) { &any } else { &open };
                (ada, Command::CloseIncident { name: self.random.pick(from)?.1.name.clone() })
            }
            _ => {
                let (workload, copy) = self.copy(model, CopyRole::Stopping)?;
                let epoch = self.epoch(copy.epoch);
                let agent = self.agent(model, &copy.cluster)?;
                (agent, Command::Receipt { cluster: copy.cluster, workload, epoch })
            }
        })
    }

    /// A workload that can be moved, and where to; now and then any.
    fn movable(&mut self, country: &Country, model: &Model, cause: &Cause) -> (WorkloadName, Option<ClusterName>) {
        let mut last = (self.workload(model), Some(self.main_cluster()));
        if self.random.chance(15) {
            return last;
        }
        for _ in 0..12 {
            let asked = matches!(cause, Cause::Relocate | Cause::Failover);
            last = (self.workload(model), asked.then(|| self.main_cluster()));
            let dry = country.f.state.move_dry_run(&last.0, cause.clone(), last.1.clone(), country.f.clock);
            if dry.is_ok_and(|dry| dry.plan.changed) {
                break;
            }
        }
        last
    }

    fn epoch(&mut self, epoch: u64) -> u64 {
        if self.random.chance(4) { epoch + 1 } else { epoch }
    }

    fn any_cluster(&mut self, model: &Model) -> ClusterName {
        let all: Vec<_> = model.clusters.keys().cloned().collect();
        let nowhere = self.random.chance(3);
        self.random.pick(&all).filter(|_| !nowhere).cloned().unwrap_or_else(|| name("nirgends"))
    }

    fn apply_cluster(&mut self, country: &Country, model: &Model) -> Option<(Signer, Command)> {
        let fresh = model.clusters.len() < 9 && self.random.chance(60);
        if fresh {
            let (number, site) = self.site();
            let again = self.random.chance(10);
            let agent_key = if again { country.ada().key } else { self.new_key().key };
            let name = name(&format!("x-{}", self.random.below(12)));
            let site = model.clusters.get(&name).map_or(site, |(_, cluster)| cluster.site.clone());
            let number = SITES.iter().position(|known| *known == site.as_str()).unwrap_or(number);
            return Some((
                country.chefs[number].clone(),
                Command::ApplyCluster { name, site, spec: cluster_spec(), agent_key },
            ));
        }
        let name = self.any_cluster(model);
        let (_, old) = model.clusters.get(&name)?;
        let mut spec = old.spec.clone();
        spec.price = self.random.below(4) as u32;
        match self.random.below(10) {
            0 => drop(spec.labels.insert("tier".to_owned(), format!("t{}", self.random.below(3)))),
            1 => spec.labels.clear(),
            2 => spec.stage = verbund_model::resource::Stage::Test,
            _ => {}
        }
        let kept = self.signers.get(&old.agent)?.key.clone();
        let agent_key = if self.random.chance(20) { self.new_key().key } else { kept };
        let site = if self.random.chance(4) { self.site().1 } else { old.site.clone() };
        let number = SITES.iter().position(|known| *known == site.as_str())?;
        Some((country.chefs[number].clone(), Command::ApplyCluster { name, site, spec, agent_key }))
    }

    fn apply_evidence(&mut self, country: &Country, model: &Model) -> (Signer, Command) {
        let (number, site) = self.site();
        let of_cluster = self.random.chance(20);
        let subject =
            if of_cluster { EvidenceSubject::Cluster(name(&format!("c-{site}"))) } else { EvidenceSubject::Site(site) };
        let kind = *self.random.pick(&KINDS).unwrap();
        let again = self.random.chance(30) || model.evidence.len() > 40;
        let names: Vec<_> =
            model.evidence.values().filter(|(_, e)| e.subject == subject).map(|(_, e)| e.name.clone()).collect();
        let old = self.random.pick(&names).filter(|_| again).cloned();
        let fresh = self.fresh("nachweis");
        let evidence = Evidence {
            name: old.unwrap_or_else(|| name(&fresh)),
            subject,
            kind,
            issuer: self.text(),
            document: Hash([7; 32]),
            valid_until: country.f.clock + 1 + self.random.next() % 5_000,
        };
        (country.chefs[number].clone(), Command::ApplyEvidence { evidence })
    }

    fn apply_workload(&mut self, country: &Country, model: &Model) -> (Signer, Command) {
        let live: Vec<_> = model.workloads.values().filter(|(_, w)| w.name.as_str().starts_with("w-")).collect();
        let old = self.random.pick(&live).filter(|_| live.len() > 12 || self.random.chance(40)).copied();
        let workload = old.map_or_else(|| name(&format!("w-{}", self.random.below(24))), |(_, old)| old.name.clone());
        let mut wanted = self.spec();
        if let Some((_, old)) = old {
            wanted.mode = old.spec.mode.clone();
        } else if let Some((_, old)) = model.workloads.get(&workload) {
            wanted.mode = old.spec.mode.clone();
        }
        let customer = self.random.chance(25).then(|| name("kost"));
        let expect = self.random.chance(4).then_some(Hash([9; 32]));
        let organisation = name("kost");
        let emergency = self.random.chance(50).then(|| self.text());
        let command =
            Command::ApplyWorkload { name: workload, organisation, customer, spec: wanted, expect, emergency };
        (country.ada(), command)
    }

    fn verdict(&mut self, country: &Country, model: &Model) -> Option<Command> {
        let (_, site) = self.site();
        let (number, lost) = model.presences.get(&site).map_or((0, false), |(_, p)| (p.number, p.lost));
        let mut finding = if self.random.chance(35) {
            let cluster: ClusterName = name(&format!("c-{site}"));
            let (_, lease) = model.leases.get(&cluster)?;
            if !lease.open && self.random.chance(90) {
                return None;
            }
            Finding::LeaseEnded { generation: lease.generation, cluster }
        } else if lost {
            Finding::Returned { site, presence: number }
        } else {
            Finding::Unreachable { site, presence: number }
        };
        if self.random.chance(5) {
            match &mut finding {
                Finding::LeaseEnded { generation, .. } => *generation += 1,
                Finding::Unreachable { presence, .. } | Finding::Returned { presence, .. } => *presence += 1,
            }
        }
        let voters: &[usize] = match self.random.below(20) {
            0 => &[1],
            1 => &[2, 2],
            2..=9 => &[0, 1],
            10..=14 => &[1, 2],
            _ => &[0, 1, 2],
        };
        let mut membership = country.membership();
        if self.random.chance(3) {
            membership.index -= 1;
        }
        let mut statements: Vec<SignedFinding> =
            voters.iter().map(|voter| country.signed(&finding, *voter, membership)).collect();
        if self.random.chance(4) {
            statements[0].signature.0[7] ^= 1;
        }
        Some(Command::SubmitVerdict { finding, statements })
    }

    fn open_lease(&mut self, country: &Country, model: &Model) -> Command {
        let closed: Vec<_> = model
            .leases
            .values()
            .filter(|(_, lease)| !lease.open && model.clusters.contains_key(&lease.cluster))
            .collect();
        let cluster = match self.random.pick(&closed) {
            Some((_, lease)) if self.random.chance(80) => lease.cluster.clone(),
            _ => self.any_cluster(model),
        };
        let (last, open) = model.leases.get(&cluster).map_or((0, false), |(_, lease)| (lease.generation, lease.open));
        let refuses = if open { self.random.chance(90) } else { self.random.chance(4) };
        let finding =
            Finding::LeaseEnded { cluster: cluster.clone(), generation: last + u64::from(self.random.chance(5)) };
        let refusal = refuses.then(|| country.signed(&finding, self.random.below(3), country.membership()));
        Command::OpenLease { cluster, generation: last + 1 + u64::from(self.random.chance(3)), refusal }
    }

    fn report(&mut self, model: &Model) -> Option<(Signer, Command)> {
        let (_, copy) = self.copy(model, CopyRole::Active)?;
        let cluster = copy.cluster;
        let agent = self.agent(model, &cluster)?;
        let here: Vec<_> = model
            .placements
            .values()
            .flat_map(|(_, p)| p.copies.iter().map(|copy| (p.workload.clone(), copy.clone())))
            .filter(|(_, copy)| copy.cluster == cluster)
            .collect();
        let number = 1 + self.random.below(3);
        let mut copies = Vec::new();
        for _ in 0..number {
            let (workload, copy) = self.random.pick(&here)?.clone();
            let phase = match self.random.below(5) {
                0 => CopyPhase::Starting { reason: "zieht das Abbild".to_owned() },
                1 => CopyPhase::Failed { reason: "ImagePullBackOff".to_owned() },
                _ => CopyPhase::Ready,
            };
            copies.push(CopyReport { workload, epoch: self.epoch(copy.epoch), phase });
        }
        Some((agent, Command::ReportCopies { cluster, copies }))
    }
}
