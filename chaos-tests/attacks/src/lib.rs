//! Thirty attacks on a federation, what answers each, and the tests that show so.
//!
//! Each attack that can run has a file of its own under `tests/attacks`, named after it, which says in its head what is expected and what is
//! not covered. Where another test of the repository proves more, with a tampered leader or a real cluster, the list names that, too.
//! [`ATTACKS`] is the same list for programs; a test compares the two, and every name in them with the sources.
//!
//! | # | attack | what answers it | state |
//! |---|---|---|---|
//! | 1 | forged join token | the one-time key's signature; 403, counted, limited | tested |
//! | 2 | invitation used fifty times at once | the entry that is applied first consumes it | tested |
//! | 3 | token used by another site or key | the invitation names the site; proofs of every key | tested |
//! | 4 | fake coordinator meets joiner | the pin in the invitation; nothing is said before | tested |
//! | 5 | hostile kubeconfig | an allow-list of what it may hold | tested |
//! | 6 | CSR asks for more | certificates are built from the issuer's record | tested |
//! | 7 | CSR huge, weak or unproven | sizes, kinds of keys, one signature | tested |
//! | 8 | verify one, parse another | the verified bytes are the parsed ones | tested |
//! | 9 | excluded site's open streams | the change of trust closes connections | tested |
//! | 10 | excluded site resumes TLS | no tickets, no sessions | tested |
//! | 11 | excluded certificate rewritten | exclusion by name and public key | tested |
//! | 12 | excluded node calls Raft | judged before Raft sees it | tested |
//! | 13 | excluded site rejoins | ids, names and keys never return | tested |
//! | 14 | revocation list replayed or withheld | the newest counts, an old one closes | tested |
//! | 15 | expired or skewed | validity, freshness, the log's own time | tested |
//! | 16 | operator or agent calls Raft | a table by the certificate's name | tested |
//! | 17 | leader appends what nobody may | every replica authorises as it applies | tested |
//! | 18 | leader rewrites history | the chain and the exchanged heads | tested |
//! | 19 | forged membership or readmission | m of n, and followers vet membership | tested |
//! | 20 | oversize or compressed | bounds before anything is held; nothing is unpacked | tested |
//! | 21 | slow loris and floods | bounds by address and in all, deadlines | tested |
//! | 22 | YAML bomb, deep JSON, duplicate keys | budgets; strict readers | tested |
//! | 23 | manifest smuggling | replicas refuse, and the agent again | tested |
//! | 24 | chart traversal or bomb | one private copy, bounds, helm confined | tested |
//! | 25 | XSS through catalogue texts | – | waiting |
//! | 26 | pages of other origins | Fetch Metadata; no cookie, no frame | in part |
//! | 27 | requester approves self; stolen cookie | roles that exclude one another; each counts once | in part |
//! | 28 | downgrade | TLS 1.3 and the profile's algorithms only | in part |
//! | 29 | stolen disk or backup | keys are sealed | in part |
//! | 30 | tampered or rolled-back backup | – | waiting |
//!
//! **Never in this crate**: anything that a daemon needs to run.

pub mod der;
mod list;
pub mod world;

pub use list::ATTACKS;

/// Where a test is: the file, from the repository's top, and its function.
pub type Test = (&'static str, &'static str);

/// How far an attack is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// These tests show what is expected.
    Tested(&'static [Test]),
    /// These tests show a part; the rest waits for that.
    InPart(&'static [Test], &'static str),
    /// It waits for that.
    Waiting(&'static str),
}

/// One attack.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// Its number, from 1.
    pub number: usize,
    /// Its name.
    pub name: &'static str,
    /// How far it is tested.
    pub state: State,
}
