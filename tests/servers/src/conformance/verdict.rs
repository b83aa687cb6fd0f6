//! The results of a run of the suite, compared with its baseline.

use std::fmt::Write as _;

use super::{Baseline, Scenario, Status};

/// One revision's run against one server.
#[derive(Debug)]
pub struct Verdict {
    revision: String,
    scenarios: usize,
    passed: usize,
    expected: usize,
    /// What is not as the baseline says: checks that should pass, and entries that should go.
    pub problems: Vec<String>,
}

impl Baseline {
    /// Compares what was found in `revision` with what is expected.
    pub fn judge(&self, revision: &str, found: &[Scenario]) -> Verdict {
        let mut unseen = self.expected(revision);
        let mut verdict = Verdict {
            revision: revision.to_owned(),
            scenarios: found.len(),
            passed: 0,
            expected: 0,
            problems: Vec::new(),
        };
        for scenario in found {
            if scenario.checks.is_empty() {
                verdict.problems.push(format!("{revision}: {} checked nothing", scenario.name));
            }
            for check in &scenario.checks {
                let name = format!("{}:{}", scenario.name, check.id);
                let expected = unseen.remove(name.as_str());
                match (check.status, expected) {
                    (Status::Success, false) => verdict.passed += 1,
                    (Status::Info, false) => {}
                    (Status::Success | Status::Info, true) => verdict
                        .problems
                        .push(format!("{revision}: `{name}` passes; take it out of the baseline")),
                    (_, true) => verdict.expected += 1,
                    (status, false) => verdict.problems.push(format!(
                        "{revision}: `{name}` ended with {status:?}: {}",
                        check.error_message.as_deref().unwrap_or("no reason given")
                    )),
                }
            }
        }
        let gone = unseen.iter().map(|name| {
            format!("{revision}: `{name}` is not a check of this run; remove it from the baseline")
        });
        verdict.problems.extend(gone);
        verdict
    }
}

impl Verdict {
    /// The verdicts as a table with a title.
    pub fn table(title: &str, verdicts: &[Self]) -> String {
        let mut text =
            format!("{title}\n  revision    scenarios  checks passed  expected not to  problems\n");
        for verdict in verdicts {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {:<10}  {:>9}  {:>13}  {:>15}  {:>8}",
                verdict.revision,
                verdict.scenarios,
                verdict.passed,
                verdict.expected,
                verdict.problems.len()
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::Check;
    use super::*;

    fn found(status: Status) -> Vec<Scenario> {
        let check =
            |id: &str, status| Check { id: id.into(), status, error_message: Some("it broke".into()) };
        let checks = vec![check("known", status), check("other", Status::Success)];
        vec![Scenario { name: "s".into(), checks }]
    }

    fn baseline(check: &str) -> Baseline {
        let text = format!("[[expected]]\nreason = \"why\"\nrevisions = ['a']\nchecks = ['{check}']");
        Baseline::read(&text, &["a", "b"]).unwrap()
    }

    #[test]
    fn what_does_not_pass_needs_an_entry() {
        for status in [Status::Failure, Status::Warning, Status::Skipped] {
            let good = baseline("s:known").judge("a", &found(status));
            assert_eq!((good.scenarios, good.passed, good.expected), (1, 1, 1));
            assert!(good.problems.is_empty(), "{:?}", good.problems);
            let bad = Baseline::read("", &[]).unwrap().judge("a", &found(status));
            assert_eq!(bad.problems, [format!("a: `s:known` ended with {status:?}: it broke")]);
        }
    }

    #[test]
    fn an_entry_counts_in_its_own_revision_only() {
        let other = baseline("s:known").judge("b", &found(Status::Failure));
        assert_eq!(other.problems, ["b: `s:known` ended with Failure: it broke"]);
    }

    #[test]
    fn an_entry_whose_check_passes_or_is_gone_is_stale() {
        let passes = baseline("s:known").judge("a", &found(Status::Success));
        assert_eq!(passes.problems, ["a: `s:known` passes; take it out of the baseline"]);
        let gone = baseline("s:gone").judge("a", &found(Status::Success));
        assert_eq!(gone.problems, ["a: `s:gone` is not a check of this run; remove it from the baseline"]);
        let nothing = Baseline::read("", &[]).unwrap();
        let empty = nothing.judge("a", &[Scenario { name: "s".into(), checks: Vec::new() }]);
        assert_eq!(empty.problems, ["a: s checked nothing"]);
    }
}
