//! The contract suite of the port, on a file and in memory.

use trunkline_store::contract;
use trunkline_store_sqlite::{Config, SqliteDatabase, SystemClock};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    // A short queue and small groups, so that waiting for a place happens too.
    let config = Config {
        write_queue: 64,
        group: 48,
        read_queue: 4,
        ..Config::default()
    };
    let db = SqliteDatabase::open(folder.path().join("data.db"), config).unwrap();
    contract::all(&db).await;
    let stats = db.stats();
    assert!(
        stats.commits < stats.batches + stats.refused,
        "groups were committed: {stats:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_contract() {
    let db = SqliteDatabase::in_memory(SystemClock).unwrap();
    contract::all(&db).await;
}
