//! The threads that own the connections: one that writes, some that read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use scim2_provider::store::StoreError;
use tokio::sync::oneshot;

use super::error::{RETRY_AFTER, store_error};
use super::queue::Queued;
use crate::id::Generator;
use crate::names::Remembered;

/// How many changes one transaction takes at most. They wait for each other, so not for ever; one
/// wait for the disk should not be most of it either.
const GROUP: usize = 512;
/// How often others have their turn before a transaction ends that could take more changes.
const TURNS: usize = 4;
/// How many jobs wait at most; a store that is further behind says so.
const QUEUE: usize = 4096;
/// How many steps of SQLite's machine go by between two looks at whether to go on.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;
/// When to try again a store that is behind.
const BUSY: Duration = Duration::from_secs(1);

/// What changes are made with.
pub(crate) struct Writing<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) ids: &'a mut Generator,
    pub(crate) tenants: &'a Remembered,
    pub(crate) names: &'a Remembered,
}

type ReadJob = Box<dyn FnOnce(&mut Connection) + Send>;
/// A change, or the refusal of one for which no transaction can be begun.
type WriteJob = Box<dyn FnOnce(Result<&mut Writing<'_>, &rusqlite::Error>) -> Done + Send>;

/// A change that was made, but not yet for good.
struct Done {
    keep: Keep,
    tell: Tell,
}

/// Tells the one who asked, once the transaction has ended.
type Tell = Box<dyn FnOnce(&Result<(), String>) + Send>;

/// Tells a job that is going on that nobody waits for it any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Yes,
    No,
}

/// Threads that end when this is dropped, after they have done what was asked of them.
#[derive(Debug)]
pub(crate) struct Threads {
    write: Option<SyncSender<WriteJob>>,
    read: Option<SyncSender<ReadJob>>,
    handles: Vec<JoinHandle<()>>,
    /// How long one reading may take.
    time_limit: Duration,
}

impl Threads {
    pub(crate) fn start(
        writer: Connection,
        ids: Generator,
        readers: Vec<Connection>,
        time_limit: Duration,
    ) -> Result<Self, std::io::Error> {
        let (write, write_jobs) = sync_channel(QUEUE);
        let (read, read_jobs) = sync_channel(QUEUE);
        let read_jobs = Arc::new(Mutex::new(read_jobs));
        let handles = Vec::new();
        let mut threads = Self { write: Some(write), read: Some(read), handles, time_limit };
        threads.spawn("scim2-write", move || write_all(writer, ids, &write_jobs))?;
        for reader in readers {
            let jobs = Arc::clone(&read_jobs);
            threads.spawn("scim2-read", move || read_all(reader, &jobs))?;
        }
        Ok(threads)
    }

    fn spawn(
        &mut self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> Result<(), std::io::Error> {
        self.handles.push(std::thread::Builder::new().name(name.to_owned()).spawn(run)?);
        Ok(())
    }

    /// Reads in one transaction, so that all statements see the same state. What takes too long,
    /// and what nobody waits for, is stopped.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let _waiting = Waiting(Arc::clone(&given_up));
        let limit = self.time_limit;
        let job: ReadJob = Box::new(move |connection| {
            if sender.is_closed() {
                return;
            }
            let begun = Instant::now();
            let stop = move || given_up.load(Ordering::Relaxed) || begun.elapsed() > limit;
            let result = connection
                .progress_handler(STEPS_BETWEEN_LOOKS, Some(stop))
                .and_then(|()| connection.transaction_with_behavior(TransactionBehavior::Deferred))
                .map_err(store_error)
                .and_then(|transaction| work(&transaction));
            // Whoever went away needs no answer.
            let _ = sender.send(result);
        });
        self.ask(self.read.as_ref(), job, receiver).await
    }

    /// Makes a change, and returns when it is on the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let queued = Queued::enter();
        let job: WriteJob = Box::new(move |writing| {
            drop(queued);
            let result = match writing {
                Ok(writing) => work(writing),
                Err(error) => Err(unavailable(error.to_string())),
            };
            let keep = if result.is_ok() { Keep::Yes } else { Keep::No };
            let tell = Box::new(move |committed: &Result<(), String>| {
                let result = match (result, committed) {
                    (Ok(_), Err(cause)) => Err(unavailable(cause.clone())),
                    (result, _) => result,
                };
                let _ = sender.send(result);
            });
            Done { keep, tell }
        });
        self.ask(self.write.as_ref(), job, receiver).await
    }

    async fn ask<J, T>(
        &self,
        queue: Option<&SyncSender<J>>,
        job: J,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let queue = queue.ok_or_else(|| StoreError::internal("the store is closed"))?;
        match queue.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(StoreError::Unavailable { retry_after: Some(BUSY), source: None });
            }
            Err(TrySendError::Disconnected(_)) => {
                return Err(StoreError::internal("the store's thread is gone"));
            }
        }
        match answer.await {
            Ok(result) => result,
            // What was asked of the thread has panicked, or what was asked before.
            Err(_) => Err(StoreError::Unavailable {
                retry_after: Some(BUSY),
                source: Some("the store dropped the request".into()),
            }),
        }
    }
}

/// A change that the database could not make for good.
fn unavailable(cause: String) -> StoreError {
    StoreError::Unavailable { retry_after: Some(RETRY_AFTER), source: Some(cause.into()) }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.write = None;
        self.read = None;
        for handle in self.handles.drain(..) {
            let _ = handle.join();
        }
    }
}

/// Makes changes, as many as wait in one transaction: one wait for the disk serves them all.
fn write_all(mut connection: Connection, mut ids: Generator, jobs: &Receiver<WriteJob>) {
    let (tenants, names) = (Remembered::default(), Remembered::default());
    while let Ok(first) = jobs.recv() {
        let mut tell = Vec::new();
        let numbers = (&tenants, &names);
        let result = write_group(&mut connection, &mut ids, numbers, first, jobs, &mut tell);
        if result.is_err() {
            forget(numbers);
        }
        let result = result.map_err(|error| error.to_string());
        for tell in tell {
            tell(&result);
        }
    }
}

/// Some of the numbers may have been made by what is undone.
fn forget((tenants, names): (&Remembered, &Remembered)) {
    tenants.clear();
    names.clear();
}

fn write_group(
    connection: &mut Connection,
    ids: &mut Generator,
    numbers: (&Remembered, &Remembered),
    first: WriteJob,
    jobs: &Receiver<WriteJob>,
    tell: &mut Vec<Tell>,
) -> Result<(), rusqlite::Error> {
    let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => {
            // Those who wait too would only wait longer.
            let all = std::iter::once(first).chain(jobs.try_iter());
            tell.extend(all.map(|job| job(Err(&error)).tell));
            return Err(error);
        }
    };
    let run = |sql: &str| transaction.prepare_cached(sql)?.execute([]);
    let (tenants, names) = numbers;
    let mut next = Some(first);
    while let Some(job) = next {
        run("SAVEPOINT job")?;
        let mut writing = Writing { connection: &transaction, ids: &mut *ids, tenants, names };
        // What panics is undone like what fails; whoever asked is told that there is no answer.
        let done = catch_unwind(AssertUnwindSafe(|| job(Ok(&mut writing))));
        let keep = done.as_ref().map_or(Keep::No, |done| done.keep);
        tell.extend(done.map(|done| done.tell));
        if keep == Keep::No {
            run("ROLLBACK TO job")?;
            forget(numbers);
        }
        run("RELEASE job")?;
        next = if tell.len() < GROUP { next_job(jobs) } else { None };
    }
    transaction.commit()
}

/// What waits, or comes when others have had their turn: who was told of the last group may be
/// about to ask for the next change.
fn next_job(jobs: &Receiver<WriteJob>) -> Option<WriteJob> {
    for _ in 0..TURNS {
        if let Ok(job) = jobs.try_recv() {
            return Some(job);
        }
        std::thread::yield_now();
    }
    jobs.try_recv().ok()
}

fn read_all(mut connection: Connection, jobs: &Mutex<Receiver<ReadJob>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic ends its own job alone; the transaction is rolled back on the way.
        let _ = catch_unwind(AssertUnwindSafe(|| job(&mut connection)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::error::Sqlite;

    const LIMIT: Duration = Duration::from_secs(600);

    /// Threads on a file with one table, `t (n)`.
    struct Fixture {
        threads: Threads,
        runtime: tokio::runtime::Runtime,
        _directory: tempfile::TempDir,
    }

    fn fixture() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("test.db");
        let writer = Connection::open(&path).unwrap();
        writer.pragma_update(None, "journal_mode", "WAL").unwrap();
        writer.execute_batch("CREATE TABLE t (n INTEGER UNIQUE)").unwrap();
        let readers = vec![Connection::open(&path).unwrap()];
        let threads = Threads::start(writer, Generator::after(None), readers, LIMIT).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Fixture { threads, runtime, _directory: directory }
    }

    impl Fixture {
        /// What each of these jobs is answered when they wait for the disk together.
        fn together(&self, jobs: Vec<fn(&Connection) -> i64>) -> Vec<Result<i64, String>> {
            let (go, wait) = std::sync::mpsc::channel::<()>();
            self.runtime.block_on(async {
                let first = self.threads.write(move |_| {
                    // Whoever sends has gone when it does not send.
                    let _ = wait.recv();
                    Ok(0)
                });
                let rest: Vec<_> = jobs
                    .into_iter()
                    .map(|job| self.threads.write(move |writing| Ok(job(writing.connection))))
                    .collect();
                let all = futures_join(first, rest, move || drop(go));
                all.await.into_iter().map(|r| r.map_err(|error| error.to_string())).collect()
            })
        }

        fn numbers(&self) -> Vec<i64> {
            let read = self.threads.read(|connection| {
                let mut statement = connection.prepare("SELECT n FROM t ORDER BY n").db()?;
                let rows = statement.query_map([], |row| row.get(0)).db()?;
                rows.collect::<Result<Vec<i64>, _>>().db()
            });
            self.runtime.block_on(read).unwrap()
        }
    }

    /// Queues all futures by polling each once, calls `then`, and waits for all. The first
    /// fares like the others, and is not in the answer.
    async fn futures_join<T>(
        first: impl Future<Output = Result<T, StoreError>>,
        rest: Vec<impl Future<Output = Result<T, StoreError>>>,
        then: impl FnOnce(),
    ) -> Vec<Result<T, StoreError>> {
        let mut first = Box::pin(first);
        let mut rest: Vec<_> = rest.into_iter().map(Box::pin).collect();
        let mut then = Some(then);
        std::future::poll_fn(|context| {
            if then.is_some() {
                assert!(first.as_mut().poll(context).is_pending());
                for future in &mut rest {
                    assert!(future.as_mut().poll(context).is_pending());
                }
            }
            if let Some(then) = then.take() {
                then();
            }
            std::task::Poll::Ready(())
        })
        .await;
        let _ = first.await;
        let mut results = Vec::new();
        for future in rest {
            results.push(future.await);
        }
        results
    }

    fn put(connection: &Connection, n: i64) -> i64 {
        connection.execute("INSERT INTO t VALUES (?1)", [n]).unwrap();
        n
    }

    #[test]
    fn what_panics_takes_nothing_else_along() {
        let fixture = fixture();
        let results = fixture.together(vec![
            |connection| put(connection, 1),
            |connection| {
                put(connection, 2);
                panic!("as the test wants it")
            },
            |connection| put(connection, 3),
        ]);
        assert_eq!(results[0], Ok(1));
        assert!(results[1].is_err());
        assert_eq!(results[2], Ok(3));
        assert_eq!(fixture.numbers(), [1, 3]);
        // The thread lives.
        assert_eq!(fixture.together(vec![|connection| put(connection, 4)]), [Ok(4)]);
    }

    #[test]
    fn what_fails_is_undone_alone() {
        let fixture = fixture();
        fixture.runtime.block_on(async {
            let fail = fixture.threads.write(|writing| {
                put(writing.connection, 1);
                Err::<(), _>(StoreError::NotFound)
            });
            assert!(matches!(fail.await, Err(StoreError::NotFound)));
            fixture.threads.write(|writing| Ok(put(writing.connection, 2))).await.unwrap();
        });
        assert_eq!(fixture.numbers(), [2]);
    }

    #[test]
    fn when_the_transaction_cannot_end_well_everyone_is_told() {
        let fixture = fixture();
        let results = fixture.together(vec![|connection| put(connection, 1), |connection| {
            // Ends the transaction that all of them are in.
            connection.execute_batch("ROLLBACK").unwrap();
            2
        }]);
        assert!(results.iter().all(Result::is_err), "{results:?}");
        assert!(fixture.numbers().is_empty());
        assert_eq!(fixture.together(vec![|connection| put(connection, 4)]), [Ok(4)]);
    }

    #[test]
    fn reading_survives_a_panic() {
        let fixture = fixture();
        let read = fixture.threads.read(|_| -> Result<(), StoreError> { panic!("as wanted") });
        fixture.runtime.block_on(read).unwrap_err();
        assert!(fixture.numbers().is_empty());
    }

    /// Counts for ever.
    const ENDLESS: &str =
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n) SELECT max(n) FROM n";

    fn endless(connection: &Connection) -> Result<i64, StoreError> {
        connection.query_row(ENDLESS, [], |row| row.get(0)).db()
    }

    #[test]
    fn what_nobody_waits_for_ends() {
        let fixture = fixture();
        fixture.runtime.block_on(async {
            let mut read = Box::pin(fixture.threads.read(endless));
            std::future::poll_fn(|context| {
                assert!(read.as_mut().poll(context).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
        });
        // The only thread that reads is free for others.
        assert!(fixture.numbers().is_empty());
    }

    #[test]
    fn what_takes_too_long_ends() {
        let mut fixture = fixture();
        fixture.threads.time_limit = Duration::from_millis(1);
        let result = fixture.runtime.block_on(fixture.threads.read(endless));
        assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
    }

    #[test]
    fn what_was_asked_is_done_before_the_threads_end() {
        let fixture = fixture();
        let path = fixture._directory.path().join("test.db");
        fixture.runtime.block_on(async {
            for n in 0..200 {
                // Asked for, and never waited for.
                let mut write =
                    Box::pin(fixture.threads.write(move |writing| Ok(put(writing.connection, n))));
                std::future::poll_fn(|context| {
                    let _ = write.as_mut().poll(context);
                    std::task::Poll::Ready(())
                })
                .await;
            }
        });
        drop(fixture.threads);
        let count: i64 = Connection::open(path)
            .unwrap()
            .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 200);
    }
}
