//! Makes sessions, for ever.

use std::pin::pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use lapin::Event;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

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
                sessions += 1;
                let since = Instant::now();
                attend(&shared, session, sessions).await;
                shared.lost();
                if since.elapsed() >= shared.config.retry_max() {
                    failures = 0;
                    continue;
                }
            }
            Err(why) => report(&shared, failures, &why),
        }
        // Also after a connection that did not live long: what ends it may be there
        // the next time too.
        let pause = shared.pause(failures);
        failures += 1;
        tokio::select! {
            biased;
            () = closing.cancelled() => break,
            () = sleep(pause) => {}
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
    let delays = connect::has_delays(address, config).await?;
    let connection = connect::connect(address, config, &shared.name).await?;
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
    if let Err(error) = shared.declare_own(&session).await {
        session.close().await;
        return Err(ConnectError::Unreachable {
            at: address.host_and_port(),
            reason: error.to_string(),
        });
    }
    Ok(Arc::new(session))
}

/// Lets a session be used until it is not to be used any more.
async fn attend(shared: &Shared, session: Arc<Session>, number: u64) {
    // From before anybody can make the broker say something.
    let events = session.connection.events_listener();
    shared.connected(&session, number);
    watch(shared, &session, events).await;
    session.end("the supervisor lets go");
    // Whoever still works on something of this session has it a while longer. What
    // nobody has begun must not wait for that: the broker delivers it again when the
    // connection has gone.
    tokio::spawn(async move { session.close().await });
}

/// Returns when the session is not to be used any more.
async fn watch(shared: &Shared, session: &Session, events: impl Stream<Item = Event>) {
    let mut events = pin!(events);
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
                // The broker refused something: that ends its channel, and whoever asked
                // for it knows.
                Some(Event::Error(error)) if error.is_amqp_soft_error() => {
                    tracing::debug!(%error, "the broker refuses something");
                }
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
