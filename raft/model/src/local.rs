//! Local time in Germany, without a time zone database: Central European Time is an hour ahead of UTC, and two from the
//! last Sunday of March to the last Sunday of October, each at 01:00 UTC (Richtlinie 2000/84/EG; so since 1996).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::instant::civil;
use crate::resource::Millis;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// All, from Monday on.
    pub const ALL: [Self; 7] = [Self::Mon, Self::Tue, Self::Wed, Self::Thu, Self::Fri, Self::Sat, Self::Sun];

    /// That of a day, counted from 1970-01-01, which was a Thursday.
    #[must_use]
    pub const fn of(day: u64) -> Self {
        Self::ALL[((day % 7 + 3) % 7) as usize]
    }
}

/// What is no date or no time of day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocalError {
    /// No date.
    #[error("\"{0}\" is no date: wanted is one such as 2026-12-18, from the year 1996 on")]
    Date(String),
    /// No time of day.
    #[error("\"{0}\" is no time of day: wanted is one such as 22:00, from 00:00 to 24:00")]
    Time(String),
}

/// What of a text is shown in an error.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(20).collect()
}

/// Digits and nothing else, as many as are wanted.
fn digits(text: &str, length: usize) -> Option<u64> {
    let all = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

/// A day of the Gregorian calendar, from 1996 to 9999: `2026-12-18`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Days since 1970-01-01.
    day: u64,
}

impl Date {
    /// Days since 1970-01-01.
    #[must_use]
    pub const fn day(self) -> u64 {
        self.day
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.day);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl FromStr for Date {
    type Err = LocalError;

    fn from_str(text: &str) -> Result<Self, LocalError> {
        let parsed = || {
            let mut parts = text.splitn(3, '-');
            let (year, month) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?);
            let date = (year, month, digits(parts.next()?, 2)?);
            let day = (year >= 1996 && (1..=12).contains(&month) && date.2 >= 1).then(|| day_of(date))?;
            // What is not in the calendar, such as a 30th of February, is another day there.
            (civil(day) == date).then_some(Self { day })
        };
        parsed().ok_or_else(|| LocalError::Date(shown(text)))
    }
}

/// A time of day by the local clock, to the minute: `22:00`. `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    minute: u16,
}

impl TimeOfDay {
    /// The end of a day.
    pub const END: Self = Self { minute: 24 * 60 };

    /// Minutes since the day began by the clock: 0 to 1,440.
    #[must_use]
    pub const fn minute(self) -> u16 {
        self.minute
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = LocalError;

    fn from_str(text: &str) -> Result<Self, LocalError> {
        let parsed = || {
            let (hour, minute) = text.split_once(':')?;
            let (hour, minute) = (digits(hour, 2)?, digits(minute, 2)?);
            let minute = (minute < 60).then_some(hour * 60 + minute)?;
            u16::try_from(minute).ok().filter(|minute| *minute <= Self::END.minute).map(|minute| Self { minute })
        };
        parsed().ok_or_else(|| LocalError::Time(shown(text)))
    }
}

macro_rules! as_text {
    ($($kind:ident),*) => {$(
        impl Serialize for $kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}
as_text!(Date, TimeOfDay);

/// How far the local clock is ahead of UTC, in milliseconds.
#[must_use]
pub fn offset(time: Millis) -> Millis {
    let (year, ..) = civil(time / DAY);
    if (change(year, 3)..change(year, 10)).contains(&time) { 2 * HOUR } else { HOUR }
}

/// When the clocks change in March or October of a year: on its last Sunday, at 01:00 UTC.
fn change(year: u64, month: u64) -> Millis {
    let last = day_of((year, month, 31));
    let sunday = last.saturating_sub((Weekday::of(last) as u64 + 1) % 7);
    sunday.saturating_mul(DAY).saturating_add(HOUR)
}

/// The day that the local calendar shows, counted from 1970-01-01.
#[must_use]
pub fn day_at(time: Millis) -> u64 {
    time.saturating_add(offset(time)) / DAY
}

/// The first instant at which the local clock shows a time of a day, or a later one: of a time that comes twice the first, of
/// one that is skipped the end of the gap. `day` is counted from 1970-01-01.
#[must_use]
pub fn instant(day: u64, time: TimeOfDay) -> Millis {
    let shown = day.saturating_mul(DAY).saturating_add(Millis::from(time.minute) * MINUTE);
    let (summer, winter) = (shown.saturating_sub(2 * HOUR), shown.saturating_sub(HOUR));
    if offset(summer) == 2 * HOUR {
        summer
    } else if offset(winter) == HOUR {
        winter
    } else {
        let (year, ..) = civil(day);
        change(year, 3)
    }
}

/// For people: `2026-12-19 22:00 +01:00`, by the local clock.
#[must_use]
pub fn text(time: Millis) -> String {
    let offset = offset(time);
    let shown = time.saturating_add(offset);
    let (year, month, day) = civil(shown / DAY);
    let (hour, minute) = (shown % DAY / HOUR, shown % HOUR / MINUTE);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} +{:02}:00", offset / HOUR)
}

/// The reverse of [`civil`], from 1970 on.
fn day_of((year, month, day): (u64, u64, u64)) -> u64 {
    let shifted = year - u64::from(month <= 2);
    let (era, year_of_era) = (shifted / 400, shifted % 400);
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era.saturating_mul(146_097)).saturating_add(day_of_era).saturating_sub(719_468)
}

#[cfg(test)]
mod tests;
