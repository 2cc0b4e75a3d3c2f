//! Objects of PJSIP that are kept in memory.

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::{gone, quoted};
use crate::same_script::side::Side;

const CONFIG: &str = "/ari/asterisk/config/dynamic/res_pjsip";

pub(super) async fn objects(side: &mut Side) -> Result<()> {
    let (put, get, delete) = (Method::PUT, Method::GET, Method::DELETE);
    let auth = [
        ("auth_type", "userpass"),
        ("username", "cust"),
        ("password", "secret"),
    ];
    let aor = [("contact", "sip:127.0.0.1:9"), ("qualify_frequency", "0")];
    let endpoint = [
        ("transport", "transport-udp"),
        ("context", "call-in"),
        ("outbound_auth", "t1"),
        ("aors", "t1"),
    ];
    let identify = [("endpoint", "t1"), ("match", "127.0.0.9/255.255.255.255")];
    for (kind, fields) in [
        ("auth", &auth[..]),
        ("aor", &aor),
        ("endpoint", &endpoint),
        ("identify", &identify),
    ] {
        let path = format!("{kind}/t1");
        side.object(get.clone(), &path, fields).await?;
        side.object(delete.clone(), &path, &[]).await?;
        side.object(put.clone(), &path, fields).await?;
        side.object(get.clone(), &path, fields).await?;
    }
    side.get("/ari/endpoints/PJSIP/t1").await?;
    // It can be called, although nobody is there.
    let body = json!({"endpoint": "PJSIP/498949@t1", "app": "voipbin", "channelId": "by-trunk"});
    side.post("/ari/channels/create", body).await?;
    side.hear("StasisStart", &[&quoted("by-trunk")]).await?;
    side.post("/ari/channels/by-trunk/dial", json!({"timeout": 1}))
        .await?;
    gone(side, "by-trunk").await?;
    // Nobody is known by nothing.
    side.object(put.clone(), "identify/t2", &identify[..1])
        .await?;
    for path in [
        "auth/t2",
        "endpoint/call-out",
        "nonsense/t1",
        "../nonsense/auth/t1",
    ] {
        for method in [&put, &get, &delete] {
            side.object(method.clone(), path, &[]).await?;
        }
    }
    for path in ["auth/t1", "auth/t3"] {
        for body in [Value::Null, json!({})] {
            side.ask(Method::PUT, &format!("{CONFIG}/{path}"), body)
                .await?;
        }
    }
    for kind in ["auth", "aor", "endpoint", "identify"] {
        side.object(delete.clone(), &format!("{kind}/t1"), &[])
            .await?;
    }
    side.get("/ari/endpoints/PJSIP/t1").await?;
    let body = json!({"endpoint": "PJSIP/498949@t1", "app": "voipbin", "channelId": "by-trunk"});
    side.post("/ari/channels/create", body).await?;
    Ok(())
}
