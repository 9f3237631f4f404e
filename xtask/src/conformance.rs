//! `cargo xtask conformance`: the test suites of others, and `scim conformance`, against
//! `scim serve` over a folder and over a database.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::postgres::Database;
use crate::{run, step};

/// The version of newman, Postman's runner on the command line.
const NEWMAN: &str = "newman@6.2.2";
const TOKEN: &str = "conformance";

/// What is tried: the name of a suite, and how the endpoint is started that it is for. `scim`
/// stands for the groups of our own checks that are named with it.
const TRIALS: [(&str, &[&str]); 6] = [
    ("scim rfc,okta", &["--profile", "strict"]),
    ("scim entra", &["--profile", "entra"]),
    ("scim2-tester", &["--profile", "strict"]),
    ("scim2-tester --with-test-resource", &["--with-test-resource"]),
    ("scim-sanity", &["--profile", "strict"]),
    ("postman", &["--profile", "entra"]),
];

/// Installs the suites under `target/`, runs each against endpoints of its own, and compares what
/// fails with `xtask/conformance/expectations.txt`.
pub(crate) fn conformance(root: &Path) -> Result<(), String> {
    let tools = Tools::install(root)?;
    run(root, &["build", "--quiet", "--package", "scim2-cli"])?;
    let expected = Expectations::read(&tools.scripts.join("expectations.txt"))?;
    let database = Database::find();
    let mut problems = Vec::new();
    for (number, (suite, options)) in TRIALS.into_iter().enumerate() {
        let folder = tools.folder.join("data").join(number.to_string());
        let mut places = vec![Place::folder(folder)?];
        if let Ok(database) = &database {
            places.push(Place::Database(database.schema(&format!("conformance_{number}"))?));
        }
        for place in places {
            let endpoint = Endpoint::start(root, &place, options)?;
            let name = format!("{suite} over {}", place.name());
            if let Some(groups) = suite.strip_prefix("scim ") {
                let mut own = Command::new(program(root));
                own.args(["conformance", &endpoint.url, "--group", groups]);
                if let Err(reason) = step(own.env("SCIM_TOKEN", TOKEN)) {
                    problems.push(format!("{name}: {reason}"));
                }
                continue;
            }
            let results = tools.run(suite, &endpoint.url)?;
            let count = |outcome| results.iter().filter(|result| result.outcome == outcome).count();
            let (passed, failed) = (count(Outcome::Pass), count(Outcome::Fail));
            if passed == 0 {
                return Err(format!("{name}: nothing passed"));
            }
            eprintln!(
                "{name}: {passed} of {} passed, {failed} failed, {} skipped",
                passed + failed,
                count(Outcome::Skip)
            );
            problems.extend(expected.compare(suite, &results));
        }
    }
    if let Err(reason) = database {
        eprintln!("SKIPPED: everything over PostgreSQL: {reason}");
    }
    if problems.is_empty() {
        eprintln!("every failure is an expected one");
        return Ok(());
    }
    Err(problems.join("\n"))
}

/// What one test of a suite has shown.
struct TestResult {
    outcome: Outcome,
    name: String,
    reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Pass,
    Fail,
    Skip,
}

impl TestResult {
    /// Reads `outcome`, name and reason, between tabs.
    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(3, '\t');
        let outcome = match fields.next()? {
            "pass" => Outcome::Pass,
            "fail" => Outcome::Fail,
            "skip" => Outcome::Skip,
            _ => return None,
        };
        let name = fields.next()?.to_owned();
        Some(Self { outcome, name, reason: fields.next().unwrap_or_default().to_owned() })
    }
}

/// The failures that are explained: lines of suite, test and a part of its reason, between ` | `,
/// each after comments that explain it.
struct Expectations(Vec<Expectation>);

struct Expectation {
    suite: String,
    name: String,
    reason: String,
}

impl Expectations {
    fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let lines = text.lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .map(|line| {
                let fields: Vec<&str> = line.split(" | ").map(str::trim).collect();
                let [suite, name, reason] = fields.as_slice() else {
                    return Err(format!("{}: not three fields: {line}", path.display()));
                };
                Ok(Expectation {
                    suite: (*suite).to_owned(),
                    name: (*name).to_owned(),
                    reason: (*reason).to_owned(),
                })
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The failures that nothing explains, and the explanations of what does not fail.
    fn compare(&self, suite: &str, results: &[TestResult]) -> Vec<String> {
        let known: Vec<_> = self.0.iter().filter(|known| known.suite == suite).collect();
        let explains = |known: &Expectation, result: &TestResult| {
            result.outcome == Outcome::Fail
                && known.name == result.name
                && result.reason.contains(&known.reason)
        };
        let unexplained = results
            .iter()
            .filter(|result| result.outcome == Outcome::Fail)
            .filter(|result| !known.iter().any(|known| explains(known, result)))
            .map(|result| format!("{suite}: not expected: {}: {}", result.name, result.reason));
        let stale = known
            .iter()
            .filter(|known| !results.iter().any(|result| explains(known, result)))
            .map(|known| format!("{suite}: expected to fail and does not: {}", known.name));
        unexplained.chain(stale).collect()
    }
}

/// The suites, installed.
struct Tools {
    folder: PathBuf,
    scripts: PathBuf,
    collection: PathBuf,
}

impl Tools {
    /// Installs what is not there yet, in the versions that are written down.
    fn install(root: &Path) -> Result<Self, String> {
        let tools = Self {
            folder: root.join("target/conformance"),
            scripts: root.join("xtask/conformance"),
            collection: root.join(
                "crates/scim2-conformance/vectors/conformance/ms-scim-reference/PostmanCollection.json",
            ),
        };
        let pins = tools.scripts.join("requirements.txt");
        let wanted = fs::read_to_string(&pins).map_err(|e| format!("{}: {e}", pins.display()))?;
        let wanted = format!("{wanted}{NEWMAN}\n");
        let stamp = tools.folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
            return Ok(tools);
        }
        fs::create_dir_all(tools.folder.join("js")).map_err(|error| error.to_string())?;
        step(Command::new("python3").args(["-m", "venv"]).arg(tools.folder.join("py")))?;
        step(
            Command::new(tools.python("pip"))
                .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
                .arg(&pins),
        )?;
        step(Command::new("npm").current_dir(tools.folder.join("js")).args([
            "install",
            "--no-fund",
            "--no-audit",
            "--silent",
            "--prefix",
            ".",
            NEWMAN,
        ]))?;
        fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
        Ok(tools)
    }

    fn python(&self, program: &str) -> PathBuf {
        self.folder.join("py/bin").join(program)
    }

    fn run(&self, suite: &str, url: &str) -> Result<Vec<TestResult>, String> {
        let mut command = match suite {
            "postman" => {
                let mut command = Command::new("node");
                command
                    .env("NODE_PATH", self.folder.join("js/node_modules"))
                    .arg(self.scripts.join("postman.js"))
                    .arg(&self.collection);
                command
            }
            "scim-sanity" => {
                let mut command = Command::new(self.python("python"));
                command.arg(self.scripts.join("sanity.py")).arg(self.python("scim-sanity"));
                command
            }
            _ => {
                let mut command = Command::new(self.python("python"));
                command.arg(self.scripts.join("tester.py"));
                command
            }
        };
        let output = command
            .args([url, TOKEN])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| format!("{suite}: {error}"))?;
        if !output.status.success() {
            return Err(format!("{suite} ended with {}", output.status));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(TestResult::parse).collect())
    }
}

/// Where an endpoint has its data.
enum Place {
    Folder(PathBuf),
    /// The URL of a database.
    Database(String),
}

impl Place {
    /// A folder in which there is nothing yet.
    fn folder(folder: PathBuf) -> Result<Self, String> {
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(Self::Folder(folder))
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Folder(_) => "a folder",
            Self::Database(_) => "PostgreSQL",
        }
    }
}

/// The command that is tried.
fn program(root: &Path) -> PathBuf {
    root.join("target/debug/scim")
}

/// `scim serve` on a free port; it ends with this value.
struct Endpoint {
    child: Child,
    url: String,
}

impl Endpoint {
    fn start(root: &Path, place: &Place, options: &[&str]) -> Result<Self, String> {
        let mut command = Command::new(program(root));
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(options);
        match place {
            Place::Folder(folder) => command.arg("--data").arg(folder),
            Place::Database(url) => command.env("SCIM_DATABASE_URL", url),
        };
        let mut child = command
            .env("SCIM_TOKEN", TOKEN)
            .env("RUST_LOG", "error")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("scim serve: {error}"))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            let read = BufReader::new(out).read_line(&mut line);
            read.map_err(|error| format!("scim serve: {error}"))?;
        }
        let url = line.trim().strip_prefix("serving ").unwrap_or_default().to_owned();
        let endpoint = Self { child, url };
        if endpoint.url.is_empty() {
            return Err(format!("scim serve does not say where it serves: {line}"));
        }
        Ok(endpoint)
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectations(text: &str) -> Expectations {
        let folder = std::env::temp_dir().join(format!("expectations-{}", std::process::id()));
        fs::write(&folder, text).unwrap();
        let expectations = Expectations::read(&folder).unwrap();
        fs::remove_file(&folder).unwrap();
        expectations
    }

    #[test]
    fn failures_must_be_explained_and_explanations_must_fail() {
        let known = expectations("# why\na | one | reason\na | gone | reason\nb | two | x\n");
        let lines =
            ["pass\tzero\t", "fail\tone\tthe reason is", "fail\tthree\twhy", "skip\tgone\t"];
        let results: Vec<_> = lines.iter().filter_map(|line| TestResult::parse(line)).collect();
        assert_eq!(
            known.compare("a", &results),
            ["a: not expected: three: why", "a: expected to fail and does not: gone"]
        );
    }
}
