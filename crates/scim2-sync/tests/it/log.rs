//! The provisioning log.

use scim2_sync::CycleKind;
use scim2_sync::log::{LogValues, System};
use serde_json::{Value, json};

use crate::support::*;

async fn lines(values: LogValues) -> Vec<Value> {
    let emulator = Emulator::aws();
    let log = LogLines::default();
    let mut snapshot = small(2);
    set(&mut snapshot, "u1", "surname", Value::Null);
    snapshot.users.insert("out".into(), user("out"));
    let at = "2026-01-02T03:04:05Z".parse().unwrap();
    let mut engine = engine(&emulator).with_log(log.log(values)).with_clock(move || at).with_names(
        "job-1",
        System::new("tenant-1", "Entra ID"),
        System::new(URL, "AWS"),
    );
    engine.run_cycle(CycleKind::Initial, &snapshot).await.unwrap();
    log.take()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn lines_have_the_shape_of_graphs_summary() {
    let lines = lines(LogValues::Shown).await;
    let created = &lines.iter().find(|line| line["sourceIdentity"]["id"] == "u0").unwrap();
    assert_eq!(
        keys(created),
        [
            "activityDateTime",
            "changeId",
            "cycleId",
            "durationInMilliseconds",
            "id",
            "jobId",
            "modifiedProperties",
            "provisioningAction",
            "provisioningStatusInfo",
            "provisioningSteps",
            "sourceIdentity",
            "sourceSystem",
            "targetIdentity",
            "targetSystem",
            "tenantId",
        ]
    );
    assert_eq!(created["activityDateTime"], "2026-01-02T03:04:05.000Z");
    assert_eq!(created["jobId"], "job-1");
    assert_eq!(created["sourceSystem"], json!({ "id": "tenant-1", "displayName": "Entra ID" }));
    assert_eq!(created["provisioningAction"], "create");
    assert_eq!(created["provisioningStatusInfo"], json!({ "status": "success" }));
    let steps = created["provisioningSteps"].as_array().unwrap();
    let steps: Vec<_> = steps.iter().map(|step| &step["provisioningStepType"]).collect();
    assert_eq!(steps, ["import", "scoping", "matching", "export"]);
    let properties = created["modifiedProperties"].as_array().unwrap();
    let name = json!({ "displayName": "userName", "oldValue": null, "newValue": "u0@example.com" });
    assert!(properties.contains(&name));
    assert!(created["targetIdentity"]["id"].is_string());
}

#[tokio::test]
async fn a_failure_says_what_is_wrong_and_what_to_do() {
    let lines = lines(LogValues::Hidden).await;
    let failed = lines.iter().find(|line| line["sourceIdentity"]["id"] == "u1").unwrap();
    let error = &failed["provisioningStatusInfo"]["errorInformation"];
    assert_eq!(failed["provisioningStatusInfo"]["status"], "failure");
    assert_eq!(error["errorCode"], "MandatoryFieldsMissing");
    assert_eq!(error["errorCategory"], "nonServiceFailure");
    assert_eq!(error["attribute"], "name.familyName");
    assert_eq!(error["httpStatus"], 400);
    assert!(error["additionalDetails"].as_str().unwrap().contains("Request is unparsable"));
    assert!(!error["recommendedAction"].as_str().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_skipped_is_said_once() {
    let lines = lines(LogValues::Hidden).await;
    let skipped: Vec<_> = lines
        .iter()
        .filter(|line| line["provisioningStatusInfo"]["status"] == "skipped")
        .map(|line| line["sourceIdentity"]["id"].as_str().unwrap())
        .collect();
    assert_eq!(skipped, ["out"]);
}
