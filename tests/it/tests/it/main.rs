//! Roles and whole nodes, each test with a store of its own.

mod call_manager;
