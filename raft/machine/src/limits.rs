//! How much of what there may be. A change of any of these changes what apply does, so it must be switched on through
//! the log (design 4).

use verbund_model::resource::Millis;

/// The longest that an envelope may be valid, from the log's time (formats 7).
pub const MAX_VALIDITY: Millis = 15 * 60 * 1000;
/// How long a session lasts (formats 7).
pub const SESSION_LENGTH: Millis = 24 * 60 * 60 * 1000;
/// Open sessions for a key (formats 7).
pub const MAX_SESSIONS: u32 = 16;
/// Sequence numbers that a session remembers (formats 7).
pub const WINDOW: u64 = 1024;
/// The longest that an invitation may stand open.
pub const MAX_INVITATION: Millis = 90 * 24 * 60 * 60 * 1000;
/// Bytes of a catalogue entry's or policy's document.
pub const MAX_DOCUMENT: u64 = 64 * 1024;
/// Characters of an organisation's display name.
pub const MAX_DISPLAY_NAME: u64 = 200;
/// Addresses of a node.
pub const MAX_ADDRESSES: u64 = 16;
/// Trust anchors of a site.
pub const MAX_ANCHORS: u64 = 4;
/// Issuing CAs of a site that do not issue and are not retired.
pub const MAX_AUTHORITIES: u64 = 4;
/// Retired issuing CAs of a site: none is ever forgotten.
pub const MAX_RETIRED: u64 = 256;
/// Active nodes of a site.
pub const MAX_NODES: u64 = 16;
/// Sites that a role binding names.
pub const MAX_BOUND_SITES: u64 = 64;
/// Coordinators.
pub const MAX_COORDINATORS: u64 = 25;
/// Live keys of a user.
pub const MAX_USER_KEYS: u64 = 16;
/// Users of an organisation.
pub const MAX_USERS: u64 = 10_000;
/// Keys that an organisation ever registers for its users: none is ever forgotten.
pub const MAX_ORGANISATION_KEYS: u64 = 100_000;
/// Catalogue entries of an organisation.
pub const MAX_CATALOGUE_ENTRIES: u64 = 100_000;
/// Organisations directly below one.
pub const MAX_SUB_ORGANISATIONS: u64 = 100;
/// How deep organisations lie below one that a coordinator created.
pub const MAX_ORGANISATION_DEPTH: u64 = 3;
/// Policies.
pub const MAX_POLICIES: u64 = 1_000;
/// Changes of the voter plan that are remembered.
pub const MAX_TARGETS: usize = 64;
/// Clusters of a site.
pub const MAX_CLUSTERS: u64 = 256;
/// Evidence of a site or a cluster.
pub const MAX_EVIDENCE: u64 = 64;
/// Workloads that a site refuses.
pub const MAX_VETOES: u64 = 10_000;
/// Workloads of an organisation.
pub const MAX_WORKLOADS: u64 = 100_000;
/// Exceptions of a workload.
pub const MAX_EXCEPTIONS: u64 = 32;
/// Open changes of a workload that people opened.
pub const MAX_OPEN_CHANGES: u64 = 16;
/// Closed changes, and resolved incidents, of a workload that are kept: the last ones.
pub const KEPT_TICKETS: usize = 32;
/// Kinds of objects that a cluster knows, or that a workload or a cluster's list names.
pub const MAX_KINDS: u64 = 4_096;
/// Labels, classes, extended resources, sites in one list.
pub const MAX_LIST: u64 = 256;
/// Manifests of a workload.
pub const MAX_MANIFESTS: u64 = 512;
/// Secrets of a workload.
pub const MAX_SECRETS: u64 = 32;
/// Bytes of all sealed secrets of a workload: with its manifests they go to an agent in one message.
pub const MAX_SECRET_BYTES: u64 = 128 * 1024;
/// Keys of a secret.
pub const MAX_SECRET_KEYS: u64 = 64;
/// Sites to which a secret is sealed.
pub const MAX_RECIPIENTS: u64 = 64;
/// Characters of a reason, a description, an issuer.
pub const MAX_TEXT: u64 = 1_000;
/// Copies that one report names.
pub const MAX_REPORTS: u64 = 1_024;
/// The most active copies of a parallel workload.
pub const MAX_COPIES: u8 = 8;
/// The longest stop budget, in milliseconds.
pub const MAX_STOP_BUDGET: u32 = 600_000;
/// The longest that an exception may hold.
pub const MAX_EXCEPTION: Millis = 5 * 366 * 24 * 60 * 60 * 1000;
/// Windows of a workload, an organisation or a site.
pub const MAX_WINDOWS: u64 = 8;
/// Freezes of a workload, an organisation or a site.
pub const MAX_FREEZES: u64 = 32;
/// Verdicts that are kept when everything because of them is planned: the last ones.
pub const KEPT_VERDICTS: usize = 1_000;
