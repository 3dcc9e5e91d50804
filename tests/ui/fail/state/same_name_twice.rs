//! Two fields or variants under one name.

#[ftmb::state]
struct Flow {
    #[serde(rename = "port")]
    source: u16,
    port: u16,
}

#[ftmb::state]
enum Mode {
    Idle,
    #[serde(rename = "Idle")]
    Busy,
}

fn main() {}
