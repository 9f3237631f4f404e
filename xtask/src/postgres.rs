//! A PostgreSQL for the tests: the one that `DATABASE_URL` names, or one that lives as long as
//! they run.

use std::env;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A database to test against.
#[derive(Debug)]
pub(crate) enum Database {
    /// Somebody else's.
    Named(String),
    /// One that was started for this.
    Started(Cluster),
}

/// A server with data of its own, gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    url: String,
}

impl Database {
    /// The named one, else a new one; why there is none.
    pub(crate) fn find() -> Result<Self, String> {
        if let Ok(url) = env::var("DATABASE_URL") {
            return Ok(Self::Named(url));
        }
        Cluster::start(&[]).map(Self::Started)
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Named(url) => url,
            Self::Started(cluster) => cluster.url(),
        }
    }
}

impl Database {
    /// The URL of a schema in which there is nothing yet.
    pub(crate) fn schema(&self, name: &str) -> Result<String, String> {
        let installed = programs().map(|folder| folder.join("psql"));
        let program = installed.filter(|program| program.is_file());
        let mut psql = Command::new(program.unwrap_or_else(|| PathBuf::from("psql")));
        psql.args(["--quiet", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", self.url(), "-c"]);
        psql.env("PGOPTIONS", "-cclient_min_messages=warning");
        run(psql.arg(format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}")))?;
        let mark = if self.url().contains('?') { '&' } else { '?' };
        Ok(format!("{}{mark}options=-csearch_path%3D{name}", self.url()))
    }
}

impl Cluster {
    /// A new one with these settings, by the programs that are installed, or that it installs.
    pub(crate) fn start(settings: &[&str]) -> Result<Self, String> {
        let programs = match programs() {
            Some(programs) => programs,
            None => {
                install()?;
                programs().ok_or("no `initdb` on PATH or in /usr/lib/postgresql")?
            }
        };
        let folder = env::temp_dir().join(format!("scim2-postgres-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        if is_root() {
            // The server refuses to run as root.
            run(Command::new("chown").arg("nobody").arg(&folder))?;
        }
        let data = folder.join("data");
        let mut init = command(&programs.join("initdb"));
        init.arg("-D").arg(&data).args(["-A", "trust", "-U", "scim", "-E", "UTF8"]);
        run(init.args(["--locale=C.UTF-8", "--no-sync"]))?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        drop(listener);
        let mut options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c max_connections=300 -k {}",
            folder.display()
        );
        for setting in settings {
            options.push_str(&format!(" -c {setting}"));
        }
        let url = format!("postgres://scim@127.0.0.1:{port}/postgres");
        let cluster = Self { programs, folder, url };
        let mut start = command(&cluster.programs.join("pg_ctl"));
        start.arg("-D").arg(&data).arg("-o").arg(options);
        run(start.args(["-w", "-l"]).arg(cluster.folder.join("log")).arg("start"))?;
        Ok(cluster)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What a shell does to restart it as if it had crashed.
    pub(crate) fn restart(&self) -> String {
        let restart = command(&self.programs.join("pg_ctl"));
        let program = restart.get_program().to_string_lossy().into_owned();
        let arguments = restart.get_args().map(|argument| argument.to_string_lossy().into_owned());
        let words: Vec<String> = [program].into_iter().chain(arguments).collect();
        format!(
            "{} -D '{1}/data' -m immediate -w -l '{1}/log' restart > '{1}/restarted'",
            words.join(" "),
            self.folder.display()
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = command(&self.programs.join("pg_ctl"));
        stop.arg("-D").arg(self.folder.join("data")).args(["-m", "immediate", "-w", "stop"]);
        if let Err(error) = run(&mut stop) {
            eprintln!("{error}");
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The folder of the server's programs: the newest that is installed.
fn programs() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut versions: Vec<PathBuf> =
        debian.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    let complete =
        |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    folders.into_iter().find(complete)
}

/// Installs Debian's package, where that is allowed.
fn install() -> Result<(), String> {
    if !is_root() {
        return Err("it is not installed, and only root can install it".to_owned());
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends", "postgresql"]);
    run(install.env("DEBIAN_FRONTEND", "noninteractive"))
}

/// A program of the server's, not run as root.
fn command(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

fn run(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}").replace('"', "");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("failed ({status}): {shown}")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}
