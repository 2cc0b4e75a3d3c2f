//! What only a file can show: survival, a full disk, a foreign schema.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are outside of test functions"
)]

use std::path::Path;
use std::sync::Arc;

use trunkline_model::Timestamp;
use trunkline_model::id::CampaignId;
use trunkline_store::{Batch, Database, Error, Statement, Value};
use trunkline_store_sqlite::migrate::MIGRATIONS;
use trunkline_store_sqlite::{Config, OpenError, SqliteDatabase};

#[tokio::test]
async fn what_was_answered_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = open(&path);
    for number in 0..100 {
        db.apply(outplan(number, "x")).await.unwrap();
    }
    drop(db);
    assert!(
        !folder.path().join("data.db-wal").exists(),
        "the log was moved into the file"
    );
    assert_eq!(count(&open(&path)).await, 100);
}

#[tokio::test]
async fn a_closed_database_finishes_what_it_accepted_and_refuses_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let config = Config {
        write_queue: 8,
        ..Config::default()
    };
    let db = Arc::new(SqliteDatabase::open(&path, config).unwrap());
    let mut tasks = Vec::new();
    for number in 0..200 {
        let db = Arc::clone(&db);
        tasks.push(tokio::spawn(
            async move { db.apply(outplan(number, "x")).await },
        ));
    }
    tokio::task::yield_now().await;
    db.close();
    let mut applied = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => applied += 1,
            Err(error) => assert!(matches!(error, Error::Unavailable(_)), "{error}"),
        }
    }
    assert!(matches!(
        db.query("SELECT 1", vec![]).await,
        Err(Error::Unavailable(_))
    ));
    drop(db);
    assert_eq!(count(&open(&path)).await, applied);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_and_later_takes_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let db = Arc::new(open(&folder.path().join("data.db")));
    db.limit_pages(1).await.unwrap();
    // More than the pages that dropped indices have left free.
    let body = "x".repeat(200_000);
    let mut tasks = Vec::new();
    for number in 0..50 {
        let (db, body) = (Arc::clone(&db), body.clone());
        // The first ones do not grow the file: they go through beside the others.
        let body = if number % 10 == 0 {
            "x".to_owned()
        } else {
            body
        };
        tasks.push(tokio::spawn(async move {
            db.apply(outplan(number, &body)).await
        }));
    }
    for (number, task) in tasks.into_iter().enumerate() {
        let result = task.await.unwrap();
        match number % 10 {
            0 => assert!(result.is_ok(), "{result:?}"),
            _ => assert!(matches!(result, Err(Error::Full(_))), "{result:?}"),
        }
    }
    assert_eq!(count(&db).await, 5, "reads work, and nothing half is there");

    db.limit_pages(1_000_000).await.unwrap();
    db.apply(outplan(1, &body)).await.unwrap();
    assert_eq!(count(&db).await, 6);
}

#[tokio::test]
async fn memory_can_be_full_as_well() {
    let db = SqliteDatabase::in_memory(Timestamp::system_now).unwrap();
    db.limit_pages(1).await.unwrap();
    let body = "x".repeat(200_000);
    assert!(matches!(
        db.apply(outplan(1, &body)).await,
        Err(Error::Full(_))
    ));
    db.limit_pages(1_000_000).await.unwrap();
    db.apply(outplan(1, &body)).await.unwrap();
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = open(&path);
    let known = MIGRATIONS.last().unwrap().version;
    let newer = Statement::one(
        "INSERT INTO trunkline_migrations (version, name, tm_create) VALUES (?, 'later', '')",
        vec![Value::Int(known + 1)],
    );
    db.apply(Batch::new().with(newer)).await.unwrap();
    drop(db);
    let refused = SqliteDatabase::open(&path, Config::default())
        .err()
        .unwrap();
    assert!(
        matches!(refused, OpenError::Newer { found, .. } if found == known + 1),
        "{refused}"
    );
    let looked = trunkline_store_sqlite::schema(&path).unwrap_err();
    assert!(matches!(looked, OpenError::Newer { .. }), "{looked}");
}

#[tokio::test]
async fn a_look_tells_how_far_a_database_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    let db = open(&path);
    // Also while it is in use.
    let schema = trunkline_store_sqlite::schema(&path).unwrap();
    assert_eq!((schema.version, schema.missing), (schema.known, 0));
    let older = Statement::one(
        "DELETE FROM trunkline_migrations WHERE version = ?",
        vec![Value::Int(schema.known)],
    );
    db.apply(Batch::new().with(older)).await.unwrap();
    drop(db);
    assert_eq!(trunkline_store_sqlite::schema(&path).unwrap().missing, 1);
    std::fs::write(&path, "no database at all, but long enough to be looked at").unwrap();
    assert!(trunkline_store_sqlite::schema(&path).is_err());
}

#[test]
fn migrations_are_numbered_in_their_order() {
    assert!(MIGRATIONS.is_sorted_by(|a, b| a.version < b.version));
    for migration in MIGRATIONS {
        let number = format!("{:04}_", migration.version);
        assert!(migration.name.starts_with(&number), "{}", migration.name);
    }
}

#[test]
fn what_is_not_a_database_is_refused_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.db");
    std::fs::write(
        &path,
        "no database at all, but long enough to be looked at".repeat(100),
    )
    .unwrap();
    let refused = SqliteDatabase::open(&path, Config::default())
        .err()
        .unwrap();
    assert!(refused.to_string().contains("data.db"), "{refused}");
}

fn open(path: &Path) -> SqliteDatabase {
    SqliteDatabase::open(path, Config::default()).unwrap()
}

fn outplan(number: i64, detail: &str) -> Batch {
    let columns = vec![
        ("id", Value::uuid(CampaignId::random())),
        ("dial_timeout", Value::Int(number)),
        ("detail", Value::from(detail)),
    ];
    Batch::new().with(Statement::insert("campaign_outplans", columns))
}

async fn count(db: &SqliteDatabase) -> i64 {
    let rows = db
        .query("SELECT count(*) AS n FROM campaign_outplans", vec![])
        .await
        .unwrap();
    rows.first().unwrap().int("n").unwrap()
}
