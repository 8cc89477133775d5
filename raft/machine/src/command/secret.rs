//! Sealed secrets: applied by the operator of their workload, sealed to further sites by who can open them, deleted.
//! Nothing here can open one; that what was sealed fits is for the site to find that opens it.

use std::collections::{BTreeMap, BTreeSet};

use verbund_model::resource::{Recipient, Sealed, SealedSecret, Site, Standing};
use verbund_model::{Accepted, Refusal, SecretName, SiteName, WorkloadName};

use crate::Held;
use crate::act::{Act, Decision, conflict, invalid, within};
use crate::limits::{MAX_RECIPIENTS, MAX_SECRET_BYTES, MAX_SECRET_KEYS, MAX_SECRETS};
use crate::object::label;
use crate::state::State;

/// Bytes of a nonce and of a tag of AES-256-GCM: nothing sealed is shorter.
const LEAST_CIPHERTEXT: usize = 12 + 16;
/// Bytes of a sealed content key: a point on P-384, a key of AES-256, a tag.
const SEALED_KEY: usize = 97 + 32 + 16;

impl Act<'_> {
    pub(crate) fn apply_secret(
        &mut self,
        workload: &WorkloadName,
        name: &SecretName,
        sealed: &Sealed,
        same_values: bool,
        delegated: bool,
    ) -> Decision {
        let organisation = self.living(workload)?.organisation.clone();
        let key = (workload.clone(), name.clone());
        let old = self.state.find::<SealedSecret>(&key).map(|found| &found.value);
        let last = old.map_or(0, |old| old.sealed.revision);
        if sealed.revision != last + 1 {
            let reason = format!("found {}, allowed is {}, one above the last", sealed.revision, last + 1);
            return Err(invalid("sealed.revision", reason));
        }
        if same_values && old.is_none() {
            return Err(invalid("sameValues", "found true, but there is no revision before"));
        }
        if old.is_none() {
            let count = self.state.index.secrets.count(workload);
            within("the workload's number of secrets", count + 1, MAX_SECRETS)?;
        }
        check_sealed(sealed)?;
        self.state.check_recipients("sealed.recipients", &sealed.recipients)?;
        self.state.check_room(workload, name, sealed)?;
        let same = old.filter(|_| same_values);
        let values_since = same.map_or(sealed.revision, |old| old.values_since);
        let before = same.map(|old| old.exposed.clone()).unwrap_or_default();
        let exposed = before.into_iter().chain(sealed.recipients.keys().cloned()).collect();
        self.put(SealedSecret {
            workload: workload.clone(),
            name: name.clone(),
            organisation,
            sealed: sealed.clone(),
            delegated,
            values_since,
            exposed,
        });
        Ok(self.changed())
    }

    /// Only ever adds recipients: whom the author named stays.
    pub(crate) fn reseal_secret(
        &mut self,
        site: &SiteName,
        workload: &WorkloadName,
        name: &SecretName,
        revision: u64,
        recipients: &BTreeMap<SiteName, Recipient>,
    ) -> Decision {
        self.living(workload)?;
        let key = (workload.clone(), name.clone());
        let found = self.existing::<SealedSecret>(&key)?;
        let (version, mut secret) = (found.version, found.value.clone());
        let what = label::<SealedSecret>(&key);
        if !secret.delegated {
            return Err(conflict(format!("{what} is sealed by its operator alone: ask there")));
        }
        if !secret.sealed.recipients.contains_key(site) {
            return Err(conflict(format!("{what} is not sealed to site {site}, so it was not opened there")));
        }
        if secret.sealed.revision != revision {
            let found = secret.sealed.revision;
            return Err(conflict(format!("{what} has revision {found}, not {revision}: open it again")));
        }
        self.state.check_recipients("recipients", recipients)?;
        for (site, recipient) in recipients {
            if secret.sealed.recipients.get(site).is_some_and(|old| old.key == recipient.key) {
                continue;
            }
            secret.sealed.recipients.insert(site.clone(), recipient.clone());
            secret.exposed.insert(site.clone());
        }
        if secret == self.existing::<SealedSecret>(&key)?.value {
            return Ok(Accepted::Unchanged { version });
        }
        within("the number of recipients", secret.sealed.recipients.len() as u64, MAX_RECIPIENTS)?;
        self.state.check_room(workload, name, &secret.sealed)?;
        self.put(secret);
        Ok(self.changed())
    }

    pub(crate) fn delete_secret(&mut self, workload: &WorkloadName, name: &SecretName) -> Decision {
        let key = (workload.clone(), name.clone());
        self.existing::<SealedSecret>(&key)?;
        if self.living(workload).is_ok_and(|workload| workload.spec.secrets.contains(name)) {
            let what = label::<SealedSecret>(&key);
            return Err(conflict(format!("{what} is needed by its workload: take it out of spec.secrets first")));
        }
        self.delete::<SealedSecret>(&key);
        Ok(self.changed())
    }
}

/// Bytes that count for the limit: what goes to agents and what goes to sites.
fn size(sealed: &Sealed) -> usize {
    let recipients = sealed.recipients.values().map(|recipient| recipient.sealed.0.len());
    sealed.ciphertext.0.len() + recipients.sum::<usize>()
}

/// The form of what was sealed, but for who can open it.
fn check_sealed(sealed: &Sealed) -> Result<(), Refusal> {
    within("the number of sealed.keys", sealed.keys.len() as u64, MAX_SECRET_KEYS)?;
    if sealed.keys.is_empty() {
        return Err(invalid("sealed.keys", "found none, wanted is one at least"));
    }
    if let Some(wrong) = sealed.keys.iter().find(|key| !is_data_key(key)) {
        let shown: String = wrong.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
        let reason = format!(
            "found \"{shown}\", allowed is a key of a Kubernetes Secret: 1 to 253 of a-z, A-Z, 0-9, '-', '_', '.'"
        );
        return Err(invalid("sealed.keys", reason));
    }
    if sealed.ciphertext.0.len() < LEAST_CIPHERTEXT {
        let reason = format!("found {} bytes, allowed are {LEAST_CIPHERTEXT} or more", sealed.ciphertext.0.len());
        return Err(invalid("sealed.ciphertext", reason));
    }
    within("the bytes of sealed.ciphertext", sealed.ciphertext.0.len() as u64, MAX_SECRET_BYTES)
}

/// Whether Kubernetes takes it as a key of a Secret.
fn is_data_key(key: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || b == b'.';
    (1..=253).contains(&key.len()) && key.bytes().all(fits) && key != "." && !key.starts_with("..")
}

impl State {
    /// That each recipient is a member, and was sealed for with the key that it has now.
    fn check_recipients(&self, field: &str, recipients: &BTreeMap<SiteName, Recipient>) -> Result<(), Refusal> {
        within(&format!("the number of {field}"), recipients.len() as u64, MAX_RECIPIENTS)?;
        if recipients.is_empty() {
            return Err(invalid(field, "found none, wanted is one at least"));
        }
        for (name, recipient) in recipients {
            let site = self.find::<Site>(name).ok_or_else(|| Refusal::NotFound { what: label::<Site>(name) })?;
            if site.value.standing == Standing::Excluded || self.is_excluded_site(name) {
                return Err(Refusal::Excluded { what: label::<Site>(name) });
            }
            let at = |part: &str| format!("{field}.{name}.{part}");
            if recipient.key != site.value.sealing_key {
                let reason = "found another key than the site's sealing key: read the site and seal again";
                return Err(invalid(&at("key"), reason));
            }
            if recipient.sealed.0.len() != SEALED_KEY {
                let reason = format!("found {} bytes, allowed are {SEALED_KEY}", recipient.sealed.0.len());
                return Err(invalid(&at("sealed"), reason));
            }
        }
        Ok(())
    }

    /// That a workload's secrets stay within their bytes if this one is as given.
    fn check_room(&self, workload: &WorkloadName, name: &SecretName, sealed: &Sealed) -> Result<(), Refusal> {
        let others = self.secrets_of(workload).filter(|other| other.value.name != *name);
        let others: usize = others.map(|other| size(&other.value.sealed)).sum();
        within("the workload's bytes of sealed secrets", (others + size(sealed)) as u64, MAX_SECRET_BYTES)
    }

    /// The secrets of a workload, by name, whether its document names them or not.
    pub fn secrets_of(&self, workload: &WorkloadName) -> impl Iterator<Item = &Held<SealedSecret>> + use<'_> {
        let workload = workload.clone();
        self.index.secrets.of(&workload).into_iter().filter_map(move |name| self.secret(&(workload.clone(), name)))
    }

    /// The secrets whose values a site could open that was excluded: their values must be others. What was excluded with
    /// its owner is not among them, for nobody is left to change it.
    pub fn secrets_to_rotate(&self) -> impl Iterator<Item = &Held<SealedSecret>> {
        let any = self.directives().next().is_some();
        self.secrets().filter(move |secret| {
            any && !self.is_excluded_organisation(&secret.value.organisation)
                && secret.value.exposed.iter().any(|site| self.is_excluded_site(site))
        })
    }

    /// The names of the secrets that would have to be rotated if these sites were excluded, with those that have to be
    /// already because of them.
    pub(crate) fn secrets_exposed_to<'a>(
        &'a self,
        sites: &'a BTreeSet<SiteName>,
    ) -> impl Iterator<Item = &'a Held<SealedSecret>> {
        self.secrets().filter(move |secret| secret.value.exposed.iter().any(|site| sites.contains(site)))
    }
}
