//! A simulated world: the real roles of several processes, one store, one
//! broker, simulated Asterisks, and faults that come from a seed (architecture
//! decision 20).
//!
//! One seed is one thread with a paused clock. The same seed always does the
//! same, so a failing one can be replayed, and its faults can be thinned out to
//! those that matter.

pub mod broker;
pub mod dice;
