//! The command line that every `App` has. Invariant: each command is one file; what they share is the selection of a group and the
//! parent process.

mod ask;
mod check;
mod control;
mod documents;
mod dump;
mod error;
pub(crate) mod gateway;
mod journal;
mod journal_options;
pub(crate) mod logging;
mod metrics;
pub(crate) mod observe;
mod options;
pub(crate) mod parent;
mod past;
pub(crate) mod process;
mod select;
mod signals;
mod status;
mod systemd;
pub(crate) mod table;
mod tap;
mod top;
mod up;

use std::ffi::OsString;
use std::io::{ErrorKind, Write};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use ftmb_netio::flow::OwnHash;

use crate::config::Config;
use crate::demo;
use crate::scenario::Scenario;
use crate::{Error, Result};

pub use error::CommandError;
use logging::LogOptions;
pub(crate) use options::GroupOptions;
pub(crate) use signals::Signals;

/// What the commands need to know of the program.
pub(crate) struct Program<'a> {
    /// Name of the App.
    pub(crate) name: &'a str,
    /// Constructs the middlebox once and returns the layout of its state.
    pub(crate) layout: &'a dyn Fn(&Config) -> Result<u64>,
    /// The middlebox's own hash of flows.
    pub(crate) flow_hash: OwnHash,
    /// What `demo` sends.
    pub(crate) scenario: Option<Box<dyn Scenario>>,
}

/// What the help ends with.
const ENVIRONMENT: &str = "\
Environment:
  FTMB_LOG         Which messages are written to standard error, such as `info` or `warn,ftmb_netio=debug`
  RUST_LOG         The same, if FTMB_LOG is not set; without either, `up` writes `info`, all other commands `error`
  FTMB_LOG_FORMAT  Their form, if there is no --log-format: `text` or `json`
  FTMB_FILE_IO     How capture files are read and written: `plain` for system calls without io_uring
  FTMB_SOCKET_IO   The same for interfaces, taps and tunnels; `uring` insists on io_uring
  NOTIFY_SOCKET, WATCHDOG_USEC
                   Set by systemd for services of Type=notify: `up` says when it is protected, and that it is alive

Exit codes:
  0  It is done. `up`: the group has ended in good order
  1  It could not be done; standard error says why
  2  The command line makes no sense";

/// A middlebox that survives the loss of its process: no packet lost, no state forgotten, nothing contradicted.
#[derive(Debug, Parser)]
#[command(max_term_width = 110, arg_required_else_help = true, after_long_help = ENVIRONMENT)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    log: LogOptions,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a group on this host, until it is interrupted or its captures have been read.
    Up(up::UpOptions),
    /// Check whether `up` could run with these options and this file, and print what they amount to. Starts nothing.
    CheckConfig(up::UpOptions),
    /// Kill the middlebox under load, several times, and check every packet that comes out. Needs no privileges, no files.
    Demo(Box<demo::DemoOptions>),
    /// Show how a running group is.
    Status(status::StatusOptions),
    /// Show how a running group is, again and again, with what happens in a second; q ends it.
    Top(top::TopOptions),
    /// Replace the master by the standby now, and wait until that is done.
    Failover(select::Selection),
    /// Take a checkpoint now, and wait until it is committed.
    Checkpoint(select::Selection),
    /// Ask the middlebox of a running group, and print what it answers.
    Control(control::ControlOptions),
    /// Stream what a running group takes in or sends, as a capture.
    Tap(tap::TapOptions),
    /// Look into the files of a group.
    #[command(subcommand)]
    Log(LogCommand),
    /// Look into a journal, and run again what it has recorded.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
    /// Print completions for a shell.
    Completions(documents::CompletionOptions),
    /// Print the manual page, or write all of them into a directory.
    Man(documents::ManOptions),
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    /// Print a log (in, det, out, ckpt, port) or a group record.
    Dump(dump::DumpOptions),
}

/// Understands and runs a command line.
pub(crate) fn run(arguments: &[OsString], program: Program<'_>) -> Result<()> {
    let cli = parse(program.name, arguments).unwrap_or_else(|error| error.exit());
    // Who runs a group for real wants to know what becomes of it; a `demo` kills on purpose and says so itself.
    let (role, usual) = match cli.command {
        Command::Up(_) => ("parent", "info"),
        Command::Demo(_) => ("parent", "error"),
        _ => ("command", "error"),
    };
    logging::start(role, usual, cli.log.log_format);
    match cli.command {
        Command::Up(options) => up::run(&options, &program),
        Command::CheckConfig(options) => check::run(&options, &program),
        Command::Demo(options) => demo::run(&options, program),
        Command::Status(options) => status::run(&options, program.name),
        Command::Top(options) => top::run(&options, program.name),
        Command::Failover(selection) => ask::failover(&selection, program.name),
        Command::Checkpoint(selection) => ask::checkpoint(&selection, program.name),
        Command::Control(options) => control::run(&options, program.name),
        Command::Tap(options) => tap::run(&options, program.name),
        Command::Log(LogCommand::Dump(options)) => dump::run(&options),
        Command::Journal(command) => journal::run(&command, &program),
        Command::Completions(options) => documents::completions(&options, program.name),
        Command::Man(options) => documents::man(&options, program.name),
    }
}

fn parse(name: &str, arguments: &[OsString]) -> std::result::Result<Cli, clap::Error> {
    Cli::from_arg_matches(&command(name).try_get_matches_from_mut(arguments)?)
}

/// The command line of a program of this name.
fn command(name: &str) -> clap::Command {
    Cli::command().name(name.to_owned()).bin_name(name.to_owned())
}

/// Prints to standard output. A reader that has seen enough (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    print_on(text).map(|_| ())
}

/// The same, for who prints again and again; whether anybody still reads.
pub(crate) fn print_on(text: &str) -> Result<bool> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(CommandError::io("writing to standard output")(error).into()),
    }
}

/// For results of commands: not an error of the command, but the end of what it can read.
pub(crate) fn after<T>(text: &str, result: std::result::Result<T, impl Into<Error>>) -> Result<T> {
    print(text)?;
    result.map_err(Into::into)
}

#[cfg(test)]
mod tests;
