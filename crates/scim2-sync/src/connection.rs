//! "Test connection": whether URL and token work, found out as Entra ID does.

use scim2_client::{Client, ClientError, ErrorClass, Transport};
use scim2_core::Resource;
use scim2_core::syntax::{AttrPath, Filter};

use crate::problem::{Problem, UNAUTHORIZED_REMEDY};

/// Why the connection does not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The target refuses the credentials, or does not know the URL.
    #[error("the target refuses the request ({error}); {UNAUTHORIZED_REMEDY}")]
    Unauthorized {
        /// What the target answered.
        error: Box<ClientError>,
    },
    /// The target cannot be reached, or answers something else than a list.
    #[error("{problem}")]
    Failed {
        /// What happened, and what to do.
        problem: Box<Problem>,
        /// The failed call.
        #[source]
        error: Box<ClientError>,
    },
    /// The target finds users by a random value: it ignores the filter, so nothing could be
    /// matched safely.
    #[error(
        "the target found {found} users whose `{attribute}` is a random value: it does not filter \
         by `{attribute}`, so objects cannot be matched"
    )]
    IgnoresFilter {
        /// The attribute that was filtered by.
        attribute: String,
        /// How many users were found.
        found: usize,
    },
}

impl ConnectionError {
    pub(crate) fn from_client(error: ClientError) -> Self {
        match error.class() {
            ErrorClass::Auth => Self::Unauthorized { error: Box::new(error) },
            _ => {
                let problem = Box::new(Problem::of(&error, []));
                Self::Failed { problem, error: Box::new(error) }
            }
        }
    }
}

/// Asks for a user that cannot exist, by the attribute that users are matched by, and expects an
/// empty list.
///
/// # Errors
/// [`ConnectionError`] says what is wrong and what to check.
pub async fn test_connection<T: Transport>(
    client: &Client<T>,
    matching: &AttrPath,
) -> Result<(), ConnectionError> {
    let nobody = uuid::Uuid::new_v4().to_string();
    let filter = Filter::eq(matching.clone(), nobody.as_str());
    let page = client
        .api::<Resource>("/Users")
        .find(filter)
        .await
        .map_err(ConnectionError::from_client)?;
    let found = page
        .resources
        .len()
        .max(page.total_results.map_or(0, |total| usize::try_from(total).unwrap_or(usize::MAX)));
    if found > 0 {
        return Err(ConnectionError::IgnoresFilter { attribute: matching.to_string(), found });
    }
    Ok(())
}
