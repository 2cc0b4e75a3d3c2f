//! Conditional writes refuse what is no longer so.

use super::*;

type Step = fn(&Call, Timestamp) -> Statement;

#[tokio::test]
async fn a_call_only_moves_forward() {
    // Old statuses down, new ones across, as the table of chapter 02 §4.2; what
    // may be reached by a request only is the same.
    let db = memory();
    let steps: [(&str, Step); 5] = [
        ("ringing", |it, now| call::set_ringing(it.id, now)),
        ("progressing", |it, now| call::set_progressing(it.id, now)),
        ("terminating", |it, now| call::set_terminating(it.id, now)),
        ("canceling", |it, now| call::set_canceling(it.id, now)),
        ("hangup", |it, now| {
            call::set_hangup(it, &HangupBy::Local, &HangupReason::Busy, now)
        }),
    ];
    let table = [
        ("dialing", [true, true, true, true, true]),
        ("ringing", [false, true, true, true, true]),
        ("progressing", [false, false, true, false, true]),
        ("terminating", [false, false, false, false, true]),
        ("canceling", [false, false, false, false, true]),
        ("hangup", [false, false, false, false, false]),
    ];
    for (old, allowed) in table {
        for ((new, step), allowed) in steps.iter().zip(allowed) {
            let call = Call {
                id: CallId::random(),
                status: old.into(),
                ..Call::default()
            };
            apply(&db, call::insert(&call)).await;
            let result = db.apply(Batch::new().with(step(&call, time(5)))).await;
            assert_eq!(result.is_ok(), allowed, "{old} to {new}: {result:?}");
            let read = call::get(&db, call.id).await.unwrap().unwrap();
            assert_eq!(read.status.as_str(), if allowed { new } else { old });
        }
    }
}

#[tokio::test]
async fn channel_is_where_it_was_reported_first() {
    let db = memory();
    let row = Channel {
        asterisk_id: "".into(),
        tm_end: None,
        tm_delete: None,
        ..full_channel()
    };
    let on = |asterisk: &str| Channel {
        asterisk_id: asterisk.into(),
        ..row.clone()
    };
    apply(&db, channel::insert(&row)).await;
    apply(&db, channel::enter_stasis(&on("a"), time(5))).await;
    refused(&db, channel::enter_stasis(&on("b"), time(6))).await;
    apply(&db, channel::enter_stasis(&on("a"), time(7))).await;
    let read = channel::get(&db, &row.id).await.unwrap().unwrap();
    assert_eq!(
        (read.asterisk_id, read.tm_update),
        ("a".into(), Some(time(7)))
    );
}

#[tokio::test]
async fn call_writes_refuse_what_is_no_longer_so() {
    let db = memory();
    let call = Call {
        tm_delete: None,
        status: Status::Dialing,
        ..full_call()
    };
    let (id, first, now) = (call.id, call.action.id, time(9));
    apply(&db, call::insert(&call)).await;

    let next = Action {
        id: ActionId::random(),
        ..talk()
    };
    refused(&db, call::set_action(id, &next, first, false, now)).await;
    refused(
        &db,
        call::set_action(id, &next, ActionId::FINISH, true, now),
    )
    .await;
    apply(&db, call::set_action(id, &next, first, true, now)).await;
    refused(&db, call::set_action(id, &next, first, false, now)).await;
    let read = call::get(&db, id).await.unwrap().unwrap();
    assert_eq!((read.action, read.action_next_hold), (next.clone(), false));
    apply(&db, call::still_at(id, &next, now)).await;
    let earlier = Action {
        tm_execute: at(2),
        ..next.clone()
    };
    refused(&db, call::still_at(id, &earlier, now)).await;
    refused(&db, call::set_hold(id, true, false, now)).await;
    apply(&db, call::set_hold(id, false, true, now)).await;

    let (old, new, route) = (&call.channel_id, ChannelId::random(), RouteId::random());
    apply(&db, call::set_failover(id, old, &new, route, now)).await;
    refused(&db, call::set_failover(id, old, &new, route, now)).await;
    let read = call::get(&db, id).await.unwrap().unwrap();
    assert_eq!(
        (read.channel_id, read.bridge_id, read.dialroute_id),
        (new.clone(), "".into(), route)
    );
    apply(&db, call::set_progressing(id, now)).await;
    refused(&db, call::set_failover(id, &new, old, route, now)).await;

    apply(&db, call::delete(id, now)).await;
    refused(&db, call::delete(id, now)).await;
    // Whoever ends a call knows how it is: that somebody has answered, and which
    // channel it has.
    let seen = call::get(&db, id).await.unwrap().unwrap();
    let unanswered = Call {
        status: Status::Dialing,
        ..seen.clone()
    };
    let elsewhere = Call {
        channel_id: call.channel_id.clone(),
        ..seen.clone()
    };
    for stale in [unanswered, elsewhere] {
        refused(
            &db,
            call::set_hangup(&stale, &HangupBy::Remote, &HangupReason::Failed, now),
        )
        .await;
    }
    apply(
        &db,
        call::set_hangup(&seen, &HangupBy::Remote, &HangupReason::Normal, now),
    )
    .await;
    refused(
        &db,
        call::set_hangup(&seen, &HangupBy::Local, &HangupReason::Failed, now),
    )
    .await;
    refused(&db, call::set_action(id, &next, next.id, true, now)).await;
    let read = call::get(&db, id).await.unwrap().unwrap();
    assert_eq!(
        (read.hangup_reason, read.tm_hangup),
        (HangupReason::Normal, at(9))
    );
    assert_eq!(call::live(&db, 10).await.unwrap(), []);
}

#[tokio::test]
async fn json_arrays_grow_and_shrink() {
    let db = memory();
    let call = Call {
        id: CallId::random(),
        status: Status::Ringing,
        ..Call::default()
    };
    apply(&db, call::insert(&call)).await;
    let others = [CallId::random(), CallId::random()];
    for other in others {
        apply(
            &db,
            call::add_chained(Dialect::Sqlite, call.id, other, time(1)),
        )
        .await;
    }
    let chained = async || {
        call::get(&db, call.id)
            .await
            .unwrap()
            .unwrap()
            .chained_call_ids
    };
    assert_eq!(chained().await, others);
    for gone in [CallId::random(), others[0]] {
        apply(
            &db,
            call::remove_chained(Dialect::Sqlite, call.id, gone, time(1)),
        )
        .await;
    }
    assert_eq!(
        chained().await,
        [others[1]],
        "an absent one changes nothing"
    );
}

#[tokio::test]
async fn an_ended_channel_takes_no_further_write() {
    let db = memory();
    let id: ChannelId = "1700000000.1".into();
    let channel = Channel {
        id: id.clone(),
        asterisk_id: "a".into(),
        tm_create: at(1),
        ..Channel::default()
    };
    apply(&db, channel::insert(&channel)).await;
    let (key, value) = ("CHANNEL(pjsip,call-id)", "a\"b\\c");
    apply(&db, channel::set_variable(&id, key, value, time(2))).await;
    apply(&db, channel::set_variable(&id, "B", "2", time(2))).await;
    apply(
        &db,
        channel::set_ringing(&id, &State::Ringing, time(2), time(3)),
    )
    .await;
    refused(
        &db,
        channel::set_ringing(&id, &State::Ringing, time(2), time(3)),
    )
    .await;
    apply(
        &db,
        channel::set_answered(&id, &State::Up, time(3), time(4)),
    )
    .await;
    refused(
        &db,
        channel::set_answered(&id, &State::Up, time(3), time(4)),
    )
    .await;
    let read = channel::get(&db, &id).await.unwrap().unwrap();
    assert_eq!(
        read.data,
        BTreeMap::from([(key.into(), json!(value)), ("B".into(), json!("2"))])
    );
    assert_eq!(
        (read.state, read.tm_ringing, read.tm_answer),
        (State::Up, at(2), at(3))
    );

    assert_eq!(channel::live(&db, &"a".into(), 10).await.unwrap().len(), 1);
    apply(&db, channel::set_ended(&id, 16, time(8), time(9))).await;
    refused(&db, channel::set_ended(&id, 17, time(8), time(9))).await;
    refused(&db, channel::set_variable(&id, "B", "3", time(9))).await;
    assert_eq!(
        channel::get(&db, &id).await.unwrap().unwrap().hangup_cause,
        16
    );
    assert_eq!(channel::live(&db, &"a".into(), 10).await.unwrap(), []);
}

#[tokio::test]
async fn an_attempt_needs_a_running_campaign_its_lease_and_a_free_target() {
    let db = memory();
    let mut campaign = full_campaign();
    (campaign.status, campaign.execute, campaign.tm_delete) =
        (campaigns::Status::Stop, Execute::Stop, None);
    let id = campaign.id;
    apply(&db, campaign::insert(&campaign)).await;
    let runner = Uuid::new_v4();
    let lease = campaign_lease::take(&db, id, runner, time(1), time(9), None)
        .await
        .unwrap()
        .unwrap();
    let attempt = || Campaigncall {
        status: attempts::Status::Dialing,
        tm_delete: None,
        ..full_attempt(id)
    };
    let first = attempt();
    let second = Campaigncall {
        outdial_target_id: first.outdial_target_id,
        ..attempt()
    };

    refused(
        &db,
        campaigncall::insert_claimed(&first, runner, lease.fence),
    )
    .await;
    apply(&db, campaign::set_run(id, time(1))).await;
    refused(&db, campaign::set_run(id, time(1))).await;
    refused(
        &db,
        campaigncall::insert_claimed(&first, Uuid::new_v4(), lease.fence),
    )
    .await;
    refused(
        &db,
        campaigncall::insert_claimed(&first, runner, lease.fence - 1),
    )
    .await;
    apply(
        &db,
        campaigncall::insert_claimed(&first, runner, lease.fence),
    )
    .await;
    assert_eq!(
        campaigncall::get(&db, first.id).await.unwrap().unwrap(),
        first
    );
    refused(
        &db,
        campaigncall::insert_claimed(&second, runner, lease.fence),
    )
    .await;

    assert_eq!(campaigncall::live_count(&db, id).await.unwrap(), 1);
    refused(&db, campaign::set_stopped(id, time(2))).await;
    refused(&db, campaigncall::delete(first.id, time(2))).await;
    apply(&db, campaigncall::set_progressing(first.id, time(2))).await;
    apply(
        &db,
        campaigncall::set_done(first.id, &Outcome::Fail, time(2)),
    )
    .await;
    refused(
        &db,
        campaigncall::set_done(first.id, &Outcome::Success, time(3)),
    )
    .await;
    refused(&db, campaigncall::set_progressing(first.id, time(3))).await;
    apply(
        &db,
        campaigncall::insert_claimed(&second, runner, lease.fence),
    )
    .await;
    let counts = campaigncall::counts(&db, id).await.unwrap();
    assert_eq!((counts.dialing, counts.progressing, counts.done), (1, 0, 1));
    let progress = campaigncall::progress(&db, id, time(0)).await.unwrap();
    let expected = trunkline_model::progress::Attempts {
        dialing: 1,
        done: 1,
        fail: 1,
        last_minute: 2,
        ..Default::default()
    };
    assert_eq!(progress, expected);
    let later = campaigncall::progress(&db, id, time(100)).await.unwrap();
    assert_eq!(later.last_minute, 0);
    assert_eq!(
        campaigncall::live(&db, id, 10).await.unwrap(),
        std::slice::from_ref(&second)
    );

    apply(
        &db,
        campaigncall::set_done(second.id, &Outcome::Success, time(3)),
    )
    .await;
    refused(&db, campaign::delete(id, time(4))).await;
    apply(&db, campaign::set_stopped(id, time(4))).await;
    apply(&db, campaign::delete(id, time(5))).await;
    refused(&db, campaign::delete(id, time(5))).await;
    refused(&db, campaign::set_run(id, time(6))).await;
}

#[tokio::test]
async fn a_lease_has_one_holder_and_a_growing_fence() {
    let db = memory();
    let (campaign, one, two) = (CampaignId::random(), Uuid::new_v4(), Uuid::new_v4());
    let take = |holder, now, until| {
        campaign_lease::take(&db, campaign, holder, time(now), time(until), None)
    };
    let first = take(one, 1, 10).await.unwrap().unwrap();
    assert_eq!(first.fence, 1);
    assert_eq!(take(two, 9, 20).await.unwrap(), None);
    apply(&db, campaign_lease::renew(&first, time(15))).await;
    assert_eq!(take(two, 14, 20).await.unwrap(), None);
    let second = take(two, 15, 30).await.unwrap().unwrap();
    assert_eq!(second.fence, 2);
    refused(&db, campaign_lease::renew(&first, time(99))).await;
    apply(&db, campaign_lease::release(&first)).await;
    assert_eq!(
        campaign_lease::get(&db, campaign).await.unwrap(),
        Some(second),
        "not the former holder's"
    );
    apply(&db, campaign_lease::release(&second)).await;
    assert_eq!(take(one, 16, 20).await.unwrap().unwrap().fence, 3);
}

#[tokio::test]
async fn an_activeflow_is_saved_only_as_it_was_read() {
    let db = memory();
    let start = Activeflow {
        id: ActiveflowId::random(),
        status: flow_run::Status::Running,
        tm_create: at(1),
        ..Activeflow::default()
    };
    apply(&db, activeflow::insert(&start)).await;
    let step = |from: &Activeflow, action: Action, now| Activeflow {
        current_action: action,
        execute_count: from.execute_count + 1,
        tm_update: Some(activeflow::next_version(from, now)),
        ..from.clone()
    };
    let second = step(&start, talk(), time(2));
    apply(&db, activeflow::save(&second, &start)).await;
    refused(
        &db,
        activeflow::save(&step(&start, talk(), time(3)), &start),
    )
    .await;
    // A write that executes nothing is seen as well, also when the clock stands still.
    let forward = Activeflow {
        forward_action_id: ActionId::FINISH,
        tm_update: Some(activeflow::next_version(&second, time(2))),
        ..second.clone()
    };
    apply(&db, activeflow::save(&forward, &second)).await;
    refused(
        &db,
        activeflow::save(&step(&second, talk(), time(4)), &second),
    )
    .await;
    assert_eq!(
        activeflow::get(&db, start.id).await.unwrap().unwrap(),
        forward
    );
    apply(&db, activeflow::set_ended(start.id, time(5))).await;
    refused(&db, activeflow::set_ended(start.id, time(5))).await;
    refused(&db, activeflow::save(&forward, &forward)).await;
    assert_eq!(activeflow::running(&db, 10).await.unwrap(), []);
}

#[tokio::test]
async fn asterisk_is_remembered_with_the_time_when_it_was_last_seen() {
    let db = memory();
    for (id, at) in [("b", 1), ("a", 2), ("b", 3)] {
        apply(&db, asterisk::see(db.dialect(), &id.into(), time(at))).await;
    }
    let all = asterisk::all(&db).await.unwrap();
    let expected = [("a", 2), ("b", 3)].map(|(id, at)| (id.into(), Some(time(at))));
    assert_eq!(all, expected);
}
