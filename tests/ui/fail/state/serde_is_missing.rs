//! The derive alone leaves serde's traits to the user.

#[derive(ftmb::State)]
struct Flow {
    port: u16,
}

fn main() {}
