//! Attributes of serde on fields that lose or hide data, all at once.

#[ftmb::state]
struct Flow {
    #[serde(skip_serializing)]
    a: u64,
    #[serde(skip_deserializing)]
    b: u64,
    #[serde(default)]
    c: u64,
    #[serde(serialize_with = "write")]
    d: u64,
    #[serde(deserialize_with = "read")]
    e: u64,
}

fn main() {}
