//! Several proxies on one broker share the requests that any of them may answer.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use trunkline_asterisk_proxy::{Metrics, Running, start_over};
use trunkline_bus::{Bus, Request};
use trunkline_sim::border::{Border, asterisk};
use trunkline_sim::broker::SimBus;
use trunkline_sim::clock::VirtualClock;
use trunkline_sim::fault::{Choice, Faults};
use trunkline_sim::profile::Profile;
use trunkline_sim::station::Station;

const CALL: &str = "asterisk.call.request";

/// A process with one proxy.
async fn proxy(broker: &SimBus, station: &Arc<Station>, faults: &Arc<Faults>) -> Running {
    let border = Border::new(&format!("proxy {}", station.at()), 1, 1, faults);
    let ways = vec![asterisk::way(station, &border)];
    let bus: Arc<dyn Bus> = Arc::new(broker.connect());
    let running = start_over(ways, bus, Metrics::default(), CancellationToken::new())
        .await
        .unwrap();
    tokio::spawn(Arc::clone(station).run());
    is_connected(&running, true).await;
    running
}

async fn is_connected(proxy: &Running, connected: bool) {
    let mut status = proxy.watch().remove(0);
    status
        .wait_for(|status| status.connected == connected)
        .await
        .unwrap();
}

/// The statuses of so many answers, and whose they are.
async fn answers(bus: &dyn Bus, number: usize) -> (BTreeSet<u64>, BTreeSet<String>) {
    let request = Request {
        method: "GET".to_owned(),
        uri: "/ari/asterisk/info?only=system".to_owned(),
        ..Request::default()
    };
    let (mut statuses, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..number {
        let asked = bus.request(CALL, request.encode(), Duration::from_secs(3));
        let answer: serde_json::Value = serde_json::from_slice(&asked.await.unwrap()).unwrap();
        statuses.insert(answer["status_code"].as_u64().unwrap());
        ids.insert(answer["data"]["system"]["entity_id"].to_string());
    }
    (statuses, ids)
}

#[tokio::test(start_paused = true)]
async fn proxy_whose_asterisk_is_away_leaves_its_share_to_the_others() {
    let (broker, clock) = (SimBus::new(1), Arc::new(VirtualClock::new()));
    let faults = Arc::new(Faults::new(1, Profile::quiet(), &Choice::Seeded));
    let stations = [0, 1].map(|at| Station::new(at, 1, &clock));
    let first = proxy(&broker, &stations[0], &faults).await;
    let _second = proxy(&broker, &stations[1], &faults).await;
    let caller = broker.connect();
    let (statuses, both) = answers(&caller, 20).await;
    assert_eq!((statuses, both.len()), (BTreeSet::from([200]), 2));

    let away = Arc::clone(&stations[0]);
    tokio::spawn(async move { away.leave(Duration::from_secs(60)).await });
    is_connected(&first, false).await;
    let (statuses, other) = answers(&caller, 20).await;
    assert_eq!(
        (statuses, other.len()),
        (BTreeSet::from([200]), 1),
        "nobody is refused"
    );

    is_connected(&first, true).await;
    let (statuses, again) = answers(&caller, 20).await;
    assert_eq!((statuses, again), (BTreeSet::from([200]), both));
}
