//! The examples of the RFCs and the tests of other implementations, read from `scim2-conformance/vectors` and, when
//! it is set, from the directory that `SCIM_VECTORS` names.
//!
//! Here only the grammar is asked: what a schema would refuse (`semantic`) is legal text.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use scim2_syntax::{AttrPath, CompareValue, Expr, Filter, FilterRef, Number, PatchPath};
use serde_json::Value;

/// Where we knowingly differ: file, text, and why.
const EXCEPTIONS: [(&str, &str, &str); 5] = [
    (
        "filters.json",
        r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User eq "x""#,
        "F09: only who knows the schemas can tell the container from an attribute; refused when the filter is bound",
    ),
    ("filters.json", "age eq -0", "F20: a number keeps its text; the values are equal"),
    ("filters.json", "age eq 1e3", "F20: a number keeps its text; the values are equal"),
    ("rust_scim_v2.json", "active eq True", "F04: literals have no case"),
    (
        "rust_scim_v2.json",
        r#"emails[type eq "work"].value eq "x""#,
        "F31: accepted and rewritten, because Entra ID sends it",
    ),
];

/// The directories there are. A packaged crate has none.
fn roots() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scim2-conformance/vectors");
    let named = env::var_os("SCIM_VECTORS").map(PathBuf::from);
    [Some(own), named].into_iter().flatten().filter(|root| root.is_dir()).collect()
}

/// The files of one format, parsed.
fn files(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, Value)> {
    let mut files = Vec::new();
    for root in roots() {
        let Ok(entries) = fs::read_dir(root.join(folder)) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if wanted(&name) {
                let json = serde_json::from_slice(&fs::read(&path).unwrap());
                files.push((
                    name,
                    json.unwrap_or_else(|error| panic!("{}: {error}", path.display())),
                ));
            }
        }
    }
    files
}

/// What does not agree, to be shown all at once.
#[derive(Default)]
struct Report {
    cases: usize,
    disagreements: Vec<String>,
}

impl Report {
    fn case(&mut self, file: &str, text: &str, case: &Value, outcome: Result<(), String>) {
        self.cases += 1;
        let Err(why) = outcome else { return };
        let excepted = EXCEPTIONS.iter().any(|(in_file, of, _)| *in_file == file && *of == text);
        if case.get("dubious").is_none() && !excepted {
            self.disagreements.push(format!("{file}: {text}: {why}"));
        }
    }

    #[track_caller]
    fn check(self, at_least: usize) {
        assert!(self.disagreements.is_empty(), "{}", self.disagreements.join("\n"));
        assert!(roots().is_empty() || self.cases >= at_least, "only {} cases", self.cases);
    }
}

fn cases<'a>(file: &'a Value, list: &str) -> &'a [Value] {
    file[list].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn r44_3_4_2_2_20_the_filters_of_the_rfcs_agree() {
    let mut report = Report::default();
    for (file, json) in files("rfc", |name| name == "filters.json") {
        for case in cases(&json, "filters") {
            let text = case["filter"].as_str().unwrap();
            report.case(&file, text, case, filter(text, case["syntax"] == "valid", case));
        }
    }
    report.check(120);
}

#[test]
fn r44_3_5_2_07_the_paths_of_the_rfcs_agree() {
    let mut report = Report::default();
    for (file, json) in files("rfc", |name| name == "paths.json") {
        for case in cases(&json, "paths") {
            let text = case["path"].as_str().unwrap();
            let outcome = path(text, case["syntax"] == "valid").and_then(|parsed| match parsed {
                Some(path) => agree(same_patch_path(&path, &case["parsed"]), &path),
                None => {
                    let in_brackets =
                        text.parse::<PatchPath>().is_err_and(|error| error.in_brackets());
                    let wanted = case["strict"].as_str() == Some("invalidFilter");
                    agree(case["strict"].is_null() || in_brackets == wanted, &in_brackets)
                }
            });
            report.case(&file, text, case, outcome);
        }
    }
    report.check(50);
}

#[test]
fn r44_3_4_2_2_20_the_filters_of_other_implementations_agree() {
    let mut report = Report::default();
    for (file, json) in files("filter", |name| name.ends_with(".json")) {
        for case in cases(&json, "cases") {
            let legal = case["valid"] == true || case["semantic"] == true;
            let (text, outcome) = match case["path"].as_str() {
                Some(text) => (text, path(text, legal).map(drop)),
                None => {
                    let text = case["filter"].as_str().unwrap();
                    (text, filter(text, legal, case))
                }
            };
            report.case(&file, text, case, outcome);
        }
    }
    report.check(1000);
}

fn agree(same: bool, ours: &impl std::fmt::Debug) -> Result<(), String> {
    if same { Ok(()) } else { Err(format!("we read {ours:?}")) }
}

fn path(text: &str, legal: bool) -> Result<Option<PatchPath>, String> {
    match (text.parse::<PatchPath>(), legal) {
        (Ok(path), true) => {
            let again: PatchPath =
                path.to_string().parse().map_err(|error| format!("{path}: {error}"))?;
            agree(again == path, &again)?;
            Ok(Some(path))
        }
        (Err(_), false) => Ok(None),
        (ours, _) => Err(format!("{ours:?}")),
    }
}

fn filter(text: &str, legal: bool, case: &Value) -> Result<(), String> {
    let filter = match (text.parse::<Filter>(), legal) {
        (Ok(filter), true) => filter,
        (Err(_), false) => return Ok(()),
        (ours, _) => return Err(format!("{ours:?}")),
    };
    let printed = filter.to_string();
    let again: Filter = printed.parse().map_err(|error| format!("{printed}: {error}"))?;
    agree(again == filter && again.to_string() == printed, &again)?;
    agree(case["ast"].is_null() || same(filter.as_ref(), &case["ast"]), &filter)?;
    agree(case["canonical"].as_str().is_none_or(|canonical| canonical == printed), &filter)
}

fn same(ours: FilterRef<'_>, wanted: &Value) -> bool {
    let op = wanted["op"].as_str().unwrap();
    // The RFCs' files have paths in parts, the others as text.
    let path = wanted.get("path").unwrap_or(&wanted["attr"]);
    match ours.expr() {
        Expr::Present(present) => op == "pr" && same_path(present, path),
        Expr::Compare { path: compared, op: operator, value } => {
            op == operator.as_str()
                && same_path(compared, path)
                && same_value(value, &wanted["value"])
        }
        Expr::And(terms) | Expr::Or(terms) => {
            let word = if matches!(ours.expr(), Expr::And(_)) { "and" } else { "or" };
            let args = cases(wanted, "args");
            op == word
                && terms.len() == args.len()
                && terms.zip(args).all(|(term, arg)| same(term, arg))
        }
        Expr::Not(inner) => op == "not" && same(inner, &wanted["arg"]),
        Expr::ValuePath { path: before, filter } => {
            op == "valuePath" && same_path(before, path) && same(filter, &wanted["filter"])
        }
    }
}

fn same_path(ours: &AttrPath, wanted: &Value) -> bool {
    if let Some(text) = wanted.as_str() {
        return ours.to_string() == text;
    }
    if wanted["attr"].is_null() {
        // A whole extension, by its URI.
        return ours.container_uri().map(|uri| uri.to_string()).as_deref()
            == wanted["uri"].as_str();
    }
    ours.schema.as_ref().map(|uri| uri.as_str()) == wanted["uri"].as_str()
        && Some(ours.name.as_str()) == wanted["attr"].as_str()
        && ours.sub_attr.as_ref().map(|name| name.as_str()) == wanted["sub"].as_str()
}

fn same_patch_path(ours: &PatchPath, wanted: &Value) -> bool {
    let filters = match (&ours.filter, wanted["filter"].is_null()) {
        (None, true) => true,
        (Some(filter), false) => same(filter.as_ref(), &wanted["filter"]),
        _ => false,
    };
    // After brackets the sub-attribute is the path's; else the attribute's.
    let sub_attr = ours.sub_attr.as_ref().map(|name| name.as_str());
    filters && same_path(&ours.attr, &wanted["path"]) && sub_attr == wanted["sub"].as_str()
}

fn same_value(ours: &CompareValue, wanted: &Value) -> bool {
    match ours {
        CompareValue::Null => wanted.is_null(),
        CompareValue::Bool(value) => wanted == value,
        CompareValue::String(text) => wanted.as_str() == Some(text),
        // JSON readers round long numbers.
        CompareValue::Number(number) => {
            wanted.is_number()
                && (wanted.to_string().parse::<Number>().as_ref() == Ok(number)
                    || wanted.as_f64() == Some(number.as_f64()))
        }
    }
}
