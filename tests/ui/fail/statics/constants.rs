#[ftmb::shared]
static LIMIT: u64 = 1_000;

#[ftmb::shared]
static NAMES: Vec<String> = Vec::new();

fn main() {
    assert!(*LIMIT > 3);
}
