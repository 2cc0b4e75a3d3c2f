use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};
use super::chapters::{up_with as up, quoted};
use super::side::Side;
use trunkline_rig::Sound;

async fn file(side: &Side, name: &str) -> Result<()> {
    let bytes = side.bytes(&format!("/ari/recordings/stored/{name}/file")).await?;
    match Sound::parse(&bytes) {
        Ok(s) => eprintln!("  {name}: {:.2} s, {:.1} dB, 700: {:.2}, 440: {:.2}", s.seconds(), s.loudness(), s.share_of(700), s.share_of(440)),
        Err(e) => eprintln!("  {name}: {e} {} bytes", bytes.len()),
    }
    Ok(())
}
async fn pause(ms: u64) { tokio::time::sleep(std::time::Duration::from_millis(ms)).await; }

async fn snoops(side: &mut Side, id: &str, rec: Value) -> Result<()> {
    for d in ["in", "out"] {
        let s = format!("{id}-{d}");
        side.post(&format!("/ari/channels/{id}/snoop"), json!({"app": "voipbin", "spy": d, "appArgs": "context=call-record", "snoopId": s})).await?;
        side.hear("StasisStart", &[&quoted(&s)]).await?;
        let mut body = json!({"name": format!("{id}_{d}"), "format": "wav", "maxDurationSeconds": 0, "maxSilenceSeconds": 0, "beep": false, "terminateOn": "none", "ifExists": "fail"});
        body.as_object_mut().unwrap().extend(rec.as_object().unwrap().clone());
        side.post(&format!("/ari/channels/{s}/record"), body).await?;
        side.hear("RecordingStarted", &[&format!("{id}_{d}")]).await?;
    }
    Ok(())
}
pub(super) async fn all(side: &mut Side) -> Result<()> {
    for (id, number) in [("digit", "+4930253"), ("quiet", "+4930272"), ("echo", "+4930220")] {
        eprintln!("== {id}");
        up(side, id, number).await?;
        snoops(side, id, json!({})).await?;
        pause(1000).await;
        side.post(&format!("/ari/channels/{id}/play"), json!({"media": ["sound:tt-weasels"], "playbackId": id})).await?;
        if id == "digit" { let e = side.hear("ChannelDtmfReceived", &[&quoted(id)]).await?; eprintln!("{e}"); }
        pause(5000).await;
        side.delete(&format!("/ari/channels/{id}"), Value::Null).await?;
        for d in ["in", "out"] { let e = side.hear("RecordingFinished", &[&format!("{id}_{d}")]).await?; eprintln!("{e}"); file(side, &format!("{id}_{d}")).await?; }
    }
    for (id, number, rec) in [("dur", "+4930253", json!({"maxDurationSeconds": 2})), ("qdur", "+4930272", json!({"maxDurationSeconds": 2})), ("qsil", "+4930272", json!({"maxSilenceSeconds": 2})), ("dsil", "+4930253", json!({"maxSilenceSeconds": 2})), ("key", "+4930253", json!({"terminateOn": "any"}))] {
        eprintln!("== {id}");
        up(side, id, number).await?;
        snoops(side, id, rec).await?;
        let started = std::time::Instant::now();
        pause(6000).await;
        for d in ["in", "out"] { match side.seen_now("RecordingFinished", &format!("{id}_{d}")) { Some(e) => { eprintln!("{e}"); file(side, &format!("{id}_{d}")).await?; } None => eprintln!("{d}: not finished after {:?}", started.elapsed()) } }
        side.delete(&format!("/ari/channels/{id}"), Value::Null).await?;
        for d in ["in", "out"] { let e = side.hear("RecordingFinished", &[&format!("{id}_{d}")]).await?; eprintln!("{e}"); file(side, &format!("{id}_{d}")).await?; }
    }
    eprintln!("== direct record, terminateOn any");
    up(side, "direct", "+4930255").await?;
    side.post("/ari/bridges/bridge-direct/removeChannel", json!({"channel": "direct"})).await?;
    side.post("/ari/channels/direct/record", json!({"name": "direct", "format": "wav", "terminateOn": "any"})).await?;
    let e = side.hear("RecordingFinished", &["direct"]).await?; eprintln!("{e}"); file(side, "direct").await?;
    side.post("/ari/channels/direct/record", json!({"name": "direct2", "format": "wav", "terminateOn": "5"})).await?;
    side.post("/ari/channels/direct/dtmf", json!({"dtmf": "12#", "between": 50, "duration": 80})).await?;
    side.post("/ari/channels/direct/dtmf", json!({"dtmf": ""})).await?;
    side.post("/ari/channels/direct/dtmf", json!({"dtmf": "xyz"})).await?;
    pause(1000).await;
    side.delete("/ari/channels/direct", Value::Null).await?;
    for path in ["asterisk/info", "asterisk/modules", "asterisk/modules/res_ari.so", "asterisk/modules/nothing.so", "endpoints", "endpoints/PJSIP", "endpoints/PJSIP/call-out", "sounds/beep", "asterisk/variable?variable=BASE_DOMAIN", "asterisk/logging"] {
        let (s, v) = side.quietly(Method::GET, &format!("/ari/{path}"), &Value::Null).await?;
        let t = v.to_string();
        eprintln!("{path}: {s} {}", t.chars().take(700).collect::<String>());
    }
    let f = |a: &[(&str, &str)]| json!({"fields": a.iter().map(|(k, v)| json!({"attribute": k, "value": v})).collect::<Vec<_>>()});
    let base = "/ari/asterisk/config/dynamic/res_pjsip";
    for (m, p, b) in [
        ("GET", "auth/a1", Value::Null), ("DELETE", "auth/a1", Value::Null),
        ("PUT", "auth/a1", f(&[("auth_type", "userpass"), ("username", "1001"), ("password", "x")])),
        ("GET", "auth/a1", Value::Null),
        ("PUT", "aor/a1", f(&[("max_contacts", "2"), ("remove_existing", "yes"), ("qualify_frequency", "0")])),
        ("GET", "aor/a1", Value::Null),
        ("PUT", "endpoint/a1", f(&[("transport", "transport-udp"), ("context", "call-in"), ("disallow", "all"), ("allow", "ulaw,alaw"), ("auth", "a1"), ("aors", "a1"), ("direct_media", "no")])),
        ("GET", "endpoint/a1", Value::Null),
        ("PUT", "endpoint/a2", f(&[("nonsense", "x")])),
        ("PUT", "endpoint/a2", f(&[("allow", "nonsense")])),
        ("PUT", "endpoint/call-out", f(&[("allow", "ulaw")])),
        ("GET", "endpoint/call-out", Value::Null),
        ("DELETE", "endpoint/call-out", Value::Null),
        ("PUT", "nonsense/x", f(&[])), ("GET", "nonsense/x", Value::Null), ("DELETE", "nonsense/x", Value::Null),
        ("PUT", "identify/i1", f(&[("endpoint", "a1"), ("match", "127.0.0.9")])),
        ("PUT", "registration/r1", f(&[("transport", "transport-udp"), ("server_uri", "sip:127.0.0.1:9"), ("client_uri", "sip:x@127.0.0.1:9")])),
        ("GET", "registration/r1", Value::Null),
        ("PUT", "auth/a1", Value::Null),
        ("PUT", "auth/a3", json!({"fields": "x"})),
        ("PUT", "auth/a3", json!({})),
        ("DELETE", "endpoint/a1", Value::Null), ("DELETE", "endpoint/a1", Value::Null), ("GET", "endpoint/a1", Value::Null),
        ("DELETE", "registration/r1", Value::Null),
    ] {
        let (s, v) = side.quietly(Method::from_bytes(m.as_bytes())?, &format!("{base}/{p}"), &b).await?;
        let t = v.to_string();
        eprintln!("{m} {p}: {s} {}", t.chars().take(900).collect::<String>());
        if p == "endpoint/a1" && m != "GET" { let (s, v) = side.quietly(Method::GET, "/ari/endpoints/PJSIP/a1", &Value::Null).await?; eprintln!("  {s} {v}"); }
    }
    Ok(())
}
