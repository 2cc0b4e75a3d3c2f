//! The media folder, signed URLs of what is in it, and WAV.
//!
//! ```text
//! tts-manager ── speech/<40 hex>.wav ─────┐
//!                                         ├─ media folder ── gateway: GET /media/<expiry>/<signature>/<path>
//! asterisk-proxy ── recording/<name> ─────┘                  gateway: GET /v1/recordings/<id>/file
//! ```
//!
//! Whoever writes, writes a whole file or none: into a file without a name, onto
//! the disk, then under its name. Nothing here waits on a network or knows what a
//! file is about. The functions block; callers on a runtime put them aside.

mod error;
mod folder;
mod link;
mod name;
mod resample;
mod sign;
pub mod wav;

pub use error::Error;
pub use folder::{Entry, Incoming, MediaFolder};
pub use link::Links;
pub use name::{Folder, Name};
pub use resample::resample;
pub use sign::{Refused, Signer};
