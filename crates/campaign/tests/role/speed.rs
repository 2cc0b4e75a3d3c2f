//! How many calls a second a campaign starts on this machine: a measurement
//! with the real clock, run by name.

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use trunkline_model::campaign::Status;
use trunkline_store::Database;
use trunkline_store_sqlite::{Config, SqliteDatabase};

use crate::fakes::Script;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test -p trunkline-campaign --test role speed -- --ignored --nocapture"]
async fn speed_on_a_file_of_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteDatabase::open(folder.path().join("db"), Config::default()).unwrap();
    let db: Arc<dyn Database> = Arc::new(db);
    let world = World::on(db, Arc::new(trunkline_model::Timestamp::system_now)).await;
    let _process = world.start(Default::default()).await;
    world.calls.script(|_, _| Script::Answer(500));
    let people = 5_000;
    let (campaign, plan) = world.ready(people, json!({})).await;
    world.set_rules(campaign.id, 1_000.0, 10_000).await;
    let began = Instant::now();
    world.set_status(campaign.id, "run").await;
    world.until_status(campaign.id, Status::Stop).await;
    let lasted = began.elapsed();
    let times: Vec<_> = world
        .calls
        .asked
        .lock()
        .unwrap()
        .iter()
        .map(|it| it.2)
        .collect();
    let rate = |part: &[trunkline_model::Timestamp]| {
        part.len() as f64 / part.last().unwrap().since(part[0]).as_secs_f64()
    };
    let tenths: Vec<_> = times
        .chunks(people / 10)
        .map(|part| rate(part).round())
        .collect();
    println!(
        "{people} people in {lasted:?}: {:.0} calls/s; by tenths {tenths:?}",
        rate(&times)
    );
    world.assert_sound(&plan).await;
}
