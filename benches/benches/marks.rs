//! The costs that the project promises, each beside what it is measured against.
//!
//! `cargo bench --bench marks` prints a line for each and ends without success if one does not
//! hold. Times are the best of many short runs, taken in turns, so that a busy machine spoils
//! neither side; where valgrind is installed, instructions are counted beside them.

use std::cell::LazyCell;
use std::env;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use scim2_benches::core::{
    FULL_USER, THREE_TERMS, bound, change_members, full_user, full_user_json, group, replace_title,
};
use scim2_benches::endpoint::Endpoint;
use scim2_core::{Policy, Resource, ResourceType, User};
use serde_json::Value;

/// Something that can be done again and again.
struct Subject {
    name: &'static str,
    run: Box<dyn FnMut()>,
}

fn subject<T>(name: &'static str, mut run: impl FnMut() -> T + 'static) -> Subject {
    Subject {
        name,
        run: Box::new(move || {
            black_box(run());
        }),
    }
}

/// What is promised.
enum Bar {
    /// At most this many times what it is measured against.
    Times(f64),
    /// At least this many a second, whatever the others do.
    PerSecond(f64),
}

struct Mark {
    name: &'static str,
    bar: Bar,
    ours: Subject,
    others: Vec<Subject>,
}

fn marks() -> Vec<Mark> {
    let policy = Policy::strict;
    let of_users = ResourceType::user();
    let (document, op) = (full_user(), replace_title());
    vec![
        Mark {
            name: "ingest of the RFC's full user",
            bar: Bar::Times(1.5),
            ours: subject("ingest", {
                let (of_users, policy) = (of_users.clone(), policy());
                move || of_users.ingest(black_box(FULL_USER), &policy)
            }),
            others: vec![subject("serde_json::Value", || {
                serde_json::from_slice::<Value>(black_box(FULL_USER))
            })],
        },
        Mark {
            name: "typed User of the same, nothing lost",
            bar: Bar::Times(1.3),
            ours: subject("scim2::User", || serde_json::from_slice::<User>(black_box(FULL_USER))),
            others: vec![subject("scim_v2::User", || {
                serde_json::from_slice::<scim_v2::models::user::User>(black_box(FULL_USER))
            })],
        },
        Mark {
            name: "matches of a filter of three terms",
            bar: Bar::PerSecond(1_000_000.0),
            ours: subject("matches", {
                let (filter, document) = (bound(THREE_TERMS), document.clone());
                assert!(filter.matches(&document));
                move || filter.matches(black_box(&document))
            }),
            others: vec![
                subject("scim-filter", {
                    let json = full_user_json();
                    let (_, filter) =
                        scim_filter::parser::filter(THREE_TERMS).expect("a filter for scim-filter");
                    move || filter.r#match(black_box(&json))
                }),
                subject("scim-kit", {
                    let json = full_user_json();
                    let filter =
                        scim_kit::filter::parse_filter(THREE_TERMS).expect("a filter for scim-kit");
                    move || filter.matches(black_box(&json))
                }),
            ],
        },
        Mark {
            name: "PATCH of one attribute, on a copy",
            bar: Bar::Times(2.0),
            ours: subject("patched", {
                let (of_users, policy, document) = (of_users, policy(), document.clone());
                move || of_users.patched(black_box(&document), &op, &policy)
            }),
            others: vec![subject("clone", {
                let document: Resource = document;
                move || black_box(&document).clone()
            })],
        },
        Mark {
            name: "a change of members as a delta, whatever the group's size",
            bar: Bar::PerSecond(100_000.0),
            ours: subject("delta", {
                let (of_groups, policy, op) = (ResourceType::group(), policy(), change_members());
                move || of_groups.member_delta(black_box(&op), &policy)
            }),
            others: vec![on_document(10), on_document(100_000)],
        },
        Mark {
            name: "PATCH of one member of 100,000, over HTTP types and a store",
            bar: Bar::Times(1.5),
            ours: endpoint(100_000),
            others: vec![endpoint(10)],
        },
    ]
}

/// The same change on the whole document, which the delta spares a store.
fn on_document(size: usize) -> Subject {
    let (of_groups, policy, op) = (ResourceType::group(), Policy::strict(), change_members());
    let before = LazyCell::new(move || group(size));
    let name = if size < 100 { "document of 10" } else { "document of 100,000" };
    subject(name, move || of_groups.patched(black_box(&before), &op, &policy))
}

/// A service provider that adds a member to a group of this size and takes it out again, in turns.
fn endpoint(size: usize) -> Subject {
    let mut endpoint = None;
    let name = if size < 100 { "PATCH, group of 10" } else { "PATCH, group of 100,000" };
    subject(name, move || endpoint.get_or_insert_with(|| Endpoint::new(size)).patch())
}

/// How long one short run takes.
const SLICE: Duration = Duration::from_micros(500);
/// How many short runs each subject gets.
const ROUNDS: usize = 500;

/// The best time of one turn of each subject, in nanoseconds.
fn times(subjects: &mut [&mut Subject]) -> Vec<f64> {
    let turns: Vec<u32> = subjects
        .iter_mut()
        .map(|subject| {
            let mut turns = 1;
            loop {
                let spent = time(subject, turns);
                if spent > SLICE / 4 {
                    let one = spent.as_secs_f64() / f64::from(turns);
                    return ((SLICE.as_secs_f64() / one) as u32).max(1);
                }
                turns *= 2;
            }
        })
        .collect();
    let mut best = vec![f64::INFINITY; subjects.len()];
    for _ in 0..ROUNDS {
        for (at, subject) in subjects.iter_mut().enumerate() {
            let spent = time(subject, turns[at]).as_secs_f64() * 1e9 / f64::from(turns[at]);
            best[at] = best[at].min(spent);
        }
    }
    best
}

fn time(subject: &mut Subject, turns: u32) -> Duration {
    let start = Instant::now();
    for _ in 0..turns {
        (subject.run)();
    }
    start.elapsed()
}

/// How many instructions one turn takes, by running this program under valgrind.
fn instructions(name: &str, turns: u32) -> Option<f64> {
    let count = |turns: u32| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(env::current_exe().ok()?)
            .args(["once", name, &turns.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, count) = text.split_once("Collected : ")?;
        count.split_whitespace().next()?.parse::<f64>().ok()
    };
    Some((count(1 + turns)? - count(1)?) / f64::from(turns))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut marks = marks();
    let all =
        marks.iter_mut().flat_map(|mark| std::iter::once(&mut mark.ours).chain(&mut mark.others));
    if let ["once", name, turns] = arguments[..] {
        let turns = turns.parse().expect("how many times");
        let mut all = all;
        time(all.find(|subject| subject.name == name).expect("a subject"), turns);
        return ExitCode::SUCCESS;
    }
    if arguments.contains(&"--test") {
        all.for_each(|subject| (subject.run)());
        return ExitCode::SUCCESS;
    }
    let mut failed = false;
    println!("{:<38} {:>10} {:>13}   promised", "", "time", "instructions");
    for mark in &mut marks {
        let mut subjects: Vec<&mut Subject> =
            std::iter::once(&mut mark.ours).chain(&mut mark.others).collect();
        let times = times(&mut subjects);
        let names: Vec<&str> = subjects.iter().map(|subject| subject.name).collect();
        let counts: Vec<Option<f64>> = (times.iter().zip(&names))
            .map(|(time, name)| {
                // Enough to drown what the program does besides, and not more than seconds.
                let turns = (2e6 / time).clamp(2.0, 1_000.0) as u32;
                instructions(name, turns)
            })
            .collect();
        println!("{}", mark.name);
        for (at, name) in names.iter().enumerate() {
            let promised = match (at, &mark.bar) {
                (0, Bar::PerSecond(least)) => {
                    let rate = 1e9 / times[0];
                    failed |= rate < *least;
                    let holds = if rate < *least { "DOES NOT HOLD" } else { "holds" };
                    format!(
                        "{:.2} million a second, at least {:.2}: {holds}",
                        rate / 1e6,
                        least / 1e6
                    )
                }
                (0, Bar::Times(most)) => {
                    let ratio = times[0] / times[1];
                    failed |= ratio > *most;
                    let holds = if ratio > *most { "DOES NOT HOLD" } else { "holds" };
                    let counted = match (counts[0], counts[1]) {
                        (Some(ours), Some(theirs)) => {
                            format!(" ({:.2} in instructions)", ours / theirs)
                        }
                        _ => String::new(),
                    };
                    format!("{ratio:.2} times{counted}, at most {most}: {holds}")
                }
                _ => String::new(),
            };
            let count = counts[at].map_or("-".to_owned(), |count| format!("{count:.0}"));
            println!("  {:<36} {:>7.2} µs {count:>13}   {promised}", name, times[at] / 1e3);
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
