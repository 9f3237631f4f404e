//! What a request costs over a socket, beside a bare axum handler that answers the same bytes.
//!
//! Each server runs in a process of its own, on one thread; the driver sends from another, over
//! connections that stay open, to one server after the other, again and again. Rates are medians
//! of short runs; CPU is what the server's process spent, so that a slow driver hides nothing.
//!
//! `load` prints the table and ends without success if a promise does not hold. `load --test`
//! does everything once.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use scim2_benches::serve::{Kind, Server, TOKEN, request};
use tower_service::Service;

/// How many users there are.
const USERS: usize = 1_000;
/// How many connections are open to each server.
const CONNECTIONS: usize = 8;

/// What is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    User,
    Page,
}

impl What {
    const ALL: [Self; 2] = [Self::User, Self::Page];

    fn name(self) -> &'static str {
        match self {
            Self::User => "GET /Users/{id}",
            Self::Page => "GET /Users, a page of 100",
        }
    }

    fn path(self, id: &str) -> String {
        match self {
            Self::User => format!("/Users/{id}"),
            Self::Page => "/Users?count=100".to_owned(),
        }
    }
}

/// What is promised: this much of the rate of another.
const PROMISES: [(What, Kind, Kind, f64); 3] = [
    (What::User, Kind::Memory, Kind::Bare, 0.7),
    (What::Page, Kind::Memory, Kind::Bare, 0.5),
    (What::User, Kind::Sqlite, Kind::Memory, 0.5),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        ["serve", kind] => kind.parse().map_err(io::Error::other).and_then(serve),
        ["once", kind, what, turns] => once(kind, what, turns).map_err(io::Error::other),
        ["--test"] => run(2, Duration::from_millis(50)).map(drop),
        [] => match run(24, Duration::from_millis(250)) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error),
        },
        _ => Err(io::Error::other("usage: load [--test]")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A server's process: says where it is, and serves until it is killed.
fn serve(kind: Kind) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let server = Server::new(kind, USERS).await;
        println!("{} {}", listener.local_addr()?, server.id);
        io::stdout().flush()?;
        server.serve(kind, listener).await
    })
}

/// Requests without a socket, for counting instructions.
fn once(kind: &str, what: &str, turns: &str) -> Result<(), String> {
    let kind = kind.parse::<Kind>()?;
    let what = if what == "page" { What::Page } else { What::User };
    let turns = turns.parse::<u32>().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let mut server = Server::new(kind, 128).await;
        let path = what.path(&server.id);
        for _ in 0..turns {
            let response = server.router.call(request(&path)).await;
            assert!(response.is_ok_and(|response| response.status() == 200));
        }
    });
    Ok(())
}

/// A server's process and the connections to it.
struct Target {
    kind: Kind,
    child: Child,
    id: String,
    address: String,
    buffer: Vec<u8>,
}

impl Target {
    fn start(kind: Kind) -> io::Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["serve", kind.as_str()])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or_else(|| io::Error::other("no output"))?;
        BufReader::new(output).read_line(&mut line)?;
        let (address, id) =
            line.trim().split_once(' ').ok_or_else(|| io::Error::other("no address"))?;
        let (address, id) = (address.to_owned(), id.to_owned());
        Ok(Self { kind, child, id, address, buffer: vec![0; 1 << 20] })
    }

    fn connect(&self) -> io::Result<Vec<TcpStream>> {
        let connections = (0..CONNECTIONS).map(|_| {
            let stream = TcpStream::connect(&self.address)?;
            stream.set_nodelay(true)?;
            Ok(stream)
        });
        connections.collect()
    }

    /// Sends to all connections in turn, each one's next request when its answer is read.
    fn drive(&mut self, what: What, duration: Duration, run: &mut Run) -> io::Result<()> {
        let request = format!(
            "GET {} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
             accept: application/scim+json\r\n\r\n",
            what.path(&self.id)
        );
        let mut connections = self.connect()?;
        // Accepting them is no part of it.
        for stream in &mut connections {
            stream.write_all(request.as_bytes())?;
            answer(stream, &mut self.buffer)?;
        }
        let cpu = self.cpu();
        let begin = Instant::now();
        let mut sent = Vec::with_capacity(CONNECTIONS);
        for stream in &mut connections {
            sent.push(Instant::now());
            stream.write_all(request.as_bytes())?;
        }
        let mut answers = 0_u32;
        'run: loop {
            for (stream, sent) in connections.iter_mut().zip(&mut sent) {
                answer(stream, &mut self.buffer)?;
                let now = Instant::now();
                run.latencies.push(now - *sent);
                answers += 1;
                if now - begin > duration {
                    break 'run;
                }
                *sent = now;
                stream.write_all(request.as_bytes())?;
            }
        }
        let elapsed = begin.elapsed();
        // The answers under way: every connection but the one that was read last.
        let last = (answers as usize - 1) % CONNECTIONS;
        for (at, stream) in connections.iter_mut().enumerate() {
            if at != last {
                answer(stream, &mut self.buffer)?;
            }
        }
        run.rates.push(f64::from(answers) / elapsed.as_secs_f64());
        let spent = self.cpu().saturating_sub(cpu);
        run.cpu.push(spent.as_secs_f64() / f64::from(answers + 7));
        Ok(())
    }

    /// How long all threads of the server have been running.
    fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let nanoseconds = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Resident memory, as the kernel prints it.
    fn memory(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.map_or("-".to_owned(), |kib| format!("{:.1}", kib / 1024.0))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads one answer with a length.
fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    let mut end = None;
    while end.is_none_or(|end| filled < end) {
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        filled += read;
        if end.is_none() {
            end = length(&buffer[..filled])?;
        }
    }
    Ok(())
}

/// How long an answer is, head and body, once its head is there.
fn length(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(head) = bytes.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&bytes[..head]).map_err(io::Error::other)?;
    if !text.starts_with("HTTP/1.1 200") {
        return Err(io::Error::other(text.to_owned()));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse::<usize>().ok());
    length.map(|length| Some(head + 4 + length)).ok_or_else(|| io::Error::other("no length"))
}

/// What one server did with one kind of request.
#[derive(Default)]
struct Run {
    rates: Vec<f64>,
    cpu: Vec<f64>,
    latencies: Vec<Duration>,
}

impl Run {
    fn latency(&mut self, share: f64) -> f64 {
        self.latencies.sort_unstable();
        let at = (self.latencies.len() as f64 * share) as usize;
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e6)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Prints the table. Whether every promise holds.
fn run(rounds: usize, slice: Duration) -> io::Result<bool> {
    let mut targets = Kind::ALL.map(Target::start).into_iter().collect::<io::Result<Vec<_>>>()?;
    let mut kept = true;
    for what in What::ALL {
        let mut runs = Kind::ALL.map(|_| Run::default());
        for target in &mut targets {
            target.drive(what, slice, &mut Run::default())?;
        }
        for _ in 0..rounds {
            for (target, run) in targets.iter_mut().zip(&mut runs) {
                target.drive(what, slice, run)?;
            }
        }
        println!("{}", what.name());
        println!(
            "  {:<8} {:>10} {:>10} {:>10} {:>12} {:>14} {:>10}",
            "", "requests/s", "p50 µs", "p99 µs", "CPU µs/req", "instructions", "RSS MiB"
        );
        for (target, run) in targets.iter().zip(&mut runs) {
            let counted = instructions(target.kind, what);
            println!(
                "  {:<8} {:>10.0} {:>10.0} {:>10.0} {:>12.1} {:>14} {:>10}",
                target.kind.as_str(),
                median(run.rates.clone()),
                run.latency(0.5),
                run.latency(0.99),
                median(run.cpu.clone()) * 1e6,
                counted.map_or("-".to_owned(), |count| format!("{count:.0}")),
                target.memory(),
            );
        }
        for (of, ours, other, least) in PROMISES {
            if of != what {
                continue;
            }
            let run = |kind| Kind::ALL.iter().position(|k| *k == kind).map(|at| &runs[at]);
            let (Some(a), Some(b)) = (run(ours), run(other)) else { continue };
            // Round by round, so that what slowed one down slowed the other.
            let by_round =
                |a: &[f64], b: &[f64]| median(a.iter().zip(b).map(|(a, b)| a / b).collect());
            let rate = by_round(&a.rates, &b.rates);
            let cpu = by_round(&b.cpu, &a.cpu);
            let holds = if rate >= least { "holds" } else { "DOES NOT HOLD" };
            kept &= rate >= least;
            println!(
                "  {} has {rate:.2} of the rate of {} ({cpu:.2} by CPU time), at least {least}: {holds}",
                ours.as_str(),
                other.as_str()
            );
        }
    }
    Ok(kept)
}

/// How many instructions one request takes without its socket, by running this under valgrind.
fn instructions(kind: Kind, what: What) -> Option<f64> {
    if kind == Kind::Sqlite {
        return None;
    }
    let what = if what == What::Page { "page" } else { "user" };
    let count = |turns: u32| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().ok()?)
            .args(["once", kind.as_str(), what, &turns.to_string()])
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, count) = text.split_once("Collected : ")?;
        count.split_whitespace().next()?.parse::<f64>().ok()
    };
    const TURNS: u32 = 50;
    Some((count(1 + TURNS)? - count(1)?) / f64::from(TURNS))
}
