//! `#[ftmb::state]` derives serde's traits itself.

#[ftmb::state]
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Flow {
    port: u16,
}

fn main() {}
