//! Times: local with offset for people, UTC for programs.

use jiff::{Timestamp, tz::TimeZone};
use verbund_model::resource::Millis;

/// For people: `2026-11-22 17:04:31 +01:00`.
#[must_use]
pub fn local(millis: Millis) -> String {
    in_zone(millis, TimeZone::system())
}

pub(super) fn in_zone(millis: Millis, zone: TimeZone) -> String {
    let Some(time) = timestamp(millis) else { return millis.to_string() };
    time.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// For programs: RFC 3339, UTC, milliseconds.
#[must_use]
pub fn utc(millis: Millis) -> String {
    timestamp(millis).map_or_else(|| millis.to_string(), |time| format!("{time:.3}"))
}

/// A time of the API (RFC 3339) for people; what is no time stays as it is.
#[must_use]
pub fn local_of(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(
        |_| text.to_owned(),
        |time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %:z").to_string(),
    )
}

/// A length of time for people: `340 ms`, `12 s`, `5 min`, `3 h`, `12 d`.
#[must_use]
pub fn age(millis: Millis) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..120_000 => format!("{} s", millis / 1_000),
        120_000..7_200_000 => format!("{} min", millis / 60_000),
        7_200_000..172_800_000 => format!("{} h", millis / 3_600_000),
        _ => format!("{} d", millis / 86_400_000),
    }
}

fn timestamp(millis: Millis) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(millis).ok()?).ok()
}
