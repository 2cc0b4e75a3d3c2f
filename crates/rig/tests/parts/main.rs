//! Whether the parts do what the tests that stand on them take for granted.

mod broker;
mod proxy;
