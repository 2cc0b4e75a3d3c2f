//! What happens on a call, heard and spoken by a real Asterisk: a prompt, a key, a
//! recording, an echo, keys that we send.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use trunkline_e2e::{PATIENCE, SOURCE, World, number};
use trunkline_rig::{Api, Sound, id, tone_of};

/// Calls a number with a flow and returns the call's id.
async fn call(api: &Api, actions: &Value, to: &str) -> Result<String> {
    let flow = json!({"name": "on a call", "actions": actions});
    let flow = id(&api.post("/v1/flows", &flow).await?)?;
    let body = json!({
        "flow_id": flow,
        "source": {"type": "tel", "target": SOURCE},
        "destinations": [{"type": "tel", "target": to}],
    });
    let made = api.post("/v1/calls", &body).await?;
    id(&made["calls"][0])
}

async fn ended(api: &Api, id: &str) -> Result<Value> {
    api.until(PATIENCE, "the call has ended", async |api| {
        Ok(api.outcome(id).await?["status"] == "hangup")
    })
    .await?;
    api.outcome(id).await
}

/// The first recording of a call.
async fn recording(api: &Api, outcome: &Value) -> Result<Value> {
    let id = outcome["recording_ids"][0].as_str();
    let id = id.context("no recording")?;
    api.get(&format!("/v1/recordings/{id}")).await
}

/// The engine that the checkout has.
fn voice(world: &World) -> String {
    let engine = world.tools.path("espeak-ng.sh").display().to_string();
    json!([engine, "-v", "{voice}", "-f", "{text}", "-w", "{output}"]).to_string()
}

#[tokio::test]
async fn a_key_is_heard_behind_a_prompt_and_the_call_is_recorded() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world
        .trunkline(&[("TRUNKLINE_TTS__COMMAND", &voice(&world))])
        .await?;
    let api = trunkline.api();
    let say = |text: &str| json!({"type": "talk", "option": {"text": text, "language": "en-US"}});
    let actions = json!([
        {"type": "recording_start"},
        say("Hello."),
        {"type": "digits_receive", "option": {"duration": 20_000, "length": 1}},
        say("Thank you. Good bye."),
        {"type": "recording_stop"},
        // Nothing that was pressed before is told again.
        {"type": "sleep", "option": {"duration": 1_000}},
        {"type": "hangup"},
    ]);
    let call = call(&api, &actions, &number(1, 57)).await?;
    let outcome = ended(&api, &call).await?;
    assert_eq!(outcome["digits"], "7", "{outcome}");
    let end = (&outcome["sip_code"], &outcome["hangup_cause"]);
    assert_eq!(end, (&json!(0), &json!(16)));
    let recording = recording(&api, &outcome).await?;
    assert_eq!(recording["status"], "ended", "{recording}");
    let call = api.get(&format!("/v1/calls/{call}")).await?;
    assert_eq!(call["recording_id"], "00000000-0000-0000-0000-000000000000");
    let listening = world.asterisk.channels().await?;
    assert!(listening.is_empty(), "{listening:?}");
    let folder = world.dir("trunkline").join("data/media/recording");
    let mut heard = Vec::new();
    for name in recording["filenames"].as_array().context("no files")? {
        let file = folder.join(name.as_str().context("no name")?);
        api.until(PATIENCE, "the file is in the media folder", async |_| {
            Ok(file.exists())
        })
        .await?;
        heard.push(Sound::parse(&std::fs::read(&file)?)?);
    }
    let [said, was_told] = &heard[..] else {
        anyhow::bail!("{} files", heard.len());
    };
    assert!(said.seconds() > 2.0, "{} s", said.seconds());
    assert!(said.share_of(tone_of(7)) > 0.5, "his voice, and no other");
    assert!(was_told.loudness() > -45.0, "{} dB", was_told.loudness());
    assert!(was_told.share_of(tone_of(7)) < 0.2, "our voice, not his");
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_key_ends_a_recording_that_asks_for_it_and_is_told_once() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let actions = json!([
        {"type": "recording_start", "option": {"end_of_key": "any"}},
        {"type": "sleep", "option": {"duration": 60_000}},
    ]);
    let call = call(&api, &actions, &number(1, 58)).await?;
    api.until(PATIENCE, "the recording has ended", async |api| {
        let outcome = api.outcome(&call).await?;
        Ok(!outcome["recording_ids"][0].is_null()
            && recording(api, &outcome).await?["status"] == "ended")
    })
    .await?;
    let still = api.get(&format!("/v1/calls/{call}")).await?;
    assert_eq!(still["status"], "progressing", "the call goes on");
    assert_eq!(
        still["recording_id"],
        "00000000-0000-0000-0000-000000000000"
    );
    api.until(PATIENCE, "nobody listens to the call", async |_| {
        Ok(world.asterisk.channels().await?.len() == 1)
    })
    .await?;
    api.post(&format!("/v1/calls/{call}/hangup"), &json!({}))
        .await?;
    let outcome = ended(&api, &call).await?;
    assert_eq!(outcome["digits"], "8", "{outcome}");
    let recording = recording(&api, &outcome).await?;
    let name = recording["filenames"][0].as_str().context("no file")?;
    let said = world
        .dir("trunkline")
        .join("data/media/recording")
        .join(name);
    api.until(PATIENCE, "the file is in the media folder", async |_| {
        Ok(said.exists())
    })
    .await?;
    let said = Sound::parse(&std::fs::read(&said)?)?;
    assert!(said.seconds() > 2.0, "{} s, up to his key", said.seconds());
    trunkline.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_echo_ends_in_time_and_its_channel_is_played_to_afterwards() -> Result<()> {
    let world = World::start().await?;
    let trunkline = world.trunkline(&[]).await?;
    let api = trunkline.api();
    let actions = json!([
        {"type": "echo", "option": {"duration": 1_000}},
        {"type": "stream_echo", "option": {"duration": 1_000}},
        {"type": "digits_send", "option": {"digits": "12#", "duration": 100, "interval": 50}},
        {"type": "play", "option": {"stream_urls": ["beep"]}},
        {"type": "sleep", "option": {"duration": 60_000}},
    ]);
    let call = call(&api, &actions, &number(1, 20)).await?;
    api.until(PATIENCE, "the call sleeps", async |api| {
        let call = api.get(&format!("/v1/calls/{call}")).await?;
        Ok(call["action"]["type"] == "sleep")
    })
    .await?;
    let made = api.get(&format!("/v1/calls/{call}")).await?;
    let bridges = world.asterisk.bridges().await?;
    let own = bridges
        .iter()
        .find(|bridge| bridge["id"] == made["bridge_id"]);
    let own = own.context("the call has no bridge")?;
    assert_eq!(
        own["channels"],
        json!([made["channel_id"]]),
        "it is back in its bridge"
    );
    api.post(&format!("/v1/calls/{call}/hangup"), &json!({}))
        .await?;
    let outcome = ended(&api, &call).await?;
    assert_eq!(outcome["hangup_reason"], "normal");
    trunkline.stop().await?;
    Ok(())
}
