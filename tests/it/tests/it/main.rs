//! Roles together, each test with a store of its own.

mod call_manager;
