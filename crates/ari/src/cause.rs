//! Hangup causes: the numbers of `reason_code` and of ChannelDestroyed.
//!
//! Q.850, and two numbers of the platform's own above 127 (chapter 03 §8.1,
//! §8.4). Asterisk passes any number through.

/// No cause was given.
pub const NONE: i64 = 0;
/// The number is not assigned; SIP 404.
pub const UNALLOCATED: i64 = 1;
/// No route to the destination: what a channel gets whose StasisStart fails.
pub const NO_ROUTE_DESTINATION: i64 = 3;
/// Normal clearing.
pub const NORMAL_CLEARING: i64 = 16;
/// Busy; SIP 486 and 600.
pub const USER_BUSY: i64 = 17;
/// The far end does not respond; SIP 408.
pub const NO_USER_RESPONSE: i64 = 18;
/// It rang and nobody answered; SIP 480, and every dial time-out.
pub const NO_ANSWER: i64 = 19;
/// Rejected; SIP 403 and 603.
pub const CALL_REJECTED: i64 = 21;
/// The number has changed; SIP 410.
pub const NUMBER_CHANGED: i64 = 22;
/// Somebody else of the same group answered.
pub const ANSWERED_ELSEWHERE: i64 = 26;
/// The destination is out of order; SIP 502.
pub const DESTINATION_OUT_OF_ORDER: i64 = 27;
/// The number's format is invalid; SIP 484.
pub const INVALID_NUMBER_FORMAT: i64 = 28;
/// No circuit, congestion; SIP 503, and a host that does not resolve.
pub const CONGESTION: i64 = 34;
/// The network is out of order; SIP 500.
pub const FAILURE: i64 = 38;
/// No common codec; SIP 488.
pub const BEARER_NOT_AVAILABLE: i64 = 58;
/// A timer expired; SIP 504.
pub const RECOVERY_ON_TIMER_EXPIRE: i64 = 102;
/// Interworking: what a channel gets that nobody knows; SIP 487.
pub const INTERWORKING: i64 = 127;
/// The call reached its longest duration. The platform's own.
pub const CALL_DURATION_TIMEOUT: i64 = 200;
/// An answering machine was found. The platform's own.
pub const CALL_AMD: i64 = 201;
