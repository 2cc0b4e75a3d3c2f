//! Every field of every resource comes back.

use super::*;

#[tokio::test]
async fn every_field_of_call_resources_comes_back() {
    let db = memory();
    let call = full_call();
    apply(&db, call::insert(&call)).await;
    assert_eq!(call::get(&db, call.id).await.unwrap().unwrap(), call);
    assert_eq!(
        call::by_channel(&db, &call.channel_id)
            .await
            .unwrap()
            .unwrap(),
        call
    );
    let rows = db
        .query(
            "SELECT source_target, destination_target FROM call_calls",
            vec![],
        )
        .await
        .unwrap();
    assert_eq!(
        rows.first().unwrap().text("destination_target").unwrap(),
        call.destination.target
    );
    let empty = Call {
        id: CallId::random(),
        ..Call::default()
    };
    apply(&db, call::insert(&empty)).await;
    assert_eq!(call::get(&db, empty.id).await.unwrap().unwrap(), empty);

    let channel = full_channel();
    apply(&db, channel::insert(&channel)).await;
    assert_eq!(
        channel::get(&db, &channel.id).await.unwrap().unwrap(),
        channel
    );
    let unknown = Channel {
        id: ChannelId::random(),
        sip_data: None,
        ..channel
    };
    apply(&db, channel::insert(&unknown)).await;
    assert_eq!(
        channel::get(&db, &unknown.id).await.unwrap().unwrap(),
        unknown
    );

    let bridge = Bridge {
        asterisk_id: "a".into(),
        id: BridgeId::random(),
        name: "reference_type=call".into(),
        kind: "mixing".into(),
        tech: "softmix".into(),
        class: "stasis".into(),
        creator: "Stasis".into(),
        video_mode: "sfu".into(),
        video_source_id: "v".into(),
        channel_ids: vec!["c1".into()],
        reference_type: "call".into(),
        reference_id: call.id.0.into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, bridge::insert(&bridge)).await;
    assert_eq!(bridge::get(&db, &bridge.id).await.unwrap().unwrap(), bridge);

    let config = OutboundConfig {
        id: OutboundConfigId::random(),
        customer_id: CustomerId::random(),
        name: "main".into(),
        detail: "d".into(),
        destination_whitelist: Some(vec!["us".into(), "kr".into()]),
        codecs: "PCMU".into(),
        default_outgoing_source_number_id: NumberId::random(),
        tm_create: at(1),
        tm_update: at(1),
        tm_delete: None,
    };
    apply(&db, outbound_config::insert(&config)).await;
    assert_eq!(
        outbound_config::by_customer(&db, config.customer_id)
            .await
            .unwrap()
            .unwrap(),
        config
    );
    let second = OutboundConfig {
        id: OutboundConfigId::random(),
        ..config.clone()
    };
    let result = db
        .apply(Batch::new().with(outbound_config::insert(&second)))
        .await;
    assert!(
        matches!(result, Err(Error::Duplicate { statement: 0, .. })),
        "one row per customer"
    );
    let changed = OutboundConfig {
        destination_whitelist: None,
        tm_update: at(5),
        ..config.clone()
    };
    apply(&db, outbound_config::update(&changed, time(5))).await;
    assert_eq!(
        outbound_config::get(&db, config.id).await.unwrap().unwrap(),
        changed
    );
    apply(&db, outbound_config::delete(config.id, time(6))).await;
    assert_eq!(outbound_config::get(&db, config.id).await.unwrap(), None);
}

#[tokio::test]
async fn every_field_of_campaign_resources_comes_back() {
    let db = memory();
    let campaign = full_campaign();
    apply(&db, campaign::insert(&campaign)).await;
    assert_eq!(
        campaign::get(&db, campaign.id).await.unwrap().unwrap(),
        campaign
    );
    apply(&db, campaign::set_actions(campaign.id, None, time(9))).await;
    let read = campaign::get(&db, campaign.id).await.unwrap().unwrap();
    assert_eq!(
        (read.actions, read.tm_update),
        (None, at(9)),
        "JSON null is no list"
    );

    let attempt = full_attempt(campaign.id);
    apply(&db, campaigncall::insert(&attempt)).await;
    assert_eq!(
        campaigncall::get(&db, attempt.id).await.unwrap().unwrap(),
        attempt
    );
    assert_eq!(
        campaigncall::by_reference(&db, attempt.reference_id)
            .await
            .unwrap()
            .unwrap(),
        attempt
    );
    assert_eq!(
        campaigncall::by_activeflow(&db, attempt.activeflow_id)
            .await
            .unwrap()
            .unwrap(),
        attempt
    );
    assert_eq!(
        campaigncall::by_reference(&db, ReferenceId::NIL)
            .await
            .unwrap(),
        None
    );

    let mut outplan = Outplan {
        id: OutplanId::random(),
        customer_id: CustomerId::random(),
        name: "n".into(),
        detail: "d".into(),
        source: Some(tel("+1")),
        dial_timeout: 30_000,
        try_interval: 60_000,
        max_try_count_0: 1,
        max_try_count_1: 2,
        max_try_count_2: 3,
        max_try_count_3: 4,
        max_try_count_4: 5,
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, outplan::insert(&outplan)).await;
    assert_eq!(
        outplan::get(&db, outplan.id).await.unwrap().unwrap(),
        outplan
    );
    (outplan.source, outplan.max_try_count_4, outplan.tm_update) = (None, 9, at(7));
    apply(&db, outplan::set_dials(&outplan, time(7))).await;
    assert_eq!(
        outplan::get(&db, outplan.id).await.unwrap().unwrap(),
        outplan
    );

    let outdial = Outdial {
        id: OutdialId::random(),
        customer_id: CustomerId::random(),
        campaign_id: campaign.id,
        name: "n".into(),
        detail: "d".into(),
        data: "{}".into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, outdial::insert(&outdial)).await;
    assert_eq!(
        outdial::get(&db, outdial.id).await.unwrap().unwrap(),
        outdial
    );

    let mut target = new_target(outdial.id, 1);
    target.destination_2 = Some(Address::sip("a@b"));
    (target.try_count_0, target.try_count_1, target.try_count_2) = (1, 2, 3);
    (target.try_count_3, target.try_count_4) = (4, 5);
    (target.name, target.detail, target.data) = ("n".into(), "d".into(), "x".into());
    apply(&db, outdial_target::insert(&target)).await;
    assert_eq!(
        outdial_target::get(&db, target.id).await.unwrap().unwrap(),
        target
    );

    let mut rules = CampaignRules {
        campaign_id: campaign.id,
        customer_id: campaign.customer_id,
        calls_per_second: 12.5,
        max_concurrent: 40,
        tm_create: None,
        tm_update: None,
    };
    for (now, rate) in [(1, 12.5), (2, 3.0)] {
        rules.calls_per_second = rate;
        db.apply(
            campaign_rules::set(Dialect::Sqlite, &rules, time(now))
                .into_iter()
                .collect(),
        )
        .await
        .unwrap();
    }
    (rules.tm_create, rules.tm_update) = (at(1), at(2));
    assert_eq!(
        campaign_rules::get(&db, campaign.id)
            .await
            .unwrap()
            .unwrap(),
        rules
    );
}

#[tokio::test]
async fn every_field_of_flow_resources_comes_back() {
    let db = memory();
    let flow = Flow {
        id: FlowId::random(),
        customer_id: CustomerId::random(),
        kind: "campaign".into(),
        name: "n".into(),
        detail: "d".into(),
        persist: true,
        actions: vec![talk()],
        direct_id: DirectId::random(),
        direct_hash: "h".into(),
        on_complete_flow_id: FlowId::random(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, flow::insert(&flow)).await;
    assert_eq!(
        flow::get(&db, flow.id, time(1)).await.unwrap().unwrap(),
        flow
    );
    let temporary = Flow {
        id: FlowId::random(),
        persist: false,
        ..flow.clone()
    };
    apply(&db, flow::insert_temporary(&temporary, time(100))).await;
    assert_eq!(
        flow::get(&db, temporary.id, time(99))
            .await
            .unwrap()
            .unwrap(),
        temporary
    );
    assert_eq!(flow::get(&db, temporary.id, time(100)).await.unwrap(), None);
    apply(&db, flow::purge_temporary(time(100))).await;
    assert_eq!(flow::get(&db, temporary.id, time(99)).await.unwrap(), None);

    let stack = Stack {
        id: StackId::MAIN,
        actions: vec![talk()],
        ..Stack::default()
    };
    let activeflow = Activeflow {
        id: ActiveflowId::random(),
        customer_id: flow.customer_id,
        flow_id: flow.id,
        status: flow_run::Status::Running,
        reference_type: "call".into(),
        reference_id: ReferenceId::random(),
        reference_activeflow_id: ActiveflowId::random(),
        on_complete_flow_id: FlowId::random(),
        webhook_uri: "http://w".into(),
        webhook_method: "POST".into(),
        stack_map: BTreeMap::from([(StackId::MAIN, stack)]),
        current_stack_id: StackId::MAIN,
        current_action: talk(),
        forward_stack_id: StackId::MAIN,
        forward_action_id: ActionId::random(),
        execute_count: 3,
        executed_actions: vec![talk()],
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, activeflow::insert(&activeflow)).await;
    assert_eq!(
        activeflow::get(&db, activeflow.id).await.unwrap().unwrap(),
        activeflow
    );

    let id = activeflow.id;
    let variable = Variable {
        id,
        variables: BTreeMap::from([("k".into(), "v".into())]),
    };
    for now in [1, 2] {
        apply(&db, variable::set(Dialect::Sqlite, &variable, time(now))).await;
    }
    assert_eq!(
        variable::get(&db, id).await.unwrap().unwrap(),
        (variable.clone(), at(2))
    );
    apply(&db, variable::save(id, &BTreeMap::new(), time(2), time(3))).await;
    refused(
        &db,
        variable::save(id, &variable.variables, time(2), time(4)),
    )
    .await;
}

#[tokio::test]
async fn every_field_of_the_companions_comes_back() {
    let db = memory();
    let customer = Customer {
        id: CustomerId::random(),
        name: "n".into(),
        detail: "d".into(),
        email: "e".into(),
        phone_number: "+1".into(),
        address: "a".into(),
        webhook_method: "POST".into(),
        webhook_uri: "http://w".into(),
        webhook_secret: Secret("s".into()),
        billing_account_id: AccountId::random(),
        email_verified: true,
        status: "frozen".into(),
        identity_verification_status: "verified".into(),
        terms_agreed_version: "1".into(),
        terms_agreed_ip: "::1".into(),
        metadata: Metadata { rtp_debug: true },
        tm_deletion_scheduled: at(4),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, customer::insert(&customer)).await;
    assert_eq!(
        customer::get(&db, customer.id).await.unwrap().unwrap(),
        customer
    );

    let account = Account {
        id: AccountId::random(),
        customer_id: customer.id,
        status: "active".into(),
        plan_type: "unlimited".into(),
        balance_credit: i64::MAX,
        balance_token: -1,
        tm_delete: None,
    };
    let closed = Account {
        id: AccountId::random(),
        tm_delete: at(1),
        ..account.clone()
    };
    apply(&db, account::insert(&closed)).await;
    apply(&db, account::insert(&account)).await;
    assert_eq!(
        account::by_customer(&db, customer.id)
            .await
            .unwrap()
            .unwrap(),
        account
    );
    assert_eq!(account::get(&db, closed.id).await.unwrap().unwrap(), closed);

    let route = Route {
        id: RouteId::random(),
        customer_id: customer.id,
        name: "n".into(),
        detail: "d".into(),
        provider_id: ProviderId::random(),
        priority: 7,
        target: "+82".into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: None,
    };
    let newer = Route {
        id: RouteId::random(),
        tm_create: at(5),
        ..route.clone()
    };
    apply(&db, route::insert(&route)).await;
    apply(&db, route::insert(&newer)).await;
    assert_eq!(route::get(&db, route.id).await.unwrap().unwrap(), route);
    assert_eq!(
        route::for_targets(&db, [customer.id; 2], &["+82"])
            .await
            .unwrap(),
        [newer, route]
    );

    let provider = Provider {
        id: ProviderId::random(),
        kind: "sip".into(),
        hostname: "h".into(),
        tech_prefix: "1".into(),
        tech_postfix: "2".into(),
        tech_headers: BTreeMap::from([("X-A".into(), "b".into())]),
        name: "n".into(),
        detail: "d".into(),
        metadata: Some(BTreeMap::from([("k".into(), json!([1, null]))])),
        codecs: "PCMU".into(),
        health_status: "unknown".into(),
        health_checked_at: at(4),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: at(3),
    };
    apply(&db, provider::insert(&provider)).await;
    assert_eq!(
        provider::get(&db, provider.id).await.unwrap().unwrap(),
        provider
    );

    let number = Number {
        id: NumberId::random(),
        customer_id: customer.id,
        number: "+821100000001".into(),
        kind: "normal".into(),
        call_flow_id: FlowId::random(),
        message_flow_id: FlowId::random(),
        name: "n".into(),
        detail: "d".into(),
        provider_name: "p".into(),
        provider_reference_id: "r".into(),
        status: "active".into(),
        t38_enabled: true,
        emergency_enabled: true,
        metadata: Metadata { rtp_debug: true },
        tm_purchase: at(4),
        tm_renew: at(5),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: None,
    };
    apply(&db, number::insert(&number)).await;
    assert_eq!(number::get(&db, number.id).await.unwrap().unwrap(), number);
    assert_eq!(
        number::by_number(&db, &number.number)
            .await
            .unwrap()
            .unwrap(),
        number
    );

    let mut agent = Agent {
        id: AgentId::random(),
        customer_id: customer.id,
        username: "u".into(),
        name: "n".into(),
        detail: "d".into(),
        ring_method: "ringall".into(),
        status: "available".into(),
        permission: Permission::CUSTOMER_AGENT,
        tag_ids: Some(vec![TagId::random()]),
        addresses: vec![tel("+1"), tel("+2"), Address::sip("a@b")],
        direct_id: DirectId::random(),
        direct_hash: "h".into(),
        tm_create: at(1),
        tm_update: at(2),
        tm_delete: None,
    };
    db.apply(agent::insert(&agent, time(1)).into_iter().collect())
        .await
        .unwrap();
    assert_eq!(agent::get(&db, agent.id).await.unwrap().unwrap(), agent);
    assert_eq!(
        agent::by_address(&db, customer.id, &tel("+2"))
            .await
            .unwrap()
            .unwrap(),
        agent
    );
    let rival = Agent {
        id: AgentId::random(),
        addresses: vec![tel("+2")],
        ..agent.clone()
    };
    let result = db
        .apply(agent::insert(&rival, time(1)).into_iter().collect())
        .await;
    assert!(
        matches!(result, Err(Error::Duplicate { statement: 1, .. })),
        "{result:?}"
    );
    agent.addresses = vec![tel("+9"), tel("+1")];
    agent.tm_update = at(6);
    let others = agent::set_addresses(agent.id, customer.id, &agent.addresses, time(6));
    db.apply(others.into_iter().collect()).await.unwrap();
    let filter = Filter::none().id("customer_id", customer.id).not_deleted();
    assert_eq!(agent::list(&db, &filter, &all()).await.unwrap(), [agent]);
}
