//! Provisions a directory into a SCIM 2.0 service provider, as Entra ID's provisioning service
//! does: an initial cycle that matches and creates, then incremental cycles that send what has
//! changed and nothing else.
//!
//! ```no_run
//! use scim2_client::Client;
//! use scim2_sync::source::{DirectorySource, GraphDirectory};
//! use scim2_sync::state::{Binding, Retain, State};
//! use scim2_sync::{CycleKind, Mapping, SyncEngine};
//! use scim2_vendor::{aws, entra};
//!
//! # async fn run<T: scim2_client::Transport>(transport: T) -> Result<(), Box<dyn std::error::Error>> {
//! let url = "https://scim.us-east-1.amazonaws.com/f3vd2aa29dc-223c-4e5c-91b9-8ca1bb1faf7b/scim/v2";
//! let client = Client::builder(transport, url.parse()?).bearer("token".into()).build()?;
//! let mut users = entra::user_mapping();
//! aws::edit_entra_mapping(&mut users);
//! let mapping = Mapping::for_catalog(&aws::catalog(), &users, &entra::group_mapping())?;
//! let state = State::open("state.jsonl".as_ref(), Binding::new(url), Retain::Fingerprints)?;
//!
//! let directory = GraphDirectory::new("directory");
//! let snapshot = directory.full().await?;
//! let mut engine = SyncEngine::new(client, aws::profile(), mapping, state);
//! println!("{}", engine.plan(CycleKind::Initial, &snapshot).await?);
//! let report = engine.run_cycle(CycleKind::Initial, &snapshot).await?;
//! println!("{report}");
//! assert!(engine.verify(&snapshot).await?.is_clean());
//! # Ok(()) }
//! ```
//!
//! # A cycle, in order
//!
//! ```text
//! source   what the directory says, and how much of it was seen       -> Snapshot
//! desired  scope and mapping applied                                  -> what the target should have
//! connect  URL and token tested, as "Test connection" does            (the one request of a quiet cycle)
//! match    objects without link are looked for in the target          -> links, conflicts
//! plan     a pure function of the above, the state and the profile    -> actions, held removals
//! apply    users (managers first), groups, members, disables, deletes -> through scim2-client
//! ```
//!
//! # What it promises
//!
//! - **One bad object never stops the rest.** What is refused is put off with its reason: the
//!   attribute, what was found, and what to do about it, taken from the target's
//!   [profile](scim2_vendor::TargetProfile) where the target itself says no more than "400".
//! - **Nothing is removed because the source said too little.** Deletions come from what the source
//!   says is gone, or from collections it showed in full, and never beyond the
//!   [guards](guard::Guards).
//! - **Nobody else's account is taken over.** An object with another `externalId` is a conflict,
//!   not a match.
//! - **A crash costs nothing.** Intents are on disk before requests are sent; a run that is killed
//!   anywhere ends, after the next one, where it would have ended, without duplicates.
//! - **Cost follows the change.** A cycle without changes sends one request.
//!
//! # Main types
//!
//! [`SyncEngine`] runs cycles and says in a [`CycleReport`] what they did; [`Plan`] is what a cycle
//! would do; [`Snapshot`](source::Snapshot) and [`GraphDirectory`](source::GraphDirectory) are the
//! source; [`Mapping`] holds the attribute mappings; [`State`](state::State) is the memory;
//! [`ProvisioningLog`](log::ProvisioningLog) tells what happened to each object;
//! [`verify`](verify::verify()) compares the target with the source.
//!
//! # Not here yet
//!
//! Mapping expressions, scoping filters, flattening of nested groups, an adaptive rate limit,
//! quarantine over several cycles, and consent to held removals other than raising the guards.

pub mod connection;
mod correlate;
pub mod desired;
pub mod engine;
pub mod guard;
pub mod log;
pub mod mapping;
pub mod plan;
pub mod problem;
mod profile;
pub mod report;
pub mod scope;
pub mod source;
pub mod state;
pub mod verify;

pub use desired::Mapping;
pub use engine::{CycleKind, SyncEngine, SyncError};
pub use plan::{Plan, Preflight};
pub use report::CycleReport;

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
