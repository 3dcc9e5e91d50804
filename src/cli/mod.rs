//! The command line that every `App` has. Invariant: each command is one file; what they share is the selection of a group and the
//! parent process.

mod ask;
mod control;
mod dump;
mod error;
pub(crate) mod gateway;
mod journal;
mod journal_options;
mod journal_status;
mod options;
pub(crate) mod parent;
mod past;
pub(crate) mod process;
mod select;
mod signals;
mod status;
pub(crate) mod table;
mod up;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::Config;
use crate::demo;
use crate::scenario::Scenario;
use crate::{Error, Result};

pub use error::CommandError;
pub(crate) use options::GroupOptions;
pub(crate) use signals::Signals;

/// What the commands need to know of the program.
pub(crate) struct Program<'a> {
    /// Name of the App.
    pub(crate) name: &'a str,
    /// Constructs the middlebox once and returns the layout of its state.
    pub(crate) layout: &'a dyn Fn(&Config) -> Result<u64>,
    /// What `demo` sends.
    pub(crate) scenario: Option<Box<dyn Scenario>>,
}

/// A middlebox that survives the loss of its process: no packet lost, no state forgotten, nothing contradicted.
#[derive(Debug, Parser)]
#[command(max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a group on this host, until it is interrupted or its captures have been read.
    Up(up::UpOptions),
    /// Kill the middlebox under load, several times, and check every packet that comes out. Needs no privileges, no files.
    Demo(Box<demo::DemoOptions>),
    /// Show how a running group is.
    Status(status::StatusOptions),
    /// Replace the master by the standby now, and wait until that is done.
    Failover(select::Selection),
    /// Take a checkpoint now, and wait until it is committed.
    Checkpoint(select::Selection),
    /// Ask the middlebox of a running group, and print what it answers.
    Control(control::ControlOptions),
    /// Look into the files of a group.
    #[command(subcommand)]
    Log(LogCommand),
    /// Look into a journal, and run again what it has recorded.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Print a log (in, det, out, ckpt, port) or a group record.
    Dump(dump::DumpOptions),
}

/// Understands and runs a command line.
pub(crate) fn run(arguments: &[OsString], program: Program<'_>) -> Result<()> {
    let cli = parse(program.name, arguments).unwrap_or_else(|error| error.exit());
    match cli.command {
        Command::Up(options) => up::run(&options, &program),
        Command::Demo(options) => demo::run(&options, program),
        Command::Status(options) => status::run(&options, program.name),
        Command::Failover(selection) => ask::failover(&selection, program.name),
        Command::Checkpoint(selection) => ask::checkpoint(&selection, program.name),
        Command::Control(options) => control::run(&options, program.name),
        Command::Log(LogCommand::Dump(options)) => dump::run(&options),
        Command::Journal(command) => journal::run(&command, &program),
    }
}

fn parse(name: &str, arguments: &[OsString]) -> std::result::Result<Cli, clap::Error> {
    let mut command = Cli::command().name(name.to_owned()).bin_name(name.to_owned());
    Cli::from_arg_matches(&command.try_get_matches_from_mut(arguments)?)
}

/// Messages go to standard error; `FTMB_LOG` says which (as `info`, or `ftmb_netio=debug`).
pub(crate) fn start_tracing() {
    use tracing_subscriber::EnvFilter;
    let filter = EnvFilter::try_from_env("FTMB_LOG").unwrap_or_else(|_| EnvFilter::new("error"));
    // A second subscriber of the same process is the user's own: theirs stays.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
}

/// Prints to standard output. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other.map_err(CommandError::io("writing to standard output"))?),
    }
}

/// For results of commands: not an error of the command, but the end of what it can read.
pub(crate) fn after<T>(text: &str, result: std::result::Result<T, impl Into<Error>>) -> Result<T> {
    print(text)?;
    result.map_err(Into::into)
}

#[cfg(test)]
mod tests;
