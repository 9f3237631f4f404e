//! `scim serve`: an endpoint over a folder or a database.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use clap::{Args, ValueEnum};
use scim2_axum::ServeConfig;
use scim2_core::rules::{EndpointRules, NoRules};
use scim2_core::secret::Secret;
use scim2_core::{Catalog, Policy};
use scim2_provider::auth::{BearerToken, BearerTokens, generate_token};
use scim2_provider::{
    BaseUrl, DynStore, Forwarded, Me, Offer, RootSearch, Scheme, Scope, ServiceProvider, Store,
    TenantId,
};
use scim2_sql::{PostgresStore, SqliteStore};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use url::Url;

use crate::Failure;
use crate::operations::Operations;
use crate::place::{DATABASE, Named, Place};

/// Where the endpoint stands below the address.
pub(crate) const BASE_PATH: &str = "/scim/v2";
/// What is beside it below this path are other versions of the protocol.
const BASE_PARENT: &str = "/scim";
/// The one tenant of an endpoint served from the command line.
const TENANT: &str = "default";

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    types: Types,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The URL by which clients reach the endpoint, such as `https://scim.example.com/scim/v2`
    /// behind a proxy that ends TLS. Its path does not change where the endpoint is served.
    /// Without it, locations name the address that is listened on; where that is every address,
    /// such as `0.0.0.0`, they name the host that the request is for.
    #[arg(long, value_name = "URL")]
    base_url: Option<Url>,
    /// The bearer token that clients must send. Without it one is made and printed.
    #[arg(long, value_name = "TOKEN", env = "SCIM_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// What `/Me` answers: 501, a redirect to the user that `--me-user` names, or that user.
    #[arg(
        long,
        value_enum,
        default_value = "off",
        requires_ifs = [("redirect", "me_user"), ("direct", "me_user")]
    )]
    me: MeMode,
    /// The `id` of the user who holds the token.
    #[arg(long, value_name = "ID")]
    me_user: Option<String>,
    #[command(flatten)]
    operations: Operations,
}

/// What kind of endpoint it is.
#[derive(Debug, Args)]
pub(crate) struct Types {
    /// Whose dialect is accepted, and whose limits apply.
    #[arg(long, value_enum, default_value = "strict")]
    profile: Profile,
    /// With the resource type that the Go suite scim2/test-suite looks for, at `/TestResources`.
    #[arg(long)]
    with_test_resource: bool,
}

impl Types {
    /// What the endpoint offers.
    pub(crate) fn offered(&self) -> Result<Offered, Failure> {
        let mut offered = Offered::from(self.profile);
        if self.with_test_resource {
            offered
                .catalog
                .register(scim2_conformance::test_resource())
                .map_err(|error| Failure::because("resource types", &error))?;
        }
        Ok(offered)
    }
}

/// A token on its way in: it is not printed by `Debug`.
type Token = Secret;

/// What an endpoint accepts and demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Profile {
    /// The letter of the RFCs.
    Strict,
    /// Every tolerance that cannot change what a legal request means.
    Lenient,
    /// What Entra ID sends, and groups with names of their own, as it demands.
    Entra,
    /// What Okta sends.
    Okta,
    /// AWS IAM Identity Center: its limits, its errors.
    Aws,
}

/// What `/Me` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum MeMode {
    /// 501.
    Off,
    /// 308, and where the user is.
    Redirect,
    /// What the user's own resource answers.
    Direct,
}

impl From<MeMode> for Me {
    fn from(mode: MeMode) -> Self {
        match mode {
            MeMode::Off => Self::Off,
            MeMode::Redirect => Self::Redirect,
            MeMode::Direct => Self::Direct,
        }
    }
}

/// What a profile stands for.
pub(crate) struct Offered {
    pub(crate) catalog: Catalog,
    policy: Policy,
    rules: Arc<dyn EndpointRules>,
    /// The store keeps hashes of passwords, so that they can be changed; AWS takes none.
    change_password: Offer,
    /// Queries over all resource types, which AWS does not have.
    root_search: Option<RootSearch>,
    me: Me,
    /// The `id` of the user who holds the token.
    me_user: Option<String>,
}

impl From<Profile> for Offered {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Strict => Self::tolerating(Policy::strict()),
            Profile::Lenient => Self::tolerating(Policy::lenient()),
            Profile::Entra => Self {
                catalog: scim2_vendor::entra::catalog(),
                rules: Arc::new(scim2_vendor::entra::Rules),
                ..Self::tolerating(scim2_vendor::entra::policy())
            },
            Profile::Okta => Self::tolerating(scim2_vendor::okta::policy()),
            Profile::Aws => Self {
                catalog: scim2_vendor::aws::catalog(),
                policy: scim2_vendor::aws::policy(),
                rules: Arc::new(scim2_vendor::aws::Rules::default()),
                change_password: Offer::No,
                root_search: None,
                me: Me::Off,
                me_user: None,
            },
        }
    }
}

impl Offered {
    /// Everything that the RFCs know, with these tolerances.
    fn tolerating(policy: Policy) -> Self {
        Self {
            catalog: Catalog::standard(),
            policy,
            rules: Arc::new(NoRules),
            change_password: Offer::Yes,
            root_search: Some(of_everything()),
            me: Me::Off,
            me_user: None,
        }
    }
}

/// Queries over all resource types, without a filter too: results come in pages.
fn of_everything() -> RootSearch {
    let mut search = RootSearch::default();
    search.unfiltered = Offer::Yes;
    search
}

impl Serve {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        self.operations.log();
        runtime()?.block_on(self.serve(out))
    }

    async fn serve(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let (token, made) = match &self.token {
            Some(token) => (token.clone(), false),
            None => (generate_token().map_err(|error| Failure::because("token", &error))?, true),
        };
        let mut offered = self.types.offered()?;
        offered.me = self.me.into();
        offered.me_user.clone_from(&self.me_user);
        let store = match self.place.named()? {
            Named::Database(database) => {
                let builder = PostgresStore::builder().reindex(offered.catalog.clone());
                DynStore::new(database.open(builder).await?)
            }
            Named::Folder(folder) => {
                std::fs::create_dir_all(folder)
                    .map_err(|error| Failure::because(folder.display(), &error))?;
                DynStore::new(open_folder(folder, &offered)?)
            }
        };
        let metrics = self.operations.measure().await?;
        let endpoint = Endpoint::open(
            store,
            offered,
            self.listen,
            self.base_url.clone(),
            &token,
            &self.operations,
        )
        .await?;
        if made {
            writeln!(out, "token: {}", token.expose())?;
        }
        writeln!(out, "serving {}", endpoint.url)?;
        if let Some(address) = metrics {
            writeln!(out, "metrics http://{address}/metrics")?;
        }
        if !self.listen.ip().is_loopback() {
            tracing::warn!(
                "tokens and personal data travel in the clear: put a proxy that ends TLS in front"
            );
        }
        out.flush()?;
        endpoint.serve(interrupted()).await
    }
}

/// Opens the database in a folder.
pub(crate) fn open_folder(folder: &Path, offered: &Offered) -> Result<SqliteStore, Failure> {
    let database = folder.join(DATABASE);
    SqliteStore::builder()
        .reindex(offered.catalog.clone())
        .open(&database)
        .map_err(|error| Failure::because(database.display(), &error))
}

/// An endpoint that is ready to be served.
pub(crate) struct Endpoint {
    /// The base URL: the tenant URL of Entra ID.
    pub(crate) url: Url,
    listener: TcpListener,
    router: Router,
    config: ServeConfig,
}

impl Endpoint {
    /// Listens for requests about what is in a store. Locations begin with `base_url`, or with the
    /// address that is listened on.
    pub(crate) async fn open(
        store: impl Store,
        offered: Offered,
        listen: SocketAddr,
        base_url: Option<Url>,
        token: &Secret,
        operations: &Operations,
    ) -> Result<Self, Failure> {
        let listener = TcpListener::bind(listen)
            .await
            .map_err(|error| Failure::because(format_args!("listening on {listen}"), &error))?;
        let address = listener.local_addr()?;
        let own = Url::parse(&format!("http://{address}{BASE_PATH}"))
            .map_err(|error| Failure::because("base URL", &error))?;
        let base: BaseUrl = match &base_url {
            Some(url) => url.clone().into(),
            // Nobody can go to a location that begins with `http://0.0.0.0`.
            None if address.ip().is_unspecified() => BaseUrl::FromRequest {
                scheme: Scheme::Http,
                prefix: BASE_PATH.into(),
                forwarded: Forwarded::Ignored,
            },
            None => own.clone().into(),
        };

        let tenant = TenantId::new(TENANT).map_err(|error| Failure::because("tenant", &error))?;
        let mut client = BearerToken::new("client", token, Scope::tenant(tenant))
            .map_err(|error| Failure::because("token", &error))?;
        if let Some(id) = offered.me_user {
            client = client.subject("User", id);
        }
        let mut config = operations.provider();
        config.change_password = offered.change_password;
        config.root_search = offered.root_search;
        config.me = offered.me;
        config.cursor_key = Some(cursor_key(token));
        let provider = ServiceProvider::builder(store)
            .base_url(base)
            .authenticator(BearerTokens::new([client]))
            .catalog(offered.catalog)
            .policy(offered.policy)
            .rules(offered.rules)
            .config(config)
            .build()
            .map_err(|error| Failure::because("endpoint", &error))?;
        let provider = Arc::new(provider);
        let router = scim2_axum::health(Arc::clone(&provider))
            .merge(operations.mount().at(BASE_PATH, provider));
        let router = scim2_axum::refuse_other_versions(BASE_PARENT, router);
        Ok(Self { url: base_url.unwrap_or(own), listener, router, config: operations.server() })
    }

    /// Serves until `stop` completes, then finishes the requests that are under way.
    pub(crate) async fn serve(
        self,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), Failure> {
        scim2_axum::serve_with(self.listener, self.router, stop, self.config)
            .await
            .map_err(|error| Failure::because("serving", &error))
    }
}

/// What signs cursors: made of the token, so that they outlive a restart and are good at every
/// endpoint that shares the database and the token.
fn cursor_key(token: &Secret) -> [u8; 32] {
    Sha256::new()
        .chain_update("scim serve: cursors\n")
        .chain_update(token.expose())
        .finalize()
        .into()
}

/// A runtime for a command's work.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::because("runtime", &error))
}

/// Completes when the process is asked to stop.
async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler the process simply ends when it is asked to.
    let _ = interrupt.await;
}
