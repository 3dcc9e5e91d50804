//! std's hash map iterates in random order; ftmb's and `BTreeMap` do not.

#[ftmb::state]
struct Flow {
    names: std::collections::HashMap<u32, String>,
    seen: Vec<std::collections::HashSet<u32>>,
}

fn main() {}
