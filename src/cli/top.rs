//! `top`: status, again and again. Invariant: the terminal is given back as it was, whatever ends the command; without a terminal
//! there are only lines.

use std::io::{IsTerminal, Read};
use std::time::{Duration, Instant};

use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::observe::{Observer, Snapshot, text};
use super::select::Selection;
use super::{Signals, print, print_on};
use crate::Result;

/// To the upper left corner; what follows overwrites what is there.
const HOME: &str = "\x1b[H";
/// Clears what is left of a line, and below.
const REST_OF_LINE: &str = "\x1b[K";
const REST_OF_SCREEN: &str = "\x1b[J";
/// Another screen, without a cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
/// How soon a signal is noticed.
const ROUND: Duration = Duration::from_millis(100);

/// What to show of which group, and how often.
#[derive(Clone, Debug, Args)]
pub(super) struct TopOptions {
    #[command(flatten)]
    selection: Selection,
    /// Time between two looks, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    interval: Duration,
    /// End after so many looks [default: when q or Ctrl-C is pressed, or the group ends]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "expected seconds".to_owned())?;
    if !(0.01..=3600.0).contains(&seconds) {
        return Err("expected 0.01 to 3600 seconds".into());
    }
    Ok(Duration::from_secs_f64(seconds))
}

pub(super) fn run(options: &TopOptions, program: &str) -> Result<()> {
    let (dir, record) = options.selection.open(program)?;
    let observer = Observer::new(dir, record.clone());
    let signals = Signals::catch()?;
    let screen = Screen::enter();
    let mut before: Option<Snapshot> = None;
    for look in 1.. {
        let now = observer.look();
        if !screen.show(&text::text(&now, before.as_ref()))? {
            break;
        }
        if options.count == Some(look) || record.ended() != 0 || now.state == "abandoned" {
            break;
        }
        if screen.wait(options.interval, &signals) == Pressed::Quit {
            break;
        }
        before = Some(now);
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pressed {
    Nothing,
    Quit,
}

/// Where the tables go.
struct Screen {
    terminal: bool,
    /// How the keyboard was; `None`: it is none.
    keyboard: Option<Termios>,
}

impl Screen {
    fn enter() -> Screen {
        let terminal = std::io::stdout().is_terminal();
        // What cannot be set is left alone: then a line must be ended for its `q` to be seen.
        let keyboard = tcgetattr(std::io::stdin()).ok().filter(|_| terminal);
        if let Some(before) = &keyboard {
            let mut keys = before.clone();
            keys.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            keys.special_codes[SpecialCodeIndex::VMIN] = 0;
            keys.special_codes[SpecialCodeIndex::VTIME] = 0;
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &keys);
        }
        if terminal {
            let _ = print(ENTER);
        }
        Screen { terminal, keyboard }
    }

    /// Whether anybody still reads.
    fn show(&self, text: &str) -> Result<bool> {
        if !self.terminal {
            return print_on(&format!("{text}\n"));
        }
        // What does not fit is left out: a line that wraps would push the others down.
        let size = tcgetwinsize(std::io::stdout()).ok().filter(|size| size.ws_row > 2 && size.ws_col > 0);
        let (rows, columns) = size.map_or((usize::MAX, usize::MAX), |size| (size.ws_row.into(), size.ws_col.into()));
        let clip = |line: &str| -> String { line.chars().take(columns).collect() };
        let lines: String =
            text.lines().take(rows - 2).map(|line| format!("{}{REST_OF_LINE}\r\n", clip(line))).collect();
        print_on(&format!("{HOME}{lines}{REST_OF_LINE}\r\nq ends{REST_OF_LINE}{REST_OF_SCREEN}"))
    }

    /// Waits for the next look, or for somebody who has seen enough.
    fn wait(&self, interval: Duration, signals: &Signals) -> Pressed {
        let since = Instant::now();
        loop {
            if signals.came() || self.keyboard.is_some() && quits() {
                return Pressed::Quit;
            }
            let left = interval.saturating_sub(since.elapsed()).min(ROUND);
            if left.is_zero() {
                return Pressed::Nothing;
            }
            match &self.keyboard {
                Some(_) => {
                    let left = Timespec { tv_sec: 0, tv_nsec: left.as_nanos() as i64 };
                    // An error is an interruption: the signal is looked for next.
                    let _ = poll(&mut [PollFd::new(&std::io::stdin(), PollFlags::IN)], Some(&left));
                }
                None => std::thread::sleep(left),
            }
        }
    }
}

/// Whether `q` was among the keys that were pressed.
fn quits() -> bool {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    if !matches!(poll(&mut fds, Some(&now)), Ok(1..)) {
        return false;
    }
    let mut keys = [0; 64];
    // Nothing at all, though there was something: the terminal is gone.
    stdin.lock().read(&mut keys).is_ok_and(|read| read == 0 || keys[..read].iter().any(|key| b"qQ\x03".contains(key)))
}

impl Drop for Screen {
    fn drop(&mut self) {
        if self.terminal {
            let _ = print(LEAVE);
        }
        if let Some(before) = &self.keyboard {
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
