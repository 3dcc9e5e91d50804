//! A shared static where the facade has another name.

extern crate ftmb as protected;

mod inner {
    pub(super) mod ftmb {}

    #[crate::protected::shared(crate = crate::protected)]
    pub(super) static NEXT: std::sync::Mutex<u64> = std::sync::Mutex::new(0);
}

fn main() {
    let _ = inner::NEXT.name();
}
