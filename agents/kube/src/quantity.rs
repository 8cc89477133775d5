//! Quantities as Kubernetes writes them.

/// A quantity such as `250m`, `1.5`, `128Mi`, `2e3`, in thousandths of its unit, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(u128);

impl Quantity {
    /// Reads one; `None` for what is none, or is negative, or has more than 30 digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, suffix) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() > 30 || (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return None;
        }
        let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
        let places = u32::try_from(fraction.len()).ok()?;
        let (factor, divisor) = scale(suffix)?;
        let over = digits.checked_mul(factor)?.checked_mul(1000)?;
        Some(Self(over.div_ceil(10u128.checked_pow(places)?.checked_mul(divisor)?)))
    }

    /// In thousandths.
    #[must_use]
    pub fn millis(self) -> u64 {
        u64::try_from(self.0).unwrap_or(u64::MAX)
    }

    /// In whole units, rounded up.
    #[must_use]
    pub fn whole(self) -> u64 {
        u64::try_from(self.0.div_ceil(1000)).unwrap_or(u64::MAX)
    }
}

/// By what a suffix multiplies and divides.
fn scale(suffix: &str) -> Option<(u128, u128)> {
    let binary = |power: u32| (1u128 << (10 * power), 1);
    let decimal = |power: u32| (10u128.pow(power), 1);
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let of = 10u128.checked_pow(power.unsigned_abs()).filter(|_| power.abs() <= 18)?;
            if power < 0 { (1, of) } else { (of, 1) }
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_kubernetes_writes() {
        let cases = [
            ("0", 0),
            ("1", 1_000),
            ("250m", 250),
            ("1.5", 1_500),
            (".5", 500),
            ("2e3", 2_000_000),
            ("1E", 1_000_000_000_000_000_000_000),
            ("128Mi", 128 * 1_048_576 * 1_000),
            ("1.5Gi", 1_610_612_736 * 1_000),
            ("100n", 1),
            ("15e-1", 1_500),
        ];
        for (text, millis) in cases {
            assert_eq!(Quantity::parse(text), Some(Quantity(millis)), "{text}");
        }
        assert_eq!(Quantity::parse("1001m").map(Quantity::whole), Some(2), "rounded up");
    }

    #[test]
    fn reads_nothing_else() {
        for text in ["", "m", "-1", "1.2.3", "1 Gi", "1gi", "1e", "1e99", "0x10", &"9".repeat(31)] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _any = Quantity::parse(&text);
        }

        #[test]
        fn whole_numbers_stay_what_they_are(number in 0u64..1_000_000_000_000) {
            let read = Quantity::parse(&number.to_string()).unwrap();
            prop_assert_eq!((read.whole(), read.millis()), (number, number * 1_000));
        }
    }
}
