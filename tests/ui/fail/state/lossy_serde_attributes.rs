//! What serde would not write back exactly is refused, all of it at once.

#[ftmb::state]
#[serde(rename_all = "lowercase", default)]
struct Flow {
    #[serde(skip)]
    packets: u64,
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(flatten)]
    inner: Inner,
}

#[ftmb::state]
#[serde(untagged)]
enum Inner {
    One(u8),
    #[serde(other)]
    Two,
}

#[derive(serde::Serialize, serde::Deserialize, ftmb::State)]
struct Own {
    #[serde(with = "elsewhere")]
    value: u32,
}

mod elsewhere {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        u32::deserialize(deserializer)
    }
}

fn main() {}
