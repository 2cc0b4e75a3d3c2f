//! Rules of calls (chapters 02 §4, 03 §2–5, §8–9).
//!
//! Coming from the Go service: `callhandler/status.go` is [`status`],
//! `hangup.go` is [`hangup`], `outgoing_call.go` and its neighbours are
//! [`outgoing`], `start.go` is [`incoming`], `action.go` is [`action`], `digit.go` is
//! [`digits`], `recordinghandler` is [`recording`].

pub mod action;
pub mod channel;
pub mod digits;
pub mod hangup;
pub mod incoming;
pub mod limits;
pub mod outbound_config;
pub mod outgoing;
pub mod ready;
pub mod reconcile;
pub mod recording;
pub mod status;
pub mod variables;
