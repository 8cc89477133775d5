//! Tables for people, and the list of rows for programs.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

/// One line of the JSON list: the same form in every benchmark of the project.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Under which load.
    pub case: String,
    /// Of both numbers.
    pub unit: String,
    /// Our number; `null`: every run was void.
    pub ours: Option<f64>,
    /// The peer's; `null`: it has no such thing, or every run was void.
    pub peer: Option<f64>,
    /// Ours divided by the peer's.
    pub ratio: Option<f64>,
    /// What was to be reached; `null`: for information.
    pub goal: Option<Goal>,
    /// Whether it was; `null` without a goal. What is void is not met.
    pub met: Option<bool>,
}

/// A goal.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// The ratio is at least this.
    RatioAtLeast(f64),
    /// Our number is below this.
    Below(f64),
}

impl Goal {
    fn met(self, ours: Option<f64>, ratio: Option<f64>) -> bool {
        match self {
            Self::RatioAtLeast(least) => ratio.is_some_and(|ratio| ratio >= least),
            Self::Below(limit) => ours.is_some_and(|ours| ours < limit),
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RatioAtLeast(least) => write!(f, "≥ {least}×"),
            Self::Below(limit) => write!(f, "< {limit}"),
        }
    }
}

impl Row {
    /// A row, judged.
    #[must_use]
    pub fn new(name: &str, case: &str, unit: &str, numbers: (Option<f64>, Option<f64>), goal: Option<Goal>) -> Self {
        let (ours, peer) = numbers;
        let ratio = ours.zip(peer).filter(|(_, peer)| *peer > 0.0).map(|(ours, peer)| ours / peer);
        let met = goal.map(|goal| goal.met(ours, ratio));
        Self { name: name.into(), case: case.into(), unit: unit.into(), ours, peer, ratio, goal, met }
    }

    /// The goal and whether it was met, in words.
    #[must_use]
    pub fn verdict(&self) -> (String, &'static str) {
        match (self.goal, self.met) {
            (Some(goal), Some(true)) => (goal.to_string(), "met"),
            (Some(goal), _) if self.ours.is_none() => (goal.to_string(), "VOID"),
            (Some(goal), _) => (goal.to_string(), "MISSED"),
            (None, _) => (String::new(), ""),
        }
    }
}

/// Writes the rows to `path` as JSON.
pub fn write_rows(path: &Path, rows: &[Row]) -> Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let text = serde_json::to_string_pretty(rows)? + "\n";
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

/// Columns padded to their widest cell; the first is aligned to the left, the others to the right.
#[must_use]
pub fn render(title: &str, head: &[&str], lines: &[Vec<String>]) -> String {
    let count = |text: &str| text.chars().count();
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines.iter().map(|line| count(&line[column])).chain([count(head[column])]).max().unwrap_or(0))
        .collect();
    let mut out = format!("\n{title}\n");
    let heads: Vec<String> = head.iter().map(|text| (*text).to_owned()).collect();
    let rule: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
    for line in [&heads, &rule].into_iter().chain(lines) {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            let pad = " ".repeat(width - count(cell));
            if column == 0 { format!("{cell}{pad}") } else { format!("{pad}{cell}") }
        });
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    out
}

/// A number with at most three digits behind the point, or a dash.
#[must_use]
pub fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn judges() {
        let row = |ours, goal| Row::new("n", "c", "u", (ours, Some(100.0)), Some(goal));
        assert_eq!(row(Some(90.0), Goal::RatioAtLeast(0.9)).verdict().1, "met");
        assert_eq!(row(Some(89.9), Goal::RatioAtLeast(0.9)).verdict().1, "MISSED");
        assert_eq!(row(None, Goal::RatioAtLeast(0.9)).verdict().1, "VOID");
        assert_eq!(row(Some(39.0), Goal::Below(40.0)).verdict().1, "met");
        assert_eq!(row(Some(40.0), Goal::Below(40.0)).verdict().1, "MISSED");
        assert_eq!(Row::new("n", "c", "u", (Some(1.0), None), None).verdict().1, "");
    }

    #[test]
    fn aligns() {
        let text = render("t", &["a", "b"], &[vec!["×".into(), "1".into()], vec!["yy".into(), "100".into()]]);
        assert_eq!(text, "\nt\na     b\n──  ───\n×     1\nyy  100\n");
    }
}
