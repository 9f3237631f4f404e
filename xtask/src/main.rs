//! The tasks of this workspace: `cargo xtask test`, `cargo xtask requirements`, `cargo xtask load`,
//! `cargo xtask marks`, `cargo xtask conformance`, `cargo xtask differential`, `cargo xtask faults`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

mod conformance;
mod faults;
mod postgres;
mod requirements;

const USAGE: &str = "\
usage: cargo xtask TASK

  test [--quick]        format, clippy, all tests, documentation, dependency rules;
                        then builds and briefly runs the fuzz targets and the benchmarks
                        (--quick leaves those out)
  requirements FILE...  coverage of tables of requirements, and of rulings, by the tests'
                        names: per area, and the rows that no test names
  conformance           the test suites of others and `scim conformance` against `scim serve`, over
                        a folder and over PostgreSQL: scim2-tester, scim-sanity and Microsoft's
                        Postman collection; fails on what is not explained
  load [--test]         requests over sockets, beside a bare handler that answers the same bytes
  faults                the stores while processes are killed, disks are full and the database is
                        restarted: minutes
  differential          the stores against the evaluator: more than 100,000 random queries
  marks                 the costs that are promised, beside what they are measured against
  marks --stores [--test]
                        the same of the stores, with 100,000 users, beside SQL written by hand";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["test"] => test(Extent::Full),
        ["test", "--quick"] => test(Extent::Quick),
        ["requirements", files @ ..] if !files.is_empty() => requirements::report(&root(), files),
        ["conformance"] => conformance::conformance(&root()),
        ["load", options @ ..] => load(&root(), options),
        ["marks"] => marks(&root()),
        ["marks", "--stores", options @ ..] => stores(&root(), options),
        ["faults"] => faults::faults(&root()),
        ["differential"] => differential(&root()),
        _ => Err(USAGE.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The workspace's folder.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    Quick,
    Full,
}

/// How long each fuzz target runs in a full test: long enough to replay its seeds.
const FUZZ_RUNS: &str = "-runs=2000";

fn test(extent: Extent) -> Result<(), String> {
    let root = root();
    let cargo = |arguments: &[&str]| run(&root, arguments);
    cargo(&["fmt", "--all", "--check"])?;
    cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    test_with_database(&root)?;
    document(&root)?;
    pure_core(&root)?;
    if extent == Extent::Full {
        for target in fuzz_targets(&root)? {
            let seeds = root.join("fuzz/seeds").join(&target);
            let mut arguments =
                vec!["run", "--quiet", "--release", "--bin", &target, "--", FUZZ_RUNS];
            let seeds = seeds.to_string_lossy().into_owned();
            if Path::new(&seeds).is_dir() {
                arguments.push(&seeds);
            }
            run(&root.join("fuzz"), &arguments)?;
        }
        run(&root.join("benches"), &["bench", "--quiet", "--", "--test"])?;
        load(&root, &["--test"])?;
        stores(&root, &["--test"])?;
    }
    Ok(())
}

/// All tests, those on PostgreSQL too where there is one.
fn test_with_database(root: &Path) -> Result<(), String> {
    let mut command = Command::new(cargo_program());
    with_database(command.current_dir(root).args(["test", "--workspace", "--all-features"]))
}

/// How many sets of resources the differential tests make, and how many questions each is asked at
/// most, of which nine in ten have a filter: half of it on average, on three stores. Tables of one's
/// own are asked thirty.
const DIFFERENTIAL_CASES: &str = "3000";
const DIFFERENTIAL_QUESTIONS: &str = "80";

fn differential(root: &Path) -> Result<(), String> {
    let mut command = Command::new(cargo_program());
    command.current_dir(root).args(["test", "-p", "scim2-sql", "--all-features", "--test", "it"]);
    command.args(["--", "--nocapture", "agree", "columns"]);
    command.env("PROPTEST_CASES", DIFFERENTIAL_CASES);
    with_database(command.env("SCIM2_QUESTIONS", DIFFERENTIAL_QUESTIONS))
}

/// Runs a command beside a PostgreSQL, or says that there is none.
fn with_database(command: &mut Command) -> Result<(), String> {
    let database = postgres::Database::find();
    if let Ok(database) = &database {
        command.env("DATABASE_URL", database.url());
    }
    let skipped = || {
        if let Err(reason) = &database {
            eprintln!("SKIPPED: what needs PostgreSQL: {reason}");
        }
    };
    skipped();
    step(command)?;
    skipped();
    Ok(())
}

/// What costs nothing is proven by a test, the rest is measured.
fn marks(root: &Path) -> Result<(), String> {
    run(root, &["test", "--quiet", "-p", "scim2-core", "--test", "it", "does_not_allocate"])?;
    run(&root.join("benches"), &["bench", "--quiet", "--bench", "marks"])
}

/// What the stores cost, PostgreSQL's too where there is one.
fn stores(root: &Path, options: &[&str]) -> Result<(), String> {
    let mut command = Command::new(cargo_program());
    command.current_dir(root.join("benches")).args(["run", "--quiet", "--release"]);
    with_database(command.args(["--bin", "stores", "--"]).args(options))
}

fn load(root: &Path, options: &[&str]) -> Result<(), String> {
    let mut arguments = vec!["run", "--quiet", "--release", "--bin", "load", "--"];
    arguments.extend(options);
    run(&root.join("benches"), &arguments)
}

/// Documentation builds without a warning.
fn document(root: &Path) -> Result<(), String> {
    step(Command::new(cargo_program()).current_dir(root).env("RUSTDOCFLAGS", "-D warnings").args([
        "doc",
        "--workspace",
        "--no-deps",
        "--all-features",
    ]))
}

/// What scim2-core may never depend on: it does no I/O and knows no runtime.
const NOT_IN_CORE: [&str; 8] = [
    "tokio",
    "async-std",
    "hyper",
    "reqwest",
    "axum",
    "rusqlite",
    "tokio-postgres",
    "libsqlite3-sys",
];

fn pure_core(root: &Path) -> Result<(), String> {
    let output = Command::new(cargo_program())
        .current_dir(root)
        .args(["tree", "-e", "normal", "-p", "scim2-core", "--prefix", "none"])
        .output()
        .map_err(|error| format!("cargo tree: {error}"))?;
    let tree = String::from_utf8_lossy(&output.stdout);
    let found = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .find(|name| NOT_IN_CORE.contains(name));
    match found {
        Some(name) => Err(format!("scim2-core depends on {name}, which does I/O")),
        None => Ok(()),
    }
}

/// The names of the fuzz targets: one file each.
fn fuzz_targets(root: &Path) -> Result<Vec<String>, String> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            (path.extension()? == "rs").then(|| path.file_stem()?.to_str().map(str::to_owned))?
        })
        .collect();
    names.sort();
    Ok(names)
}

fn run(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    step(Command::new(cargo_program()).current_dir(folder).args(arguments))
}

fn step(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}").replace('"', "");
    eprintln!("── {shown}");
    let started = Instant::now();
    let status = command.status().map_err(|error| format!("{shown}: {error}"))?;
    if !status.success() {
        return Err(format!("failed ({status}): {shown}"));
    }
    eprintln!("── done in {:.0?}", started.elapsed());
    Ok(())
}

fn cargo_program() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}
