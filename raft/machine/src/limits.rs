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
