//! The operator: sets the world up and does what people do at awkward moments,
//! over the same requests as the gateway.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Method, Rpc, RpcError, client};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_model::id::CallId;
use trunkline_model::service::Service;
use trunkline_store::{Database, call};

use crate::border::pause;
use crate::carrier::Carrier;
use crate::scenario::{CampaignPlan, Step};

/// The number that calls, and that is called from outside.
pub const OUR_NUMBER: &str = "+49308880001";

/// Time-out of a request at an awkward moment.
const PATIENCE: Duration = Duration::from_secs(5);

/// Pause before a request of the set-up is sent again.
const AGAIN_MS: u64 = 200;

/// A campaign that exists.
#[derive(Debug, Clone)]
pub struct Campaign {
    pub id: String,
    pub outplan: String,
    pub outdial: String,
    /// In the order of the plan's people.
    pub targets: Vec<String>,
}

/// Who sends requests from outside.
pub struct Operator<'a> {
    pub carrier: &'a Carrier,
    pub campaigns: Mutex<Vec<Campaign>>,
}

impl<'a> Operator<'a> {
    /// Reaches the world over `carrier`.
    #[must_use]
    pub fn new(carrier: &'a Carrier) -> Self {
        Self {
            carrier,
            campaigns: Mutex::default(),
        }
    }

    async fn send(&self, method: Method, uri: &str, body: &Value) -> Result<Value, RpcError> {
        let rpc = Rpc::new(
            self.carrier.outside(),
            Service::GATEWAY,
            ServiceMetrics::default(),
        );
        let mut request = rpc.request(method, uri);
        if !body.is_null() {
            request = request.json(body);
        }
        let queue = queue_of(uri);
        let response = rpc.send(&queue, &request, "sim", PATIENCE).await?;
        client::interpret(&response)
    }

    /// Sends a request of the set-up until it is done: nothing is broken yet.
    async fn must(&self, method: Method, uri: &str, body: &Value) -> Value {
        loop {
            match self.send(method, uri, body).await {
                Ok(answer) => return answer,
                Err(error) => {
                    tracing::debug!(target: "world", uri, %error, "the set-up tries again");
                    pause(AGAIN_MS).await;
                }
            }
        }
    }

    /// Who carries calls, which countries may be called, our number and what
    /// happens to those who call it.
    pub async fn set_up(&self, routes: u64) {
        let post = Method::Post;
        let customer = DEFAULT_CUSTOMER;
        for at in 0..routes {
            let provider = json!({"type": "sip", "name": "callees", "hostname": "127.0.0.1:5070"});
            let provider = self.must(post, "/v1/providers", &provider).await;
            let route = json!({
                "customer_id": customer, "name": "everywhere", "provider_id": provider["id"],
                "target": "all", "priority": at + 1,
            });
            self.must(post, "/v1/routes", &route).await;
        }
        let actions = json!([
            {"type": "answer"},
            {"type": "play", "option": {"stream_urls": ["hello-world"]}},
            {"type": "sleep", "option": {"duration": 1_500}},
            {"type": "hangup"},
        ]);
        let flow = json!({
            "customer_id": customer, "type": "flow", "name": "incoming",
            "actions": actions, "persist": true,
        });
        let flow = self.must(post, "/v1/flows", &flow).await;
        let number = json!({
            "customer_id": customer, "number": OUR_NUMBER, "name": "ours",
            "call_flow_id": flow["id"],
        });
        self.must(post, "/v1/numbers", &number).await;
        let config =
            json!({"customer_id": customer, "name": "allowed", "destination_whitelist": ["de"]});
        self.must(post, "/v1/outbound_configs", &config).await;
    }

    /// Makes a campaign with its plan and its people; it does not run yet.
    pub async fn make(&self, plan: &CampaignPlan) {
        let customer = DEFAULT_CUSTOMER;
        let mut outplan = dials(plan, plan.tries, plan.try_interval_ms);
        outplan["customer_id"] = json!(customer);
        outplan["name"] = json!("plan");
        let outplan = self.must(Method::Post, "/v1/outplans", &outplan).await;
        let list = json!({"customer_id": customer, "name": "list"});
        let list = text(&self.must(Method::Post, "/v1/outdials", &list).await["id"]);
        let mut targets = Vec::new();
        for numbers in &plan.people {
            let uri = format!("/v1/outdials/{list}/targets");
            let target = self.must(Method::Post, &uri, &person(numbers)).await;
            targets.push(text(&target["id"]));
        }
        let end = if plan.stops { "stop" } else { "continue" };
        let campaign = json!({
            "customer_id": customer, "type": "call", "name": "campaign", "end_handle": end,
            "service_level": 100, "outplan_id": outplan["id"], "outdial_id": list,
            "actions": plan.actions,
        });
        let id = text(&self.must(Method::Post, "/v1/campaigns", &campaign).await["id"]);
        let rules = json!({
            "calls_per_second": plan.calls_per_second, "max_concurrent": plan.max_concurrent,
        });
        let uri = format!("/v1/campaigns/{id}/rules");
        self.must(Method::Put, &uri, &rules).await;
        let campaign = Campaign {
            id,
            outplan: text(&outplan["id"]),
            outdial: list,
            targets,
        };
        self.with(|campaigns| campaigns.push(campaign));
    }

    /// Starts a campaign, or stops it, whatever it takes.
    pub async fn set_status(&self, campaign: usize, status: &str) {
        let uri = format!("/v1/campaigns/{}/status", self.campaign(campaign).id);
        self.must(Method::Put, &uri, &json!({"status": status}))
            .await;
    }

    /// One of the steps that are requests; nobody promises that it succeeds.
    pub async fn attempt(&self, step: &Step, plans: &[CampaignPlan], db: &dyn Database) {
        let outcome = match step {
            Step::Run(at) => self.try_status(*at, "run").await,
            Step::Stop(at) => self.try_status(*at, "stop").await,
            Step::DeleteCampaign(at) => {
                let uri = format!("/v1/campaigns/{}", self.campaign(*at).id);
                self.send(Method::Delete, &uri, &Value::Null).await
            }
            Step::DeleteTarget(at, person) => {
                let uri = format!("/v1/outdialtargets/{}", self.campaign(*at).targets[*person]);
                self.send(Method::Delete, &uri, &Value::Null).await
            }
            Step::AddTarget(at, numbers) => {
                let uri = format!("/v1/outdials/{}/targets", self.campaign(*at).outdial);
                self.send(Method::Post, &uri, &person(numbers)).await
            }
            Step::Replan(at, tries, interval_ms) => {
                let uri = format!("/v1/outplans/{}/dials", self.campaign(*at).outplan);
                let body = dials(&plans[*at], *tries, *interval_ms);
                self.send(Method::Put, &uri, &body).await
            }
            Step::HangUp(which) => match live_call(db, *which).await {
                Some(id) => {
                    let uri = format!("/v1/calls/{id}/hangup");
                    self.send(Method::Post, &uri, &Value::Null).await
                }
                None => Ok(Value::Null),
            },
            Step::Call(number) => {
                let actions = json!([{"type": "sleep", "option": {"duration": 1_000}}]);
                let flow = json!({"customer_id": DEFAULT_CUSTOMER, "actions": actions});
                match self.send(Method::Post, "/v1/flows", &flow).await {
                    Ok(flow) => {
                        let call = json!({
                            "customer_id": DEFAULT_CUSTOMER, "flow_id": flow["id"],
                            "source": tel(OUR_NUMBER), "destinations": [tel(number)],
                        });
                        self.send(Method::Post, "/v1/calls", &call).await
                    }
                    Err(error) => Err(error),
                }
            }
            // Nobody asks before calling.
            Step::Incoming(_) | Step::IncomingBriefly(..) => Ok(Value::Null),
        };
        let error = outcome.err().map(|error| error.to_string());
        tracing::info!(target: "world", ?step, ?error, "a step of the operator");
    }

    /// Asks a campaign to stop, whatever becomes of it.
    pub async fn try_to_stop(&self, campaign: usize) {
        let outcome = self.try_status(campaign, "stop").await;
        let error = outcome.err().map(|error| error.to_string());
        tracing::info!(target: "world", campaign, ?error, "a campaign that waits for more is stopped");
    }

    async fn try_status(&self, campaign: usize, status: &str) -> Result<Value, RpcError> {
        let uri = format!("/v1/campaigns/{}/status", self.campaign(campaign).id);
        self.send(Method::Put, &uri, &json!({"status": status}))
            .await
    }

    /// A campaign as it was made.
    #[must_use]
    pub fn campaign(&self, at: usize) -> Campaign {
        self.with(|campaigns| campaigns[at].clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Campaign>) -> T) -> T {
        act(&mut self
            .campaigns
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

async fn live_call(db: &dyn Database, which: u64) -> Option<CallId> {
    let calls = call::live(db, 1_000).await.ok()?;
    let at = which.checked_rem(calls.len() as u64)?;
    calls
        .get(usize::try_from(at).unwrap_or(0))
        .map(|call| call.id)
}

fn queue_of(uri: &str) -> String {
    let resource = uri.trim_start_matches("/v1/");
    let resource = &resource[..resource.find('/').unwrap_or(resource.len())];
    let service = match resource {
        "providers" | "routes" => Service::ROUTE,
        "numbers" => Service::NUMBER,
        "flows" => Service::FLOW,
        "outdials" | "outdialtargets" => Service::OUTDIAL,
        "campaigns" | "outplans" => Service::CAMPAIGN,
        _ => Service::CALL,
    };
    service.request_queue()
}

fn dials(plan: &CampaignPlan, tries: [i64; 5], interval_ms: i64) -> Value {
    let mut dials = json!({
        "source": tel(OUR_NUMBER),
        "dial_timeout": plan.dial_timeout_ms,
        "try_interval": interval_ms,
    });
    for (index, most) in tries.iter().enumerate() {
        dials[format!("max_try_count_{index}")] = json!(most);
    }
    dials
}

fn person(numbers: &[String]) -> Value {
    let mut person = json!({"name": "somebody"});
    for (index, number) in numbers.iter().enumerate() {
        person[format!("destination_{index}")] = tel(number);
    }
    person
}

fn tel(number: &str) -> Value {
    json!({"type": "tel", "target": number})
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
