#[derive(
    elsewhere::ftmb::__private::serde::Serialize,
    elsewhere::ftmb::__private::serde::Deserialize,
    elsewhere::ftmb::State
)]
#[serde(crate = "elsewhere::ftmb::__private::serde")]
#[ftmb(crate = elsewhere::ftmb)]
#[derive(Clone)]
struct Key(#[cfg(unix)] u8);
