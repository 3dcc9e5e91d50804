//! Takes the sources of the example middleboxes and switches the macros off: the attributes go, everything else stays as it is.
//!
//! Invariant: the baseline is the source that is protected, never a copy of it that could fall behind. Only per-core fields need
//! more than a missing attribute: their type and their value are wrapped in `ftmb::PerCore`.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let examples = Path::new("../../examples");
    println!("cargo:rerun-if-changed={}", examples.display());
    let mut all = String::new();
    for (name, file) in [
        ("nat", "nat/middlebox/mod.rs"),
        ("monitor", "monitor/middlebox/mod.rs"),
        ("sequencer", "sequencer/middlebox.rs"),
    ] {
        module(&mut all, "", name, &examples.join(file));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where")).join("middleboxes.rs");
    fs::write(&out, all).expect("cargo's directory can be written");
}

/// Appends a module with its submodules inside.
fn module(all: &mut String, visibility: &str, name: &str, file: &Path) {
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    writeln!(all, "#[allow(dead_code, unused_imports, unreachable_pub)]\n{visibility}mod {name} {{").expect("memory");
    let mut per_core: Option<String> = None;
    let mut next_is_per_core = false;
    let mut next_path: Option<PathBuf> = None;
    for line in source.lines() {
        let text = line.trim();
        if let Some(path) = text.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            next_path = Some(file.with_file_name(path));
            continue;
        }
        if text.starts_with("//!") || text.starts_with("#![") || text == "#[cfg(test)]" || text == "mod tests;" {
            continue;
        }
        if text.starts_with("#[ftmb") {
            next_is_per_core |= text == "#[ftmb(per_core)]";
            continue;
        }
        if let Some((visibility, name)) = declared(text) {
            module(all, visibility, name, &next_path.take().unwrap_or_else(|| place(file, name)));
            continue;
        }
        let line = match (text.split_once(": "), &per_core) {
            (Some((field, ty)), _) if next_is_per_core => {
                next_is_per_core = false;
                per_core = Some(field.into());
                format!("{field}: ::ftmb::PerCore<{}>,", ty.trim_end_matches(','))
            }
            (Some((field, value)), Some(known)) if field == known => {
                format!("{field}: ::ftmb::PerCore::new({}),", value.trim_end_matches(','))
            }
            _ => line.into(),
        };
        writeln!(all, "{line}").expect("memory");
    }
    writeln!(all, "}}").expect("memory");
}

/// `mod name;` with its visibility.
fn declared(text: &str) -> Option<(&str, &str)> {
    let (visibility, rest) = match text.strip_prefix("pub(crate) ") {
        Some(rest) => ("pub(crate) ", rest),
        None => ("", text),
    };
    Some((visibility, rest.strip_prefix("mod ")?.strip_suffix(';')?))
}

/// Where a submodule's file is.
fn place(file: &Path, name: &str) -> PathBuf {
    let directory = if file.ends_with("mod.rs") { file.with_file_name("") } else { file.with_extension("") };
    let flat = directory.join(format!("{name}.rs"));
    if flat.exists() { flat } else { directory.join(name).join("mod.rs") }
}
