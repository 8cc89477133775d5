//! Entries that are meant to be refused, each for a reason of its own. Some are accepted all the same: the model knows.

use std::collections::BTreeSet;

use verbund_identity::envelope::{STATEMENT_TYPE, pae};
use verbund_identity::{Authentication, Envelope, Precondition, node_binding, sha256};
use verbund_machine::Entry;
use verbund_model::resource::{Action, Address, Der, InvitationUse, KeyOwner, NodeStanding, Standing, UserRole};
use verbund_model::{Command, FederationId, Hash, KeyId, NodeId, SiteName};

use super::{Generator, Person, Step};
use crate::model::Model;
use crate::support::build::{self, ALL_ROLES, Ca, ca_params, name, with};
use crate::support::keys::Signer;

/// Twenty-six kinds; those that often find nothing to try have two places.
const PLACES: usize = 30;

impl Generator {
    pub(super) fn meant_ill(&mut self, model: &Model) -> Option<Step> {
        match self.random.below(PLACES) {
            0 => self.malformed(model),
            1 => self.too_large(model),
            2 => self.not_enabled(model),
            3 => self.wrong_federation(model, true),
            4 => self.wrong_federation(model, false),
            5 => self.unknown_key(model),
            6 => self.revoked_key(model),
            7 => self.bad_signature(model),
            8 => self.expired(model),
            9 => self.too_long(model),
            10 => self.no_session(model),
            11 => self.old_number(model),
            12 => self.greedy_session(model),
            13 => self.old_sequence(model),
            14 => self.used_sequence(model),
            15 => self.not_authorised(model),
            16 => self.suspended(model),
            17 => self.other_version(model),
            18 => self.existing(model),
            19 => self.missing(model),
            20 => self.invalid(model),
            21 => self.spent(model),
            22 | 24 => self.bad_proof(model),
            25 => self.old_sequence(model),
            26 => self.greedy_session(model),
            27 => self.bad_directive(model),
            28 => self.excluded(model),
            29 => self.too_large(model),
            _ => self.conflicting(model),
        }
    }

    /// Any key that counts.
    fn anybody(&mut self, model: &Model) -> Option<KeyId> {
        let active = |owner: &KeyOwner| match owner {
            KeyOwner::User { organisation, .. } => {
                model.things.organisations[organisation].1.standing == Standing::Active
            }
            KeyOwner::Invitation => false,
            _ => true,
        };
        let keys = model.things.keys.iter().filter(|(_, (_, key))| !key.revoked && active(&key.owner));
        let keys: Vec<KeyId> = keys.map(|(id, _)| *id).collect();
        self.random.pick(&keys).copied()
    }

    /// Any key with a session.
    fn somebody(&mut self, model: &Model) -> Option<KeyId> {
        for _ in 0..10 {
            let key = self.anybody(model)?;
            if !model.live_sessions(&key).is_empty() {
                return Some(key);
            }
        }
        None
    }

    fn harmless(&mut self) -> Command {
        Command::DeleteCatalogueEntry { name: name(&format!("dienst-{}", self.random.below(50))) }
    }

    /// A statement of anybody, and the envelope that carries it.
    fn ordinary(&mut self, model: &Model) -> Option<(Step, Envelope)> {
        let key = self.somebody(model)?;
        let command = self.harmless();
        let said = self.say(model, &key, command);
        let step = self.send(model, said)?;
        let envelope = Envelope::from_bytes(&Entry::from_bytes(&step.bytes).ok()?.envelope).ok()?;
        Some((step, envelope))
    }

    fn with_envelope(step: Step, envelope: &Envelope, fault: Option<&'static str>) -> Step {
        let mut case = step.case;
        case.fault = fault;
        case.payload = sha256(&envelope.payload);
        Step { bytes: build::entry(case.stamp.unwrap_or(0), envelope), case }
    }

    /// The step with another payload, well signed.
    fn with_payload(&self, step: Step, payload: Vec<u8>, fault: Option<&'static str>) -> Option<Step> {
        let signer = self.signers.get(&step.case.statement.key)?;
        let envelope = build::signed(signer, payload);
        Some(Self::with_envelope(step, &envelope, fault))
    }

    fn malformed(&mut self, model: &Model) -> Option<Step> {
        let (mut step, envelope) = self.ordinary(model)?;
        let text = String::from_utf8(envelope.payload.clone()).ok()?;
        let open = &text[..text.len() - 1];
        match self.random.below(8) {
            0 => self.with_payload(step, format!("{open},\"v\":1}}").into_bytes(), Some("malformed")),
            1 => self.with_payload(step, format!("{open},\"extra\":1}}").into_bytes(), Some("malformed")),
            2 => self.with_payload(step, text.replacen("\"v\":1", "\"v\":2", 1).into_bytes(), Some("malformed")),
            3 => self.with_payload(step, open.as_bytes().to_vec(), Some("malformed")),
            4 => {
                let envelope = Envelope { key: KeyId(sha256(b"nobody")), ..envelope };
                Some(Self::with_envelope(step, &envelope, Some("malformed")))
            }
            5 => {
                let stamp = step.case.stamp?;
                let mut envelope = envelope.to_bytes();
                envelope.push(0);
                step.bytes = Entry { stamp, envelope }.to_bytes();
                step.case.fault = Some("malformed");
                Some(step)
            }
            6 => {
                step.bytes[0] = 2;
                (step.case.fault, step.case.stamp) = (Some("malformed"), None);
                Some(step)
            }
            _ => {
                let length = self.random.below(step.bytes.len());
                step.bytes.truncate(length);
                (step.case.fault, step.case.stamp) = (Some("malformed"), None);
                Some(step)
            }
        }
    }

    fn too_large(&mut self, model: &Model) -> Option<Step> {
        let many: Vec<Address> = (1..=17).map(|i| build::address(&format!("10.0.0.{i}:1"))).collect();
        match self.random.below(20) {
            0 => {
                let bytes = vec![1; verbund_machine::MAX_ENTRY + 1];
                let (mut step, _) = self.ordinary(model)?;
                (step.case.fault, step.case.stamp, step.bytes) = (Some("too-large"), None, bytes);
                Some(step)
            }
            1..=2 => {
                let person = self.person(model, UserRole::CloudServiceAnbieter)?;
                let document = build::document(&format!(r#"{{"x":"{}"}}"#, "x".repeat(65_536)));
                let (name, organisation) = (name(&self.fresh("dienst")), person.organisation);
                let command = Command::ApplyCatalogueEntry { name, organisation, schema_version: 1, document };
                let said = self.say(model, &person.key, command);
                self.send(model, said)
            }
            3..=9 => {
                let (person, site) = self.operator(model)?;
                let nodes = model.things.nodes.iter().find(|(_, (_, node))| node.site == site);
                let command = Command::UpdateNode { node: *nodes?.0, addresses: many };
                let said = self.say(model, &person.key, command);
                self.send(model, said)
            }
            _ => {
                let mut command = self.new_organisation(ALL_ROLES.into());
                if let Command::CreateOrganisation { display_name, .. } = &mut command {
                    *display_name = "ä".repeat(201);
                }
                let coordinator = self.coordinator(model);
                let said = self.say(model, &coordinator, command);
                self.send(model, said)
            }
        }
    }

    fn not_enabled(&mut self, model: &Model) -> Option<Step> {
        let (step, envelope) = self.ordinary(model)?;
        let signature = vec![1; 64];
        let authentication = match self.random.below(3) {
            0 => Authentication::Passkey { assertion: signature },
            1 => Authentication::Gateway { signature, on_behalf_of: "jemand".to_owned() },
            _ => {
                let mut statement = step.case.statement.clone();
                statement.sealed = vec!["AAAA".to_owned()];
                return self.with_payload(step, statement.to_payload(), Some("not-enabled"));
            }
        };
        Some(Self::with_envelope(step, &Envelope { authentication, ..envelope }, Some("not-enabled")))
    }

    fn wrong_federation(&mut self, model: &Model, federation: bool) -> Option<Step> {
        let key = self.anybody(model)?;
        let command = self.harmless();
        let (mut statement, stamp) = self.say(model, &key, command);
        if federation {
            statement.federation = FederationId(sha256(b"another"));
        } else {
            statement.generation = 1 + self.random.below(3) as u32;
        }
        self.send(model, (statement, stamp))
    }

    fn unknown_key(&mut self, model: &Model) -> Option<Step> {
        let stranger = self.new256();
        let command = self.harmless();
        let said = self.say(model, &stranger.id, command);
        self.send(model, said)
    }

    fn revoked_key(&mut self, model: &Model) -> Option<Step> {
        let revoked = model.things.keys.iter().filter(|(_, (_, key))| key.revoked);
        let revoked: Vec<KeyId> = revoked.map(|(id, _)| *id).collect();
        let key = *self.random.pick(&revoked)?;
        let command = self.harmless();
        let said = self.say(model, &key, command);
        self.send(model, said)
    }

    fn bad_signature(&mut self, model: &Model) -> Option<Step> {
        let (mut step, mut envelope) = self.ordinary(model)?;
        let other = self.new256();
        let message = pae(STATEMENT_TYPE, &envelope.payload);
        let good = match &envelope.authentication {
            Authentication::Direct { signature } => signature.clone(),
            Authentication::Batch { signature, proof } => {
                let mut proof = proof.clone();
                proof.index = proof.index.wrapping_add(1) % 7;
                proof.path.push(Hash::default());
                envelope.authentication = Authentication::Batch { signature: signature.clone(), proof };
                step.case.well_signed = false;
                return Some(Self::with_envelope(step, &envelope, None));
            }
            _ => return None,
        };
        let signature = match self.random.below(4) {
            0 => other.sign(&message),
            1 => high(&good)?,
            2 => {
                let mut flipped = good;
                let at = 1 + self.random.below(flipped.len() - 1);
                flipped[at] ^= 1;
                flipped
            }
            _ => good[..good.len() - 1].to_vec(),
        };
        envelope.authentication = Authentication::Direct { signature };
        step.case.well_signed = false;
        Some(Self::with_envelope(step, &envelope, None))
    }

    fn expired(&mut self, model: &Model) -> Option<Step> {
        let key = self.anybody(model)?;
        let command = self.harmless();
        let (mut statement, stamp) = self.say(model, &key, command);
        statement.not_after = model.time_of(Some(stamp)) - 1 - self.random.next() % 1000;
        self.send(model, (statement, stamp))
    }

    fn too_long(&mut self, model: &Model) -> Option<Step> {
        let key = self.anybody(model)?;
        let command = self.harmless();
        let (mut statement, stamp) = self.say(model, &key, command);
        statement.not_after = model.time_of(Some(stamp)) + 15 * 60_000 + 1 + self.random.next() % 1000;
        self.send(model, (statement, stamp))
    }

    fn no_session(&mut self, model: &Model) -> Option<Step> {
        let key = self.somebody(model)?;
        let command = self.harmless();
        let (mut statement, stamp) = self.say(model, &key, command);
        statement.session = if self.random.chance(50) { 0 } else { statement.session + 1000 };
        self.send(model, (statement, stamp))
    }

    fn old_number(&mut self, model: &Model) -> Option<Step> {
        let key = self.somebody(model)?;
        let (mut statement, stamp) = self.say(model, &key, Command::OpenSession {});
        let last = model.last_number[&key];
        (statement.session, statement.sequence) = (self.random.next() % (last + 1), 0);
        self.send(model, (statement, stamp))
    }

    fn greedy_session(&mut self, model: &Model) -> Option<Step> {
        let key = self.greedy;
        let stamp = self.stamp(model);
        let opening = self.opening(model, &key, model.time_of(Some(stamp)));
        self.send(model, (opening, stamp))
    }

    fn old_sequence(&mut self, model: &Model) -> Option<Step> {
        let key = self.greedy;
        let command = self.harmless();
        let (mut statement, stamp) = self.say(model, &key, command);
        let session = model.sessions.get(&(key, statement.session))?;
        statement.sequence = match session.highest.checked_sub(1024) {
            Some(old) => old - self.random.next() % (old + 1),
            None => session.highest + 1500,
        };
        self.send(model, (statement, stamp))
    }

    fn used_sequence(&mut self, model: &Model) -> Option<Step> {
        let key = self.somebody(model)?;
        let command = self.harmless();
        let (mut statement, stamp) = self.say(model, &key, command);
        let session = model.sessions.get(&(key, statement.session))?;
        let used: Vec<u64> = session.answers.keys().copied().chain([0]).collect();
        statement.sequence = *self.random.pick(&used)?;
        self.send(model, (statement, stamp))
    }

    fn not_authorised(&mut self, model: &Model) -> Option<Step> {
        let invitations = Self::open_invitations(model);
        let key = if self.random.chance(15) { *self.random.pick(&invitations)? } else { self.somebody(model)? };
        let organisations: Vec<_> = model.things.organisations.keys().cloned().collect();
        let organisation = self.random.pick(&organisations)?.clone();
        let user = name("chef");
        if self.random.chance(15) {
            // Perhaps a site of the own organisation, but not one that the role is limited to.
            let person = self.person(model, UserRole::Plattformbetreiber)?;
            let own = model.things.sites.iter().filter(|(_, (_, site))| site.organisation == person.organisation);
            let own: Vec<SiteName> = own.map(|(name, _)| name.clone()).collect();
            let (site, land) = (self.random.pick(&own)?.clone(), self.land());
            let said = self.say(model, &person.key, Command::UpdateSite { site, land });
            return self.send(model, said);
        }
        let command = match self.random.below(13) {
            0 => Command::Propose { action: Action::DeletePolicy { name: name("federation") } },
            1 => Command::Approve { subject: sha256(b"nothing") },
            2 => self.new_organisation(ALL_ROLES.into()),
            3 => Command::SuspendOrganisation { name: organisation },
            4 => Command::RevokeInvitation { invitation: *self.random.pick(&invitations)? },
            5 => Command::DeleteUser { organisation, user },
            6 => Command::UnbindRole { organisation, user, role: UserRole::Administrator },
            7 => Command::RevokeUserKey { organisation, key },
            8 => Command::UpdateSite { site: name("nord"), land: self.land() },
            9 => Command::RemoveNode { node: NodeId(1) },
            10 => Command::ApplyCatalogueEntry {
                name: name("dienst-1"),
                organisation,
                schema_version: 1,
                document: self.document(),
            },
            11 => Command::RefuseAdmission { request: sha256(b"nothing"), reason: "nein".to_owned() },
            _ => Command::BindRole { organisation, user, role: UserRole::Auditor, sites: BTreeSet::new() },
        };
        let said = self.say(model, &key, command);
        self.send(model, said)
    }

    fn suspended(&mut self, model: &Model) -> Option<Step> {
        let suspended = |owner: &KeyOwner| match owner {
            KeyOwner::User { organisation, .. } => {
                model.things.organisations[organisation].1.standing == Standing::Suspended
            }
            _ => false,
        };
        let keys = model.things.keys.iter().filter(|(_, (_, key))| !key.revoked && suspended(&key.owner));
        let keys: Vec<KeyId> = keys.map(|(id, _)| *id).collect();
        let key = *self.random.pick(&keys)?;
        let command = self.harmless();
        let said = self.say(model, &key, command);
        self.send(model, said)
    }

    fn other_version(&mut self, model: &Model) -> Option<Step> {
        let (key, command) = if self.random.chance(50) {
            let organisations: Vec<_> = model.things.organisations.keys().cloned().collect();
            let name = self.random.pick(&organisations)?.clone();
            (self.coordinator(model), Command::SuspendOrganisation { name })
        } else {
            let person = self.person(model, UserRole::Administrator)?;
            let user = self.user_of(model, &person.organisation)?;
            (person.key, Command::DeleteUser { organisation: person.organisation, user })
        };
        let (statement, stamp) = self.say(model, &key, command);
        if statement.command == (Command::OpenSession {}) {
            return self.send(model, (statement, stamp));
        }
        self.send(model, (with(statement, Precondition::Version(1_000_000)), stamp))
    }

    fn existing(&mut self, model: &Model) -> Option<Step> {
        let organisations: Vec<_> = model.things.organisations.keys().cloned().collect();
        let sites: Vec<SiteName> = model.things.sites.keys().cloned().collect();
        let (key, mut command, absent) = match self.random.below(4) {
            0 => (self.coordinator(model), self.new_organisation(ALL_ROLES.into()), false),
            1 => {
                let site = self.random.pick(&sites)?.clone();
                let (key, expires) = (self.new256().key, model.time + 3_600_000);
                let organisation = name("kost");
                (self.coordinator(model), Command::Invite { key, site, organisation, expires }, false)
            }
            2 => {
                let person = self.person(model, UserRole::Administrator)?;
                let known = self.anybody(model)?;
                let key = model.things.keys[&known].1.key.clone();
                let user = name(&self.fresh("user"));
                (person.key, Command::CreateUser { organisation: person.organisation, user, key }, false)
            }
            _ => {
                let name = self.random.pick(&organisations)?.clone();
                (self.coordinator(model), Command::ResumeOrganisation { name }, true)
            }
        };
        if let Command::CreateOrganisation { name, .. } = &mut command {
            *name = self.random.pick(&organisations)?.clone();
        }
        let (statement, stamp) = self.say(model, &key, command);
        if absent && statement.command != (Command::OpenSession {}) {
            return self.send(model, (with(statement, Precondition::Absent), stamp));
        }
        self.send(model, (statement, stamp))
    }

    fn missing(&mut self, model: &Model) -> Option<Step> {
        let nobody = name(&self.fresh("nobody"));
        let person = self.person(model, UserRole::Administrator)?;
        let organisation = person.organisation.clone();
        let (key, command, exists) = match self.random.below(10) {
            0 => (person.key, Command::DeleteUser { organisation, user: nobody }, false),
            1 => (person.key, Command::AddUserKey { organisation, user: nobody, key: self.new256().key }, false),
            2 => {
                let sites = BTreeSet::new();
                (person.key, Command::BindRole { organisation, user: nobody, role: UserRole::Auditor, sites }, false)
            }
            3 => (person.key, Command::UnbindRole { organisation, user: nobody, role: UserRole::Auditor }, false),
            4 => (person.key, Command::RevokeUserKey { organisation, key: KeyId(sha256(b"no key")) }, false),
            5 => (self.coordinator(model), Command::Approve { subject: sha256(b"nothing") }, false),
            6 => {
                let missing = name(&self.fresh("none"));
                (self.coordinator(model), Command::SuspendOrganisation { name: missing }, true)
            }
            7 => {
                let action = Action::ReplaceVoter { lost: NodeId(99_999) };
                (self.coordinator(model), Command::Propose { action }, false)
            }
            8 => {
                let provider = self.person(model, UserRole::CloudServiceAnbieter)?;
                (provider.key, Command::DeleteCatalogueEntry { name: name("nichts") }, false)
            }
            _ => {
                let (operator, _) = self.operator(model)?;
                (operator.key, Command::UpdateSite { site: name("nirgends"), land: self.land() }, false)
            }
        };
        let (statement, stamp) = self.say(model, &key, command);
        if exists && statement.command != (Command::OpenSession {}) {
            return self.send(model, (with(statement, Precondition::Exists), stamp));
        }
        self.send(model, (statement, stamp))
    }

    fn invalid(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let organisation = person.organisation.clone();
        let user = person.user.clone();
        let coordinator = self.coordinator(model);
        let (key, command) = match self.random.below(10) {
            0 => (person.key, Command::AddUserKey { organisation, user, key: self.new384().key }),
            1 => {
                let role = UserRole::Administrator;
                (person.key, Command::BindRole { organisation, user, role, sites: [name("nord")].into() })
            }
            2 => (coordinator, self.new_organisation(BTreeSet::new())),
            3 => {
                let (key, site) = (self.new256().key, name(&self.fresh("site")));
                (coordinator, Command::Invite { key, site, organisation, expires: model.time })
            }
            4 => {
                let keys = vec![self.new384().key, self.new384().key];
                (coordinator, Command::Propose { action: Action::SetCoordinators { keys, threshold: 1 } })
            }
            5 => return self.invalid_opening(model),
            6 => return self.invalid_request(model),
            7 => return self.foreign_site(model),
            8 => {
                let open = model.things.admissions.iter();
                let open = open.filter(|(_, (_, a))| a.admitted.is_none() && a.refused.is_none());
                let open: Vec<_> = open.map(|(hash, _)| *hash).collect();
                let reason = [" ", "a\u{7}b", ""][self.random.below(3)].to_owned();
                (coordinator, Command::RefuseAdmission { request: *self.random.pick(&open)?, reason })
            }
            _ => {
                let keys = vec![self.new256().key];
                (coordinator, Command::Propose { action: Action::SetCoordinators { keys, threshold: 1 } })
            }
        };
        let said = self.say(model, &key, command);
        self.send(model, said)
    }

    fn invalid_opening(&mut self, model: &Model) -> Option<Step> {
        let key = self.anybody(model)?;
        let stamp = self.stamp(model);
        let mut opening = self.opening(model, &key, model.time_of(Some(stamp)));
        if self.random.chance(50) {
            opening.sequence = 1;
        } else {
            opening.precondition = Some(Precondition::Exists);
        }
        self.send(model, (opening, stamp))
    }

    fn foreign_site(&mut self, model: &Model) -> Option<Step> {
        let person = self.person(model, UserRole::Administrator)?;
        let sites = model.things.sites.iter().filter(|(_, (_, site))| site.organisation != person.organisation);
        let sites: Vec<SiteName> = sites.map(|(name, _)| name.clone()).collect();
        let site = self.random.pick(&sites)?.clone();
        let Person { organisation, user, key } = person;
        let command = Command::BindRole { organisation, user, role: UserRole::Auditor, sites: [site].into() };
        let said = self.say(model, &key, command);
        self.send(model, said)
    }

    /// A request whose certificates are not in order, or that is not the invited one.
    fn invalid_request(&mut self, model: &Model) -> Option<Step> {
        let open = Self::open_invitations(model);
        let invitation = *self.random.pick(&open)?;
        let (mut request, mut certificates, node, issuing) = self.request(model, &invitation);
        certificates.good = false;
        let stranger = self.new384();
        match self.random.below(6) {
            0 => request.anchors = vec![Ca::root("fremd", stranger).der],
            1 => request.anchors.clear(),
            2 => request.issuing_certificate = Der(vec![0x30, 0x00]),
            3 => {
                // The root's name, but not its key.
                let root = Ca::root("somebody", stranger.clone());
                let forged = Ca::own(ca_params("somebody", None, 2040), self.new384());
                request.issuing_certificate = forged.below("issuing", issuing.clone()).der;
                request.anchors = vec![root.der];
            }
            4 => {
                let old = Ca::own(ca_params("old", Some(0), 2026), issuing.clone());
                request.anchors = vec![old.der.clone()];
                request.issuing_certificate = old.der;
            }
            _ => {
                certificates.good = true;
                request.site = name(&self.fresh("other"));
            }
        }
        let proofs = build::proofs(&model.id, &invitation, &request, &node, &issuing);
        let said = self.say(model, &invitation, Command::RequestAdmission { request, proofs });
        self.send_with(model, said, (true, true), Some(certificates))
    }

    fn spent(&mut self, model: &Model) -> Option<Step> {
        let over =
            model.things.invitations.iter().filter(|(_, (_, invitation))| {
                invitation.used != InvitationUse::Open || invitation.expires < model.time
            });
        let over: Vec<KeyId> = over.map(|(key, _)| *key).collect();
        let invitation = *self.random.pick(&over)?;
        let (request, certificates, node, issuing) = self.request(model, &invitation);
        let proofs = build::proofs(&model.id, &invitation, &request, &node, &issuing);
        let said = self.say(model, &invitation, Command::RequestAdmission { request, proofs });
        self.send_with(model, said, (true, true), Some(certificates))
    }

    fn bad_proof(&mut self, model: &Model) -> Option<Step> {
        let open = Self::open_invitations(model);
        if self.random.chance(50) || open.is_empty() {
            let (person, site) = self.operator(model)?;
            let (node, stranger) = (self.new256(), self.new384());
            let command = self.node_command(model, &site, &node, &stranger, &node);
            let said = self.say(model, &person.key, command);
            return self.send_with(model, said, (false, true), None);
        }
        let invitation = *self.random.pick(&open)?;
        let (request, certificates, node, issuing) = self.request(model, &invitation);
        let mut proofs = build::proofs(&model.id, &invitation, &request, &node, &issuing);
        let holds = if self.random.chance(50) {
            proofs.node.0[9] ^= 4;
            (true, false)
        } else {
            proofs.issuing = Der(issuing.sign(b"something else"));
            (false, true)
        };
        let said = self.say(model, &invitation, Command::RequestAdmission { request, proofs });
        self.send_with(model, said, holds, Some(certificates))
    }

    pub(super) fn node_command(
        &mut self,
        model: &Model,
        site: &SiteName,
        node: &Signer,
        issuing: &Signer,
        prover: &Signer,
    ) -> Command {
        let binding = node_binding(&model.id, site, &node.key);
        Command::AddNode {
            site: site.clone(),
            key: node.key.clone(),
            addresses: self.addresses(),
            issuing_proof: Der(issuing.sign(&binding)),
            node_proof: Der(prover.sign(&binding)),
        }
    }

    fn conflicting(&mut self, model: &Model) -> Option<Step> {
        match self.random.below(6) {
            0 => {
                // Most organisations have one administrator.
                let person = self.person(model, UserRole::Administrator)?;
                let (organisation, user) = (person.organisation, person.user);
                let command = match self.random.below(3) {
                    0 => Command::DeleteUser { organisation, user },
                    1 => Command::RevokeUserKey { organisation, key: person.key },
                    _ => Command::UnbindRole { organisation, user, role: UserRole::Administrator },
                };
                let said = self.say(model, &person.key, command);
                self.send(model, said)
            }
            1 | 2 => {
                let person = self.person(model, UserRole::CloudServiceAnbieter)?;
                let others = model.things.catalogue.values().filter(|(_, e)| e.organisation != person.organisation);
                let others: Vec<_> = others.map(|(_, entry)| entry.name.clone()).collect();
                let (name, document) = (self.random.pick(&others)?.clone(), self.document());
                let organisation = person.organisation;
                let command = Command::ApplyCatalogueEntry { name, organisation, schema_version: 1, document };
                let said = self.say(model, &person.key, command);
                self.send(model, said)
            }
            3 => {
                let used = model.things.invitations.iter();
                let used = used.filter(|(_, (_, i))| matches!(i.used, InvitationUse::Used { .. }));
                let used: Vec<KeyId> = used.map(|(key, _)| *key).collect();
                let invitation = *self.random.pick(&used)?;
                let coordinator = self.coordinator(model);
                let said = self.say(model, &coordinator, Command::RevokeInvitation { invitation });
                self.send(model, said)
            }
            4 => {
                let removed = model.things.nodes.iter();
                let removed = removed.filter(|(_, (_, node))| node.standing == NodeStanding::Removed);
                let removed: Vec<NodeId> = removed.map(|(id, _)| *id).collect();
                let lost = *self.random.pick(&removed)?;
                let coordinator = self.coordinator(model);
                let said = self.say(model, &coordinator, Command::Propose { action: Action::ReplaceVoter { lost } });
                self.send(model, said)
            }
            _ => {
                let open = Self::open_invitations(model);
                let invitation = *self.random.pick(&open)?;
                let (mut root, mut issuing) = self.random.pick(&self.authorities)?.clone();
                match self.random.below(3) {
                    0 => root = self.new384(),
                    1 => issuing = self.new384(),
                    _ => {}
                }
                let (request, certificates, node, issuing) = self.request_with(model, &invitation, root, issuing);
                let proofs = build::proofs(&model.id, &invitation, &request, &node, &issuing);
                let said = self.say(model, &invitation, Command::RequestAdmission { request, proofs });
                self.send_with(model, said, (true, true), Some(certificates))
            }
        }
    }
}

/// The same signature with the other `s`.
fn high(signature: &[u8]) -> Option<Vec<u8>> {
    match signature.len() {
        64 => {
            let parsed = p256::ecdsa::Signature::from_slice(signature).ok()?;
            let (r, s) = parsed.split_scalars();
            Some(p256::ecdsa::Signature::from_scalars(r, -s).ok()?.to_bytes().to_vec())
        }
        _ => {
            let parsed = p384::ecdsa::Signature::from_slice(signature).ok()?;
            let (r, s) = parsed.split_scalars();
            Some(p384::ecdsa::Signature::from_scalars(r, -s).ok()?.to_bytes().to_vec())
        }
    }
}
