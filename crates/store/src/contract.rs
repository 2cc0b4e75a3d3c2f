//! What every adapter of the port must do, as functions that panic when it
//! does not. They use tables of the schema, and need them empty.

use std::future::Future;

use futures_util::future::join_all;
use trunkline_model::Timestamp;
use uuid::Uuid;

use crate::batch::{Batch, Expect, Statement};
use crate::error::Error;
use crate::port::Database;
use crate::row::Rows;
use crate::value::Value;

/// Runs the whole suite, one part after the other.
pub async fn all(db: &dyn Database) {
    a_batch_is_applied_whole_or_not_at_all(db).await;
    row_counts_are_checked(db).await;
    an_update_that_changes_nothing_counts_its_rows(db).await;
    a_repeated_key_names_its_statement(db).await;
    wrong_sql_is_an_error_and_nothing_else(db).await;
    null_reads_as_zero(db).await;
    values_come_back_as_they_went(db).await;
    times_keep_microseconds_and_order(db).await;
    each_of_ten_thousand_claims_has_one_winner(db).await;
    a_failing_batch_leaves_its_neighbours_alone(db).await;
    batches_of_one_task_keep_their_order(db).await;
    what_was_applied_is_read_at_once(db).await;
}

/// A later statement that fails undoes the earlier ones.
pub async fn a_batch_is_applied_whole_or_not_at_all(db: &dyn Database) {
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    let batch = Batch::new()
        .with(row(first, 1))
        .with(row(second, 2))
        .with(set(first, 7, 3));
    assert!(matches!(
        db.apply(batch).await,
        Err(Error::Precondition {
            statement: 2,
            changed: 0,
            ..
        })
    ));
    assert_eq!(
        (fence(db, first).await, fence(db, second).await),
        (None, None)
    );

    let batch = Batch::new()
        .with(row(first, 1))
        .with(row(second, 2))
        .with(set(first, 1, 3));
    apply(db, batch).await;
    assert_eq!(
        (fence(db, first).await, fence(db, second).await),
        (Some(3), Some(2))
    );
    apply(db, Batch::new()).await;
}

/// One, some, any.
pub async fn row_counts_are_checked(db: &dyn Database) {
    let holder = Uuid::new_v4();
    let ids = [Uuid::new_v4(), Uuid::new_v4()];
    let touch = |holder: Uuid, expect: Expect| Statement {
        expect,
        ..Statement::any(
            "UPDATE trunkline_campaign_leases SET fence = fence + 1 WHERE holder = ?",
            vec![Value::uuid(holder)],
        )
    };
    apply(db, ids.iter().map(|id| row_of(*id, holder, 0)).collect()).await;
    let cases = [
        (holder, Expect::One, false),
        (holder, Expect::Some, true),
        (holder, Expect::Any, true),
        (Uuid::new_v4(), Expect::Some, false),
        (Uuid::new_v4(), Expect::Any, true),
    ];
    for (holder, expect, fine) in cases {
        let result = db.apply(Batch::new().with(touch(holder, expect))).await;
        assert_eq!(result.is_ok(), fine, "{expect:?}: {result:?}");
    }
    assert_eq!(
        fence(db, ids[0]).await,
        Some(2),
        "the refused one is undone"
    );
}

/// Rows that match count, not rows whose bytes differ: a repeated event that
/// writes the same values is no conflict. (MySQL counts so with
/// `CLIENT_FOUND_ROWS` only.)
pub async fn an_update_that_changes_nothing_counts_its_rows(db: &dyn Database) {
    let id = Uuid::new_v4();
    apply(db, Batch::new().with(row(id, 5))).await;
    apply(db, Batch::new().with(set(id, 5, 5))).await;
}

/// The error says which statement it was.
pub async fn a_repeated_key_names_its_statement(db: &dyn Database) {
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    apply(db, Batch::new().with(row(first, 1))).await;
    let result = db
        .apply(Batch::new().with(row(second, 1)).with(row(first, 1)))
        .await;
    assert!(
        matches!(result, Err(Error::Duplicate { statement: 1, .. })),
        "{result:?}"
    );
    assert_eq!(fence(db, second).await, None);

    let token = |id: Uuid, hash: &str| {
        Statement::insert(
            "trunkline_tokens",
            vec![
                ("id", Value::uuid(id)),
                ("customer_id", Value::uuid(first)),
                ("name", Value::from("")),
                ("hash", Value::from(hash)),
                ("tm_create", Value::time(Timestamp::from_micros(0))),
            ],
        )
    };
    let hash = Uuid::new_v4().to_string();
    apply(db, Batch::new().with(token(first, &hash))).await;
    let result = db.apply(Batch::new().with(token(second, &hash))).await;
    assert!(
        matches!(result, Err(Error::Duplicate { statement: 0, .. })),
        "{result:?}"
    );
}

/// Neither a query nor a batch that the engine cannot read does any harm.
pub async fn wrong_sql_is_an_error_and_nothing_else(db: &dyn Database) {
    let id = Uuid::new_v4();
    assert!(matches!(
        db.query("SELEKT 1", vec![]).await,
        Err(Error::Statement(_))
    ));
    assert!(matches!(
        db.query("SELECT nothing FROM nowhere", vec![]).await,
        Err(Error::Statement(_))
    ));
    assert!(matches!(
        db.query("SELECT ?", vec![]).await,
        Err(Error::Statement(_))
    ));
    let wrong = Statement::any("UPDATE nowhere SET nothing = 1", vec![]);
    assert!(matches!(
        db.apply(Batch::new().with(row(id, 1)).with(wrong)).await,
        Err(Error::Statement(_))
    ));
    assert_eq!(fence(db, id).await, None);
    apply(db, Batch::new().with(row(id, 1))).await;
}

/// SQL NULL is the zero value of every kind; so is JSON `null`.
pub async fn null_reads_as_zero(db: &dyn Database) {
    let id = Uuid::new_v4();
    let outplan = |source: Value| {
        Statement::insert(
            "campaign_outplans",
            vec![("id", Value::uuid(id)), ("source", source)],
        )
    };
    let columns = "SELECT id, customer_id, name, source, dial_timeout, tm_create \
        FROM campaign_outplans WHERE id = ?";
    for source in [Value::Null, Value::from("null"), Value::from("{}")] {
        let gone = Statement::any(
            "DELETE FROM campaign_outplans WHERE id = ?",
            vec![Value::uuid(id)],
        );
        apply(db, Batch::new().with(gone).with(outplan(source))).await;
        let rows = query(db, columns, vec![Value::uuid(id)]).await;
        let row = rows.first().expect("the row was inserted");
        assert_eq!(row.id::<Uuid>("id").expect("an id"), id);
        assert_eq!(
            row.id::<Uuid>("customer_id").expect("NULL is nil"),
            Uuid::nil()
        );
        assert_eq!(row.text("name").expect("NULL is empty"), "");
        assert_eq!(row.int("dial_timeout").expect("NULL is 0"), 0);
        assert_eq!(row.time("tm_create").expect("NULL is no time"), None);
        assert_eq!(row.address("source").expect("NULL is no address"), None);
    }
}

/// Text of any language, JSON, ids, numbers of full size.
pub async fn values_come_back_as_they_went(db: &dyn Database) {
    let (id, customer) = (Uuid::new_v4(), Uuid::nil());
    let text = "Grüße 世界 ' \" \\ % ? 🙂";
    let json = serde_json::json!({"type": "tel", "target": "+1", "name": text});
    let sql = "INSERT INTO campaign_outplans (id, customer_id, name, source, dial_timeout, try_interval) \
        VALUES (?, ?, ?, ?, ?, ?)";
    let numbers = (i64::from(i32::MAX), i64::from(i32::MIN));
    let params = vec![
        Value::uuid(id),
        Value::uuid(customer),
        Value::from(text),
        Value::json(&json),
        Value::from(numbers.0),
        Value::from(numbers.1),
    ];
    apply(db, Batch::new().with(Statement::one(sql, params))).await;
    let rows = query(
        db,
        "SELECT * FROM campaign_outplans WHERE id = ?",
        vec![Value::uuid(id)],
    )
    .await;
    let row = rows.first().expect("the row was inserted");
    assert_eq!(row.text("name").expect("text"), text);
    assert_eq!(row.json::<serde_json::Value>("source").expect("JSON"), json);
    assert_eq!(
        (
            row.int("dial_timeout").expect("int"),
            row.int("try_interval").expect("int")
        ),
        numbers
    );
    assert_eq!(
        row.id::<Uuid>("customer_id").expect("sixteen zero bytes"),
        customer
    );

    let sql = "INSERT INTO trunkline_campaign_rules (campaign_id, customer_id, calls_per_second, max_concurrent) \
        VALUES (?, ?, ?, ?)";
    let params = vec![
        Value::uuid(id),
        Value::uuid(customer),
        Value::from(0.125),
        Value::from(3),
    ];
    apply(db, Batch::new().with(Statement::one(sql, params))).await;
    let sql = "SELECT calls_per_second FROM trunkline_campaign_rules WHERE campaign_id = ?";
    let rows = query(db, sql, vec![Value::uuid(id)]).await;
    let rate = rows
        .first()
        .expect("the row was inserted")
        .real("calls_per_second")
        .expect("a number");
    assert!((rate - 0.125).abs() < f64::EPSILON);
}

/// Microseconds survive, text order is the order of time, the sentinel of the
/// year 9999 is no time, and the clock goes forward.
pub async fn times_keep_microseconds_and_order(db: &dyn Database) {
    let customer = Uuid::new_v4();
    let times: Vec<Timestamp> = [0, 1, 999_999, 1_000_000, 1_767_323_045_123_456]
        .map(Timestamp::from_micros)
        .into();
    let insert = |at: Timestamp| {
        Statement::insert(
            "campaign_outplans",
            vec![
                ("id", Value::uuid(Uuid::new_v4())),
                ("customer_id", Value::uuid(customer)),
                ("tm_create", Value::time(at)),
            ],
        )
    };
    apply(db, times.iter().rev().map(|at| insert(*at)).collect()).await;
    let sql = "SELECT tm_create FROM campaign_outplans WHERE customer_id = ? AND tm_create < ? ORDER BY tm_create";
    let rows = query(
        db,
        sql,
        vec![Value::uuid(customer), Value::time(times[4].plus_millis(1))],
    )
    .await;
    let read = rows.map(|row| row.time("tm_create")).expect("times");
    assert_eq!(read, times.iter().copied().map(Some).collect::<Vec<_>>());
    let rows = query(db, sql, vec![Value::uuid(customer), Value::time(times[1])]).await;
    assert_eq!(rows.len(), 1);

    let id = Uuid::new_v4();
    let sentinel = Value::from("9999-01-01 00:00:00.000000");
    let columns = vec![("id", Value::uuid(id)), ("tm_delete", sentinel)];
    apply(
        db,
        Batch::new().with(Statement::insert("campaign_outplans", columns)),
    )
    .await;
    let rows = query(
        db,
        "SELECT tm_delete FROM campaign_outplans WHERE id = ?",
        vec![Value::uuid(id)],
    )
    .await;
    assert_eq!(
        rows.first()
            .expect("a row")
            .time("tm_delete")
            .expect("a time"),
        None
    );

    let (earlier, later) = (db.now().await, db.now().await);
    assert!(earlier.expect("a clock") <= later.expect("a clock"));
}

/// Ten thousand batches at once: ten want each of a thousand rows, and every
/// winner also counts on the one row that they share.
pub async fn each_of_ten_thousand_claims_has_one_winner(db: &dyn Database) {
    const ROWS: usize = 1_000;
    const CLAIMS: usize = 10;
    let counter = Uuid::new_v4();
    let ids: Vec<Uuid> = (0..ROWS).map(|_| Uuid::new_v4()).collect();
    let mut rows: Batch = ids.iter().map(|id| row(*id, 0)).collect();
    rows.push(row(counter, 0));
    apply(db, rows).await;

    let claim = |id: Uuid| Batch::new().with(add(counter)).with(set(id, 0, 1));
    let claims = (0..CLAIMS)
        .flat_map(|_| &ids)
        .map(|id| db.apply(claim(*id)));
    let results = join_all(claims).await;
    let mut winners = vec![0; ROWS];
    for (at, result) in results.into_iter().enumerate() {
        match result {
            Ok(()) => winners[at % ROWS] += 1,
            Err(error) => assert!(error.is_conflict(), "{error}"),
        }
    }
    assert!(
        winners.iter().all(|count| *count == 1),
        "each row has exactly one winner"
    );
    assert_eq!(
        fence(db, counter).await,
        i64::try_from(ROWS).ok(),
        "the losers' counts are undone"
    );
}

/// Batches that wait together are still each for itself.
pub async fn a_failing_batch_leaves_its_neighbours_alone(db: &dyn Database) {
    let ids: Vec<Uuid> = (0..300).map(|_| Uuid::new_v4()).collect();
    let batch = |(at, id): (usize, &Uuid)| {
        let batch = Batch::new().with(row(*id, 1));
        match at % 6 {
            1 => batch.with(set(*id, 9, 2)),
            3 => batch.with(row(*id, 1)),
            5 => batch.with(Statement::any("UPDATE nowhere SET nothing = 1", vec![])),
            _ => batch,
        }
    };
    let results = join_all(ids.iter().enumerate().map(|pair| db.apply(batch(pair)))).await;
    for (at, result) in results.into_iter().enumerate() {
        let expected = match at % 6 {
            1 => matches!(result, Err(Error::Precondition { statement: 1, .. })),
            3 => matches!(result, Err(Error::Duplicate { statement: 1, .. })),
            5 => matches!(result, Err(Error::Statement(_))),
            _ => result.is_ok(),
        };
        assert!(expected, "batch {at}: {result:?}");
        assert_eq!(
            fence(db, ids[at]).await,
            (at % 2 == 0).then_some(1),
            "row {at}"
        );
    }
}

/// What one task sends without waiting is applied in the order of sending:
/// each of these needs the one before.
pub async fn batches_of_one_task_keep_their_order(db: &dyn Database) {
    let id = Uuid::new_v4();
    apply(db, Batch::new().with(row(id, 0))).await;
    in_order((0..500).map(|at| db.apply(Batch::new().with(set(id, at, at + 1))))).await;
    assert_eq!(fence(db, id).await, Some(500));
}

/// A task reads its own writes, whichever connection serves the query.
pub async fn what_was_applied_is_read_at_once(db: &dyn Database) {
    let id = Uuid::new_v4();
    apply(db, Batch::new().with(row(id, 0))).await;
    for at in 1..200 {
        apply(db, Batch::new().with(add(id))).await;
        assert_eq!(fence(db, id).await, Some(at));
    }
}

async fn in_order<F: Future<Output = Result<(), Error>>>(batches: impl Iterator<Item = F>) {
    for (at, result) in join_all(batches).await.into_iter().enumerate() {
        assert!(result.is_ok(), "batch {at}: {result:?}");
    }
}

// A lease row serves as the record with a number.

fn row(id: Uuid, fence: i64) -> Statement {
    row_of(id, Uuid::nil(), fence)
}

fn row_of(id: Uuid, holder: Uuid, fence: i64) -> Statement {
    Statement::insert(
        "trunkline_campaign_leases",
        vec![
            ("campaign_id", Value::uuid(id)),
            ("holder", Value::uuid(holder)),
            ("fence", Value::Int(fence)),
            ("expires", Value::time(Timestamp::from_micros(0))),
        ],
    )
}

fn set(id: Uuid, from: i64, to: i64) -> Statement {
    Statement::one(
        "UPDATE trunkline_campaign_leases SET fence = ? WHERE campaign_id = ? AND fence = ?",
        vec![Value::Int(to), Value::uuid(id), Value::Int(from)],
    )
}

fn add(id: Uuid) -> Statement {
    Statement::one(
        "UPDATE trunkline_campaign_leases SET fence = fence + 1 WHERE campaign_id = ?",
        vec![Value::uuid(id)],
    )
}

async fn fence(db: &dyn Database, id: Uuid) -> Option<i64> {
    let sql = "SELECT fence FROM trunkline_campaign_leases WHERE campaign_id = ?";
    let rows = query(db, sql, vec![Value::uuid(id)]).await;
    rows.first().map(|row| row.int("fence").expect("a number"))
}

async fn apply(db: &dyn Database, batch: Batch) {
    if let Err(error) = db.apply(batch).await {
        panic!("the batch must be applied: {error}");
    }
}

async fn query(db: &dyn Database, sql: &str, params: Vec<Value>) -> Rows {
    match db.query(sql, params).await {
        Ok(rows) => rows,
        Err(error) => panic!("the query must succeed: {error}"),
    }
}
