//! `POST /v1/trunks/{id}/test`: what is wrong with a trunk, in plain words. From what
//! is cheap to what costs money: the row, Asterisk, the name, the account, a call.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Refusal, Reply, Routed, RpcError};
use trunkline_domain::phone::is_e164;
use trunkline_domain::registrar::objects;
use trunkline_domain::registrar::words::{self, Finding};
use trunkline_model::action::Kind;
use trunkline_model::call::{CreateWithIdRequest, metadata_key};
use trunkline_model::error::Status as Class;
use trunkline_model::id::{CallId, FlowId};
use trunkline_model::service::Service;
use trunkline_model::trunk::{Mode, TestReport, Trunk};
use trunkline_model::{Action, Address, flow, wire};

use super::probe::{self, Heard};
use super::{Registrar, metrics::TestLabels};

/// Pause between two looks at the call of a test.
const LOOK: std::time::Duration = std::time::Duration::from_millis(200);
/// How long the call of a test lasts once it is answered.
const TALK_MS: i64 = 1_000;
/// How long its end is waited for after it was asked to end.
const END: std::time::Duration = std::time::Duration::from_secs(5);

#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    /// The number to call; empty: no call is made.
    to: String,
}

pub(super) async fn test(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let Asked { to } = routed.body_or_default()?;
    if !to.is_empty() && !is_e164(&to) {
        let message = "`to` is written as + and 7 to 15 digits, such as +15551234567.";
        return Err(registrar
            .state
            .typed(Class::InvalidArgument, "INVALID_ARGUMENT", message));
    }
    let trunk = registrar.trunk(routed.id(0)).await?;
    let (finding, call_id) = registrar.find_out(&trunk, &to).await;
    let report = TestReport {
        call_id,
        ..words::report(&trunk, &finding)
    };
    let labels = TestLabels {
        result: report.result.clone(),
    };
    registrar.metrics.tests.get_or_create(&labels).inc();
    tracing::info!(trunk_id = %trunk.id, result = report.result, sip_code = report.sip_code, "a trunk was tested");
    Ok(Reply::json(&report))
}

/// How a call went, of which only what a test wants.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Outcome {
    hangup_cause: i64,
    sip_code: i64,
    tm_ringing: Option<Value>,
    tm_progressing: Option<Value>,
    tm_hangup: Option<Value>,
}

impl Registrar {
    async fn find_out(&self, trunk: &Trunk, to: &str) -> (Finding, Option<CallId>) {
        match self.before_a_call(trunk).await {
            Err(finding) => (finding, None),
            Ok(()) if to.is_empty() => (Finding::Ready, None),
            Ok(()) => self.call(trunk, to).await,
        }
    }

    /// Everything that can be found out without a call.
    async fn before_a_call(&self, trunk: &Trunk) -> Result<(), Finding> {
        if !trunk.enabled || trunk.tm_delete.is_some() {
            return Err(Finding::Disabled);
        }
        self.look_for_asterisks().await;
        if self.asterisks.connected().is_empty() {
            return Err(Finding::NoAsterisk);
        }
        let patience = self.config.probe_timeout();
        let address = probe::resolve(trunk, patience)
            .await
            .map_err(Finding::HostUnresolved)?;
        self.is_pushed(trunk).await?;
        match trunk.mode {
            Mode::Registration => {
                let (registration, _) = self.fresh_state(trunk).await;
                if registration == "registered" {
                    return Ok(());
                }
                match probe::register(trunk, address, patience).await {
                    Heard::Nothing(why) => Err(Finding::NobodyAnswers(why)),
                    Heard::Status(200..300) if registration == "unknown" => Ok(()),
                    Heard::Status(200..300) => Err(Finding::NotRegistered(registration)),
                    Heard::Status(code) => Err(Finding::RegistrationRefused(code)),
                }
            }
            // Who answers no OPTIONS may take calls all the same.
            Mode::Address | Mode::Other(_) if trunk.qualify == 0 => Ok(()),
            Mode::Address | Mode::Other(_) => {
                match probe::options(trunk, address, patience).await {
                    Heard::Status(_) => Ok(()),
                    Heard::Nothing(why) => Err(Finding::NobodyAnswers(why)),
                }
            }
        }
    }

    async fn fresh_state(&self, trunk: &Trunk) -> (String, String) {
        self.look(true).await;
        let (registration, reachable) = self.trunk_state(trunk).await;
        (registration.state, reachable)
    }

    /// Whether every Asterisk has the trunk as it is; one that has not gets it now.
    async fn is_pushed(&self, trunk: &Trunk) -> Result<(), Finding> {
        let wanted = objects::of_trunk(trunk, &self.base_domain);
        if self.placements(&wanted, true).0 != "pushed" {
            self.push_now(&wanted, true).await;
        }
        let (_, placements) = self.placements(&wanted, true);
        match placements.into_iter().find(|it| it.state != "pushed") {
            None => Ok(()),
            Some(it) => Err(Finding::NotPushed(it.detail)),
        }
    }

    /// A real call over the trunk: the ordinary way, so that every rule holds.
    async fn call(&self, trunk: &Trunk, to: &str) -> (Finding, Option<CallId>) {
        let flow = match self.test_flow(trunk).await {
            Ok(flow) => flow,
            Err(error) => return (trouble("flow-manager", &error), None),
        };
        let id = CallId::random();
        let placed = self.place(trunk, to, id, flow).await;
        let finding = match placed {
            Ok(()) => self.wait_for(id).await,
            Err(finding) => finding,
        };
        // It is a temporary one, and goes by itself if this fails.
        let _ = self.flow.delete(flow).await;
        (finding, Some(id))
    }

    async fn test_flow(&self, trunk: &Trunk) -> Result<FlowId, RpcError> {
        let sleep = json!({"duration": TALK_MS});
        let action = |kind: &str, option: Option<&Value>| Action {
            kind: Kind::from(kind),
            option: option.and_then(Value::as_object).cloned(),
            ..Action::default()
        };
        let wanted = flow::CreateRequest {
            customer_id: trunk.customer_id,
            kind: flow::Type::Flow,
            name: "test of a trunk".to_owned(),
            actions: Some(vec![action("sleep", Some(&sleep)), action("hangup", None)]),
            ..flow::CreateRequest::default()
        };
        Ok(self.flow.create(&wanted).await?.id)
    }

    async fn place(
        &self,
        trunk: &Trunk,
        to: &str,
        id: CallId,
        flow_id: FlowId,
    ) -> Result<(), Finding> {
        #[derive(Serialize)]
        struct Body {
            #[serde(flatten)]
            call: CreateWithIdRequest,
            explain: bool,
        }
        let shown = if trunk.caller_id.is_empty() {
            &trunk.username
        } else {
            &trunk.caller_id
        };
        let metadata = BTreeMap::from([
            (
                metadata_key::ROUTE_PROVIDER_IDS.to_owned(),
                json!([trunk.provider_id]),
            ),
            (metadata_key::SKIP_SOURCE_VALIDATION.to_owned(), json!(true)),
        ]);
        let body = Body {
            call: CreateWithIdRequest {
                flow_id,
                customer_id: trunk.customer_id,
                source: Address::tel(shown),
                destination: Address::tel(to),
                metadata,
                ..CreateWithIdRequest::default()
            },
            explain: true,
        };
        let rpc = &self.call.0;
        let request = rpc
            .request(Method::Post, format!("/v1/calls/{id}"))
            .json(&body);
        let queue = Service::CALL.request_queue();
        let made: Result<Value, RpcError> = rpc
            .call(&queue, &request, "call/calls", DEFAULT_TIMEOUT)
            .await;
        match made {
            Ok(_) => Ok(()),
            Err(RpcError::Typed(error)) if error.reason == "NOT_DIALABLE" => {
                Err(Finding::Undialable)
            }
            Err(RpcError::Typed(error)) => Err(Finding::Forbidden(error.message.clone())),
            Err(error) => Err(trouble("call-manager", &error)),
        }
    }

    /// Follows the call until it has ended, and ends it when it rings too long.
    async fn wait_for(&self, id: CallId) -> Finding {
        let started = Instant::now();
        let ring = self.config.test_ring();
        let (mut told, mut rang_out) = (false, false);
        loop {
            let outcome = match self.outcome(id).await {
                Ok(outcome) => outcome,
                Err(error) => return trouble("call-manager", &error),
            };
            if outcome.tm_hangup.is_some() || (outcome.tm_progressing.is_some() && told) {
                return conclusion(&outcome, rang_out.then_some(self.config.test_ring_ms));
            }
            if !told && started.elapsed() >= ring {
                told = true;
                rang_out = outcome.tm_progressing.is_none();
                if let Err(error) = self.call.hangup(id).await {
                    tracing::warn!(call_id = %id, %error, "the call of a test could not be hung up");
                }
            }
            if started.elapsed() >= ring + END {
                return Finding::Trouble("the call does not end.".to_owned());
            }
            sleep(LOOK).await;
        }
    }

    async fn outcome(&self, id: CallId) -> Result<Outcome, RpcError> {
        let rpc = &self.call.0;
        let request = rpc.request(Method::Get, format!("/v1/calls/{id}/outcome"));
        let queue = Service::CALL.request_queue();
        let found: Value = rpc
            .call(&queue, &request, "call/calls", DEFAULT_TIMEOUT)
            .await?;
        wire::decode(&found.to_string()).map_err(|error| RpcError::Answer(error.to_string()))
    }
}

/// What the end of a call says about the trunk.
fn conclusion(outcome: &Outcome, rang_out: Option<u64>) -> Finding {
    if outcome.tm_progressing.is_some() {
        return Finding::Answered;
    }
    if let Some(ms) = rang_out {
        if outcome.tm_ringing.is_some() {
            return Finding::RangOut(ms);
        }
        return Finding::NobodyAnswers("the call got no answer, not even ringing".to_owned());
    }
    match u16::try_from(outcome.sip_code) {
        Ok(code @ 300..) => Finding::Rejected(code),
        _ => Finding::Rejected(words::code_of_cause(outcome.hangup_cause)),
    }
}

fn trouble(service: &str, error: &RpcError) -> Finding {
    Finding::Trouble(format!(
        "{service} does not do what it was asked ({error})."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_call_says_what_is_wrong() {
        let at = || Some(json!("2026-01-02T03:04:05Z"));
        let ended = |answered: bool, rang: bool, sip_code, hangup_cause| Outcome {
            hangup_cause,
            sip_code,
            tm_ringing: rang.then(at).flatten(),
            tm_progressing: answered.then(at).flatten(),
            tm_hangup: at(),
        };
        for (outcome, rang_out, finding) in [
            (ended(true, true, 0, 16), None, Finding::Answered),
            (ended(false, true, 486, 17), None, Finding::Rejected(486)),
            (ended(false, false, 0, 17), None, Finding::Rejected(486)),
            (
                ended(false, true, 0, 16),
                Some(20_000),
                Finding::RangOut(20_000),
            ),
        ] {
            assert_eq!(conclusion(&outcome, rang_out), finding);
        }
        let silent = conclusion(&ended(false, false, 0, 16), Some(1));
        assert!(matches!(silent, Finding::NobodyAnswers(_)));
    }
}
