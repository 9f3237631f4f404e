//! What is counted and measured, and by which labels.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use scim2_provider::RemovalLimit;
use serde_json::json;

use crate::directory::{Members, Queries};
use crate::handler::change_after_lost_races;
use crate::support::*;

/// Remembers every key, and what happened to it.
#[derive(Clone, Default)]
struct Record(Arc<Mutex<Vec<(String, f64)>>>);

struct Series(Record, String);

impl Series {
    fn note(&self, value: f64) {
        self.0.0.lock().unwrap().push((self.1.clone(), value));
    }
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "small numbers of a test")]
impl CounterFn for Series {
    fn increment(&self, value: u64) {
        self.note(value as f64);
    }

    fn absolute(&self, value: u64) {
        self.note(value as f64);
    }
}

impl GaugeFn for Series {
    fn increment(&self, value: f64) {
        self.note(value);
    }

    fn decrement(&self, value: f64) {
        self.note(-value);
    }

    fn set(&self, value: f64) {
        self.note(value);
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.note(value);
    }
}

impl Record {
    fn series(&self, key: &Key) -> Arc<Series> {
        let labels = key.labels().map(|label| format!(" {}={}", label.key(), label.value()));
        Arc::new(Series(self.clone(), format!("{}{}", key.name(), labels.collect::<String>())))
    }

    /// All series that begin like this, each once.
    fn of(&self, name: &str) -> BTreeSet<String> {
        let noted = self.0.lock().unwrap();
        let own = noted.iter().filter(|(series, _)| series.split(' ').next() == Some(name));
        own.map(|(series, _)| series.clone()).collect()
    }

    fn sum(&self, series: &str) -> f64 {
        let noted = self.0.lock().unwrap();
        noted.iter().filter(|(name, _)| name == series).map(|(_, value)| value).sum()
    }
}

impl Recorder for Record {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.series(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.series(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.series(key))
    }
}

#[test]
fn operations_are_counted_and_measured() {
    let record = Record::default();
    metrics::with_local_recorder(&record, || {
        let server = server();
        let id = server.user("a");
        server.post("/Users", user("a")).is(409);
        server.get(&format!("/Users/{id}")).is(200);
        server.call("GET", "/Users", &[("authorization", "Bearer wrong")], b"").is(401);
    });
    let count = |labels: &str| record.sum(&format!("scim.server.operations {labels}"));
    assert_eq!(count("operation=create resource_type=User result=ok"), 1.0);
    assert_eq!(count("operation=create resource_type=User result=refused"), 1.0);
    assert_eq!(count("operation=get resource_type=User result=ok"), 1.0);
    assert_eq!(record.sum("scim.auth.failures reason=invalid"), 1.0);
    assert_eq!(record.sum("http.server.active_requests"), 0.0, "all have ended");
    let body = "http.server.request.body.size http.request.method=POST http.route=/Users";
    assert!(record.sum(body) > 100.0);
    let durations = record.of("http.server.request.duration");
    let read = "http.server.request.duration http.request.method=GET \
                http.route=/Users/{id} http.response.status_code=200";
    assert!(durations.contains(read), "{durations:?}");
}

#[test]
fn what_goes_another_way_than_usual_is_counted() {
    let record = Record::default();
    metrics::with_local_recorder(&record, || {
        change_after_lost_races(2);
        for queries in [Queries::Candidates, Queries::Pages] {
            let server = crate::handler::server(queries, Members::OneByOne);
            server.filter("/Users", "userName eq \"a\"").is(200);
            server.get("/Users").is(200);
        }
        let limit = RemovalLimit::new(1, Duration::from_secs(60));
        let server = Setup::config(|config| config.removals = Some(limit)).server();
        for (name, status) in [("a", 204), ("b", 403), ("c", 403)] {
            server.delete(&format!("/Users/{}", server.user(name))).is(status);
        }
    });
    assert_eq!(record.sum("scim.store.retries reason=lost_race"), 2.0);
    assert_eq!(record.sum("scim.filter.pushdown by=scan"), 1.0);
    assert_eq!(record.sum("scim.filter.pushdown by=full"), 1.0);
    assert_eq!(record.sum("scim.guard.tripped"), 2.0);
}

#[test]
fn r44_7_5_1_01_clients_cannot_make_up_labels() {
    let record = Record::default();
    metrics::with_local_recorder(&record, || {
        let server = server();
        for round in ["canary-1", "canary-2", "canary-3"] {
            server.call(&round.to_uppercase(), "/Users", &[], b"").is(405);
            server.call("GET", "/Users", &[("x-request-id", round)], b"").is(200);
            server.call("GET", "/Users", &[("authorization", round)], b"").is(401);
            server.get(&format!("/Users/{round}")).is(404);
            server.get(&format!("/{round}/{round}")).is(404);
            server.get(&format!("/Schemas/{round}")).is(404);
            server.filter("/Users", &format!("userName eq \"{round}\"")).is(200);
            server.get(&format!("/Users?{round}={round}&sortBy={round}")).is(400);
            server.post("/Users", user(round)).is(201);
            server.post("/Users", json!({"schemas": [USER], round: round})).is(400);
        }
    });
    let all: BTreeSet<String> =
        record.0.lock().unwrap().iter().map(|(series, _)| series.clone()).collect();
    assert!(all.iter().any(|series| series.contains("http.request.method=_OTHER")), "{all:?}");
    assert!(!all.iter().any(|series| series.to_lowercase().contains("canary")), "{all:?}");
    // Three rounds made no more series than one would have.
    assert!(all.len() < 30, "{all:#?}");
}
