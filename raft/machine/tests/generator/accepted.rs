//! Entries that are meant to be accepted.

use std::collections::BTreeSet;

use verbund_model::resource::{Action, InvitationUse, NodeStanding, OrgRole, Standing, UserRole};
use verbund_model::{Command, Hash, KeyId};

use super::{Generator, Step};
use crate::model::Model;
use crate::support::build::{self, ALL_ROLES, name};

const ROLES: [UserRole; 6] = [
    UserRole::Administrator,
    UserRole::Plattformbetreiber,
    UserRole::Softwarebetreiber,
    UserRole::CloudServiceAnbieter,
    UserRole::CloudServiceKunde,
    UserRole::Auditor,
];

impl Generator {
    pub(super) fn meant_well(&mut self, model: &Model) -> Option<Step> {
        match self.random.below(1500) {
            0..=59 | 1460..=1499 => self.apply_entry(model),
            60..=74 => self.create_user(model),
            75..=84 => self.unbind(model),
            85..=97 => self.update_node(model),
            98..=109 => self.add_node(model),
            110..=164 => self.delete_entry(model),
            165..=219 => self.bind(model),
            220..=284 => self.unbind(model),
            285..=335 => self.create_user(model),
            336..=347 => self.update_site(model),
            348..=359 => self.remove_node(model),
            360..=444 => self.delete_user(model),
            445..=480 => self.add_key(model),
            481..=538 => self.revoke_key(model),
            539..=562 => self.create_organisation(model),
            563..=602 => self.create_sub_organisation(model),
            603..=658 => self.suspend_or_resume(model),
            659..=708 => self.invite(model),
            709..=736 => self.revoke_invitation(model),
            737..=780 => self.ask(model),
            781..=890 => self.approve(model),
            891..=960 => self.propose(model),
            961..=998 => self.update_site(model),
            999..=1048 => self.add_node(model),
            1049..=1090 => self.update_node(model),
            1091..=1134 => self.remove_node(model),
            1135..=1184 => self.refuse(model),
            1185..=1234 => self.ask(model),
            1280..=1339 => self.suspend_or_resume_site(model),
            1340..=1389 => self.bring_directive(model),
            1400..=1459 => self.rotate(model),
            _ => self.repeat(model),
        }
    }

    fn apply_entry(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::CloudServiceAnbieter)?;
        let own = model.things.catalogue.values().filter(|(_, entry)| entry.organisation == person.organisation);
        let own: Vec<_> = own.map(|(version, entry)| (*version, entry.clone())).collect();
        let old = if self.random.chance(50) { self.random.pick(&own).cloned() } else { None };
        let entry_name = old.as_ref().map_or_else(|| name(&self.fresh("dienst")), |(_, entry)| entry.name.clone());
        let document = match &old {
            Some((_, entry)) if self.random.chance(10) => entry.document.clone(),
            _ => self.document(),
        };
        let organisation = person.organisation.clone();
        let command = Command::ApplyCatalogueEntry { name: entry_name, organisation, schema_version: 1, document };
        let (statement, stamp) = self.say(model, &person.key, command);
        let statement = self.condition(statement, old.map(|(version, _)| version));
        if self.random.chance(10) && statement.command != (Command::OpenSession {}) {
            // A program that writes more than one under one signature.
            let Command::ApplyCatalogueEntry { organisation, .. } = statement.command.clone() else { return None };
            let mut second = statement.clone();
            second.sequence += 1;
            second.precondition = None;
            let (name, document) = (name(&self.fresh("dienst")), self.document());
            second.command = Command::ApplyCatalogueEntry { name, organisation, schema_version: 2, document };
            return self.in_batch(&person.key, vec![(statement, stamp), (second, stamp)]);
        }
        self.send(model, (statement, stamp))
    }

    fn delete_entry(&mut self, model: &Model) -> Option<Step> {
        let people = self.people(model, UserRole::CloudServiceAnbieter);
        let entries: Vec<_> = model.things.catalogue.values().collect();
        let (version, entry) = *self.random.pick(&entries)?;
        let owner = people.into_iter().find(|person| person.organisation == entry.organisation)?;
        let (statement, stamp) =
            self.say(model, &owner.key, Command::DeleteCatalogueEntry { name: entry.name.clone() });
        let statement = self.condition(statement, Some(*version));
        self.send(model, (statement, stamp))
    }

    fn bind(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let user = self.user_of(model, &person.organisation)?;
        // The roles with commands of their own come more often than the others.
        let role = match self.random.below(10) {
            0..=3 => UserRole::Plattformbetreiber,
            4..=6 => UserRole::CloudServiceAnbieter,
            _ => *self.random.pick(&ROLES)?,
        };
        let own = model.things.sites.iter().filter(|(_, (_, site))| site.organisation == person.organisation);
        let own: Vec<_> = own.map(|(name, _)| name.clone()).collect();
        let limited = role != UserRole::Administrator && self.random.chance(25);
        let sites = if limited { self.random.pick(&own).cloned().into_iter().collect() } else { BTreeSet::new() };
        let command = Command::BindRole { organisation: person.organisation, user, role, sites };
        let said = self.say(model, &person.key, command);
        self.send(model, said)
    }

    fn unbind(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let own = model.things.bindings.iter().filter(|((organisation, ..), _)| *organisation == person.organisation);
        let rare = self.random.chance(10);
        let own = own.filter(|((.., role), _)| rare || *role != UserRole::Administrator);
        let own: Vec<_> = own.map(|(place, (version, _))| (place.clone(), *version)).collect();
        let ((organisation, user, role), version) = self.random.pick(&own)?.clone();
        let (statement, stamp) = self.say(model, &person.key, Command::UnbindRole { organisation, user, role });
        let statement = self.condition(statement, Some(version));
        self.send(model, (statement, stamp))
    }

    fn create_user(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let (user, key) = (name(&self.fresh("user")), self.new256().key);
        let command = Command::CreateUser { organisation: person.organisation, user, key };
        let (statement, stamp) = self.say(model, &person.key, command);
        let statement = self.condition(statement, None);
        self.send(model, (statement, stamp))
    }

    fn delete_user(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let user = self.user_of(model, &person.organisation)?;
        if user == person.user && self.random.chance(90) {
            return None;
        }
        let said = self.say(model, &person.key, Command::DeleteUser { organisation: person.organisation, user });
        self.send(model, said)
    }

    fn add_key(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let user = self.user_of(model, &person.organisation)?;
        let command = Command::AddUserKey { organisation: person.organisation, user, key: self.new256().key };
        let said = self.say(model, &person.key, command);
        self.send(model, said)
    }

    fn revoke_key(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let keys = self.keys_of(model, &person.organisation);
        let key = *self.random.pick(&keys)?;
        if key == person.key && self.random.chance(90) {
            return None;
        }
        let said = self.say(model, &person.key, Command::RevokeUserKey { organisation: person.organisation, key });
        self.send(model, said)
    }

    pub(super) fn keys_of(&self, model: &Model, organisation: &verbund_model::OrgName) -> Vec<KeyId> {
        use verbund_model::resource::KeyOwner;
        let of = |owner: &KeyOwner| matches!(owner, KeyOwner::User { organisation: o, .. } if o == organisation);
        let keys = model.things.keys.iter().filter(|(_, (_, key))| of(&key.owner) && !key.revoked);
        keys.map(|(id, _)| *id).collect()
    }

    pub(super) fn new_organisation(&mut self, roles: BTreeSet<OrgRole>) -> Command {
        Command::CreateOrganisation {
            name: name(&self.fresh("org")),
            display_name: "Amt für Wärme".to_owned(),
            roles,
            administrator: name("chef"),
            administrator_key: self.new256().key,
        }
    }

    fn create_organisation(&mut self, model: &Model) -> Option<Step> {
        let coordinator = self.coordinator(model);
        let command = self.new_organisation(ALL_ROLES.into());
        let (statement, stamp) = self.say(model, &coordinator, command);
        let statement = self.condition(statement, None);
        self.send(model, (statement, stamp))
    }

    fn create_sub_organisation(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let mut roles = model.things.organisations[&person.organisation].1.roles.clone();
        if self.random.chance(30) && roles.len() > 3 {
            roles.pop_last();
        }
        let command = Command::CreateSubOrganisation {
            parent: person.organisation,
            name: name(&self.fresh("sub")),
            display_name: "Eigenbetrieb".to_owned(),
            roles,
            administrator: name("chefin"),
            administrator_key: self.new256().key,
        };
        let said = self.say(model, &person.key, command);
        self.send(model, said)
    }

    fn suspend_or_resume(&mut self, model: &Model) -> Option<Step> {
        let coordinator = self.coordinator(model);
        let with = |standing| {
            let organisations = model.things.organisations.iter();
            organisations.filter(move |(_, (_, o))| o.standing == standing).map(|(n, (v, _))| (n.clone(), *v))
        };
        let (active, suspended): (Vec<_>, Vec<_>) =
            (with(Standing::Active).collect(), with(Standing::Suspended).collect());
        // Few at a time, or nobody could do anything.
        let resume = suspended.len() > 3 || self.random.chance(10);
        let organisations = if resume && !suspended.is_empty() { suspended } else { active };
        let (name, version) = self.random.pick(&organisations)?.clone();
        let command = if resume { Command::ResumeOrganisation { name } } else { Command::SuspendOrganisation { name } };
        let (statement, stamp) = self.say(model, &coordinator, command);
        let statement = self.condition(statement, Some(version));
        self.send(model, (statement, stamp))
    }

    fn invite(&mut self, model: &Model) -> Option<Step> {
        let coordinator = self.coordinator(model);
        let organisation = if self.random.chance(70) {
            self.person(model, UserRole::Plattformbetreiber)?.organisation
        } else {
            let organisations: Vec<_> = model.things.organisations.keys().cloned().collect();
            self.random.pick(&organisations)?.clone()
        };
        let minutes = 1 + self.random.next() % 3000;
        let command = Command::Invite {
            key: self.new256().key,
            site: name(&self.fresh("site")),
            organisation,
            expires: model.time + minutes * 60_000,
        };
        let said = self.say(model, &coordinator, command);
        self.send(model, said)
    }

    fn revoke_invitation(&mut self, model: &Model) -> Option<Step> {
        let coordinator = self.coordinator(model);
        let invitations: Vec<KeyId> = model
            .things
            .invitations
            .iter()
            .filter(|(_, (_, invitation))| !matches!(invitation.used, InvitationUse::Used { .. }))
            .map(|(key, _)| *key)
            .collect();
        let invitation = *self.random.pick(&invitations)?;
        let said = self.say(model, &coordinator, Command::RevokeInvitation { invitation });
        self.send(model, said)
    }

    fn ask(&mut self, model: &Model) -> Option<Step> {
        let open = Self::open_invitations(model);
        let invitation = *self.random.pick(&open)?;
        let (root, issuing) = (self.new384(), self.new384());
        self.authorities.push((root.clone(), issuing.clone()));
        let (request, certificates, node, issuing) = self.request_with(model, &invitation, root, issuing);
        self.issuing.insert(request.site.clone(), issuing.clone());
        let proofs = build::proofs(&model.id, &invitation, &request, &node, &issuing);
        let said = self.say(model, &invitation, Command::RequestAdmission { request, proofs });
        self.send_with(model, said, (true, true), Some(certificates))
    }

    fn approve(&mut self, model: &Model) -> Option<Step> {
        let version = model.things.set().version;
        let late = self.random.chance(5);
        let admissions = model.things.admissions.iter();
        let admissions = admissions.filter(|(_, (_, a))| a.admitted.is_none() && (late || a.refused.is_none()));
        let admissions = admissions.map(|(hash, (v, a))| (*hash, *v, a.approvals.clone()));
        let void = self.random.chance(5);
        let proposals = model.things.proposals.iter();
        let proposals = proposals.filter(|(_, (_, p))| !p.done && (void || p.coordinator_set_version == version));
        let proposals = proposals.map(|(hash, (v, p))| (*hash, *v, p.approvals.clone()));
        let mut subjects: Vec<(Hash, u64, BTreeSet<KeyId>)> =
            if self.random.chance(60) { proposals.collect() } else { admissions.collect() };
        // Mostly what is new, so that things come to an end.
        subjects.sort_by_key(|(_, version, _)| std::cmp::Reverse(*version));
        let recent = subjects.len().min(4);
        let (subject, at, approvals) = self.random.pick(&subjects[..recent])?.clone();
        let mut coordinator = self.coordinator(model);
        for _ in 0..6 {
            if approvals.contains(&coordinator) {
                coordinator = self.coordinator(model);
            }
        }
        let (statement, stamp) = self.say(model, &coordinator, Command::Approve { subject });
        let statement = self.condition(statement, Some(at));
        self.send(model, (statement, stamp))
    }

    fn refuse(&mut self, model: &Model) -> Option<Step> {
        let (again, late) = (self.random.chance(10), self.random.chance(3));
        let requests = model.things.admissions.iter();
        let requests = requests
            .filter(|(_, (_, a))| (late || a.admitted.is_none()) && (again || a.refused.is_none()))
            .map(|(hash, (version, _))| (*hash, *version));
        let requests: Vec<(Hash, u64)> = requests.collect();
        let (request, version) = *self.random.pick(&requests)?;
        let coordinator = self.coordinator(model);
        let reason = format!("Fingerabdruck passt nicht\n({})", self.random.below(100));
        let (statement, stamp) = self.say(model, &coordinator, Command::RefuseAdmission { request, reason });
        let statement = self.condition(statement, Some(version));
        self.send(model, (statement, stamp))
    }

    fn propose(&mut self, model: &Model) -> Option<Step> {
        let action = match self.random.below(100) {
            0..=33 => {
                let policy = format!("policy-{}", self.random.below(12));
                Action::SetPolicy { name: name(&policy), document: self.document() }
            }
            34..=56 => {
                let policies: Vec<_> = model.things.policies.keys().cloned().collect();
                Action::DeletePolicy { name: self.random.pick(&policies)?.clone() }
            }
            57..=84 => Action::ReplaceVoter { lost: *self.random.pick(&Self::active_nodes(model))? },
            _ => {
                let mut keys = model.things.set().keys.clone();
                if keys.len() > 4 || self.random.chance(40) && keys.len() > 1 {
                    let leaving = self.random.below(keys.len());
                    keys.remove(leaving);
                }
                keys.push(self.new384().key);
                let least = keys.len() as u32 / 2 + 1;
                Action::SetCoordinators { keys, threshold: least }
            }
        };
        let coordinator = self.coordinator(model);
        let said = self.say(model, &coordinator, Command::Propose { action });
        self.send(model, said)
    }

    fn update_site(&mut self, model: &Model) -> Option<Step> {
        let (person, site) = self.operator(model)?;
        let version = model.things.sites[&site].0;
        let land = self.land();
        let (statement, stamp) = self.say(model, &person.key, Command::UpdateSite { site, land });
        let statement = self.condition(statement, Some(version));
        self.send(model, (statement, stamp))
    }

    pub(super) fn add_node(&mut self, model: &Model) -> Option<Step> {
        let (person, site) = self.operator(model)?;
        let issuing = match self.random.chance(95) {
            true => self.holder(&model.things.sites[&site].1.issuing_key)?,
            false => self.issuing.get(&site)?.clone(),
        };
        let node = self.new256();
        let command = self.node_command(model, &site, &node, &issuing, &node);
        let said = self.say(model, &person.key, command);
        let right = model.things.sites[&site].1.issuing_key == issuing.key;
        self.send_with(model, said, (right, true), None)
    }

    fn update_node(&mut self, model: &Model) -> Option<Step> {
        let (person, site) = self.operator(model)?;
        let rare = self.random.chance(5);
        let nodes = model
            .things
            .nodes
            .iter()
            .filter(|(_, (_, node))| node.site == site && (rare || node.standing == NodeStanding::Active));
        let nodes: Vec<_> = nodes.map(|(id, (version, _))| (*id, *version)).collect();
        let (node, version) = *self.random.pick(&nodes)?;
        let addresses = self.addresses();
        let (statement, stamp) = self.say(model, &person.key, Command::UpdateNode { node, addresses });
        let statement = self.condition(statement, Some(version));
        self.send(model, (statement, stamp))
    }

    fn remove_node(&mut self, model: &Model) -> Option<Step> {
        let (person, site) = self.operator(model)?;
        let nodes = model.things.nodes.iter().filter(|(_, (_, node))| node.site == site);
        let nodes: Vec<_> = nodes.map(|(id, _)| *id).collect();
        let node = *self.random.pick(&nodes)?;
        let said = self.say(model, &person.key, Command::RemoveNode { node });
        self.send(model, said)
    }

    /// What was sent before, once more: inside the window the first answer comes again.
    fn repeat(&mut self, model: &Model) -> Option<Step> {
        if self.sent.is_empty() {
            return None;
        }
        let place = self.random.below(self.sent.len());
        let step = self.sent.swap_remove(place);
        Some(self.again(model, &step))
    }
}
