//! Trunks and phones as data: a second Asterisk is the carrier, and a telephone.

use anyhow::Result;
use serde_json::{Value, json};
use trunkline_e2e::{PATIENCE, SOURCE, World};
use trunkline_rig::carrier::{BUSY, Carrier, PASSWORD, PHONE, PHONE_PASSWORD, USER};
use trunkline_rig::{Api, Trunkline, free_udp_port, id, tel};

/// What a call does when it is answered.
const TALK: &str = r#"[{"type": "sleep", "option": {"duration": 60000}}, {"type": "hangup"}]"#;

struct Line {
    world: World,
    carrier: Carrier,
    trunkline: Trunkline,
    api: Api,
}

impl Line {
    async fn start() -> Result<Self> {
        let world = World::start().await?;
        let registrar = world.asterisk.sip_address();
        let carrier = Carrier::start(&world.tools, &world.dir("carrier"), &registrar).await?;
        let ami_account = std::fs::read_to_string(world.asterisk.ami_account_file())?;
        let environment = [
            ("TRUNKLINE_AMI", world.asterisk.ami_address()),
            ("TRUNKLINE_AMI_ACCOUNT", ami_account.trim().to_owned()),
            ("TRUNKLINE_REGISTRAR__LOOK_INTERVAL_MS", "100".to_owned()),
        ];
        let environment: Vec<(&str, &str)> = environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let trunkline = world.trunkline(&environment).await?;
        let api = trunkline.api();
        Ok(Self {
            world,
            carrier,
            trunkline,
            api,
        })
    }

    /// A trunk to the carrier.
    async fn trunk(&self, change: Value) -> Result<Value> {
        let mut body = json!({
            "name": "carrier", "host": "127.0.0.1", "port": self.carrier.sip_port(),
            "username": USER, "password": PASSWORD, "country": "de",
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        let trunk = self.api.post("/v1/trunks", &body).await?;
        self.pushed(&format!("/v1/trunks/{}", id(&trunk)?)).await?;
        Ok(trunk)
    }

    /// The role may learn of the Asterisk a moment after the API does.
    async fn pushed(&self, path: &str) -> Result<()> {
        self.api
            .until(PATIENCE, "every Asterisk has it", async |api| {
                Ok(api.get(path).await?["state"] == "pushed")
            })
            .await
    }

    async fn registered(&self, trunk: &str) -> Result<()> {
        let path = format!("/v1/trunks/{trunk}");
        self.api
            .until(PATIENCE, "the trunk is registered", async |api| {
                Ok(api.get(&path).await?["registration"]["state"] == "registered")
            })
            .await
    }

    async fn test(&self, trunk: &str, body: Value) -> Result<Value> {
        self.api
            .post(&format!("/v1/trunks/{trunk}/test"), &body)
            .await
    }

    async fn flow(&self, actions: &str) -> Result<String> {
        let actions: Value = serde_json::from_str(actions)?;
        let flow = json!({"name": "talk", "actions": actions});
        id(&self.api.post("/v1/flows", &flow).await?)
    }

    /// Calls, and waits until somebody has answered.
    async fn answered(&self, destination: Value) -> Result<String> {
        let body = json!({"flow_id": self.flow(TALK).await?, "source": tel(SOURCE), "destinations": [destination]});
        let made = self.api.post("/v1/calls", &body).await?;
        let call = id(&made["calls"][0])?;
        self.is_answered(&call).await?;
        Ok(call)
    }

    async fn is_answered(&self, call: &str) -> Result<()> {
        let path = format!("/v1/calls/{call}");
        self.api
            .until(PATIENCE, "the call is answered", async |api| {
                let call = api.get(&path).await?;
                anyhow::ensure!(call["status"] != "hangup", "the call ended: {call}");
                Ok(call["status"] == "progressing")
            })
            .await
    }

    async fn hang_up(&self, call: &str) -> Result<()> {
        self.api
            .post(&format!("/v1/calls/{call}/hangup"), &json!({}))
            .await?;
        self.quiet().await
    }

    async fn quiet(&self) -> Result<()> {
        self.api
            .until(PATIENCE, "the carrier has no call", async |_| {
                Ok(self.carrier.calls().await?.is_empty())
            })
            .await
    }

    /// A number of ours whose callers are answered and kept.
    async fn number(&self, number: &str) -> Result<()> {
        let flow = self
            .flow(&TALK.replacen('[', r#"[{"type": "answer"}, "#, 1))
            .await?;
        let number = json!({"number": number, "call_flow_id": flow});
        self.api.post("/v1/numbers", &number).await?;
        Ok(())
    }

    /// Waits for an incoming call that was answered, and returns it.
    async fn incoming(&self, from: &str) -> Result<Value> {
        let found = async |api: &Api| -> Result<Option<Value>> {
            let calls = api.list("/v1/calls?direction=incoming").await?;
            Ok(calls
                .into_iter()
                .find(|call| call["status"] == "progressing" && call["source"]["target"] == from))
        };
        self.api
            .until(PATIENCE, "an incoming call is answered", async |api| {
                Ok(found(api).await?.is_some())
            })
            .await?;
        Ok(found(&self.api).await?.unwrap_or_default())
    }
}

#[tokio::test]
async fn trunk_is_registered_called_through_and_called_from() -> Result<()> {
    let mut line = Line::start().await?;
    let trunk = line.trunk(json!({"caller_id": SOURCE})).await?;
    let (trunk, provider) = (id(&trunk)?, trunk["provider_id"].clone());
    line.registered(&trunk).await?;
    let shown = line.api.get(&format!("/v1/trunks/{trunk}")).await?;
    assert!(!shown.to_string().contains(PASSWORD), "{shown}");

    // The route to everywhere leads to other callees: the longer prefix wins.
    let route = json!({"name": "city", "provider_id": provider, "target": "+4930231"});
    line.api.post("/v1/routes", &route).await?;
    let call = line.answered(tel("+493023100000123")).await?;
    let (state, shown) = line.carrier.calls().await?.remove(0);
    assert_eq!((state.as_str(), shown.as_str()), ("Up", SOURCE));
    line.hang_up(&call).await?;

    for (to, result, code) in [("+4930231000001", "answered", 0), (BUSY, "rejected", 486)] {
        let report = line.test(&trunk, json!({"to": to})).await?;
        assert_eq!(
            (report["result"].as_str(), report["sip_code"].as_i64()),
            (Some(result), Some(code)),
            "{report}"
        );
    }
    line.quiet().await?;

    // However the carrier writes the number.
    line.number("+4930231555555").await?;
    for (at, dialed) in [
        "+4930231555555",
        "4930231555555",
        "004930231555555",
        "030231555555",
    ]
    .into_iter()
    .enumerate()
    {
        let from = format!("+49151123456{at}");
        line.carrier
            .call(&format!("PJSIP/{dialed}@{USER}"), &from)
            .await?;
        let call = line.incoming(&from).await?;
        assert_eq!(call["destination"]["target"], "+4930231555555", "{dialed}");
        line.hang_up(&id(&call)?).await?;
    }

    // Asterisk has forgotten everything, and is told again.
    line.world.asterisk.down().await?;
    line.world.asterisk.up().await?;
    line.registered(&trunk).await?;
    let call = line.answered(tel("+4930231000002")).await?;
    line.hang_up(&call).await?;
    line.trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_with_a_trunk_is_told_and_the_next_route_is_taken() -> Result<()> {
    let line = Line::start().await?;
    let trunk = id(&line.trunk(json!({})).await?)?;
    line.registered(&trunk).await?;
    let one = format!("/v1/trunks/{trunk}");
    for (change, result, code, word) in [
        (
            json!({"password": "wrong"}),
            "registration_refused",
            401,
            "password",
        ),
        (
            json!({"password": PASSWORD, "username": "nobody"}),
            "registration_refused",
            401,
            "nobody",
        ),
        (
            json!({"username": USER, "host": "nowhere.invalid"}),
            "host_unresolved",
            0,
            "nowhere.invalid",
        ),
        (
            json!({"host": "127.0.0.1", "port": free_udp_port()?}),
            "nobody_answers",
            0,
            "Nobody answers",
        ),
    ] {
        line.api.put(&one, &change).await?;
        let report = line.test(&trunk, json!({"to": "+4930231000001"})).await?;
        assert_eq!(report["result"], result, "{change}: {report}");
        assert_eq!(report["ok"], false);
        let told = report["sip_code"].as_i64().unwrap_or_default();
        assert!(told == code || (code == 401 && told == 403), "{report}");
        assert!(
            report["detail"].as_str().unwrap_or_default().contains(word),
            "{report}"
        );
    }

    // Nobody is at the first trunk; Asterisk finds that out by itself, and refuses to
    // dial it. The second one takes over.
    line.api
        .put(&one, &json!({"port": line.carrier.sip_port()}))
        .await?;
    line.registered(&trunk).await?;
    let dead = json!({"mode": "address", "port": free_udp_port()?, "qualify": 1, "password": ""});
    let dead = line.trunk(dead).await?;
    let path = format!("/v1/trunks/{}", id(&dead)?);
    line.api
        .until(
            PATIENCE,
            "the dead trunk is known to be dead",
            async |api| Ok(api.get(&path).await?["reachable"] == "no"),
        )
        .await?;
    let good = line.api.get(&one).await?["provider_id"].clone();
    for (provider, target) in [
        (good, "+4930231"),
        (dead["provider_id"].clone(), "+49302310"),
    ] {
        let route = json!({"provider_id": provider, "target": target});
        line.api.post("/v1/routes", &route).await?;
    }
    let call = line.answered(tel("+4930231000003")).await?;
    assert_eq!(line.carrier.calls().await?.len(), 1);
    line.hang_up(&call).await?;
    line.trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn phone_registers_is_called_and_calls() -> Result<()> {
    let line = Line::start().await?;
    let body =
        json!({"extension": PHONE, "name": "desk", "password": PHONE_PASSWORD, "country": "de"});
    let phone = line.api.post("/v1/phones", &body).await?;
    assert_eq!(phone["username"], PHONE, "{phone}");
    let path = format!("/v1/phones/{}", id(&phone)?);
    line.pushed(&path).await?;
    line.api
        .until(PATIENCE, "the phone is registered", async |api| {
            Ok(api.get(&path).await?["registered"] == "yes")
        })
        .await?;
    let call = line
        .answered(json!({"type": "extension", "target": phone["id"]}))
        .await?;
    let shown = line.api.get(&format!("/v1/calls/{call}")).await?;
    assert_eq!(shown["destination"]["target_name"], PHONE, "{shown}");
    assert_eq!(line.carrier.calls().await?.len(), 1);
    line.hang_up(&call).await?;

    // It calls a number of ours the way people in that country do.
    line.number("+4930231555555").await?;
    line.carrier.call("PJSIP/030231555555@desk", PHONE).await?;
    let call = line.incoming(PHONE).await?;
    assert_eq!(call["destination"]["target"], "+4930231555555");
    line.hang_up(&id(&call)?).await?;
    line.trunkline.stop().await?;
    Ok(())
}
