//! Where in the sequence of changes a watch stands.

/// Behind which change a watch stands. Text form: `index.part`, or `index` when it stands behind the whole entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Log index.
    pub index: u64,
    part: u32,
}

impl Position {
    /// Behind one change.
    #[must_use]
    pub const fn behind(index: u64, part: u32) -> Self {
        Self { index, part }
    }

    /// Behind all changes of an entry.
    #[must_use]
    pub const fn behind_entry(index: u64) -> Self {
        Self { index, part: u32::MAX }
    }

    /// The first entry of which a change may be wanted; `None` at the end of all numbers.
    #[must_use]
    pub const fn first_wanted(self) -> Option<u64> {
        if self.part == u32::MAX { self.index.checked_add(1) } else { Some(self.index) }
    }

    /// From its text form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let (index, part) = match text.split_once('.') {
            Some((index, part)) => (index, Some(part).filter(|p| digits(p))?),
            None => (text, ""),
        };
        let index = Some(index).filter(|i| digits(i))?.parse().ok()?;
        let part = if part.is_empty() { u32::MAX } else { part.parse().ok()? };
        Some(Self { index, part })
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.part == u32::MAX { write!(f, "{}", self.index) } else { write!(f, "{}.{}", self.index, self.part) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form() {
        for text in ["0", "7", "7.0", "7.12", "18446744073709551615.4294967294"] {
            assert_eq!(Position::parse(text).unwrap().to_string(), text);
        }
        for text in ["", ".", "7.", ".7", "+7", "-1", "7.0.0", "a", "7.x", "18446744073709551616", "1.4294967296", " 7"]
        {
            assert_eq!(Position::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn order_and_first_wanted() {
        assert!(Position::behind(7, 3) < Position::behind_entry(7));
        assert!(Position::behind_entry(7) < Position::behind(8, 0));
        assert_eq!(Position::behind(7, 3).first_wanted(), Some(7));
        assert_eq!(Position::behind_entry(7).first_wanted(), Some(8));
        assert_eq!(Position::behind_entry(u64::MAX).first_wanted(), None);
    }
}
