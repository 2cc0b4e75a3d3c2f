//! The bytes of requests without payload, as chapter 01 §9 lists them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use trunkline_bus::metrics::ServiceMetrics;
use trunkline_bus::{Bus, Consumer, InProcess, QueueSpec, RequestHandler, Response};
use trunkline_model::id::{
    ActiveflowId, AgentId, CallId, CustomerId, FileId, FlowId, OutdialId, ProviderId,
};
use trunkline_model::service::Service;
use uuid::Uuid;

use super::*;

/// Takes every request and has nothing.
#[derive(Default)]
struct Nothing(Mutex<Vec<Bytes>>);

#[async_trait]
impl RequestHandler for Nothing {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        self.0.lock().unwrap().push(body);
        Some(Response::bare(404).encode())
    }
}

/// Requests of call-manager to `of`, and what crosses the bus.
async fn asking(of: Service) -> (Rpc, Arc<Nothing>, Consumer) {
    let bus: Arc<dyn Bus> = Arc::new(InProcess::new());
    let nothing = Arc::new(Nothing::default());
    let queue = QueueSpec::new(of.request_queue(), 1);
    let handler = Arc::clone(&nothing) as Arc<dyn RequestHandler>;
    let consumer = bus.serve(queue, handler).await.unwrap();
    let rpc = Rpc::new(bus, Service::CALL, ServiceMetrics::default());
    (rpc, nothing, consumer)
}

const ID: Uuid = Uuid::from_u128(1);

/// What one request was.
macro_rules! asked {
    ($service:expr, $client:ident, $method:ident($id:expr)) => {{
        let (rpc, nothing, _consumer) = asking($service).await;
        $client(rpc).$method($id).await.unwrap_err();
        let asked = nothing.0.lock().unwrap().concat();
        String::from_utf8(asked).unwrap()
    }};
}

#[tokio::test]
async fn requests_without_payload_are_as_the_reference_sends_them() {
    let json = r#""data_type":"application/json""#;
    let none = r#""data_type":"""#;
    let cases = [
        (
            asked!(Service::CALL, CallClient, get(CallId(ID))),
            "GET /v1/calls/ID",
            none,
        ),
        (
            asked!(Service::CALL, CallClient, hangup(CallId(ID))),
            "POST /v1/calls/ID/hangup",
            json,
        ),
        (
            asked!(Service::FLOW, FlowClient, get(FlowId(ID))),
            "GET /v1/flows/ID",
            json,
        ),
        (
            asked!(Service::FLOW, FlowClient, delete(FlowId(ID))),
            "DELETE /v1/flows/ID",
            json,
        ),
        (
            asked!(Service::FLOW, FlowClient, execute(ActiveflowId(ID))),
            "POST /v1/activeflows/ID/execute",
            none,
        ),
        (
            asked!(Service::FLOW, FlowClient, stop(ActiveflowId(ID))),
            "POST /v1/activeflows/ID/stop",
            none,
        ),
        (
            asked!(Service::FLOW, FlowClient, variables(ActiveflowId(ID))),
            "GET /v1/variables/ID",
            json,
        ),
        (
            asked!(Service::CUSTOMER, CustomerClient, get(CustomerId(ID))),
            "GET /v1/customers/ID",
            json,
        ),
        (
            asked!(Service::AGENT, AgentClient, get(AgentId(ID))),
            "GET /v1/agents/ID",
            none,
        ),
        (
            asked!(Service::ROUTE, RouteClient, provider(ProviderId(ID))),
            "GET /v1/providers/ID",
            none,
        ),
        (
            asked!(Service::STORAGE, StorageClient, delete(FileId(ID))),
            "DELETE /v1/files/ID",
            none,
        ),
        (
            asked!(Service::OUTDIAL, OutdialClient, get(OutdialId(ID))),
            "GET /v1/outdials/ID",
            json,
        ),
    ];
    for (asked, wanted, data_type) in cases {
        let (method, uri) = wanted.split_once(' ').unwrap();
        let uri = uri.replace("ID", &ID.to_string());
        let expected = format!(
            r#"{{"uri":"{uri}","method":"{method}","publisher":"call-manager",{data_type}}}"#
        );
        assert_eq!(asked, expected);
    }
}
