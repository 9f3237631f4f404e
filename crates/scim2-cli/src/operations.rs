//! How an endpoint is run: its limits, its log, its metrics.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use clap::{Args, ValueEnum};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use scim2_axum::{Mount, ServeConfig};
use scim2_provider::{ProviderConfig, RateLimit, RemovalLimit};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

use crate::Failure;

#[derive(Clone, Debug, Args)]
pub(crate) struct Operations {
    /// The largest request body, in bytes; more is 413.
    #[arg(long, value_name = "BYTES", default_value_t = Operations::default().max_body, value_parser = at_least_one::<usize>)]
    max_body: usize,
    /// How many connections there may be at a time; more wait.
    #[arg(long, value_name = "N", default_value_t = Operations::default().max_connections, value_parser = at_least_one::<usize>)]
    max_connections: usize,
    /// How many requests are answered at a time; more are 503.
    #[arg(long, value_name = "N", default_value_t = Operations::default().max_concurrent, value_parser = at_least_one::<usize>)]
    max_concurrent: usize,
    /// How many requests a second the client may send; more are 429. Unlimited if not set.
    #[arg(long, value_name = "N")]
    client_rate: Option<NonZeroU32>,
    /// How many users and groups the client may delete or deactivate within an hour; more are 403.
    /// Unlimited if not set.
    #[arg(long, value_name = "N")]
    removals_per_hour: Option<u32>,
    /// How long a request may take, in seconds; longer is 504.
    #[arg(long, value_name = "SECONDS", default_value_t = Operations::default().request_timeout, value_parser = at_least_one::<u64>)]
    request_timeout: u64,
    /// How long requests under way may go on once the process is asked to stop, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = Operations::default().grace)]
    grace: u64,
    /// The form of the log on standard error. RUST_LOG says what is logged.
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogFormat,
    /// An address for Prometheus, at `/metrics`. It asks for no token: keep it private.
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
}

/// A limit on the command line: with 0 nothing would be answered.
fn at_least_one<T>(text: &str) -> Result<T, String>
where
    T: FromStr<Err: fmt::Display> + Default + PartialEq,
{
    match text.parse::<T>() {
        Ok(limit) if limit == T::default() => Err("must be at least 1".to_owned()),
        Ok(limit) => Ok(limit),
        Err(error) => Err(error.to_string()),
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const HOUR: Duration = Duration::from_secs(3600);

/// The upper bounds of the buckets of times, in seconds.
const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The upper bounds of the buckets of sizes, in bytes.
const BYTES: [f64; 6] = [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 1_048_576.0];

impl Default for Operations {
    fn default() -> Self {
        let server = ServeConfig::default();
        Self {
            max_body: ProviderConfig::MAX_BODY,
            max_connections: server.max_connections,
            max_concurrent: ProviderConfig::MAX_CONCURRENT,
            client_rate: None,
            removals_per_hour: None,
            request_timeout: Mount::REQUEST_TIMEOUT.as_secs(),
            grace: server.grace.as_secs(),
            log_format: LogFormat::Text,
            metrics: None,
        }
    }
}

impl Operations {
    /// Logs to standard error from now on.
    pub(crate) fn log(&self) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match self.log_format {
            LogFormat::Text => log.init(),
            LogFormat::Json => log.json().init(),
        }
    }

    pub(crate) fn provider(&self) -> ProviderConfig {
        let mut config = ProviderConfig::default();
        config.max_body = self.max_body;
        config.max_concurrent = self.max_concurrent;
        config.client_rate = self.client_rate.map(RateLimit::per_second);
        config.removals = self.removals_per_hour.map(|max| RemovalLimit::new(max, HOUR));
        config
    }

    pub(crate) fn mount(&self) -> Mount {
        Mount::default().request_timeout(Duration::from_secs(self.request_timeout))
    }

    pub(crate) fn server(&self) -> ServeConfig {
        let mut config = ServeConfig::default();
        config.max_connections = self.max_connections;
        config.grace = Duration::from_secs(self.grace);
        config
    }

    /// Counts and measures from now on, if it is asked for, and shows it until the runtime ends.
    /// Returns the address, which may have been chosen by the operating system.
    pub(crate) async fn measure(&self) -> Result<Option<SocketAddr>, Failure> {
        let Some(address) = self.metrics else { return Ok(None) };
        let handle = recorder().map_err(|error| Failure::because("metrics", &error))?;
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Failure::because(format_args!("listening on {address} for metrics"), &error)
        })?;
        let address = listener.local_addr()?;
        let show = move || {
            let handle = handle.clone();
            async move {
                handle.run_upkeep();
                handle.render()
            }
        };
        let router = Router::new().route("/metrics", get(show));
        tokio::spawn(scim2_axum::serve(listener, router, std::future::pending()));
        Ok(Some(address))
    }
}

fn recorder() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets(&SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("size".to_owned()), &BYTES)?
        .install_recorder()
}
