//! Types that belong around data, beside it, or to one process, but not inside a tracked variable.
//!
//! Invariant: only names that cannot be meant otherwise are refused here, to name the field and say what to use; all others
//! are left to the trait `State`.

use syn::visit::{self, Visit};
use syn::{Path, Type};

use crate::errors::Errors;

/// Refuses such types wherever they occur in `ty`.
pub(super) fn refuse(ty: &Type, field: &str, errors: &Errors) {
    Misplaced { field, errors }.visit_type(ty);
}

struct Misplaced<'a> {
    field: &'a str,
    errors: &'a Errors,
}

/// What a path names that does not belong here: what it is, why not, and what to use.
fn reason(segments: &[&str]) -> Option<(&'static str, &'static str, &'static str)> {
    const GUARDED: &str = "the variable around it guards it already";
    Some(match segments {
        [.., "Mutex" | "RwLock" | "ReentrantMutex" | "DashMap" | "DashSet"] => (
            "a lock",
            GUARDED,
            "hold the plain value, and put the lock around the whole in the `#[ftmb::shared]` struct",
        ),
        [.., name] if name.starts_with("Atomic") => ("an atomic", GUARDED, "hold a plain number"),
        [.., name] if name.ends_with("Guard") => (
            "a guard",
            "a section has to end with the packet that began it",
            "hold the value itself, or a key to find it by",
        ),
        [.., "Arc" | "Weak"] => (
            "shared ownership",
            "who shares it with whom is lost in a checkpoint",
            "hold the value itself, or an index or key",
        ),
        ["std", "collections", "HashMap" | "HashSet"] => (
            "std's hash map or set",
            "it iterates in another order in every process",
            "use `ftmb::collections::HashMap` or `HashSet`, or a `BTreeMap`",
        ),
        ["std", "time", "Instant"] => {
            ("a moment of a real clock", "it means nothing in another process", "use `ftmb::time::Instant`")
        }
        ["std", "time", "SystemTime"] => {
            ("a moment of a real clock", "replay reads another one", "use `ftmb::time::SystemTime`")
        }
        [.., "File" | "TcpStream" | "TcpListener" | "UdpSocket" | "UnixStream" | "JoinHandle"] => (
            "something of this process",
            "the process that takes over does not have it",
            "hold what describes it, and use it outside of packet code",
        ),
        _ => return None,
    })
}

impl<'ast> Visit<'ast> for Misplaced<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match reason(&segments) {
            Some((what, why, help)) => {
                self.errors.refuse(path, format_args!("the field `{}` holds {what}", self.field), why, help);
            }
            None => visit::visit_path(self, path),
        }
    }
}
