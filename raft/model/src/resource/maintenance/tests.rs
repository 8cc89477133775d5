//! Windows and freezes, by the local clock.

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use serde_json::json;

use super::*;
use crate::local;

fn at(text: &str) -> Millis {
    let time: Timestamp = text.parse().unwrap();
    u64::try_from(time.as_millisecond()).unwrap()
}

fn window(days: &[Weekday], from: &str, to: &str) -> Window {
    Window { days: days.iter().copied().collect(), from: from.parse().unwrap(), to: to.parse().unwrap() }
}

fn weekend() -> Window {
    window(&[Weekday::Sat, Weekday::Sun], "22:00", "04:00")
}

fn freeze(from: &str, to: &str) -> Freeze {
    Freeze { from: from.parse().unwrap(), to: to.parse().unwrap(), reason: "Jahreswechsel".to_owned() }
}

fn open(windows: Vec<Window>, freezes: Vec<Freeze>) -> Maintenance {
    Maintenance { windows, freezes }
}

/// For windows that contain the whole hour that is skipped or doubled, what the clock shows decides.
#[test]
fn what_the_clock_shows_decides_from_2024_to_2040() {
    let zone = TimeZoneDatabase::bundled().get("Europe/Berlin").unwrap();
    let (night, early) = (weekend(), window(&Weekday::ALL, "01:00", "05:00"));
    let whole = window(&[Weekday::Sun], "00:00", "24:00");
    let (from, to) = (at("2024-01-01T00:00:00Z"), at("2041-01-01T00:00:00Z"));
    let mut counted = [0; 3];
    for time in (from..to).step_by(20 * 60_000) {
        let shown = Timestamp::from_millisecond(i64::try_from(time).unwrap()).unwrap().to_zoned(zone.clone());
        let (weekday, hour) = (shown.weekday().to_monday_zero_offset(), shown.hour());
        let wanted = [
            (matches!(weekday, 5 | 6) && hour >= 22) || (matches!(weekday, 6 | 0) && hour < 4),
            (1..5).contains(&hour),
            weekday == 6,
        ];
        let found = [night.is_open(time), early.is_open(time), whole.is_open(time)];
        assert_eq!(found, wanted, "{shown}");
        for (count, open) in counted.iter_mut().zip(found) {
            *count += usize::from(open);
        }
    }
    assert!(counted.iter().all(|count| *count > 10_000), "{counted:?}");
}

#[test]
fn a_window_with_the_skipped_hour_is_an_hour_shorter() {
    // 2026-03-29, 01:00 UTC: from 02:00 the clock goes on to 03:00.
    let night = window(&[Weekday::Sat], "22:00", "04:00");
    assert_eq!(
        night.on(local::day_at(at("2026-03-28T12:00:00Z"))),
        Some((at("2026-03-28T21:00:00Z"), at("2026-03-29T02:00:00Z")))
    );
    // One that begins within it begins at its end, and one that lies within it is not open in that week.
    let sunday = local::day_at(at("2026-03-29T12:00:00Z"));
    let begins = window(&[Weekday::Sun], "02:30", "04:00");
    assert_eq!(begins.on(sunday), Some((at("2026-03-29T01:00:00Z"), at("2026-03-29T02:00:00Z"))));
    let within = open(vec![window(&[Weekday::Sun], "02:15", "02:45")], vec![]);
    let before = at("2026-03-28T12:00:00Z");
    assert_eq!(next_open(&[&within], before), Some(at("2026-04-05T00:15:00Z")));
    for minute in 0..24 * 60 {
        assert!(within.closed(at("2026-03-29T00:00:00Z") + minute * 60_000).is_some());
    }
}

#[test]
fn a_window_with_the_doubled_hour_is_an_hour_longer_and_has_no_gap() {
    // 2026-10-25, 01:00 UTC: from 03:00 the clock goes back to 02:00.
    let sunday = local::day_at(at("2026-10-25T12:00:00Z"));
    let spans = [
        ("01:00", "04:00", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z"),
        ("02:00", "03:00", "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"),
        ("02:30", "04:00", "2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"),
        // It ends when the clock first shows its end, and does not open again when the clock shows it once more.
        ("01:00", "02:30", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
        ("02:15", "02:45", "2026-10-25T00:15:00Z", "2026-10-25T00:45:00Z"),
    ];
    for (from, to, begins, ends) in spans {
        let window = window(&[Weekday::Sun], from, to);
        assert_eq!(window.on(sunday), Some((at(begins), at(ends))), "{from} to {to}");
        for time in (at("2026-10-24T22:00:00Z")..at("2026-10-25T23:00:00Z")).step_by(60_000) {
            assert_eq!(window.is_open(time), (at(begins)..at(ends)).contains(&time), "{from} to {to}");
        }
    }
}

#[test]
fn a_freeze_holds_to_the_end_of_its_last_day() {
    let held = open(vec![], vec![freeze("2026-12-18", "2027-01-06")]);
    assert_eq!(held.closed(at("2026-12-17T22:59:59Z")), None);
    assert!(matches!(held.closed(at("2026-12-17T23:00:00Z")), Some(Closed::Frozen(_))));
    assert!(held.closed(at("2027-01-06T22:59:59Z")).is_some());
    assert_eq!(held.closed(at("2027-01-06T23:00:00Z")), None);
    assert_eq!(next_open(&[&held], at("2026-12-24T12:00:00Z")), Some(at("2027-01-06T23:00:00Z")));
}

#[test]
fn the_next_time_is_one_at_which_everyone_is_open() {
    let workload = open(vec![weekend()], vec![]);
    let organisation = open(vec![], vec![freeze("2026-12-18", "2027-01-06"), freeze("2027-01-07", "2027-01-09")]);
    let site = open(vec![window(&[Weekday::Sun], "00:00", "06:00")], vec![]);
    let all = [&workload, &organisation, &site];
    let now = at("2026-12-20T12:00:00Z");
    let next = next_open(&all, now).unwrap();
    // Sunday the 10th, from 00:00 on, in the window that began on Saturday.
    assert_eq!(next, at("2027-01-09T23:00:00Z"));
    assert!(all.iter().all(|one| one.closed(next).is_none()));
    assert!(all.iter().any(|one| one.closed(next - 1).is_some()));
    // What is open is open now.
    assert_eq!(next_open(&all, next + 60_000), Some(next + 60_000));
    assert_eq!(next_open(&[], now), Some(now));
    // Never at the same time.
    let monday = open(vec![window(&[Weekday::Mon], "10:00", "12:00")], vec![]);
    let tuesday = open(vec![window(&[Weekday::Tue], "10:00", "12:00")], vec![]);
    assert_eq!(next_open(&[&monday, &tuesday], now), None);
}

/// The next time is the first one: every minute before it is closed, over the changes of clocks too.
#[test]
fn no_minute_before_the_next_time_is_open() {
    let all =
        open(vec![weekend(), window(&[Weekday::Wed], "02:30", "02:50")], vec![freeze("2026-10-24", "2026-10-24")]);
    for start in ["2026-03-24T00:00:00Z", "2026-10-20T00:00:00Z", "2026-12-28T00:00:00Z"] {
        let mut time = at(start);
        let mut next = next_open(&[&all], time).unwrap();
        for _ in 0..10 * 24 * 60 {
            if time >= next {
                assert_eq!(time == next, all.closed(time).is_none() && next == time);
                next = next_open(&[&all], time + 60_000).unwrap();
            } else {
                assert!(all.closed(time).is_some(), "{}", local::text(time));
            }
            time += 60_000;
        }
    }
}

#[test]
fn it_is_written_as_people_say_it() {
    let text = json!({
        "windows": [{"days": ["sat", "sun"], "from": "22:00", "to": "04:00"}],
        "freezes": [{"from": "2026-12-18", "to": "2027-01-06", "reason": "Jahreswechsel"}],
    });
    let read: Maintenance = serde_json::from_value(text.clone()).unwrap();
    assert_eq!(read, open(vec![weekend()], vec![freeze("2026-12-18", "2027-01-06")]));
    assert_eq!(json!(read), text);
    assert_eq!(serde_json::from_value::<Maintenance>(json!({})).unwrap(), Maintenance::default());
    assert!(serde_json::from_value::<Maintenance>(json!({"window": []})).is_err());
}
