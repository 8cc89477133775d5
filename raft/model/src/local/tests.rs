//! The rule, against the time zone database of IANA.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ToSpan};

use super::*;

fn berlin() -> TimeZone {
    TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap()
}

fn known_offset(zone: &TimeZone, time: Millis) -> Millis {
    let time = Timestamp::from_millisecond(i64::try_from(time).unwrap()).unwrap();
    u64::try_from(zone.to_offset(time).seconds()).unwrap() * 1_000
}

/// Every quarter of an hour of every day, and the milliseconds around each.
#[test]
fn the_offset_is_that_of_the_database_from_2024_to_2040() {
    let zone = berlin();
    let (from, to) = (day_of((2024, 1, 1)), day_of((2041, 1, 1)));
    for quarter in from * 96..to * 96 {
        for time in [quarter * 15 * MINUTE - 1, quarter * 15 * MINUTE] {
            assert_eq!(offset(time), known_offset(&zone, time), "{time}");
        }
    }
    // As far back as the rule is said to hold.
    for hour in day_of((1996, 1, 1)) * 24..from * 24 {
        assert_eq!(offset(hour * HOUR), known_offset(&zone, hour * HOUR), "{hour}");
    }
}

/// Every minute of the days on which clocks change, every hour and half hour of all others.
#[test]
fn every_time_of_every_day_is_where_the_database_has_it() {
    let zone = berlin();
    let (mut twice, mut skipped) = (0, 0);
    let mut date: jiff::civil::Date = "2024-01-01".parse().unwrap();
    for day in day_of((2024, 1, 1))..day_of((2041, 1, 1)) {
        let changes = offset(day * DAY) != offset((day + 1) * DAY);
        for minute in (0..24 * 60).step_by(if changes { 1 } else { 30 }) {
            let (hour, rest) = (i8::try_from(minute / 60).unwrap(), i8::try_from(minute % 60).unwrap());
            let wanted: DateTime = date.at(hour, rest, 0, 0);
            let ambiguous = zone.to_ambiguous_timestamp(wanted);
            let known = match ambiguous.offset() {
                AmbiguousOffset::Unambiguous { .. } => ambiguous.unambiguous().unwrap(),
                AmbiguousOffset::Fold { before, .. } => {
                    twice += 1;
                    before.to_timestamp(wanted).unwrap()
                }
                // The first instant after the gap.
                AmbiguousOffset::Gap { .. } => {
                    skipped += 1;
                    zone.following(date.at(0, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp())
                        .next()
                        .unwrap()
                        .timestamp()
                }
            };
            let found = instant(day, TimeOfDay { minute: u16::try_from(minute).unwrap() });
            assert_eq!(i64::try_from(found).unwrap(), known.as_millisecond(), "{wanted}");
            if !matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
                assert_eq!(day_at(found), day);
                let shown = known.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %:z").to_string();
                assert_eq!(text(found), shown);
            }
        }
        let end = instant(day, TimeOfDay::END);
        assert_eq!(end, instant(day + 1, "00:00".parse().unwrap()));
        assert_eq!((day_at(end - 1), day_at(end)), (day, day + 1));
        assert_eq!(Date { day }.to_string(), date.to_string());
        assert_eq!(date.to_string().parse(), Ok(Date { day }));
        date = date.checked_add(1.day()).unwrap();
    }
    assert_eq!((twice, skipped), (17 * 60, 17 * 60), "an hour each year");
}

#[test]
fn days_of_the_week() {
    assert_eq!(Weekday::of(0), Weekday::Thu);
    assert_eq!(Weekday::of(day_of((2026, 11, 28))), Weekday::Sat);
    assert_eq!(serde_json::to_string(&Weekday::Sun).unwrap(), r#""sun""#);
}

#[test]
fn only_dates_and_times_are_read() {
    for bad in ["", "2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "1995-12-31", "2026-1-1", "+026-01-01"] {
        assert_eq!(bad.parse::<Date>(), Err(LocalError::Date(bad.to_owned())));
    }
    for good in ["1996-02-29", "2026-12-18", "9999-12-31"] {
        assert_eq!(good.parse::<Date>().unwrap().to_string(), good);
    }
    for bad in ["", "24:01", "25:00", "9:00", "12:60", "12", "12:0", "-1:00", "12:00:00"] {
        assert_eq!(bad.parse::<TimeOfDay>(), Err(LocalError::Time(bad.to_owned())));
    }
    for good in ["00:00", "09:05", "24:00"] {
        assert_eq!(good.parse::<TimeOfDay>().unwrap().to_string(), good);
    }
    let error = "2026-02-30".parse::<Date>().unwrap_err().to_string();
    assert!(error.contains("2026-02-30") && error.contains("2026-12-18"), "{error}");
}

#[test]
fn the_end_of_time_has_a_day() {
    for time in [0, u64::MAX / 2, u64::MAX] {
        let day = day_at(time);
        let _ = (instant(day, TimeOfDay::END), instant(u64::MAX, TimeOfDay::END), text(time), Weekday::of(day));
    }
}
