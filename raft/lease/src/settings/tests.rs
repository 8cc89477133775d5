use proptest::prelude::*;

use super::*;

#[test]
fn the_defaults_hold_and_add_up_to_twelve_seconds() {
    let settings = LeaseSettings::default();
    assert_eq!(settings.validate(), Ok(()));
    assert_eq!(settings.sum(), Sum { length: 8_400, margin: 1_600, activation: 2_000, total: 12_000 });
}

#[test]
fn each_condition_is_checked() {
    let good = LeaseSettings::default();
    let broken = |change: fn(&mut LeaseSettings)| {
        let mut settings = good;
        change(&mut settings);
        settings.validate().unwrap_err()
    };
    assert_eq!(
        broken(|s| s.margin = 1_500),
        SettingsError::Margin { margin: 1_500, length: 8_400, drift_ppm: 84_000, needed: good.least_margin() }
    );
    assert_eq!(broken(|s| s.stop_budget = 6_000), SettingsError::Length { length: 8_400, used: 8_750 });
    assert_eq!(broken(|s| s.drift_ppm = 500_000), SettingsError::Drift { drift_ppm: 500_000 });
    assert_eq!(broken(|s| s.renewal_interval = 0), SettingsError::Zero { what: "the renewal interval" });
    assert_eq!(broken(|s| s.length = u64::MAX), SettingsError::TooLong { what: "the length", value: u64::MAX });
}

#[test]
fn the_margin_is_exact_at_its_edge() {
    // 2 · 0.1 · 9000 / 0.9 = 2000, and a granule of 10.
    let settings = LeaseSettings { length: 9_000, drift_ppm: 100_000, margin: 2_010, ..LeaseSettings::default() };
    assert_eq!(settings.least_margin(), 2_010);
    assert_eq!(settings.validate(), Ok(()));
    assert!(LeaseSettings { margin: 2_009, ..settings }.validate().is_err());
}

#[test]
fn settings_in_json_may_leave_out_what_stays_as_it_is() {
    let settings: LeaseSettings = serde_json::from_str(r#"{"length":9000,"margin":2000}"#).unwrap();
    assert_eq!(settings, LeaseSettings { length: 9_000, margin: 2_000, ..LeaseSettings::default() });
    assert!(serde_json::from_str::<LeaseSettings>(r#"{"lenght":9000}"#).is_err());
}

proptest! {
    /// With the margin that is demanded, the fastest voter's clock outlasts the slowest holder's: the condition itself, in
    /// whole numbers, (L + m)·(1 − ρ) ≥ L·(1 + ρ).
    #[test]
    fn the_least_margin_outlasts_the_drift(length in 1u64..100_000, drift in 0u32..499_999) {
        let settings = LeaseSettings { length, drift_ppm: drift, ..LeaseSettings::default() };
        let hold = u128::from(length + settings.least_margin());
        let drift = u128::from(drift);
        prop_assert!(hold * (1_000_000 - drift) >= u128::from(length) * (1_000_000 + drift));
    }
}
