//! A service provider that says what it was told to say, and remembers what it was asked.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use scim2_client::{Client, ClientBuilder, Delivery, Timer, Transport};
use serde_json::Value;

/// One thing that happens to a request.
pub(crate) enum Step {
    Answer(Response<Bytes>),
    Fail(Delivery),
}

/// What arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn query(&self) -> &str {
        self.url.split_once('?').map_or("", |(_, query)| query)
    }
}

#[derive(Clone, Default)]
pub(crate) struct Script {
    steps: Arc<Mutex<VecDeque<Step>>>,
    seen: Arc<Mutex<Vec<Seen>>>,
    slept: Arc<Mutex<Vec<Duration>>>,
}

#[derive(Debug)]
pub(crate) struct Failure(Delivery);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl std::error::Error for Failure {}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let script = Self::default();
        script.steps.lock().unwrap().extend(steps);
        script
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }

    pub(crate) fn builder(&self) -> ClientBuilder<Self> {
        self.builder_at("https://scim.example.com/v2")
    }

    pub(crate) fn builder_at(&self, url: &str) -> ClientBuilder<Self> {
        Client::builder(self.clone(), url.parse().unwrap()).bearer("secret-token".into())
    }

    pub(crate) fn client(&self) -> Client<Self> {
        self.builder().build().unwrap()
    }
}

impl Transport for Script {
    type Error = Failure;

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let (parts, body) = request.into_parts();
        self.seen.lock().unwrap().push(Seen {
            method: parts.method,
            url: parts.uri.to_string(),
            headers: parts.headers,
            body: if body.is_empty() {
                Value::Null
            } else {
                serde_json::from_slice(&body).unwrap()
            },
        });
        match self.steps.lock().unwrap().pop_front().expect("the script has no more answers") {
            Step::Answer(response) => Ok(response),
            Step::Fail(delivery) => Err(Failure(delivery)),
        }
    }

    fn delivery(&self, error: &Failure) -> Delivery {
        error.0
    }

    fn timer(&self) -> Option<&dyn Timer> {
        Some(self)
    }
}

impl Timer for Script {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.slept.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }

    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
    }
}

/// An answer with a JSON body.
pub(crate) fn json(status: u16, body: Value) -> Step {
    headers(status, &[("content-type", "application/scim+json")], &body.to_string())
}

/// An answer without a body.
pub(crate) fn empty(status: u16) -> Step {
    headers(status, &[], "")
}

/// An answer with headers.
pub(crate) fn headers(status: u16, headers: &[(&str, &str)], body: &str) -> Step {
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Step::Answer(response.body(Bytes::copy_from_slice(body.as_bytes())).unwrap())
}

pub(crate) fn lost() -> Step {
    Step::Fail(Delivery::Lost)
}

pub(crate) fn unsent() -> Step {
    Step::Fail(Delivery::Unsent)
}

/// Runs a future that never has to wait.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}
