//! The measurements, one file each.

mod dials;
mod events;
mod get_call;
mod import;
mod live;
mod load;
mod rpc;
mod start;
mod takeover;

use anyhow::Result;

use crate::figure::Figure;

/// A measurement; one may give several figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bench {
    Start,
    Live,
    Takeover,
    Events,
    Dials,
    Import,
    GetCall,
    Rpc,
    CpuRatio,
    CallsPerSecond,
}

impl Bench {
    /// All of them, in the order in which they run.
    pub(crate) const ALL: [Self; 10] = [
        Self::Start,
        Self::Live,
        Self::Takeover,
        Self::Events,
        Self::Dials,
        Self::Import,
        Self::GetCall,
        Self::Rpc,
        Self::CpuRatio,
        Self::CallsPerSecond,
    ];

    /// The names of its figures.
    #[must_use]
    pub(crate) const fn figures(self) -> &'static [&'static str] {
        match self {
            Self::Start => &[start::FRESH, start::EXISTING],
            Self::Live => &[live::IDLE, live::PER_CALL, live::RECONCILE],
            Self::Takeover => &[takeover::NAME],
            Self::Events => &[events::NAME],
            Self::Dials => &[dials::RATE, dials::LAST_TENTH],
            Self::Import => &[import::NAME],
            Self::GetCall => &[get_call::NAME],
            Self::Rpc => &[rpc::RATE, rpc::ALONE, rpc::BUSY, rpc::RATIO, rpc::RECONNECT],
            Self::CpuRatio => &[load::RATIO],
            Self::CallsPerSecond => &[load::HIGHEST],
        }
    }

    /// Measures.
    ///
    /// # Errors
    ///
    /// When a part does not start, or a call does not end as it should.
    pub(crate) async fn run(self) -> Result<Vec<Figure>> {
        match self {
            Self::Start => start::run().await,
            Self::Live => Box::pin(live::run()).await,
            Self::Takeover => Box::pin(takeover::run()).await,
            Self::Events => Box::pin(events::run()).await,
            Self::Dials => Box::pin(dials::run()).await,
            Self::Import => Box::pin(import::run()).await,
            Self::GetCall => Box::pin(get_call::run()).await,
            Self::Rpc => Box::pin(rpc::run()).await,
            Self::CpuRatio => Box::pin(load::ratio()).await,
            Self::CallsPerSecond => Box::pin(load::highest()).await,
        }
    }
}
