use std::fs;

use crate::support::scim;

#[test]
fn agreeing_vectors_succeed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../scim2-conformance/vectors/filter");
    let ran = scim(&["vectors", folder]);
    assert!(ran.success, "{}{}", ran.out, ran.err);
    let last = ran.out.lines().last().unwrap();
    assert!(last.contains(" passed, 0 failed, "), "{last}");
}

#[test]
fn a_disagreement_is_one_line_and_fails() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.json");
    fs::write(
        &file,
        r#"{"source": "own", "cases": [
            {"filter": "userName eq", "valid": true},
            {"filter": "title pr", "valid": true},
            {"filter": "a b", "valid": true, "dubious": "nobody knows"}]}"#,
    )
    .unwrap();
    let ran = scim(&["vectors", file.to_str().unwrap()]);
    assert!(!ran.success);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.contains("own.json")).count(), 2, "{}", ran.out);
    assert_eq!(*lines.last().unwrap(), "1 passed, 1 failed, 1 dubious");
}

#[test]
fn a_file_of_another_format_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list.json");
    fs::write(&file, "[1, 2]").unwrap();
    let ran = scim(&["vectors", file.to_str().unwrap()]);
    assert!(!ran.success);
    assert!(ran.err.contains("list.json"), "{}", ran.err);
}
