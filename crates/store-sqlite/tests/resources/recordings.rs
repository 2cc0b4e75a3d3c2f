//! Recordings, keys and ends of calls.

use trunkline_model::dtmf::Key;
use trunkline_model::recording::Recording;

use super::*;

fn full_recording(name: &str) -> Recording {
    Recording {
        id: RecordingId::random(),
        customer_id: CustomerId::random(),
        owner_type: "agent".into(),
        owner_id: OwnerId::random(),
        activeflow_id: ActiveflowId::random(),
        reference_type: "call".into(),
        reference_id: ReferenceId::random(),
        status: "initiating".into(),
        format: "wav".into(),
        on_end_flow_id: FlowId::random(),
        recording_name: name.to_owned(),
        filenames: vec![format!("{name}_in.wav"), format!("{name}_out.wav")],
        asterisk_id: "a".into(),
        channel_ids: vec![ChannelId::random(), ChannelId::random()],
        tm_start: at(1),
        tm_end: at(2),
        tm_create: at(3),
        tm_update: at(4),
        tm_delete: at(5),
    }
}

async fn is_refused(db: &dyn Database, statement: Statement) -> bool {
    let applied = db.apply(Batch::new().with(statement)).await;
    applied.is_err_and(|error| error.is_conflict())
}

#[tokio::test]
async fn a_recording_comes_back_moves_forward_and_shares_its_name_with_none() {
    let db = memory();
    let it = full_recording("n");
    apply(&db, recording::insert(&it)).await;
    assert_eq!(recording::get(&db, it.id).await.unwrap(), Some(it.clone()));
    assert_eq!(
        recording::by_name(&db, "n").await.unwrap(),
        Some(it.clone())
    );
    assert!(is_refused(&db, recording::insert(&full_recording("n"))).await);
    let now = at(9).unwrap();
    let live = async || recording::live_on(&db, &"a".into(), 9).await.unwrap().len();
    assert_eq!(recording::live_asterisks(&db).await.unwrap(), ["a".into()]);
    apply(&db, recording::set_recording(it.id, now)).await;
    assert!(is_refused(&db, recording::set_recording(it.id, now)).await);
    apply(&db, recording::set_stopping(it.id, now)).await;
    assert!(is_refused(&db, recording::set_recording(it.id, now)).await);
    assert_eq!(live().await, 1);
    let of_it = async || recording::live_of(&db, it.reference_id).await.unwrap();
    assert_eq!(of_it().await[0].id, it.id);
    let another = recording::live_of(&db, ReferenceId::random()).await;
    assert_eq!(another.unwrap(), []);
    apply(&db, recording::set_ended(it.id, now)).await;
    for late in [
        recording::set_ended(it.id, now),
        recording::set_stopping(it.id, now),
        recording::set_recording(it.id, now),
        recording::delete(it.id, now),
    ] {
        assert!(is_refused(&db, late).await);
    }
    assert_eq!(live().await, 0);
    assert_eq!(of_it().await, []);
    assert!(recording::live(&db, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn keys_come_back_in_their_order_once_and_only_so_many() {
    let db = memory();
    let call = CallId::random();
    let key = |second, digit: &str| Key {
        call_id: call,
        tm_digit: at(second),
        digit: digit.to_owned(),
        duration_ms: 120,
        action_id: ActionId::random(),
        value: format!("..{digit}"),
    };
    let (second, first) = (key(2, "2"), key(1, "1"));
    assert_eq!(call_digit::last(&db, call).await.unwrap(), None);
    for it in [&second, &first] {
        apply(&db, call_digit::insert(it, 3)).await;
    }
    assert!(
        is_refused(&db, call_digit::insert(&second, 3)).await,
        "repeated"
    );
    apply(&db, call_digit::insert(&key(2, "3"), 3)).await;
    assert!(
        is_refused(&db, call_digit::insert(&key(4, "4"), 3)).await,
        "too many"
    );
    let other = Key {
        call_id: CallId::random(),
        ..key(1, "9")
    };
    apply(&db, call_digit::insert(&other, 3)).await;
    let kept = call_digit::of_calls(&db, &[call]).await.unwrap();
    let digits: String = kept.iter().map(|key| key.digit.as_str()).collect();
    assert_eq!((digits.as_str(), &kept[0]), ("123", &first));
    assert_eq!(
        call_digit::last(&db, call).await.unwrap().unwrap().digit,
        "3"
    );
}

#[tokio::test]
async fn only_calls_with_a_sip_status_have_one() {
    let db = memory();
    let (busy, plain) = (CallId::random(), CallId::random());
    apply(&db, call_end::insert(busy, 486)).await;
    let found = call_end::sip_codes(&db, &[plain, busy]).await.unwrap();
    assert_eq!(found, BTreeMap::from([(busy, 486)]));
}
