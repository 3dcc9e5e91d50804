//! Where a program starts: a name, a constructor, perhaps a scenario, and the command line that every middlebox gets.
//!
//! Invariant: the constructor is called with the same configuration in every process of a group, so that all start from the same
//! state; what it does besides is done once per process.

use std::ffi::OsString;

use ftmb_runtime::instance::Instance;
use ftmb_runtime::middlebox::Middlebox;
use ftmb_runtime::packet::Ports;
use serde::de::DeserializeOwned;

use crate::config::Config;
use crate::scenario::Scenario;
use crate::{Error, Result, cli, roles};

/// Why a constructor refused.
pub(crate) type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// Constructs the middlebox for a number of cores.
type Make<M> = dyn Fn(&Config, usize) -> Result<Instance<M>>;

/// A middlebox with its command line: `up`, `check-config`, `demo`, `status`, `top`, `failover`, `checkpoint`, `control`, `log dump`,
/// `completions`, `man`.
///
/// ```no_run
/// use std::sync::Mutex;
/// use ftmb::prelude::*;
///
/// #[derive(Default, serde::Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Settings { first: u64 } // the [middlebox] table of the configuration file
///
/// #[ftmb::shared]
/// struct Stamper {
///     #[ftmb(config)]
///     outside: PortId,
///     next: Mutex<u64>,
/// }
///
/// #[ftmb::middlebox]
/// impl Stamper {
///     fn new(settings: Settings, outside: PortId) -> Self {
///         Self { outside, next: Mutex::new(settings.first) }
///     }
/// }
///
/// #[ftmb::middlebox]
/// impl Middlebox for Stamper {
///     fn process(&self, packet: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict {
///         let mut next = self.next.lock().unwrap();
///         let Some(stamp) = packet.bytes_mut().last_chunk_mut() else { return Verdict::Drop };
///         *stamp = next.to_be_bytes();
///         *next += 1;
///         Verdict::Forward(self.outside)
///     }
/// }
///
/// fn main() -> ftmb::Result<()> {
///     App::new("stamper", |settings: Settings, ports: &Ports| Ok(Stamper::new(settings, ports.id("outside")?))).run()
/// }
/// ```
pub struct App<M> {
    name: String,
    make: Box<Make<M>>,
    scenario: Option<Box<dyn Scenario>>,
}

impl<M> std::fmt::Debug for App<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<M: Middlebox> App<M> {
    /// A middlebox of this name, which is also that of its instances unless told otherwise. Every process of a group calls `make`
    /// once, with the `[middlebox]` table of the configuration and the names of the ports.
    ///
    /// ```
    /// # use ftmb::prelude::*;
    /// # #[ftmb::shared] struct Wire { #[ftmb(config)] out: PortId }
    /// # #[ftmb::middlebox] impl Wire { fn new(out: PortId) -> Self { Self { out } } }
    /// # #[ftmb::middlebox] impl Middlebox for Wire {
    /// #     fn process(&self, _: &mut Packet<'_>, _: &mut Context<'_>) -> Verdict { Verdict::Forward(self.out) }
    /// # }
    /// let app = App::new("wire", |(): (), ports: &Ports| Ok(Wire::new(ports.id("out")?)));
    /// assert_eq!(format!("{app:?}"), r#"App { name: "wire", .. }"#);
    /// ```
    pub fn new<C, F>(name: impl Into<String>, make: F) -> App<M>
    where
        C: DeserializeOwned + Default,
        F: Fn(C, &Ports) -> std::result::Result<M, Refusal> + 'static,
    {
        let make = move |config: &Config, cores| {
            let user = config.middlebox::<C>()?;
            Instance::construct(cores, None, || make(user, &config.port_names()).map_err(Error::Construction))
        };
        App { name: name.into(), make: Box::new(make), scenario: None }
    }

    /// What `demo` sends and how it judges what comes out. Without one, `demo` sends flows of UDP and checks what holds for every
    /// middlebox.
    #[must_use]
    pub fn scenario(self, scenario: impl Scenario + 'static) -> App<M> {
        App { scenario: Some(Box::new(scenario)), ..self }
    }

    /// Reads the command line and does what it says.
    ///
    /// A command line that makes no sense ends the process with a message and code 2; so do `--help` (code 0) and its like.
    ///
    /// # Errors
    /// [`Error`]: returned from `main`, it is printed and makes the exit code 1.
    pub fn run(self) -> Result<()> {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        if arguments.get(1).is_some_and(|first| first == roles::MARK) {
            cli::logging::start(roles::called(&arguments[2..]), "error", None);
            return cli::logging::finish(roles::run(&arguments[2..], &self.make, |dir| {
                cli::gateway::run(dir, M::flow_hash)
            }));
        }
        let layout = |config: &Config| Ok((self.make)(config, config.cores())?.table().layout());
        let program =
            cli::Program { name: &self.name, layout: &layout, flow_hash: M::flow_hash, scenario: self.scenario };
        cli::logging::finish(cli::run(&arguments, program))
    }
}
