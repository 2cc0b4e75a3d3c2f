//! A text is spoken, a real Asterisk fetches the sound and plays it, and what the
//! party heard is recorded, brought over, and fetched.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use trunkline_e2e::{PATIENCE, SOURCE, World, number};
use trunkline_media::wav::Sound;
use trunkline_rig::{Api, id};

/// espeak-ng of the checkout: `asterisk/get.sh` brings it.
const ENGINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../asterisk/espeak-ng.sh");

#[tokio::test]
async fn a_text_is_heard_and_its_recording_has_sound_in_it() -> Result<()> {
    let world = World::start().await?;
    let command =
        format!(r#"["{ENGINE}", "-v", "{{voice}}", "-f", "{{text}}", "-w", "{{output}}"]"#);
    let trunkline = world
        .trunkline(&[("TRUNKLINE_TTS__COMMAND", &command)])
        .await?;
    let api = trunkline.api();
    let flow = json!({"name": "speech", "actions": [
        {"type": "recording_start"},
        {"type": "talk", "option": {"text": "This is a test of the speech engine.", "language": "en-US"}},
        {"type": "recording_stop"},
        {"type": "hangup"},
    ]});
    let flow = id(&api.post("/v1/flows", &flow).await?)?;
    let body = json!({
        "flow_id": flow,
        "source": {"type": "tel", "target": SOURCE},
        "destinations": [{"type": "tel", "target": number(1, 20)}],
    });
    let call = id(&api.post("/v1/calls", &body).await?["calls"][0])?;
    api.until(PATIENCE, "the call has ended", async |api| {
        Ok(api.outcome(&call).await?["status"] == "hangup")
    })
    .await?;
    let outcome = api.outcome(&call).await?;
    let recording = outcome["recording_ids"][0]
        .as_str()
        .context("no recording")?
        .to_owned();
    api.until(PATIENCE, "the file is there", async |api| {
        Ok(file(api, &recording, "").await?.0 == 200)
    })
    .await?;

    let (_, whole) = file(&api, &recording, "").await?;
    let heard = Sound::read(&whole)?;
    ensure!(heard.rate == 8_000, "{} Hz", heard.rate);
    ensure!(heard.seconds() > 1.0, "only {} s", heard.seconds());
    ensure!(heard.rms() > 0.01, "silence: {}", heard.rms());
    let (status, part) = file(&api, &recording, "bytes=0-43").await?;
    ensure!(status == 206 && part == whole[..44], "{status}");

    let parts = api.get("/v1/diagnostics").await?;
    for what in ["speech engine", "media folder", "modules of", "clock of"] {
        let part = parts["parts"].as_array().into_iter().flatten();
        let part = part
            .filter(|part| {
                part["part"]
                    .as_str()
                    .is_some_and(|name| name.starts_with(what))
            })
            .collect::<Vec<&Value>>();
        ensure!(
            part.len() == 1 && part[0]["state"] == "ok",
            "{what}: {parts}"
        );
    }
    trunkline.stop().await?;
    Ok(())
}

/// What the party heard; `range` may be empty.
async fn file(api: &Api, recording: &str, range: &str) -> Result<(u16, Vec<u8>)> {
    let url = format!("{}/v1/recordings/{recording}/file?channel=out", api.base());
    let mut request = reqwest::Client::new().get(url).bearer_auth(api.token());
    if !range.is_empty() {
        request = request.header("range", range);
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.bytes().await?.to_vec()))
}
