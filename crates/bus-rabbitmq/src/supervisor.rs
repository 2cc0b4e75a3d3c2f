//! Makes sessions, for ever.

use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use lapin::Event;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::connect::{self, ConnectError};
use crate::rabbitmq::{Shared, State};
use crate::session::Session;

pub(crate) async fn run(shared: Arc<Shared>) {
    let closing = shared.closing.clone();
    let mut failures = 0;
    let mut sessions = 0_u64;
    while !closing.is_cancelled() {
        let begun = tokio::select! {
            biased;
            () = closing.cancelled() => break,
            begun = begin(&shared) => begun,
        };
        match begun {
            Ok(session) => {
                failures = 0;
                sessions += 1;
                shared.connected(&session, sessions);
                watch(&shared, &session).await;
                session.end("the supervisor lets go");
                shared.lost();
            }
            Err(why) => {
                report(&shared, failures, &why);
                let pause = shared.pause(failures);
                failures += 1;
                tokio::select! {
                    biased;
                    () = closing.cancelled() => break,
                    () = sleep(pause) => {}
                }
            }
        }
    }
    shared.closed();
}

/// The first failure and every sixteenth: an outage may be long.
fn report(shared: &Shared, failures: u32, why: &ConnectError) {
    if failures.is_multiple_of(16) {
        tracing::warn!(failures, %why, "there is no connection to the broker; it is tried again until there is one");
    }
    shared.set_state(State::Away {
        why: why.to_string(),
    });
}

async fn begin(shared: &Shared) -> Result<Arc<Session>, ConnectError> {
    let (address, config) = (&shared.address, &shared.config);
    let connection = connect::connect(address, config, &shared.name).await?;
    let delays = connect::has_delays(address, config).await;
    let session = Session::begin(connection, delays, config.clone());
    let silent = || ConnectError::Silent {
        at: address.host_and_port(),
        waited: config.connect_timeout(),
    };
    let session = tokio::time::timeout(config.connect_timeout(), session)
        .await
        .map_err(|_| silent())?
        .map_err(|error| ConnectError::Unreachable {
            at: address.host_and_port(),
            reason: error.to_string(),
        })?;
    Ok(Arc::new(session))
}

/// Returns when the session is not to be used any more.
async fn watch(shared: &Shared, session: &Session) {
    let mut events = pin!(session.connection.events_listener());
    let mut probes = interval(shared.config.probe_interval());
    probes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut blocked = false;
    loop {
        tokio::select! {
            biased;
            () = shared.closing.cancelled() => {
                session.close().await;
                return;
            }
            () = session.over.cancelled() => return,
            event = events.next() => match event {
                None => return,
                Some(Event::Error(error)) => {
                    tracing::warn!(%error, "the connection to the broker has ended");
                    return;
                }
                Some(Event::ConnectionBlocked(reason)) => {
                    tracing::warn!(reason, "the broker takes nothing for the moment: it is short of memory or disk");
                    blocked = true;
                    shared.set_state(State::Blocked { reason });
                }
                Some(Event::ConnectionUnblocked) => {
                    tracing::info!("the broker takes messages again");
                    blocked = false;
                    shared.set_state(State::Connected { delays: session.delays });
                }
                Some(_) => {}
            },
            // While it is blocked it answers nothing either.
            _ = probes.tick() => if !blocked && !session.is_alive().await {
                tracing::warn!("the broker does not answer; the connection is made anew");
                return;
            },
        }
    }
}
