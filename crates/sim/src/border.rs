//! The border of a process: everything that it asks of the bus, the store and an
//! Asterisk crosses it, and may go wrong there.
//!
//! After a kill nothing crosses any more: what was begun is neither finished nor
//! heard of. The tasks of a dead process stand still at their next crossing.
//! Those of a frozen one do so as well, and go on from there when it thaws: what
//! they had asked was done meanwhile, or is done only now.

pub mod asterisk;
mod bus;
mod store;

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::fault::{Faults, Op, What};

/// One life of a process.
pub struct Border {
    name: String,
    faults: Arc<Faults>,
    dead: CancellationToken,
    /// Until when it stands still, if it does.
    frozen: watch::Sender<Option<Instant>>,
    /// Whether events may leave: when all roles have started.
    open: watch::Sender<bool>,
    dice: Mutex<Dice>,
}

impl Border {
    /// The border of the process `name` in its life number `life`.
    #[must_use]
    pub fn new(name: &str, life: u64, seed: u64, faults: &Arc<Faults>) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            faults: Arc::clone(faults),
            dead: CancellationToken::new(),
            frozen: watch::Sender::new(None),
            open: watch::Sender::new(false),
            dice: Mutex::new(Dice::new(seed.wrapping_add(life << 32), name)),
        })
    }

    /// Ends the process at once.
    pub fn kill(&self) {
        self.dead.cancel();
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// Resolves when it is killed.
    pub async fn died(&self) {
        self.dead.cancelled().await;
    }

    /// Makes it stand still for so long. One that stands still already thaws when
    /// it would have.
    pub fn freeze(&self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        self.frozen
            .send_if_modified(|frozen| match *frozen >= Some(Instant::now()) {
                true => false,
                false => {
                    *frozen = Some(until);
                    true
                }
            });
    }

    /// Whether it stands still.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.borrow().is_some_and(|it| it > Instant::now())
    }

    /// Resolves when it stands still.
    pub async fn froze(&self) {
        let still = |until: &Option<Instant>| until.is_some_and(|it| it > Instant::now());
        let _ = self.frozen.subscribe().wait_for(still).await;
    }

    /// Resolves when it does not stand still.
    pub async fn awake(&self) {
        loop {
            let until = *self.frozen.borrow();
            match until.filter(|it| *it > Instant::now()) {
                Some(until) => sleep_until(until).await,
                None => return,
            }
        }
    }

    /// Lets events out: all roles have started.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Work that nobody hears of once the process is dead.
    pub async fn alive<R>(&self, work: impl Future<Output = R>) -> R {
        tokio::select! {
            biased;
            () = self.dead.cancelled() => pending().await,
            done = work => done,
        }
    }

    /// Work that a process waits for: asked when it is awake, and heard of when it
    /// is awake.
    pub async fn crossing<R>(&self, work: impl Future<Output = R>) -> R {
        let whole = async {
            self.awake().await;
            let done = work.await;
            self.awake().await;
            done
        };
        self.alive(whole).await
    }

    /// What goes wrong with the next operation of this kind. When it is to stand
    /// still before it, it has done so.
    pub async fn fault(&self, op: Op) -> Option<What> {
        let what = self.faults.next(&self.name, op);
        if let Some(What::FrozenBefore(ms)) = what {
            self.freeze(ms);
        }
        self.awake().await;
        what
    }

    /// The operation is done: when that is heard of.
    pub async fn done(&self, what: Option<What>) {
        match what {
            Some(What::AnswerLate(ms)) => pause(ms).await,
            Some(What::FrozenAfter(ms)) => self.freeze(ms),
            None
            | Some(What::Lost | What::AnswerLost | What::Late(_) | What::Twice)
            | Some(What::TwiceLate(_) | What::AwayBefore | What::AwayAfter | What::Cut)
            | Some(What::KilledBefore | What::KilledAfter | What::FrozenBefore(_))
            | Some(What::AsteriskDies(..) | What::AsteriskUnreachable(..) | What::ClockStep(_)) => {
            }
        }
    }

    /// Dies here.
    pub async fn die<R>(&self) -> R {
        self.kill();
        pending().await
    }

    /// What an operation of this length takes: a moment that is not the same
    /// every time, so that others come in between.
    pub async fn lag(&self, most_ms: u64) {
        let ms = {
            let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
            dice.below(most_ms + 1)
        };
        if ms > 0 {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    async fn opened(&self) {
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

/// Something outside of a process, as the process reaches it.
pub struct Mortal<T: ?Sized> {
    inner: Arc<T>,
    border: Arc<Border>,
}

impl<T: ?Sized> Mortal<T> {
    /// `inner`, reached across `border`.
    #[must_use]
    pub fn new(inner: Arc<T>, border: &Arc<Border>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            border: Arc::clone(border),
        })
    }
}

/// A pause in virtual time.
pub(crate) async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[cfg(test)]
mod tests {
    use crate::fault::Choice;
    use crate::profile::Profile;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_process_that_stood_still_goes_on_where_it_was() {
        let faults = Arc::new(Faults::new(1, Profile::quiet(), &Choice::Seeded));
        let border = Border::new("all", 1, 1, &faults);
        let began = Instant::now();
        // One operation is under way, another one is asked for meanwhile.
        let done_at = async {
            border.crossing(pause(1_000)).await;
            began.elapsed().as_millis()
        };
        let asked_at = async {
            pause(3_000).await;
            border.crossing(async { began.elapsed().as_millis() }).await
        };
        let freezing = async {
            pause(500).await;
            border.freeze(10_000);
            border.freeze(50_000);
            assert!(border.is_frozen());
            border.froze().await;
            border.awake().await;
        };
        let (done, asked, ()) = tokio::join!(done_at, asked_at, freezing);
        assert_eq!((done, asked), (10_500, 10_500));
        assert!(!border.is_frozen());
    }
}
