//! Attributes of serde on types that lose or hide data.

#[ftmb::state]
#[serde(tag = "kind", content = "value")]
enum Tagged {
    One(u8),
}

#[ftmb::state]
#[serde(from = "u8", into = "u8")]
#[derive(Clone)]
struct Converted(u8);

#[ftmb::state]
#[serde(untagged)]
enum Untagged {
    One(u8),
    Two(u16),
}

#[ftmb::state]
#[serde(transparent)]
struct Transparent(u8);

fn main() {}
