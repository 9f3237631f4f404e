//! `scim conformance`: check an endpoint.

use std::io::Write;
use std::str::FromStr;

use bytes::Bytes;
use clap::{Args, ValueEnum};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};
use scim2_client::{Addresses, Transport as _};
use scim2_conformance::{Group, Options, Report, checks, run};
use scim2_core::secret::Secret;
use scim2_reqwest::ReqwestTransport;
use url::{Host, Url};

use crate::Failure;
use crate::serve::runtime;

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// The base URL of the endpoint, such as `https://scim.example.com/v2`.
    #[arg(required_unless_present = "list", value_name = "URL")]
    url: Option<Url>,
    /// The bearer token that the endpoint accepts. Without one, no credentials are sent.
    #[arg(long, value_name = "TOKEN", env = "SCIM_TOKEN", hide_env_values = true)]
    token: Option<Secret>,
    /// Whose checks are run: `rfc`, `entra` or `okta`; several can be named.
    #[arg(long = "group", value_name = "GROUP", default_value = "rfc", value_parser = Group::from_str, value_delimiter = ',')]
    groups: Vec<Group>,
    /// Run only the checks whose id begins so, such as `patch.`.
    #[arg(long, value_name = "PREFIX")]
    only: Option<String>,
    /// How the report is printed.
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
    /// Send the token to another machine without TLS.
    #[arg(long)]
    allow_plaintext: bool,
    /// List the checks and run none.
    #[arg(long)]
    list: bool,
}

/// The forms of a report.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A line for each check that did not pass, and the totals.
    Table,
    /// Everything, as JSON.
    Json,
    /// XML as build servers read it.
    Junit,
}

impl Conformance {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let Some(url) = self.url.as_ref().filter(|_| !self.list) else {
            return list(out);
        };
        if !matches!(url.scheme(), "http" | "https") || url.cannot_be_a_base() {
            return Err(Failure::Because(format!("`{url}` is no http or https URL")));
        }
        if url.scheme() == "http" && !is_loopback(url) && !self.allow_plaintext {
            return Err(Failure::Because(format!(
                "`{url}` is not protected by TLS: the token would travel in the clear \
                 (--allow-plaintext sends it nonetheless)"
            )));
        }
        let mut options = Options::new(url.clone()).groups(self.groups.iter().copied());
        options.bearer.clone_from(&self.token);
        options.only.clone_from(&self.only);
        let report = runtime()?.block_on(check(&options))?;
        match self.format {
            Format::Table => write!(out, "{report}")?,
            Format::Json => writeln!(out, "{:#}", report.to_json())?,
            Format::Junit => write!(out, "{}", report.to_junit())?,
        }
        if report.checks.is_empty() {
            return Err(Failure::Because("no check has such an id in these groups".to_owned()));
        }
        if report.is_success() { Ok(()) } else { Err(Failure::Told) }
    }
}

async fn check(options: &Options) -> Result<Report, Failure> {
    // Whoever names an address of their own network means it.
    let transport = ReqwestTransport::builder()
        .addresses(Addresses::Any)
        .build()
        .map_err(|error| Failure::because("transport", &error))?;
    reach(&transport, options).await?;
    Ok(run(&transport, options).await)
}

/// Asks one thing, so that a wrong URL or token is told once and not by every check.
async fn reach(transport: &ReqwestTransport, options: &Options) -> Result<(), Failure> {
    let url = format!("{}/ServiceProviderConfig", options.base.as_str().trim_end_matches('/'));
    let mut request = Request::get(&url);
    if let Some(token) = &options.bearer {
        request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
    }
    let request =
        request.body(Bytes::new()).map_err(|error| Failure::because("the request", &error))?;
    let answer = transport
        .send(request)
        .await
        .map_err(|error| Failure::because(format_args!("`{url}` does not answer"), &error))?;
    match answer.status() {
        StatusCode::UNAUTHORIZED => Err(Failure::Because(format!(
            "`{url}` was answered 401: {}",
            if options.bearer.is_some() {
                "the endpoint does not accept the token"
            } else {
                "the endpoint wants a token (--token, or SCIM_TOKEN)"
            }
        ))),
        // Whatever else is wrong is for the checks to tell.
        _ => Ok(()),
    }
}

fn list(out: &mut dyn Write) -> Result<(), Failure> {
    for check in checks() {
        writeln!(out, "{:6} {}  {}  ({})", check.group, check.id, check.title, check.rule)?;
    }
    Ok(())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => Addresses::is_localhost(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
