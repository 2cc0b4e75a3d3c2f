//! A simulated world: the real roles of several processes, one store, one
//! broker, simulated Asterisks, and faults that come from a seed (architecture
//! decision 20).
//!
//! One seed is one thread with a paused clock. The same seed always does the
//! same, so a failing one can be replayed, and its faults can be thinned out to
//! those that matter.

pub mod border;
pub mod broker;
pub mod carrier;
pub mod checks;
pub mod clock;
pub mod dice;
pub mod evidence;
pub mod far_end;
pub mod fault;
pub mod minimise;
pub mod operator;
pub mod process;
pub mod profile;
pub mod rows;
pub mod run;
pub mod runners;
pub mod scenario;
pub mod settle;
pub mod station;
pub mod trace;
pub mod watch;
pub mod world;
