//! `scim filter`: check, format or explain a filter.

use std::io::Write;

use clap::{Args, Subcommand};
use scim2_core::syntax::Filter;

use crate::Failure;
use crate::input::TypeName;
use crate::policy::PolicyName;

#[derive(Debug, Args)]
pub(crate) struct FilterCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether the text is a filter, and where it stops being one; with --type, also whether
    /// resources of that type can be asked so.
    Check(Check),
    /// Print the filter in its canonical form.
    Fmt(Input),
    /// Print the filter as a tree in words.
    Explain(Input),
}

#[derive(Debug, Args)]
struct Input {
    /// The filter, such as `userName eq "bjensen"`.
    filter: String,
    /// Whose dialect is accepted.
    #[arg(long, value_enum, default_value = "strict")]
    policy: PolicyName,
}

#[derive(Debug, Args)]
struct Check {
    #[command(flatten)]
    input: Input,
    /// The type of the resources that are filtered.
    #[arg(long = "type", value_enum, value_name = "TYPE")]
    resource_type: Option<TypeName>,
}

impl Check {
    fn parse(&self) -> Result<Filter, Failure> {
        let filter = self.input.parse()?;
        if let Some(name) = self.resource_type {
            let bound = name.resource_type().bind(&filter, &self.input.policy.policy());
            bound.map_err(|error| Failure::because("filter", &error))?;
        }
        Ok(filter)
    }
}

impl Input {
    fn parse(&self) -> Result<Filter, Failure> {
        Filter::parse_with(&self.filter, &self.policy.policy().syntax)
            .map_err(|error| Failure::Because(error.render(&self.filter).to_string()))
    }
}

impl FilterCommand {
    pub(crate) fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        match &self.action {
            Action::Check(input) => {
                let filter = input.parse()?;
                match filter.leaves() {
                    1 => writeln!(out, "a filter with 1 comparison")?,
                    leaves => writeln!(out, "a filter with {leaves} comparisons")?,
                }
            }
            Action::Fmt(input) => writeln!(out, "{}", input.parse()?)?,
            Action::Explain(input) => writeln!(out, "{}", input.parse()?.explain())?,
        }
        Ok(())
    }
}
