//! Responders in the place of call-manager and flow-manager. Each call does
//! what the script says for its destination.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus, Event, InProcess, Refusal, Reply, Routed, Router};
use trunkline_model::action::Action;
use trunkline_model::activeflow::{self, Activeflow};
use trunkline_model::asterisk::Asterisk;
use trunkline_model::call::{Call, CreateWithIdRequest, HangupReason, Status};
use trunkline_model::error::Status as Class;
use trunkline_model::flow::{self, Flow};
use trunkline_model::id::{ActionId, ActiveflowId, CallId, FlowId};
use trunkline_model::service::Service;
use trunkline_model::{Timestamp, TypedError};

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Script {
    /// Answered after so many milliseconds, ended after twice as many.
    Answer(u64),
    /// Rings for so many milliseconds and ends.
    NoAnswer(u64),
    /// Rings until somebody hangs it up.
    Ring,
    /// A bare 400.
    Refuse,
    /// `200 null`.
    Null,
    /// A typed 503.
    Unavailable,
    /// A typed 429: a limit of the customer's.
    Exhausted,
    /// The request was delivered twice: one copy is answered with a bare 500, the
    /// other one makes the call a moment later.
    RefusedCopy,
    /// The request is not answered. The call is made, or not.
    Silent { made: bool },
    /// Made and answered, and its end is announced nowhere.
    LoseHangup,
}

type Plan = Box<dyn Fn(&str, usize) -> Script + Send + Sync>;

pub(crate) struct Calls {
    bus: InProcess,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    plan: Mutex<Plan>,
    pub(crate) rows: Mutex<BTreeMap<CallId, Call>>,
    void: Mutex<BTreeSet<CallId>>,
    counts: Mutex<BTreeMap<String, usize>>,
    /// Every create, in order: call, destination, time.
    pub(crate) asked: Mutex<Vec<(CallId, String, Timestamp)>>,
    /// Every end is announced twice at once, and once more a while later.
    pub(crate) repeats: AtomicBool,
    /// None: it does not know the question, as the reference.
    pub(crate) asterisks: Mutex<Option<Vec<Asterisk>>>,
}

impl Calls {
    pub(crate) fn new(
        bus: &InProcess,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Arc<Self> {
        Arc::new(Self {
            bus: bus.clone(),
            clock,
            plan: Mutex::new(Box::new(|_, _| Script::Answer(100))),
            rows: Mutex::default(),
            void: Mutex::default(),
            counts: Mutex::default(),
            asked: Mutex::default(),
            repeats: AtomicBool::default(),
            asterisks: Mutex::default(),
        })
    }

    /// `plan` is given a destination and how often it was dialed before.
    pub(crate) fn script(&self, plan: impl Fn(&str, usize) -> Script + Send + Sync + 'static) {
        *self.plan.lock().unwrap() = Box::new(plan);
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router<Self> {
        Router::new(Arc::clone(self), ServiceMetrics::default())
            .route(Get, "/v1/asterisks", "", |calls, _| async move {
                let known = calls.asterisks.lock().unwrap().clone();
                known
                    .map(|list| Reply::json(&list))
                    .ok_or(Refusal::bare(404))
            })
            .route(Get, "/v1/calls/{id}", "", |calls, routed| async move {
                let found = calls.rows.lock().unwrap().get(&routed.id(0)).cloned();
                found.map(|call| Reply::json(&call)).ok_or_else(not_found)
            })
            .route(Post, "/v1/calls/{id}", "", |calls, routed| async move {
                calls.create(&routed)
            })
            .route(
                Post,
                "/v1/calls/{id}/void",
                "",
                |calls, routed| async move {
                    let id = routed.id(0);
                    let found = calls.rows.lock().unwrap().get(&id).cloned();
                    if found.is_none() {
                        calls.void.lock().unwrap().insert(id);
                    }
                    Ok(Reply::json(&found))
                },
            )
            .route(
                Post,
                "/v1/calls/{id}/hangup",
                "",
                |calls, routed| async move {
                    let ended = calls.end(routed.id(0), HangupReason::Cancel);
                    let call = ended.ok_or_else(not_found)?;
                    calls.announce("call_hangup", &call).await;
                    Ok(Reply::json(&call))
                },
            )
    }

    /// Calls made so far.
    pub(crate) fn made(&self) -> usize {
        self.rows.lock().unwrap().len()
    }

    /// Calls made to a number.
    pub(crate) fn made_to(&self, number: &str) -> usize {
        let rows = self.rows.lock().unwrap();
        rows.values()
            .filter(|call| call.destination.target == number)
            .count()
    }

    /// How often each destination was asked for.
    pub(crate) fn dials(&self) -> BTreeMap<String, usize> {
        self.counts.lock().unwrap().clone()
    }

    pub(crate) async fn announce(&self, kind: &str, call: &Call) {
        let event = Event::new(Service::CALL, kind, call);
        let exchange = Service::CALL.event_exchange();
        drop(
            self.bus
                .publish(&exchange, None, event.encode())
                .await
                .unwrap(),
        );
    }

    fn create(self: &Arc<Self>, routed: &Routed) -> Result<Reply, Refusal> {
        let asked: CreateWithIdRequest = routed.body()?;
        let (id, to) = (routed.id(0), asked.destination.target.clone());
        let used = self.rows.lock().unwrap().contains_key(&id);
        if used || self.void.lock().unwrap().contains(&id) {
            return Err(Refusal::bare(500));
        }
        let before = {
            let mut counts = self.counts.lock().unwrap();
            let count = counts.entry(to.clone()).or_default();
            *count += 1;
            *count - 1
        };
        self.asked
            .lock()
            .unwrap()
            .push((id, to.clone(), (self.clock)()));
        let script = (self.plan.lock().unwrap())(&to, before);
        let refused = match script {
            Script::Refuse => Some(Err(Refusal::bare(400))),
            Script::Null => Some(Ok(Reply::json(&None::<Call>))),
            Script::Unavailable => Some(Err(typed(Class::Unavailable, "ASTERISK_UNAVAILABLE"))),
            Script::Exhausted => Some(Err(typed(Class::ResourceExhausted, "TOO_MANY_CALLS"))),
            Script::RefusedCopy => Some(Err(Refusal::bare(500))),
            Script::Silent { made: false } => Some(Ok(Reply::Silent)),
            Script::Answer(_)
            | Script::NoAnswer(_)
            | Script::Ring
            | Script::Silent { made: true }
            | Script::LoseHangup => None,
        };
        let call = Call {
            id,
            customer_id: asked.customer_id,
            flow_id: asked.flow_id,
            activeflow_id: asked.activeflow_id,
            source: asked.source,
            destination: asked.destination,
            status: Status::Dialing,
            tm_create: Some((self.clock)()),
            ..Call::default()
        };
        if script == Script::RefusedCopy {
            tokio::spawn(Arc::clone(self).make_later(call.clone()));
        }
        if let Some(refused) = refused {
            return refused;
        }
        self.rows.lock().unwrap().insert(id, call.clone());
        let silent = script == Script::Silent { made: true };
        tokio::spawn(Arc::clone(self).live(id, script));
        Ok(if silent {
            Reply::Silent
        } else {
            Reply::json(&call)
        })
    }

    /// The other copy of a create.
    async fn make_later(self: Arc<Self>, call: Call) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let id = call.id;
        if self.void.lock().unwrap().contains(&id) {
            return;
        }
        self.rows.lock().unwrap().insert(id, call);
        self.live(id, Script::Answer(100)).await;
    }

    async fn live(self: Arc<Self>, id: CallId, script: Script) {
        let pause = |millis| tokio::time::sleep(Duration::from_millis(millis));
        let reason = match script {
            Script::Answer(millis) => {
                pause(millis).await;
                self.answer(id);
                pause(millis).await;
                HangupReason::Normal
            }
            Script::NoAnswer(millis) => {
                pause(millis).await;
                HangupReason::NoAnswer
            }
            Script::Silent { .. } => {
                pause(1_000).await;
                self.answer(id);
                pause(1_000).await;
                HangupReason::Normal
            }
            Script::LoseHangup => {
                self.answer(id);
                pause(100).await;
                drop(self.end(id, HangupReason::Normal));
                return;
            }
            Script::Ring
            | Script::Refuse
            | Script::Null
            | Script::Unavailable
            | Script::Exhausted
            | Script::RefusedCopy => return,
        };
        let Some(call) = self.end(id, reason) else {
            return;
        };
        self.announce("call_hangup", &call).await;
        if self.repeats.load(Ordering::SeqCst) {
            self.announce("call_hangup", &call).await;
            pause(3_000).await;
            self.announce("call_hangup", &call).await;
        }
    }

    fn answer(&self, id: CallId) {
        if let Some(call) = self.rows.lock().unwrap().get_mut(&id)
            && call.status == Status::Dialing
        {
            call.status = Status::Progressing;
            call.tm_progressing = Some((self.clock)());
        }
    }

    fn end(&self, id: CallId, reason: HangupReason) -> Option<Call> {
        let mut rows = self.rows.lock().unwrap();
        let call = rows.get_mut(&id)?;
        if call.status == Status::Hangup {
            return None;
        }
        call.status = Status::Hangup;
        call.hangup_reason = reason;
        call.tm_hangup = Some((self.clock)());
        Some(call.clone())
    }
}

#[derive(Default)]
pub(crate) struct Flows {
    bus: InProcess,
    pub(crate) rows: Mutex<BTreeMap<FlowId, Vec<Action>>>,
    pub(crate) deleted: Mutex<Vec<FlowId>>,
    pub(crate) running: Mutex<BTreeMap<ActiveflowId, Activeflow>>,
}

impl Flows {
    pub(crate) fn new(bus: &InProcess) -> Arc<Self> {
        Arc::new(Self {
            bus: bus.clone(),
            ..Self::default()
        })
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router<Self> {
        Router::new(Arc::clone(self), ServiceMetrics::default())
            .route(Post, "/v1/flows", "", |flows, routed| async move {
                let asked: flow::CreateRequest = routed.body()?;
                let id = FlowId::random();
                flows.set(id, asked.actions)?;
                Ok(Reply::json(&Flow {
                    id,
                    ..Flow::default()
                }))
            })
            .route(
                Put,
                "/v1/flows/{id}/actions",
                "",
                |flows, routed| async move {
                    #[derive(serde::Deserialize)]
                    struct Body {
                        actions: Option<Vec<Action>>,
                    }
                    let (id, body): (FlowId, Body) = (routed.id(0), routed.body()?);
                    flows.set(id, body.actions)?;
                    Ok(Reply::json(&Flow {
                        id,
                        ..Flow::default()
                    }))
                },
            )
            .route(Delete, "/v1/flows/{id}", "", |flows, routed| async move {
                flows.deleted.lock().unwrap().push(routed.id(0));
                Ok(Reply::json(&Flow::default()))
            })
            .route(Post, "/v1/activeflows", "", |flows, routed| async move {
                let asked: activeflow::CreateRequest = routed.body()?;
                let flow = Activeflow {
                    id: asked.id,
                    status: activeflow::Status::Running,
                    reference_type: asked.reference_type,
                    reference_id: asked.reference_id,
                    current_action: Action::reserved(ActionId::START),
                    ..Activeflow::default()
                };
                flows.running.lock().unwrap().insert(flow.id, flow.clone());
                Ok(Reply::json(&flow))
            })
            .route(
                Get,
                "/v1/activeflows/{id}",
                "",
                |flows, routed| async move {
                    let found = flows.running.lock().unwrap().get(&routed.id(0)).cloned();
                    found.map(|flow| Reply::json(&flow)).ok_or_else(not_found)
                },
            )
            .route(
                Post,
                "/v1/activeflows/{id}/execute",
                "",
                |flows, routed| async move {
                    tokio::spawn(flows.run(routed.id(0)));
                    Ok(Reply::Empty)
                },
            )
    }

    fn set(&self, id: FlowId, actions: Option<Vec<Action>>) -> Result<(), Refusal> {
        let actions = actions.unwrap_or_default();
        if actions
            .iter()
            .any(|action| action.kind.as_str() == "nonsense")
        {
            return Err(typed(Class::InvalidArgument, "INVALID_ACTION_TYPE"));
        }
        self.rows.lock().unwrap().insert(id, actions);
        Ok(())
    }

    async fn run(self: Arc<Self>, id: ActiveflowId) {
        for status in [activeflow::Status::Running, activeflow::Status::Ended] {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let flow = {
                let mut running = self.running.lock().unwrap();
                let Some(flow) = running.get_mut(&id) else {
                    return;
                };
                flow.status = status;
                flow.execute_count += 1;
                flow.clone()
            };
            let event = Event::new(Service::FLOW, "activeflow_updated", &flow);
            let exchange = Service::FLOW.event_exchange();
            drop(
                self.bus
                    .publish(&exchange, None, event.encode())
                    .await
                    .unwrap(),
            );
        }
    }
}

fn not_found() -> Refusal {
    typed(Class::NotFound, "NOT_FOUND")
}

fn typed(status: Class, reason: &str) -> Refusal {
    Refusal::typed(&TypedError::new(
        status,
        reason,
        "fake",
        "as the script says",
    ))
}

/// In the place of webhook-manager: takes whatever it is given.
pub(crate) fn webhooks() -> Router<()> {
    let take = |_, _| async { Ok(Reply::Bare) };
    let router = Router::new(Arc::new(()), ServiceMetrics::default());
    router.route(Post, "/v1/webhooks", "/v1/webhooks", take)
}
