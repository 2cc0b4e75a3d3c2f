//! Targets: claims, and the queries that must stay fast.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_claims_of_a_target_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let db =
        Arc::new(SqliteDatabase::open(folder.path().join("data.db"), Config::default()).unwrap());
    let targets: Vec<_> = (0..200)
        .map(|_| new_target(OutdialId::random(), 1))
        .collect();
    db.apply(targets.iter().map(outdial_target::insert).collect())
        .await
        .unwrap();
    let claimers = (0..2).map(|_| {
        let (db, ids) = (
            Arc::clone(&db),
            targets.iter().map(|target| target.id).collect::<Vec<_>>(),
        );
        tokio::spawn(async move {
            let mut won = 0;
            for id in ids {
                let claim = outdial_target::claim(id, 0, time(2)).unwrap();
                won += i32::from(db.apply(Batch::new().with(claim)).await.is_ok());
            }
            won
        })
    });
    let mut won = 0;
    for claimer in claimers.collect::<Vec<_>>() {
        won += claimer.await.unwrap();
    }
    assert_eq!(won, 200);
    for target in &targets {
        let read = outdial_target::get(&*db, target.id).await.unwrap().unwrap();
        assert_eq!(
            (read.status, read.try_count_0),
            (TargetStatus::Progressing, 1)
        );
    }
}

#[tokio::test]
async fn claims_and_ends_of_targets_refuse_what_is_no_longer_so() {
    let db = memory();
    let target = new_target(OutdialId::random(), 1);
    let id = target.id;
    apply(&db, outdial_target::insert(&target)).await;
    assert_eq!(outdial_target::claim(id, 5, time(2)), None);
    refused(
        &db,
        outdial_target::finish(id, &TargetStatus::Done, time(2)),
    )
    .await;
    apply(&db, outdial_target::claim(id, 3, time(2)).unwrap()).await;
    refused(&db, outdial_target::claim(id, 3, time(2)).unwrap()).await;
    apply(
        &db,
        outdial_target::finish(id, &TargetStatus::Idle, time(3)),
    )
    .await;
    apply(&db, outdial_target::delete(id, time(4))).await;
    refused(&db, outdial_target::delete(id, time(4))).await;
    refused(&db, outdial_target::claim(id, 0, time(5)).unwrap()).await;
    let read = outdial_target::get(&db, id).await.unwrap().unwrap();
    assert_eq!(
        (read.status, read.try_count_3, read.tm_update),
        (TargetStatus::Idle, 1, at(4))
    );

    let claim = outdial_target::Claim {
        target: id,
        attempt: CampaigncallId::random(),
        index: 3,
    };
    apply(&db, outdial_target::insert_claim(claim, time(5))).await;
    assert_eq!(
        outdial_target::claim_of(&db, id).await.unwrap(),
        Some(claim)
    );
    let rival = outdial_target::Claim {
        attempt: CampaigncallId::random(),
        ..claim
    };
    let result = db
        .apply(Batch::new().with(outdial_target::insert_claim(rival, time(5))))
        .await;
    assert!(matches!(result, Err(Error::Duplicate { .. })));
    apply(&db, outdial_target::delete_claim(id, rival.attempt)).await;
    assert!(outdial_target::claim_of(&db, id).await.unwrap().is_some());
    apply(&db, outdial_target::delete_claim(id, claim.attempt)).await;
    assert_eq!(outdial_target::claim_of(&db, id).await.unwrap(), None);
}

#[tokio::test]
async fn a_claim_that_stood_still_gets_nothing_that_was_used_meanwhile() {
    let db = memory();
    let target = new_target(OutdialId::random(), 1);
    apply(&db, outdial_target::insert(&target)).await;
    let claim = |latest: Option<Timestamp>| {
        let claim = outdial_target::Claim {
            target: target.id,
            attempt: CampaigncallId::random(),
            index: 0,
        };
        let statements =
            outdial_target::claim_for_attempt(db.dialect(), claim, time(9), latest).unwrap();
        let mut batch = Batch::new();
        batch.extend(statements);
        (claim.attempt, batch)
    };
    // Another attempt had it, and has ended.
    let (other, batch) = claim(at(4));
    db.apply(batch).await.unwrap();
    apply(
        &db,
        outdial_target::end_attempt(target.id, other, &TargetStatus::Idle, time(8)),
    )
    .await;
    let (_, late) = claim(at(5));
    assert!(db.apply(late).await.unwrap_err().is_conflict());
    for timely in [at(8), None] {
        let (attempt, batch) = claim(timely);
        db.apply(batch).await.unwrap();
        apply(
            &db,
            outdial_target::end_attempt(target.id, attempt, &TargetStatus::Idle, time(8)),
        )
        .await;
    }
}

/// The same database under MySQL's name: the text for engines without the
/// index of tries must find the same targets.
struct WithoutIndex(SqliteDatabase);

#[async_trait]
impl Database for WithoutIndex {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.0.query(sql, params).await
    }
    async fn apply(&self, batch: Batch) -> Result<(), Error> {
        self.0.apply(batch).await
    }
    async fn now(&self) -> Result<Timestamp, Error> {
        self.0.now().await
    }
    fn dialect(&self) -> Dialect {
        Dialect::Mysql
    }
}

#[tokio::test]
async fn available_targets_are_those_that_can_be_called() {
    for_both(async |db| {
        let outdial = OutdialId::random();
        let put = async |second: i64, change: &dyn Fn(&mut OutdialTarget)| {
            let mut target = new_target(outdial, second);
            change(&mut target);
            apply(db, outdial_target::insert(&target)).await;
            target.id
        };
        let absent = async |id: OutdialTargetId, json: Option<&str>| {
            let value = json.map_or(Value::Null, Value::from);
            let sql = "UPDATE outdial_outdialtargets SET destination_0 = ? WHERE id = ?";
            apply(db, Statement::one(sql, vec![value, Value::uuid(id)])).await;
        };
        let untried = put(50, &|_| {}).await;
        let waited = put(10, &|target| {
            (target.try_count_0, target.tm_update) = (1, at(60))
        })
        .await;
        put(11, &|target| {
            (target.try_count_0, target.tm_update) = (1, at(75))
        })
        .await;
        put(12, &|target| {
            (target.try_count_0, target.tm_update) = (2, at(20))
        })
        .await;
        let second_slot = put(13, &|target| {
            (target.try_count_0, target.tm_update) = (2, at(40));
            target.destination_1 = Some(tel("+2"));
        })
        .await;
        put(14, &|target| {
            (target.tm_delete, target.tm_update) = (at(15), at(15))
        })
        .await;
        put(15, &|target| target.status = TargetStatus::Done).await;
        for json in [
            None,
            Some("null"),
            Some("{}"),
            Some(r#"{"type":"tel","target":""}"#),
        ] {
            let id = put(16, &|_| {}).await;
            absent(id, json).await;
        }
        apply(
            db,
            outdial_target::insert(&new_target(OutdialId::random(), 1)),
        )
        .await;

        let mut rules = Rules {
            outdial,
            maxima: [2, 1, 0, 0, 0],
            try_interval_ms: Some(20_000),
        };
        let ids = async |rules: &Rules, now, limit| {
            let found = available::available(db, rules, time(now), limit)
                .await
                .unwrap();
            found.iter().map(|target| target.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(&rules, 80, 10).await, [second_slot, untried, waited]);
        assert_eq!(ids(&rules, 80, 2).await, [second_slot, untried]);
        assert_eq!(
            ids(&rules, 79, 10).await,
            [second_slot, untried],
            "one second too early"
        );
        assert_eq!(
            ids(&rules, 0, 10).await,
            [untried],
            "no interval before the first try"
        );
        let summary = available::summary(db, &rules, time(80)).await.unwrap();
        assert!(summary.available && summary.waiting);
        assert_eq!((summary.next_try, summary.progressing), (at(95), false));
        let counts = Counts {
            callable: 4,
            exhausted: 5,
            progressing: 0,
            done: 1,
        };
        assert_eq!(available::counts(db, &rules).await.unwrap(), counts);

        rules.try_interval_ms = None;
        assert_eq!(ids(&rules, 0, 10).await.len(), 4);
        assert_eq!(
            available::summary(db, &rules, time(80))
                .await
                .unwrap()
                .next_try,
            None
        );
        rules.maxima = [0; 5];
        assert_eq!(ids(&rules, 80, 10).await, []);
        rules.maxima = [100, 0, 0, 0, 0];
        assert_eq!(
            ids(&rules, 80, 10).await.len(),
            5,
            "raised limits make them callable again"
        );
    })
    .await;
}

#[tokio::test]
async fn more_tries_than_the_index_can_hold_are_still_counted() {
    for_both(async |db| {
        let mut target = new_target(OutdialId::random(), 1);
        (target.try_count_0, target.tm_update) = (70, at(2));
        apply(db, outdial_target::insert(&target)).await;
        for (most, callable) in [(62, 0), (63, 0), (70, 0), (71, 1)] {
            let rules = Rules {
                outdial: target.outdial_id,
                maxima: [most, 0, 0, 0, 0],
                try_interval_ms: None,
            };
            let found = available::available(db, &rules, time(9), 10).await.unwrap();
            assert_eq!(found.len(), callable, "{most}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_long_list_is_never_scanned() {
    const LONG: i64 = 50_000;
    let db = memory();
    let outdial = OutdialId::random();
    let mut batch = Batch::new();
    for number in 0..LONG {
        let mut target = new_target(outdial, 1_000 + number);
        // All but a few have used up their tries, and were touched before the others.
        let tries = if number % 10_000 == 0 { number % 3 } else { 3 };
        target.try_count_0 = tries;
        target.tm_update = at(if tries == 3 { 1 } else { 200_000 + number });
        if number % 2 == 0 {
            target.destination_1 = Some(tel("+2"));
            target.try_count_1 = i64::from(tries == 3);
        }
        batch.push(outdial_target::insert(&target));
    }
    db.apply(batch).await.unwrap();
    let watched = Watched {
        db,
        queries: std::sync::Mutex::default(),
    };
    let rules = Rules {
        outdial,
        maxima: [3, 1, 0, 0, 0],
        try_interval_ms: Some(1_000),
    };

    let found = available::available(&watched, &rules, time(400_000), 1)
        .await
        .unwrap();
    assert_eq!(found[0].tm_update, at(200_000));
    assert_eq!(
        available::available(&watched, &rules, time(400_000), 100)
            .await
            .unwrap()
            .len(),
        5
    );
    let summary = available::summary(&watched, &rules, time(200_000))
        .await
        .unwrap();
    assert!(summary.waiting && !summary.progressing);
    let queries = std::mem::take(&mut *watched.queries.lock().unwrap());
    assert!(queries.len() > 3);
    for sql in queries {
        for step in plan(&watched.db, &sql).await {
            let fine = !step.contains("outdial_outdialtargets")
                || step.contains("idx_trunkline_targets_idle (outdial_id=? AND <expr>")
                || step.contains("idx_trunkline_targets_idle (outdial_id=?)")
                || step.contains("idx_trunkline_targets_held (outdial_id=?)");
            assert!(fine, "{step}\n{sql}");
            assert!(!step.contains("TEMP B-TREE"), "{step}\n{sql}");
        }
    }
    let counts = available::counts(&watched, &rules).await.unwrap();
    assert_eq!(
        counts,
        Counts {
            callable: 5,
            exhausted: LONG - 5,
            progressing: 0,
            done: 0
        }
    );
}

#[tokio::test]
async fn what_runs_often_uses_an_index() {
    let watched = Watched {
        db: memory(),
        queries: std::sync::Mutex::default(),
    };
    let campaign = CampaignId::random();
    call::live(&watched, 10).await.unwrap();
    call::by_channel(&watched, &"c".into()).await.unwrap();
    channel::live(&watched, &"a".into(), 10).await.unwrap();
    bridge::live(&watched, &"a".into(), 10).await.unwrap();
    campaign_lease::of_active(&watched, 10).await.unwrap();
    campaigncall::live_count(&watched, campaign).await.unwrap();
    campaigncall::live(&watched, campaign, 10).await.unwrap();
    campaigncall::live_of_target(&watched, OutdialTargetId::random())
        .await
        .unwrap();
    campaigncall::by_reference(&watched, ReferenceId::random())
        .await
        .unwrap();
    campaign_report::pending(&watched, CampaigncallId::NIL, 10)
        .await
        .unwrap();
    campaign_report::of_attempt(&watched, CampaigncallId::random())
        .await
        .unwrap();
    activeflow::running(&watched, 10).await.unwrap();
    due::claim(
        &watched,
        Service::CALL,
        time(1),
        time(1),
        Duration::ZERO,
        10,
    )
    .await
    .unwrap();
    due::next_due(&watched, Service::CALL).await.unwrap();
    outbox::pending(&watched, Service::CALL, 0, 10)
        .await
        .unwrap();
    webhook_delivery::due(&watched, time(1), 10).await.unwrap();
    token::by_hash(&watched, "h").await.unwrap();
    let queries = std::mem::take(&mut *watched.queries.lock().unwrap());
    assert_eq!(queries.len(), 17);
    for sql in queries {
        for step in plan(&watched.db, &sql).await {
            assert!(
                !step.starts_with("SCAN ")
                    || step == "SCAN CONSTANT ROW"
                    || step.contains("USING INDEX idx_trunkline"),
                "{step}\n{sql}"
            );
            assert!(!step.contains("TEMP B-TREE"), "{step}\n{sql}");
        }
    }
}

/// Remembers the queries that pass.
struct Watched {
    db: SqliteDatabase,
    queries: std::sync::Mutex<std::collections::BTreeSet<String>>,
}

#[async_trait]
impl Database for Watched {
    async fn query(&self, sql: &str, params: Vec<Value>) -> Result<Rows, Error> {
        self.queries.lock().unwrap().insert(sql.to_owned());
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

async fn plan(db: &SqliteDatabase, sql: &str) -> Vec<String> {
    let params = vec![Value::Null; sql.matches('?').count()];
    let rows = db
        .query(&format!("EXPLAIN QUERY PLAN {sql}"), params)
        .await
        .unwrap();
    rows.map(|row| row.text("detail")).unwrap()
}

async fn for_both(check: impl AsyncFn(&dyn Database)) {
    check(&memory()).await;
    check(&WithoutIndex(memory())).await;
}
