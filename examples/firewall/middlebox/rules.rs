//! The rules in force, and what an operator may ask of them while packets flow.
//!
//! ```text
//! request = "list"
//!         | "add" RULE            behind all others; the reply is the rule's number
//!         | "insert" NUMBER RULE  before that one
//!         | "remove" NUMBER
//! ```
//!
//! Invariant: a number belongs to one rule for ever, so that a request means the same whatever was asked before it.

use std::{fmt::Write, str::FromStr};

use ftmb::prelude::ControlError;

use super::rule::{Action, Direction, Opening, Rule, RuleError};

/// The most rules that there may be: each new flow is held against them one by one.
pub(crate) const MOST: usize = 1024;

/// What an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    List,
    Add { before: Option<u32>, rule: Rule },
    Remove { number: u32 },
}

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum RequestError {
    /// Not text.
    #[error("expected a request in UTF-8")]
    NotText,
    /// Not a request.
    #[error("expected list, add RULE, insert NUMBER RULE or remove NUMBER, found `{found}`")]
    Verb { found: String },
    /// Not a rule's number.
    #[error("expected a rule's number, found `{found}`")]
    Number { found: String },
    /// The rule is not one.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// No rule has this number.
    #[error("there is no rule {number}")]
    NoSuchRule { number: u32 },
    /// No room.
    #[error("there are {MOST} rules already, the most there may be")]
    TooMany,
}

impl From<RequestError> for ControlError {
    fn from(error: RequestError) -> Self {
        Self::new(error.to_string())
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let text = text.trim_ascii();
        let (verb, rest) = text.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((text, ""));
        let rest = rest.trim_ascii_start();
        let number = |text: &str| text.parse().map_err(|_| RequestError::Number { found: text.into() });
        match (verb, rest) {
            ("list", "") => Ok(Self::List),
            ("add", rule) => Ok(Self::Add { before: None, rule: rule.parse()? }),
            ("insert", rest) => {
                let (before, rule) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
                Ok(Self::Add { before: Some(number(before)?), rule: rule.parse()? })
            }
            ("remove", rest) => Ok(Self::Remove { number: number(rest)? }),
            _ => Err(RequestError::Verb { found: text.into() }),
        }
    }
}

/// Rules in the order in which they are asked; the first that applies decides.
#[ftmb::state]
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    rules: Vec<(u32, Rule)>,
    /// The number of the next one.
    next: u32,
}

impl Rules {
    /// These, numbered from 1.
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        let rules: Vec<(u32, Rule)> = (1..).zip(rules).collect();
        Self { next: rules.len() as u32 + 1, rules }
    }

    /// Whether a flow may begin like this. What no rule speaks of may leave and not come in.
    pub(crate) fn allow(&self, opening: &Opening) -> bool {
        let Opening { direction, protocol, from, to } = *opening;
        let decides = self.rules.iter().find(|(_, rule)| rule.applies(direction, protocol, from, to));
        decides.map_or(direction == Direction::Out, |(_, rule)| rule.action == Action::Allow)
    }

    /// Adds a rule and returns its number.
    pub(crate) fn add(&mut self, before: Option<u32>, rule: Rule) -> Result<u32, RequestError> {
        let place = before.map_or(Ok(self.rules.len()), |number| self.place(number))?;
        if self.rules.len() >= MOST {
            return Err(RequestError::TooMany);
        }
        let number = self.next;
        self.rules.insert(place, (number, rule));
        self.next += 1;
        Ok(number)
    }

    /// Takes a rule away.
    pub(crate) fn remove(&mut self, number: u32) -> Result<Rule, RequestError> {
        let place = self.place(number)?;
        Ok(self.rules.remove(place).1)
    }

    fn place(&self, number: u32) -> Result<usize, RequestError> {
        let place = self.rules.iter().position(|(own, _)| *own == number);
        place.ok_or(RequestError::NoSuchRule { number })
    }

    /// All of them, one a line, each with its number.
    pub(crate) fn list(&self) -> String {
        let mut text = String::new();
        for (number, rule) in &self.rules {
            // writing into memory does not fail
            let _ = writeln!(text, "{number}: {rule}");
        }
        text + "otherwise: allow out, deny in\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_read_back_as_they_are_written() {
        for text in [
            "allow in tcp to 10.1.0.1/32 port 443",
            "deny out any",
            "deny out udp from 10.0.0.0/8 port 6000-6063 to 203.0.113.0/24",
            "allow in icmp from 192.0.2.0/25",
            "deny in tcp to port 0",
        ] {
            assert_eq!(text.parse::<Rule>().map(|rule| rule.to_string()), Ok(text.into()));
        }
        assert_eq!("deny out tcp to 10.0.0.1".parse::<Rule>().unwrap().to_string(), "deny out tcp to 10.0.0.1/32");
    }

    #[test]
    fn what_is_no_request_is_refused_with_a_reason() {
        for (text, reason) in [
            ("", "expected list, add RULE, insert NUMBER RULE or remove NUMBER, found ``"),
            ("list all", "expected list, add RULE, insert NUMBER RULE or remove NUMBER, found `list all`"),
            ("add", "expected allow or deny, found the end"),
            ("add permit in any", "expected allow or deny, found `permit`"),
            ("add deny", "expected in or out, found the end"),
            ("add deny in gre", "expected any, tcp, udp or icmp, found `gre`"),
            ("add deny in any from", "expected a network or `port`, found the end"),
            ("add deny in any from 10.0.0", "expected a network such as 10.0.0.0/8 or an address, found `10.0.0`"),
            (
                "add deny in any to 10.0.0.0/33",
                "expected a network such as 10.0.0.0/8 or an address, found `10.0.0.0/33`",
            ),
            ("add deny in any to 10.0.0.1/8", "`10.0.0.1/8` has bits beyond its length; the network is 10.0.0.0/8"),
            ("add deny in tcp to port 9-8", "expected a port or a range such as 6000-6063, found `9-8`"),
            ("add deny in tcp to port 65536", "expected a port or a range such as 6000-6063, found `65536`"),
            ("add deny in any to port 80", "only tcp and udp have ports, the rule is about any"),
            ("add deny in tcp to 10.0.0.1 quickly", "expected `from`, `to` or the end, found `quickly`"),
            ("insert x deny in any", "expected a rule's number, found `x`"),
            ("remove", "expected a rule's number, found ``"),
        ] {
            assert_eq!(text.parse::<Request>().map_err(|error| error.to_string()), Err(reason.into()), "{text}");
        }
    }

    #[test]
    fn numbers_stay_with_their_rules_and_order_decides() {
        let rule = |text: &str| text.parse::<Rule>().unwrap();
        let mut rules = Rules::new(vec![rule("deny out tcp to port 25")]);
        assert_eq!(rules.add(Some(1), rule("allow out tcp to 192.0.2.1/32")), Ok(2));
        assert_eq!(rules.add(None, rule("allow in any")), Ok(3));
        assert_eq!(
            rules.list(),
            "2: allow out tcp to 192.0.2.1/32\n1: deny out tcp to port 25\n3: allow in any\n\
             otherwise: allow out, deny in\n"
        );
        assert_eq!(rules.remove(1), Ok(rule("deny out tcp to port 25")));
        assert_eq!(rules.remove(1), Err(RequestError::NoSuchRule { number: 1 }));
        assert_eq!(rules.add(Some(1), rule("deny in any")), Err(RequestError::NoSuchRule { number: 1 }));
        assert_eq!(rules.add(None, rule("deny in any")), Ok(4));
    }

    #[test]
    fn there_is_an_end_to_rules() {
        let mut rules = Rules::new(Vec::new());
        let rule: Rule = "deny in any".parse().unwrap();
        assert!((0..MOST).all(|_| rules.add(None, rule).is_ok()));
        assert_eq!(rules.add(None, rule), Err(RequestError::TooMany));
    }
}
