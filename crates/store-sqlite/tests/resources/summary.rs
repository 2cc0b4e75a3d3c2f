//! A summary while the list changes.

use super::*;

/// Applies a batch right before the query with this number.
struct Meddler {
    db: SqliteDatabase,
    queries: std::sync::atomic::AtomicUsize,
    at: usize,
    batch: Batch,
}

#[async_trait]
impl Database for Meddler {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        let number = self
            .queries
            .fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if number == self.at {
            self.db.apply(self.batch.clone()).await?;
        }
        self.db.query(sql, params).await
    }

    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.db.apply(batch).await
    }

    async fn now(&self) -> Result<Timestamp, Error> {
        self.db.now().await
    }

    fn dialect(&self) -> Dialect {
        self.db.dialect()
    }
}

#[tokio::test]
async fn target_that_comes_back_while_the_list_is_summed_up_is_not_missed() {
    let mut queries = 1;
    let mut at = 0;
    while at < queries {
        let db = memory();
        let target = new_target(OutdialId::random(), 1);
        apply(&db, outdial_target::insert(&target)).await;
        apply(&db, outdial_target::claim(target.id, 0, time(2)).unwrap()).await;
        let back = outdial_target::finish(target.id, &TargetStatus::Idle, time(3));
        let meddler = Meddler {
            db,
            queries: 0.into(),
            at,
            batch: Batch::new().with(back),
        };
        let rules = Rules {
            outdial: target.outdial_id,
            maxima: [2, 0, 0, 0, 0],
            try_interval_ms: Some(60_000),
        };
        let summary = available::summary(&meddler, &rules, time(3)).await.unwrap();
        assert!(
            summary.available || summary.waiting || summary.progressing,
            "missed when it came back before query {at}: {summary:?}"
        );
        queries = meddler.queries.into_inner();
        at += 1;
    }
    assert!(at > 3, "every moment of the summary was tried");
}
