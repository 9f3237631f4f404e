//! `scim demo`: an Entra ID directory, provisioned into an endpoint with the limits of AWS IAM
//! Identity Center. Both ends run here; what happens between them is the real thing.

mod changes;
mod screen;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use scim2_client::{Client, Paging};
use scim2_provider::auth::generate_token;
use scim2_reqwest::ReqwestTransport;
use scim2_sync::desired::Mapping;
use scim2_sync::engine::{CycleKind, SyncEngine};
use scim2_sync::log::{LogValues, ProvisioningLog, System};
use scim2_sync::plan::Preflight;
use scim2_sync::report::CycleReport;
use scim2_sync::source::{GraphDirectory, Snapshot, SourceId};
use scim2_sync::state::{Binding, Retain, State};
use scim2_sync::verify::Verification;
use scim2_vendor::{aws, entra};
use tokio::sync::oneshot;

use self::screen::Screen;
use crate::Failure;
use crate::operations::Operations;
use crate::serve::{Endpoint, Profile, open_folder, runtime};

/// How many failures are shown of each cycle; the log has all of them.
const FAILURES_SHOWN: usize = 8;
/// How many differences between source and target are shown.
const DIFFERENCES_SHOWN: usize = 20;

/// The directory that the demo provisions unless it is given another.
const SHIPPED: [(&str, &str); 4] = [
    ("users.json", include_str!("../demo/users.json")),
    ("groups.json", include_str!("../demo/groups.json")),
    ("assignments.json", include_str!("../demo/assignments.json")),
    ("changes.json", include_str!("../demo/changes.json")),
];

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// A folder with another directory: users.json, groups.json, assignments.json and
    /// changes.json in Microsoft Graph's shape.
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
}

impl Demo {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        runtime()?.block_on(self.demonstrate(&mut Screen::new(out)))
    }

    async fn demonstrate(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let started = Instant::now();
        let folder =
            private_folder().map_err(|error| Failure::because("temporary folder", &error))?;
        let source = match &self.source {
            Some(source) => source.clone(),
            None => unpack(folder.path())?,
        };

        screen.heading("The directory")?;
        let directory = GraphDirectory::new(&source);
        let mut snapshot =
            directory.read_full().map_err(|error| Failure::because("the source", &error))?;
        let delta =
            directory.read_changes().map_err(|error| Failure::because("the source", &error))?;
        // From here on there is something to look at afterwards.
        let folder = folder.keep();
        screen.line(format_args!(
            "{}: {} users, {} groups, {} assignments",
            source.display(),
            snapshot.users.len(),
            snapshot.groups.len(),
            snapshot.assignments.len(),
        ))?;

        screen.heading("The endpoint")?;
        let token = generate_token().map_err(|error| Failure::because("token", &error))?;
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let operations = Operations::default();
        let offered = Profile::Aws.into();
        let store = open_folder(&folder, &offered)?;
        let endpoint = Endpoint::open(store, offered, anywhere, None, &token, &operations).await?;
        let url = endpoint.url.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(endpoint.serve(async {
            // An error says that the other end is gone, which is as good as being told.
            let _ = stopped.await;
        }));
        screen.line(format_args!("tenant URL    {url}"))?;
        screen.line(format_args!("secret token  made for this run"))?;
        screen.line(format_args!("limits        those of AWS IAM Identity Center"))?;

        let transport =
            ReqwestTransport::new().map_err(|error| Failure::because("transport", &error))?;
        let client = Client::builder(transport, url.clone())
            .bearer(token)
            .paging(Paging::cursor())
            .build()
            .map_err(|error| Failure::because("client", &error))?;
        let binding = Binding::new(url.as_str());
        let state = State::open(&folder.join("state.jsonl"), binding, Retain::Values)
            .map_err(|error| Failure::because("state", &error))?;
        let log_path = folder.join("provisioning-log.jsonl");
        let log = fs::File::create(&log_path)
            .map_err(|error| Failure::because(log_path.display(), &error))?;
        let log = ProvisioningLog::new(std::io::BufWriter::new(log)).values(LogValues::Shown);

        let mut users = entra::user_mapping();
        let unedited = mapping(&users)?;
        aws::edit_entra_mapping(&mut users);
        let edited = mapping(&users)?;
        let engine = SyncEngine::new(client, aws::profile(), unedited, state)
            .with_log(log)
            .with_progress(screen.progress())
            .with_preflight(Preflight::Report)
            .with_names(
                "demo",
                System::new("entra", "Microsoft Entra ID"),
                System::new("aws", "AWS IAM Identity Center"),
            );
        let mut job = Job { engine, screen, cycles: Vec::new(), faults: Vec::new() };

        job.screen.heading("Test connection")?;
        job.engine
            .test_connection()
            .await
            .map_err(|error| Failure::because("test connection", &error))?;
        job.screen.line("the endpoint answers, and takes the token")?;

        job.cycle("Initial sync, Entra's mapping unedited", CycleKind::Initial, &snapshot).await?;
        job.expect_refusals(&snapshot).await?;
        job.engine.set_mapping(edited);
        job.cycle(
            "Initial sync, the mapping edited (no mobile, no fax; externalId from objectId)",
            CycleKind::Initial,
            &snapshot,
        )
        .await?;
        job.compare(&snapshot).await?;

        let quiet = job
            .cycle("Incremental sync, nothing changed", CycleKind::Incremental, &snapshot)
            .await?;
        if quiet.requests != 1 || !quiet.is_quiet() {
            job.faults.push(format!("a cycle without changes was not quiet: {quiet}"));
        }

        let described = changes::describe(&delta, &snapshot);
        snapshot.apply(delta).map_err(|error| Failure::because("the source", &error))?;
        job.cycle("Incremental sync, after changes", CycleKind::Incremental, &snapshot).await?;
        job.screen.line("")?;
        for change in described {
            let seen = change.seen(&job.engine).await?;
            job.screen.line(format_args!("{:<58}  {seen}", change.what))?;
        }
        job.compare(&snapshot).await?;

        let Job { screen, cycles, faults, engine } = job;
        drop(engine);
        // The receiver is gone only if serving has ended, which the next line reports.
        let _ = stop.send(());
        served.await.map_err(|error| Failure::because("serving", &error))??;
        summary(screen, &cycles, started.elapsed(), &folder, &log_path)?;
        if faults.is_empty() {
            screen.line("the target is as the source says")?;
            return Ok(());
        }
        for fault in faults {
            screen.line(format_args!("NOT AS IT SHOULD BE: {fault}"))?;
        }
        Err(Failure::Told)
    }
}

/// Entra's group mapping with this user mapping, checked against AWS's own resource types.
fn mapping(users: &[scim2_vendor::mapping::AttributeMapping]) -> Result<Mapping, Failure> {
    Mapping::for_catalog(&aws::catalog(), users, &entra::group_mapping())
        .map_err(|error| Failure::because("mapping", &error))
}

/// A new folder that nobody else can look into: the log holds people's data.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("scim-demo-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o700));
    }
    builder.tempdir()
}

/// Writes the shipped directory to where it can be looked at.
fn unpack(folder: &Path) -> Result<PathBuf, Failure> {
    let source = folder.join("source");
    fs::create_dir(&source).map_err(|error| Failure::because(source.display(), &error))?;
    for (name, text) in SHIPPED {
        let path = source.join(name);
        fs::write(&path, text).map_err(|error| Failure::because(path.display(), &error))?;
    }
    Ok(source)
}

/// The provisioning job and what has come of it so far.
struct Job<'a, 'o> {
    engine: SyncEngine<ReqwestTransport>,
    screen: &'a mut Screen<'o>,
    cycles: Vec<(&'static str, CycleReport)>,
    /// What should not have happened.
    faults: Vec<String>,
}

impl Job<'_, '_> {
    /// Runs a cycle and shows what came of it.
    async fn cycle(
        &mut self,
        title: &'static str,
        kind: CycleKind,
        snapshot: &Snapshot,
    ) -> Result<CycleReport, Failure> {
        self.screen.heading(title)?;
        let result = self.engine.run_cycle(kind, snapshot).await;
        self.screen.finish_progress();
        let report = result.map_err(|error| Failure::because(title, &error))?;
        self.screen.line(&report)?;
        for failure in report.failures.iter().take(FAILURES_SHOWN) {
            let name = failure.name.as_deref().unwrap_or(failure.source.as_str());
            let status = failure.problem.status.map(|status| format!("HTTP {status}: "));
            self.screen.line(format_args!(
                "  {} {name}: {}{}",
                failure.kind,
                status.unwrap_or_default(),
                failure.problem.reason
            ))?;
            self.screen.line(format_args!("    remedy: {}", failure.problem.remedy))?;
        }
        if let Some(more) = report.failures.len().checked_sub(FAILURES_SHOWN).filter(|n| *n > 0) {
            self.screen.line(format_args!("  and {more} more, see the log"))?;
        }
        for held in &report.held {
            self.faults.push(format!("held back: {held}"));
        }
        self.cycles.push((title, report.clone()));
        Ok(report)
    }

    /// With the unedited mapping the target must have refused exactly those whom it cannot take.
    async fn expect_refusals(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        let verification = self.compare(snapshot).await?;
        let Some((_, report)) = self.cycles.last() else { return Ok(()) };
        let refused: BTreeSet<&SourceId> =
            report.failures.iter().map(|failure| &failure.source).collect();
        let expected: BTreeSet<&SourceId> =
            verification.unprovisionable.iter().map(|object| &object.source).collect();
        if refused != expected {
            self.faults.push(format!(
                "the target refused {} objects, but its limits name {}",
                refused.len(),
                expected.len()
            ));
        }
        let silent =
            report.failures.iter().filter(|failure| failure.problem.attribute.is_none()).count();
        if silent > 0 {
            self.faults.push(format!("{silent} failures do not name an attribute"));
        }
        Ok(())
    }

    /// Reads the target back and compares it with the source.
    async fn compare(&mut self, snapshot: &Snapshot) -> Result<Verification, Failure> {
        let verification = self
            .engine
            .verify(snapshot)
            .await
            .map_err(|error| Failure::because("reading the target back", &error))?;
        self.screen.line(format_args!(
            "read back: {} users, {} groups and {} memberships compared, {} differences; \
             {} objects that this target cannot take",
            verification.users,
            verification.groups,
            verification.memberships,
            verification.differences.len(),
            verification.unprovisionable.len(),
        ))?;
        for difference in verification.differences.iter().take(DIFFERENCES_SHOWN) {
            self.screen.line(format_args!("  {difference}"))?;
        }
        if !verification.is_clean() {
            self.faults.push(format!(
                "{} differences between source and target",
                verification.differences.len()
            ));
        }
        Ok(verification)
    }
}

/// The table at the end.
fn summary(
    screen: &mut Screen<'_>,
    cycles: &[(&'static str, CycleReport)],
    took: Duration,
    folder: &Path,
    log: &Path,
) -> Result<(), Failure> {
    screen.heading("Summary")?;
    screen.line(format_args!(
        "{:>7} {:>7} {:>8} {:>7} {:>7} {:>6} {:>7} {:>8} {:>7}",
        "created",
        "updated",
        "disabled",
        "deleted",
        "skipped",
        "failed",
        "waiting",
        "requests",
        "time"
    ))?;
    for (title, report) in cycles {
        screen.line(format_args!(
            "{:>7} {:>7} {:>8} {:>7} {:>7} {:>6} {:>7} {:>8} {:>5.2} s  {title}",
            report.created,
            report.updated,
            report.disabled,
            report.deleted,
            report.skipped,
            report.failed,
            report.waiting,
            report.requests,
            report.duration.as_secs_f64()
        ))?;
    }
    screen.line("")?;
    screen.line(format_args!("took             {:.1} s", took.as_secs_f64()))?;
    screen.line(format_args!("provisioning log {}", log.display()))?;
    screen.line(format_args!("everything else  {}", folder.display()))?;
    Ok(())
}
