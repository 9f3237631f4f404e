//! Named checks of an endpoint, over any transport.

mod auth;
mod bulk;
mod create;
mod discovery;
mod entra;
mod errors;
mod etag;
mod filter;
mod groups;
mod okta;
mod paging;
mod patch;
mod project;
mod reply;
mod report;
mod session;
mod sort;
mod write;

use std::fmt;
use std::pin::Pin;
use std::str::FromStr;

use scim2_client::Transport;
use scim2_core::secret::Secret;
use url::Url;

pub use self::report::{CheckReport, Exchange, Outcome, Report};
use self::session::{Session, Stop, Verdict, Wire};

/// Runs the checks of the chosen groups against the endpoint behind a transport.
///
/// It reads what the endpoint advertises first and skips what is not offered. Whatever it creates
/// carries [`Options::prefix`] in its name and is deleted again.
///
/// ```
/// use std::sync::Arc;
/// use bytes::Bytes;
/// use http::Request;
/// use scim2_client::InProcess;
/// use scim2_conformance::{Options, run};
/// use scim2_provider::auth::{BearerToken, BearerTokens};
/// use scim2_provider::{MemoryStore, Scope, ServiceProvider, TenantId};
///
/// let base = url::Url::parse("http://localhost")?;
/// let scope = Scope::tenant(TenantId::new("acme")?);
/// let provider = ServiceProvider::builder(MemoryStore::default())
///     .base_url(base.clone())
///     .authenticator(BearerTokens::new([BearerToken::new("suite", &"s3cret".into(), scope)?]))
///     .build()?;
/// let provider = Arc::new(provider);
/// let transport = InProcess::new(move |request: Request<Bytes>| {
///     let provider = provider.clone();
///     async move { provider.handle(request).await }
/// });
/// let options = Options::new(base).bearer("s3cret".into());
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let report = run(&transport, &options).await;
/// assert!(report.is_success(), "{report}");
/// # });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub async fn run<T: Transport>(transport: &T, options: &Options) -> Report {
    run_on(transport, options).await
}

/// The same for every transport, so that it is compiled once.
async fn run_on(wire: &dyn Wire, options: &Options) -> Report {
    let mut session = Session::new(wire, options);
    let mut report = Report::new(options.base.as_str());
    session.discover().await;
    for check in checks().filter(|check| options.wants(check)) {
        let verdict = (check.run)(&mut session).await;
        session.tidy().await;
        let (warnings, exchanges) = session.end_of_check();
        let outcome = match verdict {
            Err(Stop::Skip(reason)) => Outcome::Skipped(reason),
            Err(Stop::Fail(reason)) => Outcome::Failed(reason),
            Ok(()) if warnings.is_empty() => Outcome::Passed,
            Ok(()) => Outcome::Warning(warnings.join("; ")),
        };
        report.add(check, outcome, exchanges);
    }
    session.clean_up().await;
    report.left_behind = session.left_behind();
    report
}

/// All checks, in the order in which they run.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    [
        discovery::CHECKS,
        auth::CHECKS,
        errors::CHECKS,
        create::CHECKS,
        write::CHECKS,
        etag::CHECKS,
        project::CHECKS,
        filter::CHECKS,
        sort::CHECKS,
        paging::CHECKS,
        patch::CHECKS,
        groups::CHECKS,
        bulk::CHECKS,
        entra::CHECKS,
        okta::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// One thing that is checked.
#[non_exhaustive]
pub struct Check {
    /// Names it: `patch.add-to-members`.
    pub id: &'static str,
    /// What must hold, as a sentence.
    pub title: &'static str,
    /// Where that is written: a section of an RFC, or a page of a vendor.
    pub rule: &'static str,
    /// Who asks for it.
    pub group: Group,
    run: Run,
}

/// What a check does. It works on the session, so that one table holds all checks.
type Run = for<'s, 'w> fn(&'s mut Session<'w>) -> Work<'s>;
type Work<'s> = Pin<Box<dyn Future<Output = Verdict> + Send + 's>>;

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A table of checks of one group: name, title, rule, function.
macro_rules! table {
    ($group:ident: $($id:literal, $title:literal, $rule:literal => $run:expr;)+) => {
        pub(super) static CHECKS: &[$crate::suite::Check] = &[$(
            $crate::suite::Check {
                id: $id,
                title: $title,
                rule: $rule,
                group: $crate::suite::Group::$group,
                run: |session| Box::pin($run(session)),
            },
        )+];
    };
}
use table;

/// Who asks for a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Group {
    /// RFC 7643, RFC 7644 and RFC 9865.
    Rfc,
    /// The protocol part of Microsoft's validator and of its gallery's workflow.
    Entra,
    /// Okta's SPEC test and the requests of its provisioning.
    Okta,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 3] = [Self::Rfc, Self::Entra, Self::Okta];

    /// The name: `rfc`, `entra`, `okta`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rfc => "rfc",
            Self::Entra => "entra",
            Self::Okta => "okta",
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Group {
    type Err = UnknownGroup;

    fn from_str(name: &str) -> Result<Self, UnknownGroup> {
        Self::ALL.into_iter().find(|group| group.as_str() == name).ok_or(UnknownGroup)
    }
}

/// No group of checks has this name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the groups of checks are `rfc`, `entra` and `okta`")]
pub struct UnknownGroup;

/// What to run, and against which endpoint.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// The base URL of the endpoint, such as `https://example.com/scim/v2`.
    pub base: Url,
    /// The bearer token. Without one, requests carry no credentials and the checks of
    /// authentication are skipped.
    pub bearer: Option<Secret>,
    /// The groups of checks that are run: [`Group::Rfc`] unless set.
    ///
    /// Where a vendor demands what the RFCs forbid and its group is chosen too, the RFC's check is
    /// skipped.
    pub groups: Vec<Group>,
    /// Only checks whose id begins with this are run, if it is set.
    pub only: Option<String>,
    /// What the names of created resources begin with. Random unless set.
    pub prefix: String,
}

impl Options {
    /// All checks of the RFCs, without credentials.
    #[must_use]
    pub fn new(base: Url) -> Self {
        let mut random = [0; 5];
        // Without randomness two runs at the same time would meet; nothing else is lost.
        let _ = getrandom::fill(&mut random);
        let prefix =
            random.iter().fold("conf".to_owned(), |text, byte| format!("{text}{byte:02x}"));
        Self { base, bearer: None, groups: vec![Group::Rfc], only: None, prefix }
    }

    /// The same checks, with this bearer token.
    #[must_use]
    pub fn bearer(self, token: Secret) -> Self {
        Self { bearer: Some(token), ..self }
    }

    /// The checks of these groups.
    #[must_use]
    pub fn groups(self, groups: impl IntoIterator<Item = Group>) -> Self {
        Self { groups: groups.into_iter().collect(), ..self }
    }

    /// Only the checks whose id begins with this.
    #[must_use]
    pub fn only(self, prefix: impl Into<String>) -> Self {
        Self { only: Some(prefix.into()), ..self }
    }

    fn wants(&self, check: &Check) -> bool {
        self.groups.contains(&check.group)
            && self.only.as_ref().is_none_or(|only| check.id.starts_with(only.as_str()))
    }
}
