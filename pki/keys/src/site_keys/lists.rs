//! The site's revocation lists: one for each of its CAs, signed by the CA's own key wherever that is kept, renewed long
//! before the next one is promised, numbered upwards and kept beside the keys.

use std::path::{Path, PathBuf};
use std::time::Duration;

use time::OffsetDateTime;
use verbund_model::KeyId;

use super::issued::{Issued, IssuedLog, hex, read_issued};
use super::revoked::{self, Revocation};
use super::{SiteKeys, SiteKeysError};
use crate::certificate::{Certificate, IssuingCa, LeafRequest, RevocationList, Revoked, TlsIdentity};
use crate::files;

/// How long a list counts. Others trust nothing of a CA whose list has run out, so that this is how long a site can be cut off
/// from all others, or without its CA's key, before its certificates count no more.
pub const LIST_VALIDITY: Duration = Duration::from_secs(72 * 60 * 60);
/// After how long the next one is signed although nothing changed.
pub const LIST_EVERY: Duration = Duration::from_secs(12 * 60 * 60);
const MAX_LIST: u64 = 1024 * 1024;

impl SiteKeys {
    /// Has the issuing CA issue a leaf, which is noted before it is given out. Errors: [`SiteKeysError`].
    pub fn issue_leaf(&mut self, request: &LeafRequest, now: OffsetDateTime) -> Result<Certificate, SiteKeysError> {
        let leaf = self.ca().issue_leaf(request, now)?;
        self.note(&leaf, now)?;
        Ok(leaf)
    }

    /// Has the issuing CA issue a leaf for a fresh key, which is noted before it is given out. Errors: [`SiteKeysError`].
    pub fn issue_identity(
        &mut self,
        subject: verbund_identity::Subject,
        dns_names: Vec<String>,
        ip_addresses: Vec<std::net::IpAddr>,
        lifetime: Duration,
        now: OffsetDateTime,
    ) -> Result<TlsIdentity, SiteKeysError> {
        let identity = self.ca().issue_identity(subject, dns_names, ip_addresses, lifetime, now)?;
        if let Some(leaf) = identity.chain.first() {
            self.note(leaf, now)?;
        }
        Ok(identity)
    }

    fn note(&mut self, leaf: &Certificate, now: OffsetDateTime) -> Result<(), SiteKeysError> {
        let issued = Issued::of(leaf, self.ca().id()).map_err(crate::certificate::IssueError::CaCertificate)?;
        self.issued.note(&issued, now)
    }

    /// What was issued by the site in `dir` and is valid at `now`, in the order of issuing. Errors: [`SiteKeysError`].
    pub fn issued(dir: &Path, now: OffsetDateTime) -> Result<Vec<Issued>, SiteKeysError> {
        let all = read_issued(&IssuedLog::path_in(dir))?.into_iter();
        Ok(all.filter(|issued| issued.not_after >= now.unix_timestamp()).collect())
    }

    /// Revokes certificates of the site in `dir`: the running daemon signs the list that says so. Gives how many were not revoked
    /// before. Errors: [`SiteKeysError`]; nothing is changed then.
    pub fn revoke(dir: &Path, certificates: Vec<Revocation>, now: OffsetDateTime) -> Result<usize, SiteKeysError> {
        super::read_site(dir)?;
        files::check_directory(dir)?;
        revoked::add(&revoked::path_in(dir), certificates, now)
    }

    /// What the site in `dir` has revoked. Errors: [`SiteKeysError`].
    pub fn revoked(dir: &Path) -> Result<Vec<Revocation>, SiteKeysError> {
        revoked::read(&revoked::path_in(dir))
    }

    /// Takes over what stands on a list of one of the site's own CAs, which another node of the site signed. Whether it is that
    /// CA's list was proven before. Gives how many were new. Errors: [`SiteKeysError`].
    pub fn adopt(&self, ca: KeyId, list: &RevocationList, now: OffsetDateTime) -> Result<usize, SiteKeysError> {
        let revocation = |entry: &Revoked| Revocation {
            serial: hex(&entry.serial),
            ca,
            since: entry.since.unix_timestamp(),
            reason: entry.reason,
            not_after: None,
        };
        revoked::add(&revoked::path_in(&self.dir), list.revoked().iter().map(revocation).collect(), now)
    }

    /// The last list of each CA, with that CA. Errors: [`SiteKeysError`].
    pub fn lists(&self) -> Result<Vec<(IssuingCa, RevocationList)>, SiteKeysError> {
        let mut all = Vec::new();
        for ca in self.cas() {
            if let Some(list) = read_list(&self.list_path(&ca.id()))? {
                all.push((ca.clone(), list));
            }
        }
        Ok(all)
    }

    /// Signs the lists that are due: where there is none, where something was revoked since, and where the last one is
    /// [`LIST_EVERY`] old. Gives how many were signed. Errors: [`SiteKeysError`], of the first CA that could not; the others have
    /// theirs then.
    pub fn renew_lists(&self, now: OffsetDateTime) -> Result<usize, SiteKeysError> {
        let revoked = revoked::read(&revoked::path_in(&self.dir))?;
        let mut signed = 0;
        let mut failed = None;
        for ca in self.cas() {
            match self.renew_list(ca, &revoked, now) {
                Ok(true) => signed += 1,
                Ok(false) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(signed), Err)
    }

    fn renew_list(&self, ca: &IssuingCa, revoked: &[Revocation], now: OffsetDateTime) -> Result<bool, SiteKeysError> {
        let id = ca.id();
        let path = self.list_path(&id);
        let last = read_list(&path)?;
        let own = revoked.iter().filter(|revocation| revocation.ca == id);
        let entries: Vec<Revoked> = own.filter_map(Revocation::entry).collect();
        if last.as_ref().is_some_and(|last| !is_due(last, &entries, now)) {
            return Ok(false);
        }
        // Above the last number, and above every earlier one although the file was lost, or another node of the site signs too.
        let clock = u64::try_from(now.unix_timestamp()).unwrap_or(0);
        let number = last.map_or(clock, |last| clock.max(last.number() + 1));
        let list = ca.issue_crl(number, &entries, LIST_VALIDITY, now)?;
        files::replace(&path, list.der(), files::PUBLIC)?;
        Ok(true)
    }

    pub(super) fn list_path(&self, ca: &KeyId) -> PathBuf {
        self.dir.join(format!("{ca}.crl"))
    }
}

fn is_due(last: &RevocationList, entries: &[Revoked], now: OffsetDateTime) -> bool {
    let serials = |entries: &[Revoked]| {
        entries.iter().map(|entry| entry.serial.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    let old = now >= last.this_update() + LIST_EVERY || now >= last.next_update();
    // A clock that was set back must not keep a list for ever.
    old || now < last.this_update() || serials(last.revoked()) != serials(entries)
}

fn read_list(path: &Path) -> Result<Option<RevocationList>, SiteKeysError> {
    let bytes = match files::read_public(path, MAX_LIST) {
        Err(error) if error.is_missing() => return Ok(None),
        other => other?,
    };
    let content = |reason: String| SiteKeysError::Content { path: path.to_owned(), reason };
    RevocationList::from_der(bytes).map(Some).map_err(|e| content(e.to_string()))
}
