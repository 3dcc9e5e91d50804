//! Attributes of serde that neither lose nor hide anything, and those on fields that the user vouches for.

#![deny(warnings)]

use ftmb::State;
use serde::{Deserialize, Serialize};

#[ftmb::state]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Flow {
    #[serde(rename = "p")]
    packets: u64,
    #[serde(alias = "q")]
    queue_length: u32,
}

#[ftmb::state]
#[serde(rename_all = "lowercase")]
enum Mode {
    Idle,
    #[serde(rename = "working")]
    Busy,
}

#[derive(Clone, Serialize, Deserialize)]
struct Foreign {
    name: String,
}

#[derive(Clone, Serialize, Deserialize, State)]
struct Holder {
    #[ftmb(opaque)]
    #[serde(default, rename = "f")]
    foreign: Option<Foreign>,
    port: u16,
}

fn is_state<T: State>() {}

fn main() {
    is_state::<Flow>();
    is_state::<Mode>();
    is_state::<Holder>();
    let _ = (Mode::Idle, Mode::Busy);
    let flow = Flow { packets: 1, queue_length: 2 };
    let holder = Holder { foreign: Some(Foreign { name: "f".into() }), port: 3 };
    assert_eq!(flow.packets + u64::from(flow.queue_length + u32::from(holder.port)), 6);
    assert_eq!(holder.foreign.map(|foreign| foreign.name.len()), Some(1));
}
