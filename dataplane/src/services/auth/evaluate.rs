//! What a rule says of a viewer, from what its tests say. Pure. Three-valued (Kleene's strong
//! logic of indeterminacy): a test nobody can answer now leaves the rule open, unless the rule is
//! decided without it.

use serde::Serialize;
use streamgate_contract::rules::{Check, Requirement, Test};

use crate::ports::clock::UnixSeconds;

/// What a test or a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The viewer has what is asked for.
    Yes,
    /// They do not.
    No,
    /// That cannot be found out now. Never read as either.
    Unknown,
}

/// An answer, and until when it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub answer: Answer,
    /// Until when.
    pub until: UnixSeconds,
}

/// Decides a rule. It is believed as long as what decided it.
pub fn evaluate(requirement: &Requirement, ask: &impl Fn(&Check) -> Finding) -> Finding {
    let all = |of: &[Requirement], decisive: Answer| {
        combine(of.iter().map(|r| evaluate(r, ask)), decisive)
    };
    match &requirement.test {
        Test::Check(check) => ask(check),
        Test::AllOf(of) => all(of, Answer::No),
        Test::AnyOf(of) => all(of, Answer::Yes),
        Test::Not(of) => not(evaluate(of, ask)),
    }
}

fn not(finding: Finding) -> Finding {
    let answer = match finding.answer {
        Answer::Yes => Answer::No,
        Answer::No => Answer::Yes,
        Answer::Unknown => Answer::Unknown,
    };
    Finding { answer, ..finding }
}

/// One `decisive` answer decides, and holds as long as any of its kind does; the other answer needs
/// everybody, and holds as long as all of them do.
fn combine(findings: impl Iterator<Item = Finding>, decisive: Answer) -> Finding {
    let (mut decided, mut open, mut others) = (None, false, UnixSeconds::MAX);
    for finding in findings {
        match finding.answer {
            answer if answer == decisive => decided = decided.max(Some(finding.until)),
            Answer::Unknown => open = true,
            _ => others = others.min(finding.until),
        }
    }
    match (decided, open) {
        (Some(until), _) => Finding {
            answer: decisive,
            until,
        },
        (None, true) => Finding {
            answer: Answer::Unknown,
            until: UnixSeconds::MIN,
        },
        (None, false) => not(Finding {
            answer: decisive,
            until: others,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use streamgate_contract::rules::NativeRule;

    use super::*;

    fn leaf(number: usize) -> Requirement {
        node(Test::Check(Check::Native(NativeRule {
            chain: "main".into(),
            minimum: number.to_string(),
        })))
    }

    fn node(test: Test) -> Requirement {
        Requirement {
            rule: "rule".into(),
            title: None,
            get_url: None,
            test,
        }
    }

    /// Trees over four tests.
    fn tree() -> impl Strategy<Value = Requirement> {
        let leaves = (0usize..4).prop_map(leaf);
        leaves.prop_recursive(4, 32, 4, |inner| {
            let some = prop::collection::vec(inner.clone(), 1..4);
            prop_oneof![
                some.clone().prop_map(|of| node(Test::AllOf(of))),
                some.prop_map(|of| node(Test::AnyOf(of))),
                inner.prop_map(|of| node(Test::Not(Box::new(of)))),
            ]
        })
    }

    fn number(check: &Check) -> usize {
        match check {
            Check::Native(rule) => rule.minimum.parse().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Ordinary two-valued logic.
    fn truth(requirement: &Requirement, row: [bool; 4]) -> bool {
        match &requirement.test {
            Test::Check(check) => row[number(check)],
            Test::AllOf(of) => of.iter().all(|r| truth(r, row)),
            Test::AnyOf(of) => of.iter().any(|r| truth(r, row)),
            Test::Not(of) => !truth(of, row),
        }
    }

    fn find(answers: [Answer; 4], untils: [i64; 4]) -> impl Fn(&Check) -> Finding {
        move |check| Finding {
            answer: answers[number(check)],
            until: untils[number(check)],
        }
    }

    fn rows() -> impl Iterator<Item = [bool; 4]> {
        (0u8..16).map(|bits| std::array::from_fn(|i| bits >> i & 1 == 1))
    }

    fn fits(row: [bool; 4], answers: [Answer; 4]) -> bool {
        row.iter().zip(answers).all(|(truth, answer)| match answer {
            Answer::Yes => *truth,
            Answer::No => !truth,
            Answer::Unknown => true,
        })
    }

    fn answers() -> impl Strategy<Value = [Answer; 4]> {
        let one = prop_oneof![Just(Answer::Yes), Just(Answer::No), Just(Answer::Unknown)];
        [one.clone(), one.clone(), one.clone(), one]
    }

    proptest! {
        #[test]
        fn with_every_test_answered_it_is_the_truth_table(tree in tree()) {
            for row in rows() {
                let answers = row.map(|yes| if yes { Answer::Yes } else { Answer::No });
                let expected = if truth(&tree, row) { Answer::Yes } else { Answer::No };
                prop_assert_eq!(evaluate(&tree, &find(answers, [0; 4])).answer, expected);
            }
        }

        #[test]
        fn a_decision_with_open_tests_holds_however_they_turn_out(tree in tree(), answers in answers()) {
            let found = evaluate(&tree, &find(answers, [0; 4])).answer;
            for row in rows().filter(|row| fits(*row, answers)) {
                match found {
                    Answer::Yes => prop_assert!(truth(&tree, row)),
                    Answer::No => prop_assert!(!truth(&tree, row)),
                    Answer::Unknown => {}
                }
            }
        }

        #[test]
        fn a_decision_lasts_no_longer_than_what_decides_it(
            tree in tree(), answers in answers(), untils in [0i64..100, 0i64..100, 0i64..100, 0i64..100],
        ) {
            let found = evaluate(&tree, &find(answers, untils));
            prop_assume!(found.answer != Answer::Unknown);
            // When it is over, the tests that are over too no longer decide.
            let later: [Answer; 4] = std::array::from_fn(|i| match untils[i] > found.until {
                true => answers[i],
                false => Answer::Unknown,
            });
            prop_assert_eq!(evaluate(&tree, &find(later, untils)).answer, Answer::Unknown);
            // A moment before, they do.
            let before: [Answer; 4] = std::array::from_fn(|i| match untils[i] >= found.until {
                true => answers[i],
                false => Answer::Unknown,
            });
            prop_assert_eq!(evaluate(&tree, &find(before, untils)).answer, found.answer);
        }
    }
}
