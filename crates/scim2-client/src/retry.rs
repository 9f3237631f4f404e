//! When to send a request again, and how long to wait before.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, header};

/// How often and how patiently a request is repeated.
///
/// Waiting times grow exponentially and are drawn at random below the growing bound, so that
/// many clients do not come back at the same moment. A `Retry-After` of the service provider,
/// in seconds or as a date, is obeyed in full; one that goes beyond what is left of
/// [`max_wait`](Self::max_wait) ends the attempts.
///
/// Only what cannot do harm is repeated: reading, replacing, deleting, PATCH operations that
/// set or take away; a create only if it certainly did not arrive (ruling C06).
///
/// ```
/// use std::time::Duration;
/// use scim2_client::RetryPolicy;
/// let patient = RetryPolicy { max_wait: Duration::from_secs(3600), ..RetryPolicy::default() };
/// # let _ = patient;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "struct update is how it is built")]
pub struct RetryPolicy {
    /// How often a request is sent at most, the first time included.
    pub max_attempts: u32,
    /// The bound of the first waiting time; it doubles with each attempt.
    pub base: Duration,
    /// The bound beyond which waiting times without `Retry-After` do not grow.
    pub cap: Duration,
    /// How long all waiting for one request may last together.
    pub max_wait: Duration,
}

impl RetryPolicy {
    /// Sends everything once.
    #[must_use]
    pub fn none() -> Self {
        Self { max_attempts: 1, ..Self::default() }
    }

    /// How long to wait after this many attempts; none when it is time to give up.
    pub(crate) fn wait(
        &self,
        attempts: u32,
        waited: Duration,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        if attempts >= self.max_attempts {
            return None;
        }
        let doublings = attempts.saturating_sub(1).min(31);
        let bound = self.base.saturating_mul(1_u32 << doublings).min(self.cap);
        let jitter = bound.mul_f64(random_fraction());
        // A client told to wait five seconds waits a little more, and not in step with others.
        let wait = retry_after.map_or(jitter, |after| after.saturating_add(jitter));
        let shortest = retry_after.unwrap_or_default();
        let left = self.max_wait.checked_sub(waited)?;
        if shortest > left { None } else { Some(wait.min(left)) }
    }
}

impl Default for RetryPolicy {
    /// Six attempts, half a second doubling up to 30 s, five minutes in all.
    fn default() -> Self {
        Self {
            max_attempts: 6,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(30),
            max_wait: Duration::from_secs(300),
        }
    }
}

/// A number in `0.0..1.0` that other clients do not share. Not for secrets.
fn random_fraction() -> f64 {
    let bits = RandomState::new().hash_one(()) >> 11;
    // 53 bits fit a double exactly.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "53 bits are exact")]
    let numerator = bits as f64;
    numerator / 9_007_199_254_740_992.0
}

/// The waiting time that an answer asks for: seconds, or a date (RFC 9110 §10.2.3).
///
/// A date counts from the answer's own `Date`, so that it does not matter whose clock is wrong.
pub(crate) fn retry_after(headers: &HeaderMap, now: Option<SystemTime>) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let sent = headers
        .get(header::DATE)
        .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
        .or(now)?;
    Some(until.duration_since(sent).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect::<HeaderMap>()
    }

    #[test]
    fn retry_after_counts_seconds() {
        let found = retry_after(&headers(&[("retry-after", " 7 ")]), None);
        assert_eq!(found, Some(Duration::from_secs(7)));
    }

    #[test]
    fn retry_after_date_counts_from_the_answers_own_date() {
        let headers = headers(&[
            ("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT"),
            ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ]);
        assert_eq!(retry_after(&headers, Some(SystemTime::now())), Some(Duration::from_secs(30)));
    }

    #[test]
    fn retry_after_date_without_a_date_counts_from_now() {
        let headers = headers(&[("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")]);
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:10 GMT").unwrap();
        assert_eq!(retry_after(&headers, Some(now)), Some(Duration::from_secs(20)));
        assert_eq!(retry_after(&headers, None), None);
    }

    #[test]
    fn retry_after_in_the_past_means_at_once() {
        let headers = headers(&[("retry-after", "Wed, 21 Oct 2015 07:28:30 GMT")]);
        assert_eq!(retry_after(&headers, Some(SystemTime::now())), Some(Duration::ZERO));
    }

    #[test]
    fn retry_after_that_is_neither_is_ignored() {
        for text in ["soon", "-1", "1.5", "", "99999999999999999999999"] {
            let headers = headers(&[("retry-after", text)]);
            assert_eq!(retry_after(&headers, Some(SystemTime::now())), None, "{text}");
        }
    }

    #[test]
    fn waits_stay_below_the_growing_bound() {
        let policy = RetryPolicy { max_attempts: 100, ..RetryPolicy::default() };
        for attempts in 1..40 {
            let wait = policy.wait(attempts, Duration::ZERO, None).unwrap();
            assert!(wait <= policy.cap);
            if attempts == 1 {
                assert!(wait <= policy.base);
            }
        }
    }

    #[test]
    fn a_wait_is_never_shorter_than_retry_after() {
        let policy = RetryPolicy::default();
        for _ in 0..50 {
            let wait = policy.wait(1, Duration::ZERO, Some(Duration::from_secs(5))).unwrap();
            assert!(wait >= Duration::from_secs(5) && wait <= Duration::from_secs(6));
        }
    }

    #[test]
    fn a_retry_after_beyond_the_budget_ends_the_attempts() {
        let policy = RetryPolicy { max_wait: Duration::from_secs(10), ..RetryPolicy::default() };
        assert_eq!(policy.wait(1, Duration::ZERO, Some(Duration::from_secs(11))), None);
        assert_eq!(policy.wait(1, Duration::from_secs(8), Some(Duration::from_secs(3))), None);
        let last = policy.wait(1, Duration::from_secs(8), Some(Duration::from_secs(2)));
        assert_eq!(last, Some(Duration::from_secs(2)));
    }

    #[test]
    fn attempts_are_counted() {
        assert_eq!(RetryPolicy::none().wait(1, Duration::ZERO, None), None);
        let policy = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
        assert!(policy.wait(2, Duration::ZERO, None).is_some());
        assert_eq!(policy.wait(3, Duration::ZERO, None), None);
    }
}
