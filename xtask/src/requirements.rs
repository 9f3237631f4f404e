//! Which rows of a requirements table the tests prove, by their names.
//!
//! A row `R44-3.5.2-15` is proven by tests whose name starts with `r44_3_5_2_15`; a ruling `P09`
//! by `p09`; a security requirement `SEC-10` by `sec_10`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One row: its id, its area and its level.
struct Row {
    id: String,
    area: String,
    level: String,
}

/// Prints the coverage per area, then the rows that no test names.
pub(crate) fn report(root: &Path, tables: &[&str]) -> Result<(), String> {
    let mut rows = Vec::new();
    for table in tables {
        let text = fs::read_to_string(table).map_err(|error| format!("{table}: {error}"))?;
        rows.extend(table_rows(&text));
        rows.extend(rulings(&text));
    }
    let mut names = BTreeSet::new();
    test_names(&root.join("crates"), &mut names)
        .map_err(|error| format!("reading the tests: {error}"))?;

    let mut areas: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut open = Vec::new();
    for row in &rows {
        let (proven, all) = areas.entry(&row.area).or_default();
        *all += 1;
        if is_named(&names, &row.id) {
            *proven += 1;
        } else {
            open.push(row);
        }
    }
    let mut out = String::new();
    for (area, (proven, all)) in &areas {
        out.push_str(&format!("{proven:>4} of {all:>4}  {area}\n"));
    }
    for row in open {
        out.push_str(&format!("no test: {:<18} {:<12} {}\n", row.id, row.level, row.area));
    }
    eprint!("{out}");
    Ok(())
}

/// Rulings: paragraphs that begin with an id, a title and how sure it is, all in bold, as in
/// `**P09 replace with a filter that matches nothing (A).**`, under the heading of their letter.
fn rulings(text: &str) -> Vec<Row> {
    let mut area = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.clone_into(&mut area);
        }
        let Some(start) = line.strip_prefix("**") else { continue };
        let id: String = start.chars().take_while(char::is_ascii_alphanumeric).collect();
        let letter = id.get(..1).unwrap_or_default();
        let is_id = id.len() == 3 && id.chars().skip(1).all(|c| c.is_ascii_digit());
        if is_id && area.starts_with(&format!("{letter}. ")) {
            let sure = start.split_once(").**").and_then(|(title, _)| title.rsplit_once('('));
            let level = sure.map_or("", |(_, sure)| sure).split(',').next().unwrap_or_default();
            rows.push(Row { id, area: area.clone(), level: level.to_owned() });
        }
    }
    rows
}

/// The rows of every Markdown table whose first column is an id, under its heading.
fn table_rows(text: &str) -> Vec<Row> {
    let mut area = String::new();
    let mut rows = Vec::new();
    for line in text.lines() {
        if let Some(heading) = line.trim_start_matches('#').strip_prefix(' ')
            && line.starts_with('#')
        {
            heading.split(" (").next().unwrap_or(heading).clone_into(&mut area);
        }
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let (Some(id), Some(level)) = (cells.next(), cells.next()) else { continue };
        if id.starts_with('R') && id.contains('-') && line.starts_with('|') {
            rows.push(Row { id: id.to_owned(), area: area.clone(), level: level.to_owned() });
        }
    }
    rows
}

/// Whether a test's name starts with the row's id and then ends or goes on with a word.
fn is_named(names: &BTreeSet<String>, id: &str) -> bool {
    let prefix: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    names.range(prefix.clone()..).take_while(|name| name.starts_with(&prefix)).any(|name| {
        let rest = name.get(prefix.len()..).unwrap_or_default();
        rest.is_empty() || rest.starts_with('_')
    })
}

/// The names of all functions that a `#[test]` or `#[tokio::test]` attribute precedes.
fn test_names(folder: &Path, names: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            test_names(&path, names)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            names.extend(text.lines().filter_map(|line| {
                let (_, rest) = line.split_once("fn ")?;
                let name: String =
                    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                is_row_like(&name).then_some(name)
            }));
        }
    }
    Ok(())
}

/// Names that begin as a requirement, a ruling or a security row does.
fn is_row_like(name: &str) -> bool {
    let head = name.split('_').next().unwrap_or(name);
    head == "sec" || (head.len() > 1 && head.chars().skip(1).all(|c| c.is_ascii_digit()))
}
