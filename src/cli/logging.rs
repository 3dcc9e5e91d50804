//! Messages of all processes of a group, on standard error. Invariant: the processes of a group write in the same form and about the
//! same things: what the parent was told it passes on, in the environment.
//!
//! What is written is said by `FTMB_LOG`, else by `RUST_LOG`, else by the command (`up`: `info`, all others: `error`); both have the
//! form of `tracing_subscriber::EnvFilter`, such as `info` or `warn,ftmb_netio=debug`.

use std::fmt;
use std::io::IsTerminal;
use std::process::Command;
use std::sync::OnceLock;

use clap::{Args, ValueEnum};
use tracing::{Event, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Format, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::Result;

const FILTER: &str = "FTMB_LOG";
const USUAL_FILTER: &str = "RUST_LOG";
const FORMAT: &str = "FTMB_LOG_FORMAT";

/// How messages look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Time, process, level, message and figures: a line each
    #[default]
    Text,
    /// A JSON object a line
    Json,
}

impl LogFormat {
    fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}

/// What is said about messages on every command line.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct LogOptions {
    /// Form of the messages on standard error, of all processes of a group; which messages: FTMB_LOG, else RUST_LOG (as `info`,
    /// `warn,ftmb_netio=debug`)
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = "Messages")]
    pub(crate) log_format: Option<LogFormat>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Settings {
    filter: String,
    format: LogFormat,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Begins to write messages. `role`: of this process in its group; `usual`: what is written unless the environment says otherwise.
pub(crate) fn start(role: &'static str, usual: &str, asked: Option<LogFormat>) {
    let environment = |name: &str| std::env::var(name).ok();
    let settings = SETTINGS.get_or_init(|| choose(environment, usual, asked));
    let filter = EnvFilter::try_new(&settings.filter).unwrap_or_else(|error| {
        eprintln!("{FILTER} and {USUAL_FILTER}: `{}` is no filter ({error}); `{usual}` is used", settings.filter);
        EnvFilter::new(usual)
    });
    let lines = Lines { format: settings.format, role, pid: std::process::id() };
    let ansi = settings.format == LogFormat::Text && std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi);
    // A second subscriber of the same process is the user's own: theirs stays.
    let _ = builder.event_format(lines).try_init();
    if settings.format == LogFormat::Json {
        // A panic is a line like any other; its backtrace is for people, who ask for text.
        std::panic::set_hook(Box::new(|info| {
            let at = info.location().map(ToString::to_string);
            let thread = std::thread::current().name().map(str::to_owned);
            let what = info.payload_as_str().unwrap_or("a value that is no text");
            tracing::error!(at, thread, panic = what, "panicked");
        }));
    }
}

fn choose(environment: impl Fn(&str) -> Option<String>, usual: &str, asked: Option<LogFormat>) -> Settings {
    let set = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
    let filter = set(FILTER).or_else(|| set(USUAL_FILTER)).unwrap_or_else(|| usual.to_owned());
    let format = asked.or_else(|| LogFormat::from_str(&set(FORMAT)?, true).ok()).unwrap_or_default();
    Settings { filter, format }
}

/// Lets a process of the group write as this one does.
pub(crate) fn pass_on(command: &mut Command) {
    if let Some(settings) = SETTINGS.get() {
        command.env(FILTER, &settings.filter).env(FORMAT, settings.format.name());
    }
}

/// The end of a process. An error is returned for `main` to print, unless lines are for machines: then it is one of them.
pub(crate) fn finish(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if SETTINGS.get().is_some_and(|settings| settings.format == LogFormat::Json) => {
            tracing::error!(error = ?error, "cannot go on");
            // The code that an error returned from `main` has. Everything has been dropped that must be.
            std::process::exit(1)
        }
        other => other,
    }
}

/// Writes one line.
#[derive(Debug)]
struct Lines {
    format: LogFormat,
    role: &'static str,
    pid: u32,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        match self.format {
            LogFormat::Text => {
                SystemTime.format_time(&mut writer)?;
                write!(writer, " {}[{}] ", self.role, self.pid)?;
                Format::default().without_time().with_target(false).format_event(context, writer, event)
            }
            LogFormat::Json => {
                let mut line = String::new();
                let format = Format::default().json().flatten_event(true);
                let format = format.with_current_span(false).with_span_list(false);
                format.format_event(context, Writer::new(&mut line), event)?;
                // An object: who writes it comes first.
                let rest = line.strip_prefix('{').ok_or(fmt::Error)?;
                write!(writer, r#"{{"process":{{"role":"{}","pid":{}}},{rest}"#, self.role, self.pid)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    #[test]
    fn the_projects_own_variable_wins_over_the_usual_one_and_an_empty_one_counts_as_none() {
        let with = |own: &'static str, usual: &'static str| {
            move |name: &str| match name {
                FILTER => Some(own.to_owned()),
                USUAL_FILTER => Some(usual.to_owned()),
                _ => None,
            }
        };
        assert_eq!(choose(with("debug", "trace"), "error", None).filter, "debug");
        assert_eq!(choose(with("", "trace"), "error", None).filter, "trace");
        assert_eq!(choose(with(" ", ""), "error", None).filter, "error");
        assert_eq!(choose(|_| None, "info", None), Settings { filter: "info".into(), format: LogFormat::Text });
        let json = |name: &str| (name == FORMAT).then(|| "json".to_owned());
        assert_eq!(choose(json, "info", None).format, LogFormat::Json);
        assert_eq!(choose(json, "info", Some(LogFormat::Text)).format, LogFormat::Text);
    }

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(format: LogFormat) -> String {
        let memory = Memory::default();
        let builder = tracing_subscriber::fmt().with_ansi(false).with_writer({
            let memory = memory.clone();
            move || memory.clone()
        });
        let subscriber = builder.event_format(Lines { format, role: "gateway", pid: 7 }).finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(pid = 12, status = "signal \"9\"", "the master has ended");
        });
        String::from_utf8(memory.0.lock().expect("not poisoned").clone()).expect("text")
    }

    #[test]
    fn a_line_of_text_says_when_who_and_what() {
        let line = written(LogFormat::Text);
        let (time, rest) = line.split_once(' ').expect("a time");
        assert!(time.ends_with('Z'), "{line}");
        assert!(rest.starts_with("gateway[7]  WARN the master has ended pid=12"), "{line}");
        assert!(line.ends_with('\n') && line.lines().count() == 1, "{line}");
    }

    #[test]
    fn a_line_for_machines_is_one_object_with_all_figures() {
        let line = written(LogFormat::Json);
        let value: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(value["process"], serde_json::json!({ "role": "gateway", "pid": 7 }));
        assert_eq!((&value["level"], &value["pid"]), (&"WARN".into(), &12.into()), "{line}");
        assert_eq!((&value["message"], &value["status"]), (&"the master has ended".into(), &"signal \"9\"".into()));
        assert!(value["timestamp"].is_string() && line.ends_with("}\n"), "{line}");
    }
}
