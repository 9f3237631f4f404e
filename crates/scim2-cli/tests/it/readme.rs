//! What the README says of the command.

use crate::support::scim;

const README: &str = include_str!("../../README.md");

/// The words of a command line with single quotes.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

#[test]
fn the_session_in_the_readme_is_what_happens() {
    let session = README.split("```console\n").nth(1).unwrap().split("```").next().unwrap();
    let commands: Vec<&str> = session.split("$ scim ").filter(|part| !part.is_empty()).collect();
    assert_eq!(commands.len(), 2);
    for command in commands {
        let (line, expected) = command.split_once('\n').unwrap();
        let words = words(line);
        let ran = scim(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(format!("{}{}", ran.out, ran.err), expected, "{line}");
    }
}

#[test]
fn the_readme_knows_every_command() {
    let help = scim(&["--help"]).out;
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let names = listed.lines().filter_map(|line| line.split_whitespace().next());
    let mut known = 0;
    for name in names.filter(|name| *name != "help") {
        assert!(README.contains(&format!("| `scim {name}` |")), "{name}");
        known += 1;
    }
    assert_eq!(README.matches("| `scim ").count(), known);
}
