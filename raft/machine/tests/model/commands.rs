//! The commands of the model.

use std::collections::BTreeSet;

use verbund_identity::{is_on_curve, key_id, sha256};
use verbund_model::resource::{
    Action, Address, Admission, AdmissionRefusal, AdmissionRequest, CatalogueEntry, CoordinatorSet, Invitation,
    InvitationUse, KeyOwner, Maintenance, Millis, Node, NodeStanding, OrgRole, Organisation, Policy, Proposal,
    RegisteredKey, RoleBinding, Site, Standing, User, UserRole,
};
use verbund_model::{Accepted, Algorithm, Command, Hash, KeyId, NodeId, OrgName, PublicKey, SiteName, UserId};

use super::{Case, Expected, Model};

pub(super) type Refused = Result<(), &'static str>;

pub(super) fn must(holds: bool, otherwise: &'static str) -> Refused {
    if holds { Ok(()) } else { Err(otherwise) }
}

impl Model {
    /// The version of what a command is about: `Ok(None)` if it does not exist, an error if it is about nothing.
    pub(super) fn version_of(&self, command: &Command) -> Result<Option<u64>, &'static str> {
        use Command as C;
        let t = &self.things;
        Ok(match command {
            C::OpenSession {} | C::AddNode { .. } => return Err("invalid"),
            C::Propose { action: Action::SetPolicy { name, .. } | Action::DeletePolicy { name } } => {
                t.policies.get(name).map(|x| x.0)
            }
            C::Propose { action: Action::ReplaceVoter { lost: node } }
            | C::UpdateNode { node, .. }
            | C::RemoveNode { node } => t.nodes.get(node).map(|x| x.0),
            C::Propose { action: Action::SetCoordinators { .. } } => Some(t.coordinators.0),
            C::Approve { subject } => {
                t.admissions.get(subject).map(|x| x.0).or_else(|| t.proposals.get(subject).map(|x| x.0))
            }
            C::Invite { key, .. } => t.invitations.get(&key_id(key)).map(|x| x.0),
            C::RevokeInvitation { invitation } => t.invitations.get(invitation).map(|x| x.0),
            C::RefuseAdmission { request, .. } => t.admissions.get(request).map(|x| x.0),
            C::CreateOrganisation { name, .. }
            | C::CreateSubOrganisation { name, .. }
            | C::SuspendOrganisation { name }
            | C::ResumeOrganisation { name } => t.organisations.get(name).map(|x| x.0),
            C::SuspendSite { name } | C::ResumeSite { name } => t.sites.get(name).map(|x| x.0),
            C::RecordDirective { directive } => t.directives.get(&sha256(&directive.payload.0)).map(|x| x.0),
            C::CreateUser { organisation, user, .. } | C::DeleteUser { organisation, user } => {
                t.users.get(&(organisation.clone(), user.clone())).map(|x| x.0)
            }
            C::AddUserKey { key, .. } => t.keys.get(&key_id(key)).map(|x| x.0),
            C::RevokeUserKey { key, .. } => t.keys.get(key).map(|x| x.0),
            C::BindRole { organisation, user, role, .. } | C::UnbindRole { organisation, user, role } => {
                t.bindings.get(&(organisation.clone(), user.clone(), *role)).map(|x| x.0)
            }
            C::RequestAdmission { request, .. } => t.sites.get(&request.site).map(|x| x.0),
            C::UpdateSite { site, .. } | C::RotateAuthority { site, .. } => t.sites.get(site).map(|x| x.0),
            C::ApplyCatalogueEntry { name, .. } | C::DeleteCatalogueEntry { name } => {
                t.catalogue.get(name).map(|x| x.0)
            }
            other => panic!("{other:?} is for tests/placements_against_model.rs"),
        })
    }

    pub(super) fn command(&mut self, index: u64, case: &Case) -> Expected {
        use Command as C;
        let changed = Ok(Accepted::Changed { version: index });
        match &case.statement.command {
            C::OpenSession {} => unreachable!("sessions are opened elsewhere"),
            C::Propose { action } => return self.propose(index, case, action),
            C::Approve { subject } => return self.approve(index, &case.statement.key, subject),
            C::Invite { key, site, organisation, expires } => {
                self.invite(index, &case.statement.key, key, site, organisation, *expires)?;
            }
            C::RevokeInvitation { invitation } => return self.take_back(index, invitation),
            C::RefuseAdmission { request, reason } => {
                return self.turn_down(index, &case.statement.key, request, reason);
            }
            C::CreateOrganisation { name, display_name, roles, administrator, administrator_key } => {
                self.found(index, name, display_name, roles, None, administrator, administrator_key)?;
            }
            C::CreateSubOrganisation { parent, name, display_name, roles, administrator, administrator_key } => {
                self.found(index, name, display_name, roles, Some(parent), administrator, administrator_key)?;
            }
            C::SuspendOrganisation { name } => return self.stand(index, name, Standing::Suspended),
            C::ResumeOrganisation { name } => return self.stand(index, name, Standing::Active),
            C::SuspendSite { name } => return self.stand_site(index, name, Standing::Suspended),
            C::ResumeSite { name } => return self.stand_site(index, name, Standing::Active),
            C::RecordDirective { directive } => return self.record(index, case, directive),
            C::CreateUser { organisation, user, key } => {
                let place = (organisation.clone(), user.clone());
                must(!self.things.users.contains_key(&place), "already-exists")?;
                self.register_user_key(index, organisation, user, key)?;
                let user = User { organisation: organisation.clone(), id: user.clone() };
                self.things.users.insert(place, (index, user));
            }
            C::AddUserKey { organisation, user, key } => {
                self.user_exists(organisation, user)?;
                let live = self.things.keys.values().filter(|(_, k)| {
                    !k.revoked && k.owner == KeyOwner::User { organisation: organisation.clone(), user: user.clone() }
                });
                must(live.count() < 16, "too-large")?;
                self.register_user_key(index, organisation, user, key)?;
            }
            C::DeleteUser { organisation, user } => self.delete_user(index, organisation, user)?,
            C::RevokeUserKey { organisation, key } => return self.revoke_user_key(index, organisation, key),
            C::BindRole { organisation, user, role, sites } => {
                return self.bind(index, organisation, user, *role, sites);
            }
            C::UnbindRole { organisation, user, role } => {
                let place = (organisation.clone(), user.clone(), *role);
                must(self.things.bindings.remove(&place).is_some(), "not-found")?;
                must(self.things.is_administered(organisation), "conflict")?;
            }
            C::RequestAdmission { request, .. } => return self.request(index, case, request),
            C::UpdateSite { site, land } => {
                let (version, site) = self.things.sites.get_mut(site).ok_or("not-found")?;
                if site.land == *land {
                    return Ok(Accepted::Unchanged { version: *version });
                }
                (*version, site.land) = (index, *land);
            }
            C::RotateAuthority { site, step } => return self.rotate(index, case, site, step),
            C::AddNode { site, key, addresses, .. } => return self.add_node(index, case, site, key, addresses),
            C::UpdateNode { node, addresses } => {
                let (version, node) = self.things.nodes.get_mut(node).ok_or("not-found")?;
                must(node.standing == NodeStanding::Active, "conflict")?;
                check_addresses(addresses)?;
                if node.addresses == *addresses {
                    return Ok(Accepted::Unchanged { version: *version });
                }
                (*version, node.addresses) = (index, addresses.clone());
            }
            C::RemoveNode { node } => {
                let (version, found) = self.things.nodes.get(node).ok_or("not-found")?;
                if found.standing == NodeStanding::Removed {
                    return Ok(Accepted::Unchanged { version: *version });
                }
                self.remove_node(index, *node)?;
            }
            C::ApplyCatalogueEntry { name, organisation, schema_version, document } => {
                must(document.len() <= 64 * 1024, "too-large")?;
                let entry = CatalogueEntry {
                    name: name.clone(),
                    organisation: organisation.clone(),
                    schema_version: *schema_version,
                    document: document.clone(),
                };
                if let Some((version, old)) = self.things.catalogue.get(name) {
                    if *old == entry {
                        return Ok(Accepted::Unchanged { version: *version });
                    }
                    must(old.organisation == *organisation, "conflict")?;
                }
                self.things.catalogue.insert(name.clone(), (index, entry));
            }
            C::DeleteCatalogueEntry { name } => {
                must(self.things.catalogue.remove(name).is_some(), "not-found")?;
            }
            other => panic!("{other:?} is for tests/placements_against_model.rs"),
        }
        changed
    }

    fn is_new(&self, key: &PublicKey, algorithm: Algorithm) -> Refused {
        must(key.algorithm() == algorithm && is_on_curve(key), "invalid")?;
        must(!self.is_gone("key", key_id(key)), "excluded")?;
        must(!self.things.keys.contains_key(&key_id(key)), "already-exists")
    }

    fn register(&mut self, index: u64, key: &PublicKey, owner: KeyOwner) {
        let id = key_id(key);
        self.things.keys.insert(id, (index, RegisteredKey { id, key: key.clone(), owner, revoked: false }));
    }

    fn register_user_key(&mut self, index: u64, organisation: &OrgName, user: &UserId, key: &PublicKey) -> Refused {
        self.is_new(key, Algorithm::P256)?;
        self.register(index, key, KeyOwner::User { organisation: organisation.clone(), user: user.clone() });
        Ok(())
    }

    pub(super) fn revoke(&mut self, index: u64, key: &KeyId) {
        let (version, key) = self.things.keys.get_mut(key).unwrap();
        if !key.revoked {
            (*version, key.revoked) = (index, true);
        }
    }

    fn user_exists(&self, organisation: &OrgName, user: &UserId) -> Refused {
        must(self.things.users.contains_key(&(organisation.clone(), user.clone())), "not-found")
    }

    fn found(
        &mut self,
        index: u64,
        name: &OrgName,
        display_name: &str,
        roles: &BTreeSet<OrgRole>,
        parent: Option<&OrgName>,
        administrator: &UserId,
        key: &PublicKey,
    ) -> Refused {
        must(!self.is_gone("organisation", name), "excluded")?;
        must(!self.things.organisations.contains_key(name), "already-exists")?;
        must(display_name.chars().count() <= 200, "too-large")?;
        must(!display_name.trim().is_empty() && !display_name.contains(char::is_control), "invalid")?;
        must(!roles.is_empty(), "invalid")?;
        if let Some(parent) = parent {
            must(roles.iter().all(|role| self.things.organisations[parent].1.roles.contains(role)), "invalid")?;
            let siblings = self.things.organisations.values().filter(|(_, o)| o.parent.as_ref() == Some(parent));
            must(siblings.count() < 100, "too-large")?;
            let mut ancestors = vec![parent];
            while let Some(above) = &self.things.organisations[ancestors[ancestors.len() - 1]].1.parent {
                ancestors.push(above);
            }
            must(ancestors.len() <= 3, "too-large")?;
        }
        self.register_user_key(index, name, administrator, key)?;
        let organisation = Organisation {
            name: name.clone(),
            display_name: display_name.to_owned(),
            roles: roles.clone(),
            parent: parent.cloned(),
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        };
        self.things.organisations.insert(name.clone(), (index, organisation));
        self.things.add_administrator(index, name, administrator);
        Ok(())
    }

    fn stand(&mut self, index: u64, name: &OrgName, standing: Standing) -> Expected {
        let (version, organisation) = self.things.organisations.get_mut(name).ok_or("not-found")?;
        if organisation.standing == standing {
            return Ok(Accepted::Unchanged { version: *version });
        }
        must(organisation.standing != Standing::Excluded, "excluded")?;
        (*version, organisation.standing) = (index, standing);
        Ok(Accepted::Changed { version: index })
    }

    fn delete_user(&mut self, index: u64, organisation: &OrgName, user: &UserId) -> Refused {
        must(self.things.users.remove(&(organisation.clone(), user.clone())).is_some(), "not-found")?;
        self.things.bindings.retain(|(o, u, _), _| (o, u) != (organisation, user));
        let owner = KeyOwner::User { organisation: organisation.clone(), user: user.clone() };
        let keys: Vec<KeyId> =
            self.things.keys.iter().filter(|(_, (_, key))| key.owner == owner).map(|(id, _)| *id).collect();
        keys.iter().for_each(|key| self.revoke(index, key));
        must(self.things.is_administered(organisation), "conflict")
    }

    fn revoke_user_key(&mut self, index: u64, organisation: &OrgName, key: &KeyId) -> Expected {
        let (version, found) = self.things.keys.get(key).ok_or("not-found")?;
        match &found.owner {
            KeyOwner::User { organisation: owner, .. } if owner == organisation => {}
            _ => return Err("not-found"),
        }
        if found.revoked {
            return Ok(Accepted::Unchanged { version: *version });
        }
        self.revoke(index, key);
        must(self.things.is_administered(organisation), "conflict")?;
        Ok(Accepted::Changed { version: index })
    }

    fn bind(
        &mut self,
        index: u64,
        organisation: &OrgName,
        user: &UserId,
        role: UserRole,
        sites: &BTreeSet<SiteName>,
    ) -> Expected {
        self.user_exists(organisation, user)?;
        let roles = &self.things.organisations[organisation].1.roles;
        let of = |wanted: &[OrgRole]| wanted.iter().any(|role| roles.contains(role));
        let may_give = match role {
            UserRole::Administrator | UserRole::Auditor => true,
            UserRole::Plattformbetreiber => of(&[OrgRole::Plattformbetreiber]),
            UserRole::Softwarebetreiber => of(&[OrgRole::Softwarebetreiber]),
            UserRole::CloudServiceKunde => of(&[OrgRole::CloudServiceKunde]),
            UserRole::CloudServiceAnbieter => {
                of(&[OrgRole::Plattformbetreiber, OrgRole::Softwarebetreiber, OrgRole::CloudIntegrator])
            }
        };
        must(may_give, "invalid")?;
        must(sites.len() <= 64, "too-large")?;
        must(role != UserRole::Administrator || sites.is_empty(), "invalid")?;
        for site in sites {
            let (_, site) = self.things.sites.get(site).ok_or("not-found")?;
            must(site.organisation == *organisation, "invalid")?;
        }
        let place = (organisation.clone(), user.clone(), role);
        let binding =
            RoleBinding { organisation: organisation.clone(), user: user.clone(), role, sites: sites.clone() };
        if let Some((version, old)) = self.things.bindings.get(&place)
            && *old == binding
        {
            return Ok(Accepted::Unchanged { version: *version });
        }
        self.things.bindings.insert(place, (index, binding));
        Ok(Accepted::Changed { version: index })
    }

    fn invite(
        &mut self,
        index: u64,
        author: &KeyId,
        key: &PublicKey,
        site: &SiteName,
        organisation: &OrgName,
        expires: Millis,
    ) -> Refused {
        let (_, inviting) = self.things.organisations.get(organisation).ok_or("not-found")?;
        may_act(inviting.standing)?;
        must(!self.is_gone("site", site), "excluded")?;
        must(!self.things.sites.contains_key(site), "already-exists")?;
        must(expires > self.time && expires <= self.time + 90 * 24 * 3_600_000, "invalid")?;
        self.is_new(key, Algorithm::P256)?;
        self.register(index, key, KeyOwner::Invitation);
        let invitation = Invitation {
            key: key.clone(),
            site: site.clone(),
            organisation: organisation.clone(),
            expires,
            invited_by: *author,
            used: InvitationUse::Open,
        };
        self.things.invitations.insert(key_id(key), (index, invitation));
        Ok(())
    }

    fn take_back(&mut self, index: u64, invitation: &KeyId) -> Expected {
        let (version, invitation) = self.things.invitations.get_mut(invitation).ok_or("not-found")?;
        match invitation.used {
            InvitationUse::Used { .. } => Err("conflict"),
            InvitationUse::Revoked => Ok(Accepted::Unchanged { version: *version }),
            InvitationUse::Open => {
                (*version, invitation.used) = (index, InvitationUse::Revoked);
                Ok(Accepted::Changed { version: index })
            }
        }
    }

    fn turn_down(&mut self, index: u64, author: &KeyId, request: &Hash, reason: &str) -> Expected {
        let (version, admission) = self.things.admissions.get_mut(request).ok_or("not-found")?;
        if admission.refused.is_some() {
            return Ok(Accepted::Unchanged { version: *version });
        }
        must(admission.admitted.is_none(), "conflict")?;
        must(reason.chars().count() <= 1000, "too-large")?;
        must(!reason.trim().is_empty() && !reason.chars().any(|c| c.is_control() && c != '\n'), "invalid")?;
        *version = index;
        admission.refused = Some(AdmissionRefusal { by: *author, reason: reason.to_owned() });
        Ok(Accepted::Changed { version: index })
    }

    fn request(&mut self, index: u64, case: &Case, request: &AdmissionRequest) -> Expected {
        let key = case.statement.key;
        let (_, invitation) = self.things.invitations.get(&key).ok_or("not-found")?;
        must(invitation.used == InvitationUse::Open && invitation.expires >= self.time, "invitation-spent")?;
        must(invitation.site == request.site && invitation.organisation == request.organisation, "invalid")?;
        let certificates = case.certificates.clone().unwrap();
        self.certificates.insert(case.payload, certificates);
        self.check_request(&case.payload, request)?;
        must(case.proofs == (true, true), "bad-proof")?;
        let (version, invitation) = self.things.invitations.get_mut(&key).unwrap();
        (*version, invitation.used) = (index, InvitationUse::Used { request: case.payload });
        let admission = Admission {
            hash: case.payload,
            request: request.clone(),
            approvals: [].into(),
            admitted: None,
            refused: None,
        };
        self.things.admissions.insert(case.payload, (index, admission));
        Ok(Accepted::Waiting { subject: case.payload, have: 0, need: self.things.set().threshold })
    }

    fn check_request(&self, hash: &Hash, request: &AdmissionRequest) -> Refused {
        may_act(self.things.organisations[&request.organisation].1.standing)?;
        must(!self.is_gone("site", &request.site), "excluded")?;
        must(!self.things.sites.contains_key(&request.site), "already-exists")?;
        check_addresses(&request.addresses)?;
        self.is_new(&request.node_key, Algorithm::P256)?;
        must(request.sealing_key.algorithm() == Algorithm::P384 && is_on_curve(&request.sealing_key), "invalid")?;
        must(!self.is_gone("key", key_id(&request.sealing_key)), "excluded")?;
        must(request.anchors.len() <= 4, "too-large")?;
        let certificates = &self.certificates[hash];
        must(certificates.good, "invalid")?;
        for mark in &certificates.marks {
            must(!self.things.gone.contains(mark), "excluded")?;
            if let Some(other) = self.things.marks.get(mark) {
                return Err(if self.is_gone("site", other) { "excluded" } else { "conflict" });
            }
        }
        Ok(())
    }

    fn need(&self, approvals: &BTreeSet<KeyId>) -> (u32, u32) {
        let now: BTreeSet<KeyId> = self.things.set().keys.iter().map(key_id).collect();
        (approvals.intersection(&now).count() as u32, self.things.set().threshold)
    }

    fn approve(&mut self, index: u64, author: &KeyId, subject: &Hash) -> Expected {
        let version = self.set_version();
        if let Some((at, admission)) = self.things.admissions.get_mut(subject) {
            if admission.admitted.is_some() || admission.approvals.contains(author) {
                return Ok(Accepted::Unchanged { version: *at });
            }
            must(admission.refused.is_none(), "conflict")?;
            admission.approvals.insert(*author);
            *at = index;
            let admission = admission.clone();
            let (have, need) = self.need(&admission.approvals);
            if have < need {
                return Ok(Accepted::Waiting { subject: *subject, have, need });
            }
            return self.admit(index, subject, &admission.request);
        }
        let (at, proposal) = self.things.proposals.get_mut(subject).ok_or("not-found")?;
        if proposal.done || proposal.approvals.contains(author) {
            return Ok(Accepted::Unchanged { version: *at });
        }
        must(proposal.coordinator_set_version == version, "conflict")?;
        proposal.approvals.insert(*author);
        *at = index;
        let proposal = proposal.clone();
        self.check_action(&proposal.action)?;
        self.try_action(index, &proposal)
    }

    fn set_version(&self) -> u64 {
        self.things.set().version
    }

    fn admit(&mut self, index: u64, hash: &Hash, request: &AdmissionRequest) -> Expected {
        self.check_request(hash, request)?;
        let certificates = self.certificates[hash].clone();
        for mark in certificates.marks {
            self.things.marks.insert(mark, request.site.clone());
        }
        let site = Site {
            name: request.site.clone(),
            organisation: request.organisation.clone(),
            land: request.land,
            anchors: request.anchors.clone(),
            issuing_key: certificates.issuing_key,
            authorities: Vec::new(),
            retired: BTreeSet::new(),
            sealing_key: request.sealing_key.clone(),
            facts: None,
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        };
        self.things.sites.insert(site.name.clone(), (index, site));
        let node = self.new_node(index, &request.site, &request.node_key, &request.addresses);
        self.things.admissions.get_mut(hash).unwrap().1.admitted = Some(node);
        Ok(Accepted::Admitted { node })
    }

    fn new_node(&mut self, index: u64, site: &SiteName, key: &PublicKey, addresses: &[Address]) -> NodeId {
        self.things.minted += 1;
        let id = NodeId(u64::from(self.things.minted));
        self.register(index, key, KeyOwner::Node { node: id });
        let (site, addresses) = (site.clone(), addresses.to_vec());
        let node = Node { id, site, key: key_id(key), addresses, standing: NodeStanding::Active };
        self.things.nodes.insert(id, (index, node));
        id
    }

    fn remove_node(&mut self, index: u64, node: NodeId) -> Refused {
        let (version, node) = self.things.nodes.get_mut(&node).unwrap();
        (*version, node.standing) = (index, NodeStanding::Removed);
        let key = node.key;
        self.revoke(index, &key);
        must(self.things.has_a_voter(), "conflict")
    }

    fn add_node(
        &mut self,
        index: u64,
        case: &Case,
        site: &SiteName,
        key: &PublicKey,
        addresses: &[Address],
    ) -> Expected {
        let (_, at) = self.things.sites.get(site).ok_or("not-found")?;
        may_act(at.standing)?;
        check_addresses(addresses)?;
        let of_site = |(_, node): &&(u64, Node)| node.site == *site && node.standing == NodeStanding::Active;
        must(self.things.nodes.values().filter(of_site).count() < 16, "too-large")?;
        self.is_new(key, Algorithm::P256)?;
        must(case.proofs == (true, true), "bad-proof")?;
        Ok(Accepted::Admitted { node: self.new_node(index, site, key, addresses) })
    }

    fn propose(&mut self, index: u64, case: &Case, action: &Action) -> Expected {
        self.check_action(action)?;
        let proposal = Proposal {
            hash: case.payload,
            action: action.clone(),
            coordinator_set_version: self.set_version(),
            approvals: [case.statement.key].into(),
            done: false,
        };
        self.things.proposals.insert(case.payload, (index, proposal.clone()));
        self.try_action(index, &proposal)
    }

    fn check_action(&self, action: &Action) -> Refused {
        match action {
            Action::SetPolicy { document, .. } => must(document.len() <= 64 * 1024, "too-large"),
            Action::DeletePolicy { name } => must(self.things.policies.contains_key(name), "not-found"),
            Action::ReplaceVoter { lost } => {
                let (_, node) = self.things.nodes.get(lost).ok_or("not-found")?;
                must(node.standing == NodeStanding::Active, "conflict")?;
                let active = |(_, node): &&(u64, Node)| node.standing == NodeStanding::Active;
                must(self.things.nodes.values().filter(active).count() > 1, "conflict")
            }
            Action::SetCoordinators { keys, threshold } => {
                must(keys.len() <= 25, "too-large")?;
                let distinct: BTreeSet<&PublicKey> = keys.iter().collect();
                let (m, n) = (*threshold as usize, keys.len());
                must(distinct.len() == n && m <= n && 2 * m > n, "invalid")?;
                let present = &self.things.set().keys;
                keys.iter().filter(|key| !present.contains(key)).try_for_each(|k| self.is_new(k, Algorithm::P384))
            }
            Action::SetTimings { .. } | Action::SwitchOn { .. } => panic!("{action:?} is tried in tests/rules"),
        }
    }

    fn try_action(&mut self, index: u64, proposal: &Proposal) -> Expected {
        let (have, need) = self.need(&proposal.approvals);
        if have < need {
            return Ok(Accepted::Waiting { subject: proposal.hash, have, need });
        }
        self.things.proposals.get_mut(&proposal.hash).unwrap().1.done = true;
        match proposal.action.clone() {
            Action::SetPolicy { name, document } => {
                self.things.policies.insert(name.clone(), (index, Policy { name, document }));
            }
            Action::DeletePolicy { name } => {
                self.things.policies.remove(&name);
            }
            Action::ReplaceVoter { lost } => self.remove_node(index, lost)?,
            Action::SetCoordinators { keys, threshold } => {
                let old = self.things.set().clone();
                for key in &old.keys {
                    if !keys.contains(key) {
                        self.revoke(index, &key_id(key));
                    }
                }
                for key in &keys {
                    if !old.keys.contains(key) {
                        self.register(index, key, KeyOwner::Coordinator);
                    }
                }
                let version = old.version + 1;
                self.things.coordinators = (index, Some(CoordinatorSet { version, keys, threshold }));
            }
            other @ (Action::SetTimings { .. } | Action::SwitchOn { .. }) => {
                panic!("{other:?} is tried in tests/rules")
            }
        }
        Ok(Accepted::Changed { version: index })
    }
}

pub(super) fn may_act(standing: Standing) -> Refused {
    match standing {
        Standing::Active => Ok(()),
        Standing::Suspended => Err("suspended"),
        Standing::Excluded => Err("excluded"),
    }
}

fn check_addresses(addresses: &[Address]) -> Refused {
    must(addresses.len() <= 16, "too-large")?;
    must(addresses.iter().all(Address::is_well_formed), "invalid")
}
