use std::fmt::{self, Write as _};

use serde::Serialize;
use serde_json::{Value, json};

use super::{Check, Group};

/// What the checks have shown of an endpoint.
///
/// `Display` prints a table: a line for each check that did not pass and the totals.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The base URL of the endpoint.
    pub endpoint: String,
    /// Each check that was run, in order.
    pub checks: Vec<CheckReport>,
    /// Paths of resources that were created and could not be deleted again.
    pub left_behind: Vec<String>,
}

/// What one check has shown.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CheckReport {
    /// See [`Check::id`].
    pub id: &'static str,
    /// See [`Check::title`].
    pub title: &'static str,
    /// See [`Check::rule`].
    pub rule: &'static str,
    /// See [`Check::group`].
    pub group: Group,
    /// How it came out.
    pub outcome: Outcome,
    /// What was sent and answered, if it failed or warned. Credentials are left out.
    pub exchanges: Vec<Exchange>,
}

/// How a check came out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a report must show each case")]
pub enum Outcome {
    /// What must hold does.
    Passed,
    /// What must hold does not: what was found, and what was expected.
    Failed(String),
    /// What should hold does not.
    Warning(String),
    /// It was not checked: the endpoint does not offer what it is about.
    Skipped(String),
}

impl Outcome {
    /// One word: `passed`, `failed`, `warning`, `skipped`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Warning(_) => "warning",
            Self::Skipped(_) => "skipped",
        }
    }

    /// What is said beyond that word.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed(text) | Self::Warning(text) | Self::Skipped(text) => Some(text),
        }
    }
}

/// A request and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Exchange {
    /// The method and the path with its query, below the base URL.
    pub request: String,
    /// The body that was sent.
    pub sent: Option<String>,
    /// The status, or why there is no answer.
    pub answer: String,
    /// The body that came back, cut off at [`Exchange::MAX_BODY`] characters.
    pub received: String,
}

impl Exchange {
    /// So much of an answer's body is kept for the report.
    pub const MAX_BODY: usize = 4000;
}

impl Report {
    pub(super) fn new(endpoint: &str) -> Self {
        Self { endpoint: endpoint.to_owned(), checks: Vec::new(), left_behind: Vec::new() }
    }

    pub(super) fn add(&mut self, check: &Check, outcome: Outcome, exchanges: Vec<Exchange>) {
        let told = matches!(outcome, Outcome::Failed(_) | Outcome::Warning(_));
        self.checks.push(CheckReport {
            id: check.id,
            title: check.title,
            rule: check.rule,
            group: check.group,
            outcome,
            exchanges: if told { exchanges } else { Vec::new() },
        });
    }

    /// Whether no check failed.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.failures().next().is_none()
    }

    /// The checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| matches!(check.outcome, Outcome::Failed(_)))
    }

    /// How many checks passed.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Passed))
    }

    /// How many checks failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// How many checks found something that should be otherwise.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Warning(_)))
    }

    /// How many checks were not made.
    #[must_use]
    pub fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped(_)))
    }

    fn count(&self, counts: impl Fn(&Outcome) -> bool) -> usize {
        self.checks.iter().filter(|check| counts(&check.outcome)).count()
    }

    /// Everything, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|check| {
                json!({
                    "id": check.id,
                    "title": check.title,
                    "rule": check.rule,
                    "group": check.group.as_str(),
                    "outcome": check.outcome.as_str(),
                    "message": check.outcome.message(),
                    "exchanges": check.exchanges,
                })
            })
            .collect();
        json!({
            "endpoint": self.endpoint,
            "passed": self.passed(),
            "failed": self.failed(),
            "warnings": self.warnings(),
            "skipped": self.skipped(),
            "leftBehind": self.left_behind,
            "checks": checks,
        })
    }

    /// The XML that JUnit made common, which build servers read. Warnings pass and are told in
    /// `system-out`.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        // Writing to a string cannot fail.
        let _ = self.write_junit(&mut xml);
        xml
    }

    fn write_junit(&self, xml: &mut String) -> fmt::Result {
        writeln!(
            xml,
            r#"<testsuite name="SCIM 2.0 at {}" tests="{}" failures="{}" skipped="{}">"#,
            Escaped(&self.endpoint),
            self.checks.len(),
            self.failed(),
            self.skipped(),
        )?;
        for check in &self.checks {
            write!(
                xml,
                r#"  <testcase classname="{}" name="{}: {}">"#,
                check.group,
                check.id,
                Escaped(check.title)
            )?;
            let message = Escaped(check.outcome.message().unwrap_or_default());
            match &check.outcome {
                Outcome::Passed => {}
                Outcome::Skipped(_) => write!(xml, r#"<skipped message="{message}"/>"#)?,
                Outcome::Warning(_) => write!(xml, "<system-out>{message}</system-out>")?,
                Outcome::Failed(_) => {
                    write!(xml, r#"<failure message="{message}">{}"#, Escaped(check.rule))?;
                    for exchange in &check.exchanges {
                        write!(xml, "\n{}", Escaped(&exchange.to_string()))?;
                    }
                    xml.push_str("</failure>");
                }
            }
            xml.push_str("</testcase>\n");
        }
        xml.push_str("</testsuite>\n");
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for check in &self.checks {
            let Some(message) = check.outcome.message() else { continue };
            writeln!(f, "{:7}  {}  {}", check.outcome.as_str(), check.id, check.title)?;
            writeln!(f, "         {message}")?;
            if let Outcome::Failed(_) = check.outcome {
                writeln!(f, "         {}", check.rule)?;
                if let Some(last) = check.exchanges.last() {
                    writeln!(f, "         last: {last}")?;
                }
            }
        }
        for path in &self.left_behind {
            writeln!(f, "left     {path}  could not be deleted")?;
        }
        writeln!(
            f,
            "{}: {} passed, {} failed, {} warnings, {} skipped",
            self.endpoint,
            self.passed(),
            self.failed(),
            self.warnings(),
            self.skipped(),
        )
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request)?;
        if let Some(sent) = &self.sent {
            write!(f, " {sent}")?;
        }
        write!(f, " -> {} {}", self.answer, self.received)
    }
}

/// Text as XML 1.0 can hold it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                '\n' | '\t' => f.write_char(c)?,
                c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => f.write_char('?')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report::new("http://localhost/?a&b");
        let check = super::super::checks().next().unwrap();
        let exchange = Exchange {
            request: "GET /Users".to_owned(),
            sent: None,
            answer: "500".to_owned(),
            received: "<&\u{1}>".to_owned(),
        };
        report.add(check, Outcome::Passed, vec![exchange.clone()]);
        report.add(check, Outcome::Failed("found \"a\" < b".to_owned()), vec![exchange]);
        report.add(check, Outcome::Skipped("not offered".to_owned()), Vec::new());
        report.add(check, Outcome::Warning("odd".to_owned()), Vec::new());
        report
    }

    #[test]
    fn junit_holds_any_text_and_counts_what_failed() {
        let xml = report().to_junit();
        assert!(xml.contains(r#"tests="4" failures="1" skipped="1""#), "{xml}");
        assert!(xml.contains(r#"message="found &quot;a&quot; &lt; b""#), "{xml}");
        assert!(xml.contains("GET /Users -&gt; 500 &lt;&amp;?&gt;"), "{xml}");
    }

    #[test]
    fn json_tells_of_each_check_and_shows_exchanges_of_failures_alone() {
        let json = report().to_json();
        assert_eq!(json["failed"], 1);
        assert_eq!(json["warnings"], 1);
        assert_eq!(json["checks"][0]["exchanges"].as_array().unwrap().len(), 0);
        assert_eq!(json["checks"][1]["exchanges"][0]["answer"], "500");
    }

    #[test]
    fn the_table_leaves_out_what_passed() {
        let table = report().to_string();
        assert_eq!(table.matches("discovery.").count(), 3, "{table}");
        assert!(table.ends_with("1 passed, 1 failed, 1 warnings, 1 skipped\n"), "{table}");
    }
}
