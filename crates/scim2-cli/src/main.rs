//! The `scim` command.

mod conformance;
mod db;
mod demo;
mod failure;
mod filter;
mod input;
mod operations;
mod patch;
mod place;
mod policy;
mod serve;
mod validate;
mod vectors;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

/// SCIM 2.0 on the command line: a demo, an endpoint, and checks of filters and test vectors.
#[derive(Debug, Parser)]
#[command(name = "scim", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Provision an Entra ID directory into an endpoint with the limits of AWS IAM Identity
    /// Center, both on this machine.
    Demo(demo::Demo),
    /// Serve a SCIM endpoint over a folder or a database.
    Serve(serve::Serve),
    /// Check or copy what `serve` keeps.
    Db(db::Db),
    /// Check, format or explain a filter.
    Filter(filter::FilterCommand),
    /// Say everything that is wrong with a resource, or with a schema.
    Validate(validate::Validate),
    /// Apply a PATCH request to a resource, or find the one that leads to another.
    Patch(patch::PatchCommand),
    /// Check an endpoint against the RFCs, Microsoft's validator and Okta's SPEC test.
    ///
    /// It creates users and groups and deletes them again. The command succeeds if no check fails.
    Conformance(conformance::Conformance),
    /// Run files of test vectors.
    Vectors(vectors::Vectors),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = io::stdout().lock();
    let result = match arguments.command {
        Command::Demo(demo) => demo.run(&mut out),
        Command::Serve(serve) => serve.run(&mut out),
        Command::Db(db) => db.run(&mut out),
        Command::Filter(filter) => filter.run(&mut out),
        Command::Validate(validate) => validate.run(&mut out),
        Command::Patch(patch) => patch.run(&mut out),
        Command::Conformance(conformance) => conformance.run(&mut out),
        Command::Vectors(vectors) => vectors.run(&mut out),
    };
    match result.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
