//! A port in words, as on a command line: understood or refused, and what was understood reads the same again.
#![no_main]

use ftmb_netio::port::PortSpec;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(port) = text.parse::<PortSpec>() {
        assert_eq!(port.to_string().parse::<PortSpec>().as_ref(), Ok(&port), "{port}");
    }
});
