//! From runs to tables and rows.

use std::time::Duration;

use verbund_kit::bench::{Goal, Row, median, number, render};

use crate::case::{Case, Took};

/// Prints a table and returns all rows.
pub fn print(cases: &[Case]) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for case in cases {
        let name = format!("{}, {}", case.what, case.on);
        let numbers = Numbers::of(case);
        let goal = case.goal.map(Goal::Below);
        let row = |what: &str, value, goal| {
            Row::new(&format!("from the loss of a site to {what}"), &name, "s", (value, None), goal)
        };
        let worst = row("all its workloads ready elsewhere: max", numbers.max, goal);
        let (wanted, met) = worst.verdict();
        lines.push(vec![
            name.clone(),
            number(numbers.verdict),
            number(numbers.planned),
            number(numbers.p50),
            number(numbers.max),
            wanted,
            met.to_owned(),
        ]);
        rows.push(row("all its workloads ready elsewhere: p50", numbers.p50, goal));
        rows.push(worst);
        rows.push(row("the verdict: p50", numbers.verdict, None));
        rows.push(row("the last activation in the log: p50", numbers.planned, None));
    }
    let head = ["", "verdict p50", "planned p50", "ready p50", "ready max", "goal", ""];
    let title = "From the loss of a site to all its workloads ready elsewhere, seconds";
    println!("{}", render(title, &head, &lines).trim_end());
    for case in cases {
        for (number, why) in case.runs.iter().enumerate().filter_map(|(at, run)| Some((at + 1, run.as_ref().err()?))) {
            println!("VOID: {}, run {number}: {why}", case.what);
        }
    }
    rows
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Numbers {
    verdict: Option<f64>,
    planned: Option<f64>,
    p50: Option<f64>,
    max: Option<f64>,
}

impl Numbers {
    /// None of them if not all runs count: a number from what is left would be a chosen one.
    fn of(case: &Case) -> Self {
        let Ok(runs) = case.runs.iter().cloned().collect::<Result<Vec<Took>, String>>() else { return Self::default() };
        let all = |value: fn(&Took) -> Duration| runs.iter().map(|run| value(run).as_secs_f64()).collect::<Vec<_>>();
        Self {
            verdict: median(all(|run| run.verdict)),
            planned: median(all(|run| run.planned)),
            p50: median(all(|run| run.ready)),
            max: all(|run| run.ready).into_iter().reduce(f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(runs: Vec<Result<Took, String>>) -> Case {
        Case { on: "simulated clusters", what: "1 workload".to_owned(), goal: Some(6.0), runs }
    }

    fn took(seconds: u64) -> Result<Took, String> {
        Ok(Took { ready: Duration::from_secs(seconds), ..Took::default() })
    }

    #[test]
    fn a_void_run_voids_its_case() {
        let numbers = Numbers::of(&case(vec![took(3), took(9), took(4)]));
        assert_eq!((numbers.p50, numbers.max), (Some(4.0), Some(9.0)));
        assert_eq!(Numbers::of(&case(vec![took(3), Err("few".to_owned())])), Numbers::default());
        assert_eq!(Numbers::of(&case(vec![])), Numbers::default());
        let met = |rows: Vec<Row>| rows.iter().map(|row| row.met).collect::<Vec<_>>();
        assert_eq!(met(print(&[case(vec![took(3), took(9), took(4)])])), [Some(true), Some(false), None, None]);
        assert_eq!(met(print(&[case(vec![Err("few".to_owned())])])), [Some(false), Some(false), None, None]);
    }
}
