//! registrar-manager, with an Asterisk that is a table, and a call-manager that knows
//! it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Bus as _, Consumer, QueueSpec, Request, RequestHandler, Response};
use trunkline_companion::registrar::{Config, Deps, Metrics};
use trunkline_companion::{DEFAULT_CUSTOMER, start_registrar, start_route};
use trunkline_model::service::{Service, asterisk_queue};

use crate::world::{PATIENCE, World};

const REGISTRAR: Service = Service::REGISTRAR;
const ASTERISK: &str = "02:00:00:00:00:01";

/// What an Asterisk has, as `kind/name`, and what it was asked.
#[derive(Default)]
struct Asterisk {
    objects: BTreeMap<String, Vec<(String, String)>>,
    asked: Vec<String>,
    /// Status of every registration, as AMI tells it.
    registration: String,
    /// Kinds that it refuses, with the status.
    refuses: BTreeMap<String, u16>,
    connected: bool,
    since: i64,
}

#[derive(Clone)]
struct Pbx(Arc<Mutex<Asterisk>>);

impl Pbx {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Asterisk {
            connected: true,
            ..Asterisk::default()
        })))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Asterisk) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn value(&self, object: &str, attribute: &str) -> Option<String> {
        self.with(|it| {
            let fields = it.objects.get(object)?;
            let field = fields.iter().find(|(name, _)| name == attribute)?;
            Some(field.1.clone())
        })
    }

    fn names(&self) -> Vec<String> {
        self.with(|it| it.objects.keys().cloned().collect())
    }

    fn ari(&self, request: &Request) -> Response {
        let mut it = self.0.lock().unwrap();
        it.asked.push(format!("{} {}", request.method, request.uri));
        let data = request.data.as_deref().map_or("null", |data| data.get());
        let body: Value = serde_json::from_str(data).unwrap();
        if request.uri == "/ami/" {
            let events: Vec<Value> = it
                .objects
                .keys()
                .filter_map(|key| key.strip_prefix("registration/"))
                .map(|name| {
                    json!({"Event": "OutboundRegistrationDetail", "ObjectName": name, "Status": it.registration})
                })
                .collect();
            let events = Value::from(events).to_string();
            return Response::json(&json!({"Response": "Success", "Events": events}));
        }
        if request.uri == "/ari/endpoints/PJSIP" {
            let endpoints: Vec<Value> = it
                .objects
                .keys()
                .filter_map(|key| key.strip_prefix("endpoint/"))
                .map(|name| json!({"technology": "PJSIP", "resource": name, "state": "online"}))
                .collect();
            return Response::json(&endpoints);
        }
        let key = request
            .uri
            .strip_prefix("/ari/asterisk/config/dynamic/res_pjsip/")
            .unwrap_or_else(|| panic!("{} is asked for nothing here", request.uri))
            .to_owned();
        let kind = key.split('/').next().unwrap_or_default();
        match request.method.as_str() {
            "PUT" => {
                if let Some(status) = it.refuses.get(kind) {
                    return Response {
                        status_code: *status,
                        ..Response::json(&json!({"message": "refused"}))
                    };
                }
                assert!(!it.objects.contains_key(&key), "{key} is put over itself");
                let fields = body["fields"].as_array().unwrap();
                let fields = fields.iter().map(|field| {
                    let text = |key: &str| field[key].as_str().unwrap().to_owned();
                    // Variables stand under their own names, as Asterisk shows them.
                    match text("attribute").as_str() {
                        "set_var" => {
                            let value = text("value");
                            let (name, value) = value.split_once('=').unwrap();
                            (name.to_owned(), value.to_owned())
                        }
                        name => (name.to_owned(), text("value")),
                    }
                });
                let fields = fields.collect();
                it.objects.insert(key, fields);
                Response::json(&json!([]))
            }
            "DELETE" => match it.objects.remove(&key) {
                Some(_) => Response::bare(204),
                None => Response::bare(404),
            },
            "GET" => match it.objects.get(&key) {
                Some(fields) => {
                    let fields: Vec<Value> = fields
                        .iter()
                        .map(|(name, value)| json!({"attribute": name, "value": value}))
                        .collect();
                    Response::json(&fields)
                }
                None => Response::bare(404),
            },
            other => panic!("{other} {}", request.uri),
        }
    }
}

#[async_trait]
impl RequestHandler for Pbx {
    async fn handle(&self, body: Bytes) -> Option<Bytes> {
        let request: Request = serde_json::from_slice(&body).unwrap();
        let response = if request.uri == "/v1/asterisks" {
            let (connected, since) = self.with(|it| (it.connected, it.since));
            let at = format!("2026-01-02T03:04:{since:02}Z");
            Response::json(&json!([{"id": ASTERISK, "connected": connected, "tm_update": at}]))
        } else {
            self.ari(&request)
        };
        Some(response.encode())
    }
}

struct Line {
    world: World,
    pbx: Pbx,
    _consumers: Vec<Consumer>,
}

impl Line {
    async fn new() -> Self {
        let mut world = World::new();
        let pbx = Pbx::new();
        let mut consumers = Vec::new();
        for queue in [asterisk_queue(ASTERISK), Service::CALL.request_queue()] {
            let served = world
                .bus
                .serve(QueueSpec::new(queue, 4), Arc::new(pbx.clone()))
                .await;
            consumers.push(served.unwrap());
        }
        world.start(start_route).await;
        let deps = Deps {
            bus: world.bus.clone(),
            db: world.db.clone(),
            metrics: Metrics::default(),
            base_domain: "example.org".to_owned(),
        };
        let config = Config {
            look_interval_ms: 5,
            state_fresh_ms: 1,
            test_ring_ms: 1,
            ..Config::default()
        };
        let running = start_registrar(
            deps,
            trunkline_companion::Config::default(),
            config,
            world.stop.clone(),
        );
        let running = running.await.unwrap();
        world.also(running);
        let line = Self {
            world,
            pbx,
            _consumers: consumers,
        };
        // It has looked which Asterisks there are.
        line.until(|it| !it.asked.is_empty()).await;
        line
    }

    async fn until(&self, condition: impl Fn(&Asterisk) -> bool) {
        let waiting = async {
            while !self.pbx.with(|it| condition(it)) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("in time");
    }

    async fn trunk(&self, change: Value) -> Value {
        let mut body = json!({
            "customer_id": DEFAULT_CUSTOMER, "name": "carrier", "host": "127.0.0.1",
            "username": "cust", "password": "s3cret;x,y",
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.world.json(REGISTRAR, Post, "/v1/trunks", body).await
    }
}

fn id(row: &Value) -> &str {
    row["id"].as_str().unwrap()
}

#[tokio::test]
async fn a_trunk_is_in_every_asterisk_and_has_a_provider_and_its_password_stays() {
    let line = Line::new().await;
    line.pbx
        .with(|it| it.registration = "Registered".to_owned());
    let made = line
        .trunk(json!({"caller_id": "+4930123456", "country": "de"}))
        .await;
    assert_eq!(
        (made["state"].as_str(), made["has_password"].as_bool()),
        (Some("pushed"), Some(true))
    );
    let name = format!("trunk-{}", id(&made));
    let kinds = ["aor", "auth", "endpoint", "identify", "registration"];
    assert_eq!(line.pbx.names(), kinds.map(|kind| format!("{kind}/{name}")));
    let value = |object: &str, attribute: &str| {
        line.pbx
            .value(&format!("{object}/{name}"), attribute)
            .unwrap()
    };
    assert_eq!(value("auth", "password"), "s3cret;x,y");
    assert_eq!(value("endpoint", "TRUNKLINE_DOMAIN"), "pstn.example.org");
    assert_eq!(value("registration", "contact_user"), "+4930123456");

    let one = format!("/v1/trunks/{}", id(&made));
    let shown = line.world.json(REGISTRAR, Get, &one, Value::Null).await;
    assert_eq!(shown["registration"]["state"], "registered");
    assert!(!shown.to_string().contains("s3cret"), "{shown}");
    let provider = format!("/v1/providers/{}", made["provider_id"].as_str().unwrap());
    let provider = line
        .world
        .json(Service::ROUTE, Get, &provider, Value::Null)
        .await;
    assert_eq!(provider["hostname"], format!("{}.trunk.invalid", id(&made)));
    assert_eq!(provider["metadata"]["caller_id"], "+4930123456");
    line.world.end().await;
}

#[tokio::test]
async fn a_change_keeps_what_is_left_out_and_a_removal_takes_everything_away() {
    let line = Line::new().await;
    let made = line.trunk(json!({})).await;
    let (one, name) = (
        format!("/v1/trunks/{}", id(&made)),
        format!("trunk-{}", id(&made)),
    );
    let changed = json!({"name": "other", "mode": "address", "caller_id": "+4930999999"});
    let changed = line.world.json(REGISTRAR, Put, &one, changed).await;
    assert_eq!(
        (changed["username"].as_str(), changed["state"].as_str()),
        (Some("cust"), Some("pushed"))
    );
    assert_eq!(
        line.pbx.value(&format!("auth/{name}"), "password").unwrap(),
        "s3cret;x,y"
    );
    assert!(!line.pbx.names().contains(&format!("registration/{name}")));
    let of_provider = format!("/v1/providers/{}", made["provider_id"].as_str().unwrap());
    let provider = line
        .world
        .json(Service::ROUTE, Get, &of_provider, Value::Null)
        .await;
    assert_eq!(
        (
            provider["name"].as_str(),
            provider["metadata"]["caller_id"].as_str()
        ),
        (Some("other"), Some("+4930999999"))
    );

    // A route leads over it.
    let route = json!({"customer_id": DEFAULT_CUSTOMER, "provider_id": made["provider_id"], "target": "+49"});
    let route = line
        .world
        .json(Service::ROUTE, Post, "/v1/routes", route)
        .await;
    let refused = line
        .world
        .refusal(REGISTRAR, Delete, &one, Value::Null)
        .await;
    assert_eq!(refused, (409, "TRUNK_IN_USE".to_owned()));
    let route = format!("/v1/routes/{}", id(&route));
    line.world
        .json(Service::ROUTE, Delete, &route, Value::Null)
        .await;

    let gone = line.world.json(REGISTRAR, Delete, &one, Value::Null).await;
    assert_eq!(
        (gone["state"].as_str(), gone["has_password"].as_bool()),
        (Some("disabled"), Some(false))
    );
    assert!(line.pbx.names().is_empty());
    let provider = line
        .world
        .json(Service::ROUTE, Get, &of_provider, Value::Null)
        .await;
    assert!(!provider["tm_delete"].is_null());
    line.world.json(REGISTRAR, Delete, &one, Value::Null).await;
    let refused = line.world.refusal(REGISTRAR, Put, &one, json!({})).await;
    assert_eq!(refused, (409, "TRUNK_DELETED".to_owned()));
    line.world.end().await;
}

#[tokio::test]
async fn an_asterisk_that_comes_again_gets_everything_anew_and_loses_what_is_not_wanted() {
    let line = Line::new().await;
    let made = line.trunk(json!({})).await;
    let endpoint = format!("endpoint/trunk-{}", id(&made));
    line.pbx.with(|it| {
        // Started anew: its memory is empty. It has an endpoint of its own, and one
        // that was taken away while it was not there.
        it.objects.clear();
        it.objects.insert("endpoint/theirs".to_owned(), Vec::new());
        let ours = vec![("TRUNKLINE_VERSION".to_owned(), "1-1".to_owned())];
        it.objects.insert("endpoint/trunk-gone".to_owned(), ours);
        it.since += 1;
    });
    line.until(|it| {
        it.objects.contains_key(&endpoint) && !it.objects.contains_key("endpoint/trunk-gone")
    })
    .await;
    assert!(line.pbx.names().contains(&"endpoint/theirs".to_owned()));

    // A version that somebody else has left there.
    line.pbx.with(|it| {
        let fields = it.objects.get_mut(&endpoint).unwrap();
        for field in fields
            .iter_mut()
            .filter(|field| field.0 == "TRUNKLINE_VERSION")
        {
            field.1 = "1-2".to_owned();
        }
        it.since += 1;
    });
    line.until(|it| {
        let fields = it.objects.get(&endpoint);
        fields.is_some_and(|fields| {
            !fields.contains(&("TRUNKLINE_VERSION".to_owned(), "1-2".to_owned()))
        })
    })
    .await;
    line.world.end().await;
}

#[tokio::test]
async fn a_refusal_of_asterisk_is_told_in_the_resource_and_made_good_later() {
    let line = Line::new().await;
    line.pbx
        .with(|it| it.refuses.insert("identify".to_owned(), 400));
    let made = line.trunk(json!({})).await;
    assert_eq!(made["state"], "failed");
    let detail = made["asterisks"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("cannot be resolved"), "{detail}");
    let report = format!("/v1/trunks/{}/test", id(&made));
    let found = line.world.json(REGISTRAR, Post, &report, json!({})).await;
    assert_eq!(
        (found["ok"].as_bool(), found["result"].as_str()),
        (Some(false), Some("not_pushed"))
    );

    line.pbx.with(|it| {
        it.refuses.clear();
        it.since += 1;
    });
    let endpoint = format!("endpoint/trunk-{}", id(&made));
    line.until(|it| it.objects.contains_key(&endpoint)).await;
    line.world.end().await;
}

#[tokio::test]
async fn the_test_of_a_trunk_says_what_is_wrong() {
    let line = Line::new().await;
    let nobody = {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap().port()
    };
    line.pbx
        .with(|it| it.registration = "Unregistered".to_owned());
    for (change, result) in [
        (json!({"enabled": false}), "disabled"),
        (json!({"host": "nowhere.invalid"}), "host_unresolved"),
        (json!({"port": nobody}), "nobody_answers"),
        (json!({"port": nobody, "mode": "address"}), "nobody_answers"),
    ] {
        let made = line.trunk(change.clone()).await;
        let test = format!("/v1/trunks/{}/test", id(&made));
        let report = line.world.json(REGISTRAR, Post, &test, json!({})).await;
        assert_eq!(report["result"], result, "{change}: {report}");
        assert!(!report["hint"].as_str().unwrap().is_empty(), "{report}");
    }
    line.pbx
        .with(|it| it.registration = "Registered".to_owned());
    let made = line.trunk(json!({})).await;
    let test = format!("/v1/trunks/{}/test", id(&made));
    let report = line.world.json(REGISTRAR, Post, &test, json!({})).await;
    assert_eq!(
        (report["result"].as_str(), report["ok"].as_bool()),
        (Some("ready"), Some(true))
    );
    let refused = line
        .world
        .refusal(REGISTRAR, Post, &test, json!({"to": "030"}))
        .await;
    assert_eq!(refused, (400, "INVALID_ARGUMENT".to_owned()));

    line.pbx.with(|it| it.connected = false);
    let report = line.world.json(REGISTRAR, Post, &test, json!({})).await;
    assert_eq!(report["result"], "no_asterisk");
    line.world.end().await;
}

#[tokio::test]
async fn what_cannot_stand_in_a_setting_of_asterisk_is_refused() {
    let line = Line::new().await;
    for (field, value) in [
        ("host", json!("127.0.0.1;lr")),
        ("host", json!("a\nb")),
        ("username", json!("a@b;c")),
        ("password", json!("a\r\nb")),
        ("from_user", json!("x>")),
        ("matches", json!(["0.0.0.0/0"])),
        ("codecs", json!("ulaw\nallow=all")),
        ("transport", json!("tls")),
    ] {
        let mut body =
            json!({"customer_id": DEFAULT_CUSTOMER, "host": "127.0.0.1", "username": "u"});
        body[field] = value.clone();
        let refused = line
            .world
            .refusal(REGISTRAR, Post, "/v1/trunks", body)
            .await;
        assert_eq!(
            refused,
            (400, "INVALID_ARGUMENT".to_owned()),
            "{field} {value}"
        );
    }
    assert!(line.pbx.names().is_empty());
    line.world.end().await;
}

#[tokio::test]
async fn a_phone_gets_a_password_once_and_a_name_that_nobody_else_has() {
    let line = Line::new().await;
    let world = &line.world;
    let body = json!({"customer_id": DEFAULT_CUSTOMER, "extension": "1001", "name": "Ann"});
    let ann = world
        .json(REGISTRAR, Post, "/v1/phones", body.clone())
        .await;
    let password = ann["generated_password"].as_str().unwrap().to_owned();
    assert_eq!(
        (ann["username"].as_str(), ann["state"].as_str()),
        (Some("1001"), Some("pushed"))
    );
    assert_eq!(line.pbx.value("auth/1001", "password").unwrap(), password);
    let one = format!("/v1/phones/{}", id(&ann));
    let shown = world.json(REGISTRAR, Get, &one, Value::Null).await;
    assert!(!shown.to_string().contains(&password), "{shown}");
    assert_eq!(shown["registered"], "yes");

    let refused = world.refusal(REGISTRAR, Post, "/v1/phones", body).await;
    assert_eq!(refused, (409, "PHONE_ALREADY_EXISTS".to_owned()));
    let other =
        json!({"customer_id": trunkline_model::id::CustomerId::random(), "extension": "1001"});
    let bob = world.json(REGISTRAR, Post, "/v1/phones", other).await;
    assert!(
        bob["username"].as_str().unwrap().starts_with("1001-"),
        "{bob}"
    );

    let anew = world
        .json(REGISTRAR, Post, &format!("{one}/password"), json!({}))
        .await;
    let again = anew["generated_password"].as_str().unwrap();
    assert_ne!(again, password);
    assert_eq!(line.pbx.value("auth/1001", "password").unwrap(), again);
    let weak = world
        .refusal(REGISTRAR, Put, &one, json!({"password": "1234"}))
        .await;
    assert_eq!(weak, (400, "INVALID_ARGUMENT".to_owned()));

    world.json(REGISTRAR, Delete, &one, Value::Null).await;
    assert!(line.pbx.names().iter().all(|name| !name.ends_with("/1001")));
    // Its extension and its name are free again.
    let body =
        json!({"customer_id": DEFAULT_CUSTOMER, "extension": "1001", "password": "correct horse"});
    let anew = world.json(REGISTRAR, Post, "/v1/phones", body).await;
    assert_eq!(
        (anew["username"].as_str(), anew.get("generated_password")),
        (Some("1001"), None)
    );
    line.world.end().await;
}

#[tokio::test]
async fn a_deleted_customers_phones_go_and_his_trunks_are_switched_off() {
    let line = Line::new().await;
    let trunk = line.trunk(json!({})).await;
    let body = json!({"customer_id": DEFAULT_CUSTOMER, "extension": "1001"});
    let phone = line.world.json(REGISTRAR, Post, "/v1/phones", body).await;
    let other =
        json!({"customer_id": trunkline_model::id::CustomerId::random(), "extension": "1002"});
    line.world.json(REGISTRAR, Post, "/v1/phones", other).await;
    let gone = json!({"id": DEFAULT_CUSTOMER});
    let event = trunkline_bus::Event::new(Service::CUSTOMER, "customer_deleted", &gone);
    let exchange = Service::CUSTOMER.event_exchange();
    let told = line
        .world
        .bus
        .publish(&exchange, Some(uuid::Uuid::from_u128(7)), event.encode());
    drop(told.await.unwrap());
    line.until(|it| it.objects.keys().all(|key| key.ends_with("/1002")))
        .await;
    let path = format!("/v1/phones/{}", id(&phone));
    let shown = line.world.json(REGISTRAR, Get, &path, Value::Null).await;
    assert!(shown["tm_delete"].is_string(), "{shown}");
    let path = format!("/v1/trunks/{}", id(&trunk));
    let shown = line.world.json(REGISTRAR, Get, &path, Value::Null).await;
    assert_eq!(
        (shown["enabled"].as_bool(), shown["state"].as_str()),
        (Some(false), Some("disabled"))
    );
    line.world.end().await;
}
