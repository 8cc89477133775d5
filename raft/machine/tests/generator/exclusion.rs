//! Directives, good and bad ones, and what the excluded try.

use verbund_identity::{Directive, key_id, sha256};
use verbund_model::resource::{
    Der, DirectiveSignature, ExcludedSite, NodeStanding, Order, SignedDirective, Standing, UserRole,
};
use verbund_model::{Command, Hash, KeyId, OrgName, SiteName};

use super::{Generator, Step};
use crate::model::{Directed, Model};
use crate::support::build::{ALL_ROLES, name};

impl Generator {
    pub(super) fn suspend_or_resume_site(&mut self, model: &Model) -> Option<Step> {
        let coordinator = self.coordinator(model);
        let with = |standing| {
            let sites = model.things.sites.iter().filter(move |(_, (_, site))| site.standing == standing);
            sites.map(|(name, (version, _))| (name.clone(), *version)).collect::<Vec<_>>()
        };
        let (active, suspended) = (with(Standing::Active), with(Standing::Suspended));
        let resume = suspended.len() > 2 || self.random.chance(40);
        let sites = if resume && !suspended.is_empty() { suspended } else { active };
        let (name, version) = self.random.pick(&sites)?.clone();
        let command = if resume { Command::ResumeSite { name } } else { Command::SuspendSite { name } };
        let (statement, stamp) = self.say(model, &coordinator, command);
        let statement = self.condition(statement, Some(version));
        self.send(model, (statement, stamp))
    }

    /// Who brings directives: a node or a coordinator.
    fn bringer(&mut self, model: &Model) -> KeyId {
        let nodes = model.things.nodes.values().filter(|(_, node)| node.standing == NodeStanding::Active);
        let nodes: Vec<KeyId> = nodes.map(|(_, node)| node.key).collect();
        match self.random.pick(&nodes) {
            Some(node) if self.random.chance(50) => *node,
            _ => self.coordinator(model),
        }
    }

    pub(super) fn bring_directive(&mut self, model: &Model) -> Option<Step> {
        let (signed, directed) = if self.random.chance(40) && !self.directives.is_empty() {
            self.random.pick(&self.directives)?.clone()
        } else {
            let directive = self.directive(model)?;
            let signers = self.enough(model);
            self.sign_directive(&directive, &signers)?
        };
        self.bring(model, signed, directed)
    }

    fn bring(&mut self, model: &Model, signed: SignedDirective, directed: Directed) -> Option<Step> {
        let author = self.bringer(model);
        self.directives.push((signed.clone(), directed.clone()));
        let said = self.say(model, &author, Command::RecordDirective { directive: signed });
        let mut step = self.send(model, said)?;
        step.case.directive = Some(directed);
        Some(step)
    }

    /// As many coordinators as must agree, and now and then one more.
    fn enough(&mut self, model: &Model) -> Vec<KeyId> {
        let set = model.things.set();
        let from = self.random.below(set.keys.len());
        let more = usize::from(self.random.chance(20));
        let count = (set.threshold as usize + more).min(set.keys.len());
        (0..count).map(|i| key_id(&set.keys[(from + i) % set.keys.len()])).collect()
    }

    /// The next directive, or another one beside an earlier one.
    fn directive(&mut self, model: &Model) -> Option<Directive> {
        let recorded: Vec<(u64, Hash)> = model.things.directives.values().map(|(_, d)| (d.number, d.hash)).collect();
        let last = recorded.iter().max().copied();
        let after = match self.random.below(20) {
            0 => self.random.pick(&recorded).copied(),
            1 => last.map(|(number, _)| (number, sha256(b"never recorded"))),
            2 => None,
            _ => last,
        };
        let (number, predecessor) = after.map_or((1, model.id.0), |(number, hash)| (number + 1, hash));
        Some(Directive {
            v: 1,
            federation: model.id,
            generation: 0,
            number,
            predecessor,
            coordinator_set_version: model.things.set().version,
            issued: self.random.next() % 1_000_000,
            order: self.order(model)?,
            accept_quorum_loss: self.random.chance(10),
        })
    }

    /// Few members really go, or nobody would be left to do anything: most orders are about somebody who is gone
    /// already, or of whom only the coordinators have heard.
    fn order(&mut self, model: &Model) -> Option<Order> {
        let things = &model.things;
        let reason = format!("Schlüssel entwendet ({})", self.random.below(1000));
        let here = |(_, (_, site)): &(&SiteName, &(u64, verbund_model::resource::Site))| {
            site.standing != Standing::Excluded && site.name.as_str() != "nord"
        };
        let sites: Vec<SiteName> = things.sites.iter().filter(here).map(|(name, _)| name.clone()).collect();
        let gone: Vec<SiteName> = things.sites.keys().filter(|name| model.is_gone("site", name)).cloned().collect();
        let organisations = things
            .organisations
            .values()
            .filter(|(_, o)| o.standing != Standing::Excluded && o.name.as_str() != "kost" && o.parent.is_some());
        let organisations: Vec<OrgName> = organisations.map(|(_, o)| o.name.clone()).collect();
        match self.random.below(10) {
            0 if organisations.len() > 4 => {
                let organisation = self.random.pick(&organisations)?.clone();
                let (sites, keys) = (vec![], [].into());
                Some(Order::ExcludeOrganisation { organisation, below: [].into(), sites, keys, reason })
            }
            1..=3 if sites.len() > 5 => {
                let site = self.random.pick(&sites)?.clone();
                let nodes = things.nodes.values().filter(|(_, node)| node.site == site).map(|(_, node)| node.id);
                let nodes = if self.random.chance(50) { nodes.collect() } else { [].into() };
                Some(Order::ExcludeSite { site, nodes, keys: [self.new256().id].into(), reason })
            }
            4..=6 if !gone.is_empty() => {
                let site = self.random.pick(&gone)?.clone();
                Some(Order::ExcludeSite { site, nodes: [].into(), keys: [].into(), reason })
            }
            7 => {
                let organisation = name(&self.fresh("unbekannt"));
                let site = ExcludedSite { site: name(&self.fresh("geist")), nodes: [].into(), keys: [].into() };
                let below = [].into();
                Some(Order::ExcludeOrganisation { organisation, below, sites: vec![site], keys: [].into(), reason })
            }
            _ => {
                let (site, key) = (name(&self.fresh("geist")), self.new256().id);
                Some(Order::ExcludeSite { site, nodes: [].into(), keys: [key].into(), reason })
            }
        }
    }

    fn sign_directive(&mut self, directive: &Directive, signers: &[KeyId]) -> Option<(SignedDirective, Directed)> {
        let payload = directive.to_payload();
        let message = Directive::message(&payload);
        let sign = |key: &KeyId| {
            let signature = Der(self.signers.get(key)?.sign(&message));
            Some(DirectiveSignature { key: *key, signature })
        };
        let signatures: Vec<DirectiveSignature> = signers.iter().map(sign).collect::<Option<_>>()?;
        let directed = Directed { directive: directive.clone(), signers: signers.to_vec(), well_signed: true };
        Some((SignedDirective { payload: Der(payload), signatures }, directed))
    }

    /// One that does not count: too few, one twice, a stranger, another set of coordinators, a signature that does not
    /// hold.
    pub(super) fn bad_directive(&mut self, model: &Model) -> Option<Step> {
        let mut directive = self.directive(model)?;
        let mut signers = self.enough(model);
        let mut spoiled = false;
        match self.random.below(5) {
            0 => signers.truncate(model.things.set().threshold as usize - 1),
            1 => {
                let first = *signers.first()?;
                signers.push(first);
            }
            2 => {
                let stranger = self.new384().id;
                signers.push(stranger);
            }
            3 => {
                let version = directive.coordinator_set_version;
                let earlier = self.random.chance(50) && version > 1;
                directive.coordinator_set_version = if earlier { version - 1 } else { version + 1 };
            }
            _ => spoiled = true,
        }
        let (mut signed, mut directed) = self.sign_directive(&directive, &signers)?;
        if spoiled {
            signed.signatures[0].signature.0[70] ^= 1;
            directed.well_signed = false;
        }
        self.bring(model, signed, directed)
    }

    /// What names or belongs to somebody who was excluded.
    pub(super) fn excluded(&mut self, model: &Model) -> Option<Step> {
        let (key, command) = match self.random.below(5) {
            0 => self.name_of_organisation(model),
            1 => {
                let sites = model.things.sites.values().filter(|(_, site)| site.standing == Standing::Excluded);
                let sites: Vec<SiteName> = sites.map(|(_, site)| site.name.clone()).collect();
                let site = self.random.pick(&sites).cloned();
                site.map(|name| (self.coordinator(model), Command::ResumeSite { name }))
            }
            2 => self.key_of_excluded(model),
            3 => self.site_of_excluded(model),
            _ => None,
        }
        .or_else(|| self.name_of_site(model))?;
        let said = self.say(model, &key, command);
        self.send(model, said)
    }

    fn gone(model: &Model, prefix: &str) -> Vec<String> {
        model.things.gone.iter().filter_map(|gone| gone.strip_prefix(prefix)).map(str::to_owned).collect()
    }

    fn name_of_site(&mut self, model: &Model) -> Option<(KeyId, Command)> {
        let (key, expires) = (self.new256().key, model.time + 3_600_000);
        let site = name(self.random.pick(&Self::gone(model, "site "))?);
        Some((self.coordinator(model), Command::Invite { key, site, organisation: name("kost"), expires }))
    }

    fn name_of_organisation(&mut self, model: &Model) -> Option<(KeyId, Command)> {
        let organisation = self.random.pick(&Self::gone(model, "organisation "))?.clone();
        let mut command = self.new_organisation(ALL_ROLES.into());
        if let Command::CreateOrganisation { name: old, .. } = &mut command {
            *old = name(&organisation);
        }
        Some((self.coordinator(model), command))
    }

    fn key_of_excluded(&mut self, model: &Model) -> Option<(KeyId, Command)> {
        let mut gone = self.signers.values().filter(|signer| {
            signer.key.algorithm() == verbund_model::Algorithm::P256 && model.is_gone("key", signer.id)
        });
        let key = gone.next()?.key.clone();
        let person = self.person(model, UserRole::Administrator)?;
        let (user, organisation) = (name(&self.fresh("user")), person.organisation);
        Some((person.key, Command::CreateUser { organisation, user, key }))
    }

    /// Who runs an excluded site may be in good standing.
    fn site_of_excluded(&mut self, model: &Model) -> Option<(KeyId, Command)> {
        let sites = model.things.sites.values().filter(|(_, site)| site.standing == Standing::Excluded);
        let sites: Vec<(SiteName, OrgName)> =
            sites.map(|(_, site)| (site.name.clone(), site.organisation.clone())).collect();
        let mut people = self.people(model, UserRole::Plattformbetreiber);
        people.retain(|person| sites.iter().any(|(_, organisation)| *organisation == person.organisation));
        let person = self.random.pick(&people)?.clone();
        let site = sites.into_iter().find(|(_, organisation)| *organisation == person.organisation)?.0;
        Some((person.key, Command::UpdateSite { site, land: self.land() }))
    }
}
