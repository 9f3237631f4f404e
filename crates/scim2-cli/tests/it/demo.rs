use std::fs;
use std::path::Path;

use crate::support::{Ran, scim};

/// Runs the demo on the shipped directory after a change to one of its files.
fn demo_with(file: &str, change: impl FnOnce(String) -> String) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo");
    for name in ["users.json", "groups.json", "assignments.json", "changes.json"] {
        fs::copy(shipped.join(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join(file);
    let text = change(fs::read_to_string(&path).unwrap());
    fs::write(&path, text).unwrap();
    scim(&["demo", "--source", folder.path().to_str().unwrap()])
}

#[test]
fn the_shipped_directory_ends_up_in_the_target() {
    let ran = scim(&["demo"]);
    assert!(ran.success, "{}{}", ran.out, ran.err);
    let log = ran.out.lines().find_map(|line| line.strip_prefix("provisioning log ")).unwrap();
    let log = Path::new(log);
    let entries = fs::read_to_string(log).unwrap();
    // The guide's case: three phone numbers where AWS takes one.
    let refused = entries
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|entry| entry["provisioningStatusInfo"]["errorInformation"].clone())
        .find(|error| error["found"] == "3 values (work, mobile, fax)")
        .unwrap();
    assert_eq!(refused["attribute"], "phoneNumbers");
    assert_eq!(refused["httpStatus"], 400);
    assert_eq!(
        refused["recommendedAction"],
        "drop the mappings of mobile and facsimileTelephoneNumber"
    );
    assert!(refused["additionalDetails"].as_str().unwrap().contains("Request is unparsable"));
    fs::remove_dir_all(log.parent().unwrap()).unwrap();
}

#[test]
fn a_broken_record_is_named_by_file_record_and_field() {
    let ran = demo_with("users.json", |text| {
        text.replacen(r#""accountEnabled": true"#, r#""accountEnabled": "yes""#, 1)
    });
    assert!(!ran.success);
    for part in ["users.json", "311afa3a-61f5-5783-8bdb-7293fa870bd5", "accountEnabled"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}

#[test]
fn broken_json_is_named_by_file_and_line() {
    let ran = demo_with("groups.json", |text| text.replacen(']', "", 1));
    assert!(!ran.success);
    assert!(ran.err.contains("groups.json") && ran.err.contains("line"), "{}", ran.err);
}
