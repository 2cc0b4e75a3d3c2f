//! The store across a border.

use async_trait::async_trait;
use trunkline_model::Timestamp;
use trunkline_store::{Batch, Database, Dialect, Error, Rows, Value};

use super::{Mortal, pause};
use crate::fault::{Op, What};

/// Longest ordinary time of a question and of a batch, milliseconds.
const QUERY_MS: u64 = 1;
const APPLY_MS: u64 = 2;

fn away() -> Error {
    Error::Unavailable("the simulated store is away".to_owned())
}

#[async_trait]
impl Database for Mortal<dyn Database> {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        let crossing = async {
            self.border.lag(QUERY_MS).await;
            let what = self.border.fault(Op::Query).await;
            match what {
                Some(What::AwayBefore | What::AwayAfter | What::Lost | What::AnswerLost) => {
                    return Err(away());
                }
                Some(What::KilledBefore | What::KilledAfter) => return self.border.die().await,
                Some(What::Late(ms)) => pause(ms).await,
                None
                | Some(What::Twice | What::TwiceLate(_) | What::Cut)
                | Some(What::AnswerLate(_) | What::FrozenBefore(_) | What::FrozenAfter(_)) => {}
                Some(
                    What::AsteriskDies(..) | What::AsteriskUnreachable(..) | What::ClockStep(_),
                ) => {}
            }
            let found = self.inner.query(sql, params).await;
            self.border.done(what).await;
            found
        };
        self.border.crossing(crossing).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        let crossing = async {
            self.border.lag(APPLY_MS).await;
            let what = self.border.fault(Op::Apply).await;
            match what {
                Some(What::AwayBefore | What::Lost) => return Err(away()),
                Some(What::AwayAfter | What::AnswerLost) => {
                    let _ = self.inner.apply(batch).await;
                    return Err(away());
                }
                Some(What::KilledBefore) => return self.border.die().await,
                Some(What::KilledAfter) => {
                    let _ = self.inner.apply(batch).await;
                    return self.border.die().await;
                }
                Some(What::Late(ms)) => pause(ms).await,
                None
                | Some(What::Twice | What::TwiceLate(_) | What::Cut)
                | Some(What::AnswerLate(_) | What::FrozenBefore(_) | What::FrozenAfter(_)) => {}
                Some(
                    What::AsteriskDies(..) | What::AsteriskUnreachable(..) | What::ClockStep(_),
                ) => {}
            }
            let applied = self.inner.apply(batch).await;
            self.border.lag(QUERY_MS).await;
            self.border.done(what).await;
            applied
        };
        self.border.crossing(crossing).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.border.crossing(self.inner.now()).await
    }

    fn dialect(&self) -> Dialect {
        self.inner.dialect()
    }
}
