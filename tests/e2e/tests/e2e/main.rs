//! End to end: real Asterisk, real SIP callees, the real program.

mod bad_days;
mod campaigns;
mod demo;
mod incoming;
mod kills;
mod long_faults;
mod on_a_call;
mod outcomes;
mod roles;
mod same_script;
mod speech;
mod trunks;
