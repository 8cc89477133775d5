//! What can be derived from the tables, kept at hand so that no rule needs a walk over the state. Never in a snapshot and
//! never in the state's hash: a restored state derives it anew.

use imbl::{OrdMap, OrdSet};
use verbund_model::resource::{
    CatalogueEntry, KeyOwner, Millis, Organisation, RegisteredKey, RoleBinding, User, UserRole,
};
use verbund_model::{KeyId, OrgName, UserId};

/// The derived indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// The live keys of each user.
    pub(crate) live_keys: OrdMap<(OrgName, UserId), OrdSet<KeyId>>,
    /// Who is administrator, by organisation.
    pub(crate) administrators: OrdMap<OrgName, OrdSet<UserId>>,
    /// How much of what each organisation has.
    pub(crate) counts: OrdMap<OrgName, Counts>,
    /// Sessions by when nothing of them can be repeated any more, and by their id.
    pub(crate) session_ends: OrdMap<(Millis, u64), (KeyId, u64)>,
}

/// How much an organisation has, for its quotas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) users: u64,
    /// Every key that was ever registered for one of its users: keys are never forgotten.
    pub(crate) keys: u64,
    pub(crate) catalogue_entries: u64,
    pub(crate) sub_organisations: u64,
}

impl Index {
    pub(crate) fn organisation(organisation: &Organisation, index: &mut Self, present: bool) {
        if let Some(parent) = &organisation.parent {
            index.count(parent, present, |counts| &mut counts.sub_organisations);
        }
    }

    pub(crate) fn user(user: &User, index: &mut Self, present: bool) {
        index.count(&user.organisation, present, |counts| &mut counts.users);
    }

    pub(crate) fn catalogue_entry(entry: &CatalogueEntry, index: &mut Self, present: bool) {
        index.count(&entry.organisation, present, |counts| &mut counts.catalogue_entries);
    }

    pub(crate) fn role_binding(binding: &RoleBinding, index: &mut Self, present: bool) {
        if binding.role != UserRole::Administrator {
            return;
        }
        let administrators = index.administrators.entry(binding.organisation.clone()).or_default();
        if present {
            administrators.insert(binding.user.clone());
        } else {
            administrators.remove(&binding.user);
        }
    }

    pub(crate) fn key(key: &RegisteredKey, index: &mut Self, present: bool) {
        let KeyOwner::User { organisation, user } = &key.owner else { return };
        index.count(organisation, present, |counts| &mut counts.keys);
        let owner = (organisation.clone(), user.clone());
        if present && !key.revoked {
            index.live_keys.entry(owner).or_default().insert(key.id);
        } else if let Some(keys) = index.live_keys.get_mut(&owner) {
            keys.remove(&key.id);
            if keys.is_empty() {
                index.live_keys.remove(&owner);
            }
        }
    }

    /// What the organisation has.
    pub(crate) fn counts_of(&self, organisation: &OrgName) -> Counts {
        self.counts.get(organisation).copied().unwrap_or_default()
    }

    fn count(&mut self, organisation: &OrgName, present: bool, which: fn(&mut Counts) -> &mut u64) {
        let count = which(self.counts.entry(organisation.clone()).or_default());
        *count = if present { count.saturating_add(1) } else { count.saturating_sub(1) };
    }
}
