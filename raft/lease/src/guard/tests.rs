use proptest::prelude::*;

use super::*;

fn guard() -> Guard {
    Guard::new("melderegister".parse().unwrap(), Epoch(3), 77, 30)
}

const fn grant(question: Question, remaining: u64) -> Grant {
    Grant { question, remaining }
}

#[test]
fn the_program_never_starts_without_a_lease() {
    let mut guard = guard();
    assert_eq!(guard.advice(1_000), Advice::Wait);
    let question = guard.ask(1_000);
    assert_eq!(guard.advice(1_010), Advice::Wait);
    // As long as ending it takes is too short to start.
    guard.granted(&grant(question, 30)).unwrap();
    assert_eq!(guard.advice(1_000), Advice::Wait);
    let question = guard.ask(1_020);
    guard.granted(&grant(question, 100)).unwrap();
    assert_eq!(guard.advice(1_030), Advice::Run { until: 1_090 });
}

#[test]
fn it_counts_from_its_own_send_and_ends_before_the_lease() {
    let mut guard = guard();
    let question = guard.ask(1_000);
    assert_eq!(guard.granted(&grant(question, 100)), Ok(1_100));
    assert_eq!(guard.advice(1_060), Advice::Run { until: 1_070 });
    let question = guard.ask(1_010);
    assert_eq!(guard.granted(&grant(question, 100)), Ok(1_110));
    assert_eq!(guard.advice(1_079), Advice::Run { until: 1_080 });
    assert_eq!(guard.advice(1_080), Advice::End { deadline: 1_110 });
}

#[test]
fn an_end_is_never_taken_back() {
    let mut guard = guard();
    let question = guard.ask(1_000);
    guard.granted(&grant(question, 100)).unwrap();
    assert_eq!(guard.advice(1_000), Advice::Run { until: 1_070 });
    assert_eq!(guard.advice(1_075), Advice::End { deadline: 1_100 });
    let question = guard.ask(1_076);
    assert_eq!(guard.granted(&grant(question, 100)), Err(GuardError::Ended));
    assert_eq!(guard.advice(1_077), Advice::End { deadline: 1_100 });
}

#[test]
fn a_denial_ends_at_once() {
    let mut guard = guard();
    guard.denied();
    assert_eq!(guard.advice(5), Advice::End { deadline: 0 });
}

#[test]
fn only_a_grant_to_an_open_question_of_its_own_is_taken() {
    let mut guard = guard();
    let question = guard.ask(1_000);
    let foreign = [
        Question { guard: 78, ..question.clone() },
        Question { epoch: Epoch(2), ..question.clone() },
        Question { workload: "kataster".parse().unwrap(), ..question.clone() },
    ];
    for other in foreign {
        assert_eq!(guard.granted(&grant(other, 100)), Err(GuardError::Foreign));
    }
    let other = Question { nonce: Nonce(2), ..question.clone() };
    assert_eq!(guard.granted(&grant(other, 100)), Err(GuardError::NotAsked));
    assert!(guard.granted(&grant(question.clone(), 100)).is_ok());
    assert_eq!(guard.granted(&grant(question, 100)), Err(GuardError::NotAsked));
}

proptest! {
    /// Whatever is asked, granted, lost or repeated, and whenever it looks: the program runs only below the latest of the
    /// deadlines that grants promised from the sending of their questions, less the stop budget.
    #[test]
    fn it_runs_only_within_what_was_granted(steps in proptest::collection::vec((0u64..50, 0u8..3, 0usize..8, 0u64..200), 1..60)) {
        let (mut guard, mut now) = (guard(), 1_000u64);
        let (mut open, mut promised): (Vec<(u64, Question)>, u64) = (Vec::new(), 0);
        let mut ended = false;
        for (pause, kind, which, remaining) in steps {
            now += pause;
            match kind {
                0 => open.push((now, guard.ask(now))),
                1 if !open.is_empty() => {
                    let (sent, question) = open[which % open.len()].clone();
                    if guard.granted(&grant(question, remaining)).is_ok() {
                        promised = promised.max(sent + remaining);
                    }
                }
                _ => {}
            }
            match guard.advice(now) {
                Advice::Run { until } => {
                    prop_assert!(!ended && now < until && until + 30 == promised);
                }
                Advice::End { .. } => ended = true,
                Advice::Wait => prop_assert!(now + 30 >= promised && !ended),
            }
        }
    }
}
