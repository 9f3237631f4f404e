//! What the stores cost, beside SQL written by hand for the same rows of the same tables.
//!
//! Both sides take turns, so that a busy machine spoils neither; what is compared is the median
//! over all turns. `stores` prints a line for each promise and ends without success if one does
//! not hold; `stores --test` does everything once, with few users.
//!
//! The hand-written side of a look-up gives the text of the same answer: it reads the user's row
//! and the groups that have the user as a member, by prepared statements that know the numbers of
//! tenant, type and path, on a connection of its own, and puts the text together by `format!`. It
//! does without what the store looks for beside that: groups of groups, managers. Half of all users
//! are in a group.

mod by_hand;
mod people;

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use by_hand::{By, Rows, Writer};
use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_core::syntax::Filter;
use scim2_core::{Policy, ResourceType};
use scim2_provider::Store;
use scim2_provider::store::{Load, Page, Position, Query};
use scim2_sql::{PostgresStore, SqliteStore};
use tokio::runtime::Runtime;

/// How much is done.
#[derive(Clone, Copy)]
struct Size {
    users: usize,
    /// How many of them are in the large group.
    members: usize,
    /// How many users PostgreSQL is given by the store; the rest are copies.
    through_postgres: usize,
    rounds: usize,
    /// How long writers write each time.
    slice: Duration,
}

const FULL: Size = Size {
    users: 100_000,
    members: 50_000,
    through_postgres: 5_000,
    rounds: 200,
    slice: Duration::from_secs(1),
};
const TEST: Size = Size {
    users: 500,
    members: 250,
    through_postgres: 500,
    rounds: 2,
    slice: Duration::from_millis(20),
};

/// How many users a short run looks up.
const LOOKUPS: usize = 40;
/// How many results a page has.
const PAGE: u64 = 100;
/// How many clients write single users.
const WRITERS: usize = 16;
/// How many clients load users.
const LOADERS: usize = 256;
/// How much memory loading may take, in MiB.
const LOADING_MEMORY: f64 = 64.0;

/// What is printed, and whether all of it holds.
struct Report {
    kept: bool,
}

impl Report {
    fn ratio(&mut self, name: &str, compared: &Compared, most: f64) {
        let Compared { ours, other, ratio } = compared;
        let promised = self.promise(*ratio <= most, format!("at most {most}"));
        println!("  {name:<44} {ours:>9.1} {other:>9.1}   {ratio:>5.2} times{promised}");
    }

    fn promise(&mut self, holds: bool, promised: String) -> String {
        self.kept &= holds;
        format!(", {promised}: {}", if holds { "holds" } else { "DOES NOT HOLD" })
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let size = match arguments[..] {
        [] => FULL,
        ["--test"] => TEST,
        _ => {
            eprintln!("usage: stores [--test]");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report { kept: true };
    sqlite(size, &mut report);
    match std::env::var("DATABASE_URL") {
        Ok(url) => postgres(&url, size, &mut report),
        Err(_) => eprintln!("SKIPPED: the costs of PostgreSQL: there is no DATABASE_URL"),
    }
    if report.kept || arguments == ["--test"] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn sqlite(size: Size, report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("scim.db");
    let store = SqliteStore::open(&path).expect("a store");
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let many = many.expect("a runtime");

    println!("SQLite");
    let before = peak_memory();
    let (begin, spent) = (Instant::now(), processor_time());
    let ids = many.block_on(load(&store, 0, size.users));
    let rate = size.users as f64 / begin.elapsed().as_secs_f64();
    let spent = (processor_time() - spent).as_secs_f64() * 1e6 / size.users as f64;
    let grown = peak_memory() - before;
    let promised = report.promise(rate >= 10_000.0, "at least 10000".to_owned());
    println!("  loading users through the store: {rate:.0} a second{promised}");
    println!("    ({spent:.0} µs of processor time each, on all threads)");
    let promised = report.promise(grown <= LOADING_MEMORY, format!("at most {LOADING_MEMORY}"));
    println!("  memory at most while loading: {grown:.1} MiB more{promised}");

    let one = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let one = one.expect("a runtime");
    let fixture = Fixture { store, ids, size, runtime: one };
    let by_hand = by_hand::Sqlite::open(&path);
    fixture.header();
    fixture.members(report);
    fixture.look_ups(report, |by, numbers| {
        for number in numbers {
            let text = match by {
                By::Id => {
                    let id = uuid::Uuid::try_parse(fixture.ids[*number].as_str()).expect("a UUID");
                    by_hand.find(by, id.as_bytes())
                }
                _ => by_hand.find(by, &key(by, *number)),
            };
            black_box(text);
        }
    });
    fixture.pages(report);

    let Fixture { store, ids, .. } = fixture;
    let copy = folder.path().join("by-hand.db");
    many.block_on(store.backup(&copy)).expect("a copy");
    let template = by_hand
        .documents(uuid::Uuid::try_parse(ids[size.users - 1].as_str()).expect("a UUID").as_bytes());
    let template = Arc::new((size.users - 1, ids[size.users - 1].clone(), template));
    let bare = Arc::new(Writer::start(&copy));
    let number = Arc::new(AtomicUsize::new(size.users));
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..size.rounds.min(9) {
        let a = many.block_on(writers(size.slice, {
            let (store, number) = (store.clone(), number.clone());
            move || {
                let (store, number) = (store.clone(), number.fetch_add(1, Ordering::Relaxed));
                async move {
                    let (scope, ty) = (people::scope(), ResourceType::user());
                    let user = people::user(&ty, number);
                    store.insert(&scope, &ty, user.into()).await.expect("an insert");
                }
            }
        }));
        let b = many.block_on(writers(size.slice, {
            let (bare, template, number) = (bare.clone(), template.clone(), number.clone());
            move || {
                let (bare, template) = (bare.clone(), template.clone());
                let number = number.fetch_add(1, Ordering::Relaxed);
                async move { bare.write(rows(&template, number)).await }
            }
        }));
        ours.push(a);
        theirs.push(b);
        ratios.push(a / b);
    }
    let ratio = median(ratios);
    let promised = report.promise(ratio >= 0.7, "at least 0.7".to_owned());
    println!(
        "  16 clients write users: {:.0} a second, by hand {:.0}: {ratio:.2}{promised}",
        median(ours),
        median(theirs)
    );
}

fn postgres(url: &str, size: Size, report: &mut Report) {
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let one = one.expect("a runtime");
    let url = one.block_on(own_schema(url));
    let store = one.block_on(PostgresStore::connect(&url)).expect("a store");

    println!("PostgreSQL");
    let begin = Instant::now();
    let mut ids = one.block_on(load(&store, 0, size.through_postgres));
    let rate = size.through_postgres as f64 / begin.elapsed().as_secs_f64();
    println!("  loading users through the store: {rate:.0} a second");
    let copies = by_hand::copy_users(&url, &ids[0], size.through_postgres, size.users);
    ids.extend(one.block_on(copies));

    let by_hand = one.block_on(by_hand::Postgres::connect(&url));
    if !one.block_on(on_one_processor(&url)) {
        println!("  (client and server are where the system puts them: the figures are not sure)");
    }
    let fixture = Fixture { store, ids, size, runtime: one };
    fixture.header();
    fixture.members(report);
    fixture.look_ups(report, |by, numbers| {
        fixture.runtime.block_on(async {
            for number in numbers {
                let text = match by {
                    By::Id => by_hand.find(by, fixture.ids[*number].as_str()).await,
                    _ => by_hand.find(by, &key(by, *number)).await,
                };
                black_box(text);
            }
        });
    });
    fixture.pages(report);
}

/// Puts this process and the server's, one for each connection, on one processor, by `taskset`.
///
/// Otherwise what is measured is whether a connection's two ends happen to share a processor: to
/// wake another one takes longer than a look-up.
async fn on_one_processor(url: &str) -> bool {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a database");
    tokio::spawn(connection);
    let sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database()";
    let servers = client.query(sql, &[]).await.expect("the connections");
    let servers = servers.iter().map(|row| row.get::<_, i32>(0).to_string());
    servers.chain([std::process::id().to_string()]).all(|process| {
        let mut taskset = std::process::Command::new("taskset");
        taskset.args(["--all-tasks", "--cpu-list", "--pid", "0", &process]);
        taskset.output().is_ok_and(|output| output.status.success())
    })
}

/// The connection string of a schema of its own.
async fn own_schema(url: &str) -> String {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a database");
    let connection = tokio::spawn(connection);
    let schema = "scim2_stores";
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    client.batch_execute(&sql).await.expect("a schema");
    drop(client);
    let _ = connection.await;
    let mark = if url.contains('?') { '&' } else { '?' };
    format!("{url}{mark}options=-csearch_path%3D{schema}")
}

/// Adds users by many clients; the `id`s in the order of their numbers.
async fn load<S: Store + Clone>(store: &S, first: usize, count: usize) -> Vec<ResourceId> {
    let next = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..LOADERS.min(count))
        .map(|_| {
            let (store, next) = (store.clone(), Arc::clone(&next));
            tokio::spawn(async move {
                let (scope, ty) = (people::scope(), ResourceType::user());
                let mut ids = Vec::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return ids;
                    }
                    let user = people::user(&ty, first + number);
                    let stored = store.insert(&scope, &ty, user.into()).await.expect("an insert");
                    ids.push((number, ResourceId::from(stored.id())));
                }
            })
        })
        .collect();
    let mut ids = Vec::new();
    for client in clients {
        ids.extend(client.await.expect("a client"));
    }
    ids.sort_unstable();
    ids.into_iter().map(|(_, id)| id).collect()
}

/// How many users the clients write in a second, each the next when its last one is written.
async fn writers<F>(slice: Duration, write: impl Fn() -> F + Clone + Send + 'static) -> f64
where
    F: Future<Output = ()> + Send,
{
    let begin = Instant::now();
    let clients: Vec<_> = (0..WRITERS)
        .map(|_| {
            let write = write.clone();
            tokio::spawn(async move {
                let mut written = 0_u32;
                while begin.elapsed() < slice {
                    write().await;
                    written += 1;
                }
                written
            })
        })
        .collect();
    let mut written = 0;
    for client in clients {
        written += client.await.expect("a client");
    }
    f64::from(written) / begin.elapsed().as_secs_f64()
}

/// A user as rows, like the one of the template.
fn rows(template: &(usize, ResourceId, (String, String)), number: usize) -> Rows {
    let (old, old_id, (doc, search)) = template;
    let (old, new) = (old.to_string(), number.to_string());
    let now = i64::try_from(number).expect("a time");
    let id = uuid::Builder::from_unix_timestamp_millis(u64::MAX >> 17, &[0; 10]).into_uuid();
    let id = uuid::Uuid::from_u128(id.as_u128() + number as u128);
    Rows {
        id: id.into_bytes(),
        now,
        display_name: format!("Babs Jensen {number}"),
        user_name: people::user_name(number),
        doc: doc.replace(&old, &new),
        search: search.replace(old_id.as_str(), &id.hyphenated().to_string()).replace(&old, &new),
        keys: vec![
            ("externalId", people::external_id(number)),
            ("displayName", format!("babs jensen {number}")),
            ("emails.value", people::email(number)),
            ("emails.value", format!("babs.{number}@home.example.org")),
            (
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
                number.to_string(),
            ),
        ],
    }
}

fn key(by: By, number: usize) -> String {
    match by {
        By::Id => unreachable!("the store makes it"),
        By::UserName => people::user_name(number),
        By::Email => people::email(number),
        By::ExternalId => people::external_id(number),
    }
}

/// A store with users in it.
struct Fixture<S> {
    store: S,
    ids: Vec<ResourceId>,
    size: Size,
    runtime: Runtime,
}

impl<S: Store> Fixture<S> {
    fn header(&self) {
        println!("  {:<44} {:>9} {:>9}", "", "ours, µs", "other");
    }

    /// Users by id and by values, through the store and by hand.
    fn look_ups(&self, report: &mut Report, mut by_hand: impl FnMut(By, &[usize])) {
        let (scope, ty) = (people::scope(), ResourceType::user());
        for by in By::ALL {
            let mut next = scattered(self.size.users);
            let mut batch = || (0..LOOKUPS).map(|_| next()).collect::<Vec<_>>();
            let queries = |number: usize| {
                let attribute = match by {
                    By::Id => return None,
                    By::UserName => "userName",
                    By::Email => "emails.value",
                    By::ExternalId => "externalId",
                };
                let filter = Filter::eq(attribute, key(by, number).as_str());
                let filter = ty.bind(&filter, &Policy::strict()).expect("a filter");
                Some(Query::page(Page::first(PAGE)).with_filter(filter))
            };
            let compared = compare(self.size.rounds, |side| {
                let numbers = batch();
                // What a request is made into is no part of it.
                let queries: Vec<_> = numbers.iter().map(|number| queries(*number)).collect();
                let begin = Instant::now();
                match side {
                    Side::Ours => self.runtime.block_on(async {
                        for (number, query) in numbers.iter().zip(&queries) {
                            match query {
                                None => {
                                    let (id, load) = (&self.ids[*number], Load::Full);
                                    let text = self.store.get_text(&scope, &ty, id, load).await;
                                    black_box(text.expect("a store").expect("a user"));
                                }
                                Some(query) => {
                                    let found = self.store.query_text(&scope, &ty, query).await;
                                    let found = found.expect("a store");
                                    assert_eq!(found.total, Some(1));
                                    black_box(found);
                                }
                            }
                        }
                    }),
                    Side::Other => by_hand(by, &numbers),
                }
                begin.elapsed() / u32::try_from(LOOKUPS).expect("few")
            });
            report.ratio(by.name(), &compared, 1.3);
        }
    }

    /// A page far into the list, beside the first.
    fn pages(&self, report: &mut Report) {
        let (scope, ty) = (people::scope(), ResourceType::user());
        let page = |after: Option<Position>| {
            let query = Query::page(Page::Cursor { after, count: PAGE });
            self.runtime.block_on(self.store.query_text(&scope, &ty, &query)).expect("a page")
        };
        let mut at = None;
        for _ in 0..self.size.members / PAGE as usize {
            at = page(at).next;
        }
        assert!(at.is_some(), "there are users behind");
        let compared = compare(self.size.rounds.div_ceil(2), |side| {
            let after = match side {
                Side::Ours => at.clone(),
                Side::Other => None,
            };
            let begin = Instant::now();
            assert_eq!(black_box(page(after)).resources.len(), PAGE as usize);
            begin.elapsed()
        });
        let name = format!("page of 100 at {}, beside the first", self.size.members);
        report.ratio(&name, &compared, 1.5);
    }

    /// A member more and one less, in a large group and in a small one.
    fn members(&self, report: &mut Report) {
        let (scope, ty) = (people::scope(), ResourceType::group());
        let group = |name: &str, members: usize| {
            let group = people::group(&ty, name, &self.ids[..members]);
            let stored = self.runtime.block_on(self.store.insert(&scope, &ty, group.into()));
            ResourceId::from(stored.expect("a group").id())
        };
        let (large, small) = (group("large", self.size.members), group("small", 10));
        let mut next = scattered(self.size.users - self.size.members);
        let (mut add, mut remove) = (MemberDelta::default(), MemberDelta::default());
        let compared = compare(self.size.rounds, |side| {
            let member = &self.ids[self.size.members + next()];
            add.add = vec![Member::new(member.as_str())];
            remove.remove = vec![member.clone()];
            let group = match side {
                Side::Ours => &large,
                Side::Other => &small,
            };
            let begin = Instant::now();
            self.runtime.block_on(async {
                for delta in [&add, &remove] {
                    let changed =
                        self.store.change_members(&scope, &ty, group, None, delta, None).await;
                    assert!(changed.expect("a store").changed);
                }
            });
            begin.elapsed() / 2
        });
        let name = format!("a member of {}, beside one of 10", self.size.members);
        report.ratio(&name, &compared, 1.5);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Ours,
    Other,
}

/// Medians in microseconds, and the median of the ratios of all turns.
struct Compared {
    ours: f64,
    other: f64,
    ratio: f64,
}

fn compare(rounds: usize, mut run: impl FnMut(Side) -> Duration) -> Compared {
    let (mut ours, mut others, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds + rounds / 10 + 1 {
        // Who goes first changes.
        let sides =
            if round % 2 == 0 { [Side::Ours, Side::Other] } else { [Side::Other, Side::Ours] };
        let times = sides.map(|side| run(side).as_secs_f64() * 1e6);
        let (our, other) = if round % 2 == 0 { (times[0], times[1]) } else { (times[1], times[0]) };
        // The first turns warm up.
        if round > rounds / 10 {
            ours.push(our);
            others.push(other);
            ratios.push(our / other);
        }
    }
    Compared { ours: median(ours), other: median(others), ratio: median(ratios) }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Numbers below a bound, all over it.
fn scattered(bound: usize) -> impl FnMut() -> usize {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    }
}

/// How long all threads of this process have been running.
fn processor_time() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task");
    let nanoseconds = tasks.into_iter().flatten().flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The most memory that this process has had, in MiB.
fn peak_memory() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
