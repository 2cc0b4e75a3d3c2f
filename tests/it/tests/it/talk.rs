//! An answered call that runs a flow, for tests of what happens on it.

use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedReceiver;
use trunkline_bus::Consumer;
use trunkline_bus::Method::{Get, Post};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::{Asterisk, Manner};
use trunkline_it::{House, PATIENCE, SOURCE, event};
use trunkline_model::service::Service;
use uuid::Uuid;

/// An answered call that runs a flow, and the events of call-manager.
pub(crate) struct Talk {
    pub(crate) house: House,
    pub(crate) asterisk: Asterisk,
    pub(crate) id: String,
    pub(crate) channel: String,
    pub(crate) events: UnboundedReceiver<Value>,
    _consumer: Consumer,
}

impl Talk {
    pub(crate) async fn begin(actions: &Value) -> Self {
        Self::begin_in(House::start().await, actions).await
    }

    pub(crate) async fn begin_in(house: House, actions: &Value) -> Self {
        house.allow_calls().await;
        let flow = house.flow(actions).await;
        let asterisk = house.asterisk(Manner::Lively).await;
        let (consumer, mut events) = house.events_of(Service::CALL).await;
        let id = Uuid::new_v4().to_string();
        let body = json!({
            "flow_id": flow,
            "customer_id": DEFAULT_CUSTOMER,
            "source": {"type": "tel", "target": SOURCE},
            "destination": {"type": "tel", "target": "+493012345620"},
        });
        let uri = format!("/v1/calls/{id}");
        let (status, call) = house.call(Post, &uri, Some(&body)).await;
        assert_eq!(status, 200);
        event(&mut events, "call_progressing").await;
        Self {
            channel: call["channel_id"].as_str().expect("a channel").to_owned(),
            house,
            asterisk,
            id,
            events,
            _consumer: consumer,
        }
    }

    /// Waits until this is the current action.
    pub(crate) async fn comes_to(&mut self, kind: &str) {
        while event(&mut self.events, "call_updated").await["data"]["action"]["type"] != kind {}
    }

    pub(crate) async fn press(&self, digit: &str, millis: u32) {
        self.asterisk.press(&self.channel, digit, millis).await;
    }

    pub(crate) async fn ask(
        &self,
        method: trunkline_bus::Method,
        part: &str,
        body: &Value,
    ) -> (u16, Value) {
        let uri = format!("/v1/calls/{}{part}", self.id);
        let body = (!body.is_null()).then_some(body);
        self.house.call(method, &uri, body).await
    }

    pub(crate) async fn digits(&self) -> Value {
        self.ask(Get, "/digits", &Value::Null).await.1["digits"].clone()
    }

    pub(crate) async fn outcome(&self) -> Value {
        self.ask(Get, "/outcome", &Value::Null).await.1
    }

    /// Waits for the end of the call; returns how often each event came on the way.
    pub(crate) async fn ended(&mut self) -> usize {
        let mut keys = 0;
        let wanted = async {
            loop {
                let event = self.events.recv().await.expect("events");
                match event["type"].as_str() {
                    Some("dtmf_received") => keys += 1,
                    Some("call_hangup") => return,
                    _ => {}
                }
            }
        };
        tokio::time::timeout(PATIENCE, wanted)
            .await
            .expect("the call ends");
        keys
    }
}
