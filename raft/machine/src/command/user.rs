//! Users, their keys and their roles.

use std::collections::BTreeSet;

use verbund_model::resource::{KeyOwner, Organisation, RegisteredKey, RoleBinding, Site, User, UserRole};
use verbund_model::{Accepted, Algorithm, KeyId, OrgName, PublicKey, Refusal, SiteName, UserId};

use crate::act::{Act, Decision, conflict, invalid, within};
use crate::authority::{can_give, is_own};
use crate::limits::{MAX_BOUND_SITES, MAX_ORGANISATION_KEYS, MAX_USER_KEYS, MAX_USERS};
use crate::object::{USER_ROLES, label, role_name};

impl Act<'_> {
    pub(crate) fn create_user(&mut self, organisation: &OrgName, user: &UserId, key: &PublicKey) -> Decision {
        self.absent::<User>(&(organisation.clone(), user.clone()))?;
        let counts = self.state.index.counts_of(organisation);
        within("the organisation's number of users", counts.users + 1, MAX_USERS)?;
        within("the organisation's number of keys", counts.keys + 1, MAX_ORGANISATION_KEYS)?;
        let id = self.fresh_key("key", key, Algorithm::P256)?;
        self.put(User { organisation: organisation.clone(), id: user.clone() });
        self.register(organisation, user, id, key);
        Ok(self.changed())
    }

    pub(crate) fn delete_user(&mut self, organisation: &OrgName, user: &UserId) -> Decision {
        let owner = (organisation.clone(), user.clone());
        self.existing::<User>(&owner)?;
        self.keep_an_administrator(organisation, |other, _| other != user)?;
        for (role, _) in USER_ROLES {
            self.delete::<RoleBinding>(&(organisation.clone(), user.clone(), role));
        }
        for key in self.state.index.live_keys.get(&owner).cloned().unwrap_or_default() {
            self.revoke(&key);
        }
        self.delete::<User>(&owner);
        Ok(self.changed())
    }

    pub(crate) fn add_user_key(&mut self, organisation: &OrgName, user: &UserId, key: &PublicKey) -> Decision {
        let owner = (organisation.clone(), user.clone());
        self.existing::<User>(&owner)?;
        let live = self.state.index.live_keys.get(&owner).map_or(0, |keys| keys.len() as u64);
        within("the user's number of keys", live + 1, MAX_USER_KEYS)?;
        let ever = self.state.index.counts_of(organisation).keys;
        within("the organisation's number of keys", ever + 1, MAX_ORGANISATION_KEYS)?;
        let id = self.fresh_key("key", key, Algorithm::P256)?;
        self.register(organisation, user, id, key);
        Ok(self.changed())
    }

    pub(crate) fn revoke_user_key(&mut self, organisation: &OrgName, key: &KeyId) -> Decision {
        let found = self.existing::<RegisteredKey>(key)?;
        match &found.value.owner {
            KeyOwner::User { organisation: owner, .. } if owner == organisation => {}
            _ => return Err(Refusal::NotFound { what: format!("key {key} of organisation {organisation}") }),
        }
        if found.value.revoked {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        self.keep_an_administrator(organisation, |_, other| other != key)?;
        self.revoke(key);
        Ok(self.changed())
    }

    pub(crate) fn bind_role(
        &mut self,
        organisation: &OrgName,
        user: &UserId,
        role: UserRole,
        sites: &BTreeSet<SiteName>,
    ) -> Decision {
        self.existing::<User>(&(organisation.clone(), user.clone()))?;
        let roles = &self.existing::<Organisation>(organisation)?.value.roles;
        if !can_give(roles, role) {
            let name = role_name(role);
            return Err(invalid("role", format!("organisation {organisation} has no role that lets it give {name}")));
        }
        within("the number of sites", sites.len() as u64, MAX_BOUND_SITES)?;
        if role == UserRole::Administrator && !sites.is_empty() {
            return Err(invalid("sites", "an administrator is one of the whole organisation"));
        }
        for name in sites {
            if !is_own(&self.existing::<Site>(name)?.value, organisation) {
                return Err(invalid("sites", format!("site {name} is not one of organisation {organisation}")));
            }
        }
        let binding =
            RoleBinding { organisation: organisation.clone(), user: user.clone(), role, sites: sites.clone() };
        let old = self.state.find::<RoleBinding>(&(organisation.clone(), user.clone(), role));
        if let Some(old) = old.filter(|old| old.value == binding) {
            return Ok(Accepted::Unchanged { version: old.version });
        }
        self.put(binding);
        Ok(self.changed())
    }

    pub(crate) fn unbind_role(&mut self, organisation: &OrgName, user: &UserId, role: UserRole) -> Decision {
        let binding = (organisation.clone(), user.clone(), role);
        self.existing::<RoleBinding>(&binding)?;
        if role == UserRole::Administrator {
            self.keep_an_administrator(organisation, |other, _| other != user)?;
        }
        self.delete::<RoleBinding>(&binding);
        Ok(self.changed())
    }

    fn register(&mut self, organisation: &OrgName, user: &UserId, id: KeyId, key: &PublicKey) {
        let owner = KeyOwner::User { organisation: organisation.clone(), user: user.clone() };
        self.put(RegisteredKey { id, key: key.clone(), owner, revoked: false });
    }

    /// Revokes a key for ever. Its sessions end with it; what they remember goes when their time is over.
    pub(crate) fn revoke(&mut self, key: &KeyId) {
        let Some(found) = self.state.find::<RegisteredKey>(key) else { return };
        if !found.value.revoked {
            let revoked = RegisteredKey { revoked: true, ..found.value.clone() };
            self.put(revoked);
        }
    }

    /// That an administrator with a live key stays: one (user, key) for which `stays` holds.
    fn keep_an_administrator(
        &self,
        organisation: &OrgName,
        stays: impl Fn(&UserId, &KeyId) -> bool,
    ) -> Result<(), Refusal> {
        let index = &self.state.index;
        let has_key = |user: &UserId| {
            let keys = index.live_keys.get(&(organisation.clone(), user.clone()));
            keys.is_some_and(|keys| keys.iter().any(|key| stays(user, key)))
        };
        let administrators = index.administrators.get(organisation);
        if administrators.is_some_and(|users| users.iter().any(has_key)) {
            return Ok(());
        }
        let what = label::<Organisation>(organisation);
        Err(conflict(format!("{what} would have no administrator with a key left: make another one first")))
    }
}
