//! The list of what packet code may not call: paths and methods, what they do that replay cannot, and what to write.
//!
//! Invariant: this is data; a path is matched by its last segments, so that imported and full paths are found alike, and
//! a path that begins at the user's own crate (`crate::`, `self::`, `super::`) never matches.

/// Last segments of paths (`*`: any one segment), what the function does, and what to write instead.
type Rule = (&'static [&'static [&'static str]], &'static str, &'static str);

const RULES: &[Rule] = &[
    (
        &[
            &["thread", "spawn"],
            &["thread", "scope"],
            &["thread", "Builder", "new"],
            &["crossbeam", "scope"],
            &["rayon", "spawn"],
            &["rayon", "scope"],
            &["rayon", "join"],
        ],
        "starts a thread that is not a core and is not replayed",
        WORK,
    ),
    (
        &[&["tokio", "spawn"], &["task", "spawn"], &["task", "spawn_blocking"]],
        "starts a task that is not replayed",
        WORK,
    ),
    (
        &[&["thread", "sleep"], &["thread", "sleep_until"], &["thread", "park"], &["thread", "park_timeout"]],
        "stops the core, and replay with it",
        "return, and let `tick` do what has to happen later",
    ),
    (
        &[
            &["mpsc", "channel"],
            &["mpsc", "sync_channel"],
            &["crossbeam_channel", "*"],
            &["channel", "bounded"],
            &["channel", "unbounded"],
            &["flume", "*"],
        ],
        "makes a channel, whose order of messages is not recorded",
        CHANNEL,
    ),
    (
        &[&["fs", "*"], &["File", "*"], &["OpenOptions", "*"], &["DirBuilder", "*"]],
        "reaches into the file system, which is another one when the packet is replayed",
        OUTSIDE,
    ),
    (
        &[
            &["TcpStream", "*"],
            &["TcpListener", "*"],
            &["UdpSocket", "*"],
            &["UnixStream", "*"],
            &["UnixListener", "*"],
            &["UnixDatagram", "*"],
        ],
        "talks to the network behind ftmb's back, and would do so again when the packet is replayed",
        "send with `cx.emit`, receive through a port, and answer operators in `control`",
    ),
    (
        &[&["thread", "available_parallelism"], &["num_cpus", "*"]],
        "asks the machine, which may answer differently in replay",
        OUTSIDE,
    ),
    (
        &[&["panic", "catch_unwind"]],
        "catches panics, and with them the one by which ftmb leaves a core that has to end",
        "return a `Result` for what can be expected, and let the rest panic: the successor tries the packet again",
    ),
    (&[&["env", "*"]], "reads the environment, which is another one in the process that takes over", OUTSIDE),
    (&[&["io", "stdin"]], "reads what will not be there to be read when the packet is replayed", OUTSIDE),
    (
        &[&["process", "id"], &["process", "parent_id"]],
        "names this process, and another one replays the packet",
        "keep what identifies the middlebox in a `#[ftmb(config)]` field",
    ),
    (
        &[&["process", "exit"], &["process", "abort"]],
        "ends this process, and the one that replays the packet as well",
        "return a `Verdict`; panic only where going on would be wrong",
    ),
    (
        &[&["process", "Command", "*"]],
        "starts a process, and would start it again when the packet is replayed",
        OUTSIDE,
    ),
    (
        &[
            &["Utc", "now"],
            &["Local", "now"],
            &["Zoned", "now"],
            &["Timestamp", "now"],
            &["OffsetDateTime", "now_utc"],
            &["OffsetDateTime", "now_local"],
        ],
        "reads a clock that replay would read differently",
        "use `std::time::SystemTime::now()` or `cx.now()`: they give the packet's arrival",
    ),
    (
        &[
            &["rand", "random_range"],
            &["rand", "random_bool"],
            &["rand", "random_ratio"],
            &["rand", "random_iter"],
            &["rand", "fill"],
            &["rand", "make_rng"],
            &["*", "from_os_rng"],
            &["*", "try_from_os_rng"],
            &["*", "from_entropy"],
        ],
        "draws from a generator that is not replayed",
        DRAW,
    ),
    (
        &[&["OsRng"], &["SysRng"], &["getrandom", "*"], &["Uuid", "new_v4"], &["Uuid", "now_v7"], &["Uuid", "now_v1"]],
        "draws from the operating system, and replay would draw something else",
        DRAW,
    ),
    (
        &[&["RandomState", "*"], &["AHashMap", "*"], &["AHashSet", "*"]],
        "hashes differently in every process, and what depends on it would differ in replay",
        "use `ftmb::collections::HashMap`, or a hasher with a fixed seed such as `DefaultHasher::new()`",
    ),
    (
        &[&["mem", "forget"], &["ManuallyDrop", "new"]],
        "keeps a value from being dropped, and a guard that is never dropped holds its variable for ever",
        "drop the value, or keep it in a field of the shared state",
    ),
];

/// Paths that take addresses; unsafe code that the user vouches for may.
const ADDRESSES: Rule = (
    &[
        &["ptr", "from_ref"],
        &["ptr", "from_mut"],
        &["Arc", "as_ptr"],
        &["Rc", "as_ptr"],
        &["Arc", "into_raw"],
        &["Rc", "into_raw"],
        &["Box", "into_raw"],
        &["NonNull", "*"],
        &["ptr", "hash"],
        &["Pointer", "fmt"],
        &["Vec", "as_ptr"],
        &["str", "as_ptr"],
        &["String", "as_ptr"],
        &["slice", "as_ptr"],
    ],
    "takes an address, which is another one in the process that takes over",
    ADDRESS,
);

/// Methods that are refused by their name and number of arguments, whatever they are called on.
const METHODS: &[(&str, usize, &str, &str)] = &[
    ("recv", 0, "waits for a message, and neither message nor wait is recorded", CHANNEL),
    ("recv_timeout", 1, "waits for a message, and neither message nor wait is recorded", CHANNEL),
    ("recv_deadline", 1, "waits for a message, and neither message nor wait is recorded", CHANNEL),
    ("try_recv", 0, "looks whether a message is there, and neither message nor answer is recorded", CHANNEL),
    ("try_iter", 0, "looks whether messages are there, and neither messages nor answer are recorded", CHANNEL),
    ("to_socket_addrs", 0, "asks a name server, which may answer differently in replay", OUTSIDE),
    ("as_ptr", 0, "takes an address, which is another one in the process that takes over", ADDRESS),
    ("as_mut_ptr", 0, "takes an address, which is another one in the process that takes over", ADDRESS),
    ("as_ptr_range", 0, "takes an address, which is another one in the process that takes over", ADDRESS),
];

const WORK: &str = "do the work in `process`; use `tick` for what has to happen later";
const CHANNEL: &str = "pass values between packets in a `Mutex<VecDeque<_>>` of the shared state";
const OUTSIDE: &str =
    "read it once in the constructor's configuration into a `#[ftmb(config)]` field, or hand it in through `control`";
pub(super) const DRAW: &str = "draw from `cx.rng()` or `rand::rng()`: in here they are the core's own generator";
pub(super) const ADDRESS: &str = "use a reference, or an index or key";

fn ends_with(segments: &[&str], rule: &[&str]) -> bool {
    segments.len() >= rule.len()
        && rule.iter().rev().zip(segments.iter().rev()).all(|(rule, segment)| *rule == "*" || rule == segment)
}

/// What the path does that replay cannot, and what to write, if it is refused.
pub(super) fn path(segments: &[&str]) -> Option<(&'static str, &'static str)> {
    let (_, does, help) = RULES.iter().find(|(rules, ..)| rules.iter().any(|rule| ends_with(segments, rule)))?;
    Some((does, help))
}

/// As [`path`], for paths that take addresses.
pub(super) fn address(segments: &[&str]) -> Option<(&'static str, &'static str)> {
    let (rules, does, help) = ADDRESSES;
    rules.iter().any(|rule| ends_with(segments, rule)).then_some((does, help))
}

/// As [`path`], for a method with so many arguments.
pub(super) fn method(name: &str, arguments: usize) -> Option<(&'static str, &'static str)> {
    let found = METHODS.iter().find(|(method, count, ..)| *method == name && *count == arguments)?;
    Some((found.2, found.3))
}
