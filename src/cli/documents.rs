//! `completions` and `man`: what a packager installs beside the program. Invariant: both are made from the command line itself, under
//! the name that the program is called by.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap_complete::Shell;

use super::{CommandError, command, print};
use crate::Result;

/// For which shell.
#[derive(Clone, Debug, Args)]
pub(super) struct CompletionOptions {
    /// The shell
    #[arg(value_parser = shell())]
    shell: Shell,
}

fn shell() -> impl TypedValueParser<Value = Shell> {
    PossibleValuesParser::new(["bash", "zsh", "fish"]).map(|name| match name.as_str() {
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => Shell::Bash,
    })
}

/// Where to put manual pages.
#[derive(Clone, Debug, Args)]
pub(super) struct ManOptions {
    /// A directory that exists: one page for the program and one for each command, such as nat.1 and nat-up.1 [default: the program's
    /// page goes to standard output]
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

pub(super) fn completions(options: &CompletionOptions, program: &str) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command(program), program, &mut script);
    print(&String::from_utf8_lossy(&script))
}

pub(super) fn man(options: &ManOptions, program: &str) -> Result<()> {
    let Some(directory) = &options.directory else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command(program)).render(&mut page).map_err(CommandError::io("making a manual page"))?;
        return print(&String::from_utf8_lossy(&page));
    };
    let failed = |source| {
        let (path, step) = (directory.clone(), "write manual pages into the directory");
        ftmb_netio::Error::Io { path, step, source }
    };
    Ok(clap_mangen::generate_to(command(program), directory).map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_each_command_and_it_names_its_options() {
        let directory = tempfile::tempdir().expect("a directory");
        man(&ManOptions { directory: Some(directory.path().into()) }, "nat").expect("written");
        let page = |name: &str| {
            std::fs::read_to_string(directory.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
        };
        for name in command("nat").get_subcommands().map(|command| format!("nat-{}.1", command.get_name())) {
            assert!(page(&name).contains(".TH"), "{name}");
        }
        assert!(page("nat.1").contains("FTMB_LOG"), "{}", page("nat.1"));
        assert!(page("nat-up.1").contains(r"\-\-checkpoint\-interval"), "{}", page("nat-up.1"));
        let nowhere = ManOptions { directory: Some(directory.path().join("nowhere")) };
        assert!(man(&nowhere, "nat").expect_err("no directory").to_string().contains("nowhere: write manual pages"));
    }

    #[test]
    fn completions_know_the_commands_under_the_programs_name() {
        for shell in ["bash", "zsh", "fish"] {
            let shell: Shell = shell.parse().expect("a shell");
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command("my-nat"), "my-nat", &mut script);
            let script = String::from_utf8(script).expect("text");
            for word in ["my-nat", "check-config", "checkpoint-interval", "log-format"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }
}
