//! How many calls a second a campaign starts on this machine, and what one
//! costs: a measurement with the real clock, run by name. `PEOPLE` says how
//! long the list is.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::json;
use trunkline_model::campaign::Status;
use trunkline_model::id::{OutdialId, OutdialTargetId};
use trunkline_model::outdial_target::{OutdialTarget, Status as TargetStatus};
use trunkline_model::{Address, Timestamp};
use trunkline_store::{Database, outdial_target};
use trunkline_store_sqlite::{Config, SqliteDatabase};

use crate::fakes::Script;
use crate::mortal::{Life, Mortal};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: PEOPLE=100000 cargo test --release -p trunkline-campaign --test role speed -- --ignored --nocapture"]
async fn speed_on_a_file_of_sqlite() {
    let people: usize = std::env::var("PEOPLE").map_or(5_000, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let db = SqliteDatabase::open(folder.path().join("db"), Config::default()).unwrap();
    let life = Arc::new(Life::default());
    let db: Arc<dyn Database> = Arc::new(Mortal::<dyn Database> {
        inner: Arc::new(db),
        life: Arc::clone(&life),
    });
    let world = World::on(Arc::clone(&db), Arc::new(Timestamp::system_now)).await;
    let process = world.start(Default::default()).await;
    world.calls.script(|_, _| Script::Answer(500));
    let (campaign, plan) = world.ready(0, json!({"dial_timeout": 30_000})).await;
    fill(&*db, campaign.outdial_id, people).await;
    world.set_rules(campaign.id, 1_000.0, 10_000).await;
    let (began, used) = (Instant::now(), cpu());
    let counted = || {
        [&life.batches, &life.queries, &process.life.requests].map(|it| it.load(Ordering::Relaxed))
    };
    let before = counted();
    world.set_status(campaign.id, "run").await;
    let sql = "SELECT status FROM campaign_campaigns LIMIT 1";
    while db
        .query(sql, vec![])
        .await
        .unwrap()
        .first()
        .unwrap()
        .text("status")
        .unwrap()
        != Status::Stop.as_str()
    {
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let (lasted, used) = (began.elapsed(), cpu() - used);
    let after = counted();
    let each = |at: usize| (after[at] - before[at]) as f64 / people as f64;
    let asked = world.calls.asked.lock().unwrap().clone();
    let times: Vec<_> = asked.iter().map(|it| it.2).collect();
    let rate =
        |part: &[Timestamp]| part.len() as f64 / part.last().unwrap().since(part[0]).as_secs_f64();
    let tenths: Vec<_> = times
        .chunks(people / 10)
        .map(|part| rate(part).round())
        .collect();
    println!(
        "{people} people in {lasted:.1?}: {:.0} calls/s; by tenths {tenths:?}",
        rate(&times)
    );
    println!(
        "per attempt, the callee's side included: {:.2} ms of CPU; batches of both roles {:.2}, \
         queries {:.2}, requests of campaign-manager {:.2}",
        used.as_secs_f64() * 1e3 / people as f64,
        each(0),
        each(1),
        each(2)
    );
    world.assert_sound(&plan).await;
}

/// A list, without asking outdial-manager for each of them.
async fn fill(db: &dyn Database, outdial: OutdialId, people: usize) {
    let now = Some(Timestamp::system_now());
    let numbers: Vec<usize> = (0..people).collect();
    for numbers in numbers.chunks(1_000) {
        let target = |number: &usize| OutdialTarget {
            id: OutdialTargetId::random(),
            outdial_id: outdial,
            status: TargetStatus::Idle,
            destination_0: Some(Address::tel(&format!("+8201{number:06}"))),
            tm_create: now,
            tm_update: now,
            ..OutdialTarget::default()
        };
        let batch = numbers
            .iter()
            .map(|number| outdial_target::insert(&target(number)))
            .collect();
        db.apply(batch).await.unwrap();
    }
}

/// CPU time of this process so far: user and system, in hundredths of a second.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}
