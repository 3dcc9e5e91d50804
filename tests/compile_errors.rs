//! What the attributes refuse, and how they say it; and what they must accept.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test --test compile_errors`, then read the difference.

#[test]
fn misuse_is_refused_with_a_message_that_helps() {
    trybuild::TestCases::new().compile_fail("tests/ui/fail/*/*.rs");
}

#[test]
fn code_as_people_write_it_is_accepted() {
    trybuild::TestCases::new().pass("tests/ui/pass/*/*.rs");
}
