use super::*;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000_000);

fn campaign() -> Campaign {
    Campaign {
        id: "183c0d5c-691e-42f3-af2b-9bffc2740f83".parse().unwrap(),
        kind: Type::Call,
        status: Status::Run,
        end_handle: EndHandle::Stop,
        outdial_id: "40bea034-1d17-474d-a5de-da00d0861c69".parse().unwrap(),
        ..Campaign::default()
    }
}

fn next_id() -> CampaignId {
    "183c0d5c-691e-42f3-af2b-9bffc2740f84".parse().unwrap()
}

fn outplan() -> Outplan {
    Outplan {
        try_interval: 60_000,
        max_try_count_0: 3,
        ..Outplan::default()
    }
}

fn target(n: u128, tries: i64, updated: Timestamp) -> OutdialTarget {
    OutdialTarget {
        id: uuid::Uuid::from_u128(n).into(),
        destination_0: Some(Address::tel(&format!("+82100000{n:04}"))),
        try_count_0: tries,
        tm_create: Some(Timestamp::from_micros(0)),
        tm_update: Some(updated),
        ..OutdialTarget::default()
    }
}

fn ready(count: u128) -> List {
    List::Targets(
        (0..count)
            .map(|n| target(n, 0, Timestamp::from_micros(0)))
            .collect(),
    )
}

fn nothing(available: bool, waiting: Option<i64>, progressing: bool) -> List {
    List::Nothing(Some(Summary {
        available,
        waiting: waiting.is_some(),
        tm_next_try: waiting.map(|millis| NOW.plus_millis(millis)),
        progressing,
    }))
}

/// A snapshot that dials; each case changes something.
struct Case {
    campaign: Option<Campaign>,
    outplan: Option<Outplan>,
    live: u64,
    allowance: Result<u32, (Duration, WaitReason)>,
    telephony: Telephony,
    list: List,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            campaign: Some(campaign()),
            outplan: Some(outplan()),
            live: 0,
            allowance: Ok(2),
            telephony: Telephony::Ready,
            list: ready(3),
        }
    }
}

impl Case {
    fn with(change: impl FnOnce(&mut Campaign)) -> Self {
        let mut case = Self::default();
        change(case.campaign.as_mut().unwrap());
        case
    }

    fn listing(list: List) -> Self {
        Self {
            list,
            ..Self::default()
        }
    }

    fn snapshot(&self) -> Snapshot<'_> {
        Snapshot {
            campaign: self.campaign.as_ref(),
            outplan: self.outplan.as_ref(),
            live: self.live,
            allowance: self.allowance,
            telephony: self.telephony,
            list: self.list.clone(),
        }
    }

    fn tick(&self) -> Tick {
        decide(&self.snapshot(), NOW)
    }
}

fn waits(tick: &Tick, reason: WaitReason) -> bool {
    matches!(tick, Tick::Again { because, .. } if *because == reason)
}

#[test]
fn dials_as_many_as_it_may_in_the_order_of_the_list() {
    let Tick::Dial(dials) = Case::default().tick() else {
        panic!("does not dial")
    };
    let expected: Vec<Dial> = (0..2)
        .map(|n| Dial {
            target: uuid::Uuid::from_u128(n).into(),
            to: Address::tel(&format!("+82100000{n:04}")),
            index: 0,
            try_count: 1,
        })
        .collect();
    assert_eq!(dials, expected);
    assert_eq!(wants_targets(&Case::default().snapshot()), Some(2));
}

#[test]
fn stops_with_the_reason_that_applies() {
    let end = |case: Case, reason| {
        assert_eq!(case.tick(), Tick::Stop(reason));
        reason
    };
    let deleted = Case::with(|campaign| campaign.tm_delete = Some(NOW));
    let no_tries = Some(Outplan {
        max_try_count_0: 0,
        max_try_count_4: -1,
        ..outplan()
    });
    let seen = [
        end(deleted, StopReason::Deleted),
        end(
            Case {
                campaign: None,
                ..Case::default()
            },
            StopReason::Deleted,
        ),
        end(
            Case::with(|campaign| campaign.status = Status::Stop),
            StopReason::Requested,
        ),
        end(
            Case::with(|campaign| campaign.status = Status::Stopping),
            StopReason::Requested,
        ),
        end(
            Case::with(|campaign| campaign.kind = Type::None),
            StopReason::UnknownType,
        ),
        end(
            Case {
                outplan: None,
                ..Case::default()
            },
            StopReason::NoOutplan,
        ),
        end(
            Case::with(|campaign| campaign.outdial_id = Default::default()),
            StopReason::NoOutdial,
        ),
        end(
            Case {
                outplan: no_tries,
                ..Case::default()
            },
            StopReason::NoTries,
        ),
        end(Case::listing(List::Gone), StopReason::OutdialGone),
        end(
            Case::listing(nothing(false, None, false)),
            StopReason::Finished,
        ),
        end(Case::listing(List::Nothing(None)), StopReason::Finished),
    ];
    assert!(StopReason::ALL.iter().all(|reason| seen.contains(reason)));
}

#[test]
fn a_stopping_campaign_waits_for_its_attempts_and_dials_nobody() {
    let mut case = Case::with(|campaign| campaign.status = Status::Stopping);
    case.live = 1;
    assert!(waits(&case.tick(), WaitReason::Attempts));
    assert_eq!(wants_targets(&case.snapshot()), None);
}

#[test]
fn an_outplan_without_tries_waits_when_the_campaign_continues() {
    let mut case = Case::with(|campaign| campaign.end_handle = EndHandle::Continue);
    case.outplan = Some(Outplan {
        max_try_count_0: 0,
        ..outplan()
    });
    assert!(waits(&case.tick(), WaitReason::NoTries));
}

#[test]
fn waits_for_asterisk_with_calls_and_not_with_flows() {
    for (telephony, reason) in [
        (Telephony::Disconnected, WaitReason::NoAsterisk),
        (Telephony::Away, WaitReason::TelephonyAway),
    ] {
        let calls = Case {
            telephony,
            ..Case::default()
        };
        assert!(waits(&calls.tick(), reason));
        let mut flows = Case::with(|campaign| campaign.kind = Type::Flow);
        flows.telephony = telephony;
        assert!(matches!(flows.tick(), Tick::Dial(_)));
    }
}

#[test]
fn waits_as_the_allowance_says() {
    let after = Duration::from_millis(321);
    let case = Case {
        allowance: Err((after, WaitReason::Pace)),
        ..Case::default()
    };
    assert_eq!(
        case.tick(),
        Tick::Again {
            after,
            because: WaitReason::Pace
        }
    );
    assert_eq!(wants_targets(&case.snapshot()), None);
}

#[test]
fn waits_when_the_list_cannot_be_had() {
    assert!(waits(
        &Case::listing(List::Away).tick(),
        WaitReason::OutdialAway
    ));
    assert!(waits(
        &Case::listing(List::NotAsked).tick(),
        WaitReason::ListChanged
    ));
}

#[test]
fn what_may_come_back_is_waited_for_before_the_campaign_ends() {
    let cases = [
        (nothing(true, None, false), 0, WaitReason::ListChanged),
        (
            nothing(false, Some(700), true),
            0,
            WaitReason::RetryInterval,
        ),
        (nothing(false, None, true), 0, WaitReason::Attempts),
        (nothing(false, None, false), 1, WaitReason::Attempts),
        (List::Nothing(None), 1, WaitReason::Attempts),
    ];
    for (list, live, reason) in cases {
        let mut case = Case::with(|campaign| campaign.next_campaign_id = next_id());
        (case.list, case.live) = (list, live);
        assert!(waits(&case.tick(), reason), "{:?}", case.list);
    }
}

#[test]
fn the_wait_for_the_retry_interval_ends_with_it() {
    let after = |millis| {
        let tick = Case::listing(nothing(false, Some(millis), false)).tick();
        assert!(waits(&tick, WaitReason::RetryInterval), "{tick:?}");
        let Tick::Again { after, .. } = tick else {
            unreachable!()
        };
        after.as_millis()
    };
    assert_eq!((after(700), after(-5), after(3_600_000)), (700, 10, 5_000));
}

#[test]
fn a_target_in_its_retry_interval_does_not_block_the_others() {
    let tried = |n, seconds_ago: i64| target(n, 1, NOW.plus_millis(-1_000 * seconds_ago));
    let both = Case::listing(List::Targets(vec![
        tried(1, 10),
        tried(2, 61),
        tried(3, 60),
    ]));
    let Tick::Dial(dials) = both.tick() else {
        panic!("does not dial")
    };
    let ids: Vec<u128> = dials.iter().map(|dial| dial.target.0.as_u128()).collect();
    assert_eq!(ids, [2, 3]);
    let none = Case::listing(List::Targets(vec![tried(1, 10), tried(2, 58)]));
    let expected = Tick::Again {
        after: Duration::from_secs(2),
        because: WaitReason::RetryInterval,
    };
    assert_eq!(none.tick(), expected);
}

#[test]
fn targets_that_can_never_be_dialed_count_as_none() {
    let exhausted = target(1, 3, Timestamp::from_micros(0));
    let deleted = OutdialTarget {
        tm_delete: Some(NOW),
        ..target(2, 0, Timestamp::from_micros(0))
    };
    let empty = OutdialTarget {
        destination_0: Some(Address::default()),
        ..target(3, 0, NOW)
    };
    let case = Case::listing(List::Targets(vec![exhausted, deleted, empty]));
    assert_eq!(case.tick(), Tick::Stop(StopReason::Finished));
}

#[test]
fn the_end_is_the_next_campaign_then_the_end_handle() {
    let end = |next: CampaignId, end_handle: EndHandle| {
        let mut case = Case::listing(nothing(false, None, false));
        let campaign = case.campaign.as_mut().unwrap();
        (campaign.next_campaign_id, campaign.end_handle) = (next, end_handle);
        case.tick()
    };
    let handles = [
        EndHandle::Stop,
        EndHandle::Continue,
        EndHandle::Other("pause".to_owned()),
    ];
    for handle in &handles {
        assert_eq!(
            end(next_id(), handle.clone()),
            Tick::StartNext(next_id(), StopReason::Finished)
        );
    }
    // Itself as the next one is no next one.
    assert_eq!(
        end(campaign().id, EndHandle::Stop),
        Tick::Stop(StopReason::Finished)
    );
    assert_eq!(
        end(CampaignId::NIL, EndHandle::Stop),
        Tick::Stop(StopReason::Finished)
    );
    for handle in &handles[1..] {
        assert!(
            waits(&end(CampaignId::NIL, handle.clone()), WaitReason::NoTargets),
            "{handle}"
        );
    }
}

#[test]
fn labels_of_reasons_are_unique() {
    let labels: std::collections::BTreeSet<_> =
        WaitReason::ALL.iter().map(|r| r.as_str()).collect();
    assert_eq!(labels.len(), WaitReason::ALL.len());
    let labels: std::collections::BTreeSet<_> =
        StopReason::ALL.iter().map(|r| r.as_str()).collect();
    assert_eq!(labels.len(), StopReason::ALL.len());
}
