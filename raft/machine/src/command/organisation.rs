//! Organisations.

use std::collections::BTreeSet;

use verbund_model::resource::{
    KeyOwner, Maintenance, OrgRole, Organisation, RegisteredKey, RoleBinding, Standing, User, UserRole,
};
use verbund_model::{Accepted, Algorithm, OrgName, PublicKey, Refusal, UserId};

use crate::act::{Act, Decision, invalid, within};
use crate::limits::{MAX_DISPLAY_NAME, MAX_ORGANISATION_DEPTH, MAX_SUB_ORGANISATIONS};
use crate::object::label;

impl Act<'_> {
    pub(crate) fn create_organisation(
        &mut self,
        name: &OrgName,
        display_name: &str,
        roles: &BTreeSet<OrgRole>,
        parent: Option<&OrgName>,
        administrator: &UserId,
        administrator_key: &PublicKey,
    ) -> Decision {
        self.state.never_excluded_organisation(name)?;
        self.absent::<Organisation>(name)?;
        check_display_name(display_name)?;
        if roles.is_empty() {
            return Err(invalid("roles", "an organisation has at least one role"));
        }
        if let Some(parent) = parent {
            self.check_parent(parent, roles)?;
        }
        let id = self.fresh_key("administratorKey", administrator_key, Algorithm::P256)?;
        self.put(Organisation {
            name: name.clone(),
            display_name: display_name.to_owned(),
            roles: roles.clone(),
            parent: parent.cloned(),
            maintenance: Maintenance::default(),
            standing: Standing::Active,
        });
        self.put(User { organisation: name.clone(), id: administrator.clone() });
        let owner = KeyOwner::User { organisation: name.clone(), user: administrator.clone() };
        self.put(RegisteredKey { id, key: administrator_key.clone(), owner, revoked: false });
        self.put(RoleBinding {
            organisation: name.clone(),
            user: administrator.clone(),
            role: UserRole::Administrator,
            sites: BTreeSet::new(),
        });
        Ok(self.changed())
    }

    fn check_parent(&self, parent: &OrgName, roles: &BTreeSet<OrgRole>) -> Result<(), Refusal> {
        let above = &self.existing::<Organisation>(parent)?.value;
        if !roles.is_subset(&above.roles) {
            return Err(invalid("roles", format!("organisation {parent} can give only roles that it has itself")));
        }
        let children = self.state.index.counts_of(parent).sub_organisations;
        within("the organisation's number of sub-organisations", children + 1, MAX_SUB_ORGANISATIONS)?;
        within("the depth of organisations", self.depth(above) + 1, MAX_ORGANISATION_DEPTH)
    }

    /// How many organisations lie above, counted no further than the limit.
    fn depth(&self, organisation: &Organisation) -> u64 {
        let (mut depth, mut at) = (0, organisation);
        while depth <= MAX_ORGANISATION_DEPTH {
            let parent = at.parent.as_ref().and_then(|parent| self.state.find::<Organisation>(parent));
            let Some(parent) = parent else { break };
            (depth, at) = (depth + 1, &parent.value);
        }
        depth
    }

    pub(crate) fn set_standing(&mut self, name: &OrgName, standing: Standing) -> Decision {
        let found = self.existing::<Organisation>(name)?;
        if found.value.standing == standing {
            return Ok(Accepted::Unchanged { version: found.version });
        }
        if found.value.standing == Standing::Excluded {
            return Err(Refusal::Excluded { what: label::<Organisation>(name) });
        }
        let changed = Organisation { standing, ..found.value.clone() };
        self.put(changed);
        Ok(self.changed())
    }
}

fn check_display_name(name: &str) -> Result<(), Refusal> {
    within("the display name", name.chars().count() as u64, MAX_DISPLAY_NAME)?;
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(invalid("displayName", "wanted is text without control characters"));
    }
    Ok(())
}
