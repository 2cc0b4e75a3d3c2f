//! What happens on a call: keys, speech, sounds, echo (chapters 03 §5–7, 04 §8–9).

use serde_json::{Value, json};
use trunkline_bus::Method::{Get, Post};
use trunkline_bus::{Consumer, Response};
use trunkline_companion::DEFAULT_CUSTOMER;
use trunkline_it::asterisk::Manner;
use trunkline_it::{House, SOURCE, event, skip_pauses, until};
use trunkline_model::service::Service;
use uuid::Uuid;

use crate::talk::Talk;

const SPEECH: &str = "http://127.0.0.1:9/media/0123456789012345678901234567890123456789.wav";

async fn speaker(house: &House) -> Consumer {
    let answer = |_: &str, uri: &str, asked: &Value| {
        assert_eq!(uri, "/v1/speeches");
        assert!(asked["text"].is_string());
        Response::json(&json!({ "media_filepath": SPEECH }))
    };
    house.stand_in(Service::TTS, answer).await
}

#[tokio::test]
async fn keys_are_counted_once_and_kept_in_asterisks_order() {
    let receive = json!({"type": "digits_receive", "option": {"duration": 60000, "length": 3}});
    let mut talk = Talk::begin(&json!([receive, {"type": "hangup"}])).await;
    talk.comes_to("digits_receive").await;
    talk.press("2", 200).await;
    talk.press("2", 200).await;
    assert_eq!(talk.digits().await, "2");
    // An event that another process was slower with.
    talk.press("1", 100).await;
    talk.press("x", 150).await;
    talk.press("#", 300).await;
    assert_eq!(talk.ended().await, 3);
    let outcome = talk.outcome().await;
    assert_eq!(outcome["digits"], "12#");
    assert_eq!(outcome["sip_code"], 0);
    assert_eq!(outcome["destination"]["target"], "+493012345620");
    assert_eq!(outcome["source"]["target"], SOURCE);
    talk.press("9", 400).await;
    assert_eq!(talk.outcome().await["digits"], "12#", "the call has ended");
    talk.house.stop().await;
}

#[tokio::test]
async fn a_call_keeps_so_many_keys_and_no_more() {
    let config = trunkline_call::Config {
        digits_per_call: 2,
        ..trunkline_call::Config::default()
    };
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(House::start_with(config).await, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    for (digit, at) in [("1", 1), ("2", 2), ("3", 3)] {
        talk.press(digit, at).await;
    }
    assert_eq!(talk.outcome().await["digits"], "12");
    assert_eq!(
        talk.digits().await,
        "2",
        "outside of digits_receive the last one counts"
    );
    talk.house.stop().await;
}

#[tokio::test]
async fn a_key_waits_for_a_flow_manager_that_is_busy() {
    skip_pauses();
    let receive = json!({"type": "digits_receive", "option": {"duration": 60000, "length": 1}});
    let mut talk = Talk::begin(&json!([receive, {"type": "hangup"}])).await;
    talk.comes_to("digits_receive").await;
    let busy = "flow-manager POST /v1/variables/{id}/variables";
    talk.house.bus.busy.set(busy, 1);
    talk.press("7", 100).await;
    assert_eq!(talk.ended().await, 1, "told once");
    assert_eq!(talk.outcome().await["digits"], "7");
    talk.house.stop().await;
}

#[tokio::test]
async fn a_key_ends_a_prompt_and_counts_for_what_comes_behind_it() {
    let house = House::start().await;
    let _speaker = speaker(&house).await;
    let prompt = json!({"type": "talk", "option": {"text": "Press a key.", "language": "en-US", "digits_handle": "next"}});
    let receive = json!({"type": "digits_receive", "option": {"duration": 60000, "length": 1}});
    let actions = json!([prompt, receive, {"type": "hangup"}]);
    let mut talk = Talk::begin_in(house, &actions).await;
    until(|| !talk.asterisk.playing().is_empty()).await;
    let media = talk.asterisk.bodies("POST", "/play");
    assert_eq!(media[0]["media"], json!([format!("sound:{SPEECH}")]));
    talk.press("5", 100).await;
    assert_eq!(talk.ended().await, 1);
    assert!(talk.asterisk.playing().is_empty(), "it was stopped");
    assert_eq!(talk.outcome().await["digits"], "5");
    talk.house.stop().await;
}

#[tokio::test]
async fn a_prompt_is_heard_to_its_end_and_an_asynchronous_one_is_not_waited_for() {
    let house = House::start().await;
    let _speaker = speaker(&house).await;
    let actions = json!([
        {"type": "talk", "option": {"text": "First."}},
        {"type": "talk", "option": {"text": "Second.", "async": true}},
        {"type": "beep"},
        {"type": "hangup"},
    ]);
    let mut talk = Talk::begin_in(house, &actions).await;
    until(|| talk.asterisk.playing().len() == 1).await;
    let first = talk.asterisk.playing().remove(0);
    talk.press("5", 100).await;
    assert_eq!(
        talk.asterisk.playing(),
        std::slice::from_ref(&first),
        "keys do not stop it"
    );
    talk.asterisk.finish_playback(&first).await;
    talk.comes_to("beep").await;
    until(|| talk.asterisk.playing().len() == 2).await;
    let played = talk.asterisk.bodies("POST", "/play");
    let beep = played
        .iter()
        .find(|play| play["media"] == json!(["sound:beep"]))
        .expect("a beep");
    let beep = beep["playbackId"].as_str().expect("an id");
    talk.asterisk.finish_playback(beep).await;
    talk.ended().await;
    talk.house.stop().await;
}

#[tokio::test]
async fn a_text_that_nobody_can_speak_is_left_out() {
    let house = House::start().await;
    let _broken = house
        .stand_in(Service::TTS, |_, _, _| Response::bare(500))
        .await;
    let actions = json!([{"type": "talk", "option": {"text": "Hello."}}, {"type": "hangup"}]);
    let mut talk = Talk::begin_in(house, &actions).await;
    talk.ended().await;
    assert_eq!(talk.outcome().await["hangup_reason"], "normal");
    talk.house.stop().await;
}

#[tokio::test]
async fn digits_are_sent_and_their_time_is_waited_for() {
    let send = json!({"type": "digits_send", "option": {"digits": "1a#", "duration": 100}});
    let mut talk = Talk::begin(&json!([send, {"type": "hangup"}])).await;
    talk.ended().await;
    assert_eq!(
        talk.asterisk.bodies("POST", "/dtmf"),
        [json!({"dtmf": "1A#", "duration": 100, "before": 0, "between": 0, "after": 0})]
    );
    talk.house.stop().await;
}

#[tokio::test]
async fn echo_is_bounded_and_its_channel_comes_back_into_the_calls_bridge() {
    let echo = json!({"type": "echo", "option": {"duration": 1500}});
    let mut talk = Talk::begin(&json!([echo, {"type": "hangup"}])).await;
    until(|| talk.asterisk.asked("POST", "/continue") == 1).await;
    assert_eq!(
        talk.asterisk.bodies("POST", "/variable"),
        [json!({"variable": "TRUNKLINE_ECHO_SECONDS", "value": "2"})]
    );
    let away = &talk.asterisk.bodies("POST", "/continue")[0];
    assert_eq!(
        (away["context"].as_str(), away["priority"].as_i64()),
        (Some("svc-echo"), Some(1))
    );
    let joined = talk.asterisk.asked("POST", "/addChannel");
    let args = json!({"args": ["context_type=call", "context=call-svc", "context_from=svc-echo"]});
    talk.asterisk
        .event("StasisStart", &talk.channel, &args)
        .await;
    assert_eq!(talk.asterisk.asked("POST", "/addChannel"), joined + 1);
    talk.ended().await;
    talk.house.stop().await;
}

#[tokio::test]
async fn somebody_may_speak_play_and_stop_without_the_flow_noticing() {
    let house = House::start().await;
    let _speaker = speaker(&house).await;
    let sleep = json!({"type": "sleep", "option": {"duration": 60000}});
    let mut talk = Talk::begin_in(house, &json!([sleep])).await;
    talk.comes_to("sleep").await;
    let text = json!({"text": "Hello.", "language": "en-US"});
    assert_eq!(talk.ask(Post, "/talk", &text).await, (200, Value::Null));
    let spoken = talk.asterisk.playing().remove(0);
    talk.asterisk.finish_playback(&spoken).await;
    let urls = json!({"media_urls": ["http://host/a.wav", "hello-world"]});
    assert_eq!(talk.ask(Post, "/play", &urls).await.0, 200);
    let played = talk.asterisk.bodies("POST", "/play");
    let media = json!(["sound:http://host/a.wav", "sound:hello-world"]);
    assert_eq!(played[1]["media"], media);
    assert_ne!(played[0]["playbackId"], played[1]["playbackId"]);
    assert_eq!(talk.ask(Post, "/media_stop", &Value::Null).await.0, 200);
    assert!(talk.asterisk.playing().is_empty());
    assert_eq!(
        talk.ask(Post, "/media_stop", &Value::Null).await.0,
        200,
        "nothing is played"
    );
    for bad in [
        json!({}),
        json!({"media_urls": ["foo:x"]}),
        json!({"media_urls": []}),
    ] {
        assert_eq!(talk.ask(Post, "/play", &bad).await.0, 400, "{bad}");
    }
    assert_eq!(talk.ask(Post, "/talk", &json!({"text": " "})).await.0, 400);
    assert_eq!(
        talk.ask(Post, "/talk", &Value::Null).await.0,
        400,
        "no body"
    );
    let digits = json!({"digits": "42"});
    assert_eq!(talk.ask(Post, "/digits", &digits).await, (200, Value::Null));
    assert_eq!(talk.ask(Get, "/digits", &Value::Null).await, (200, digits));
    let call = talk.ask(Get, "", &Value::Null).await.1;
    assert_eq!(call["action"]["type"], "sleep");
    assert_eq!(talk.ask(Post, "/hangup", &Value::Null).await.0, 200);
    talk.ended().await;
    let (status, told) = talk.ask(Post, "/talk", &text).await;
    assert_eq!(
        (status, &told["reason"]),
        (409, &json!("CALL_NOT_PROGRESSING"))
    );
    let nobody = format!("/v1/calls/{}/talk", Uuid::new_v4());
    assert_eq!(talk.house.call(Post, &nobody, Some(&text)).await.0, 404);
    talk.house.stop().await;
}

#[tokio::test]
async fn outcomes_name_the_sip_status_and_come_in_the_order_of_the_ids() {
    let house = House::start().await;
    let flow = house.allow_calls().await;
    let asterisk = house.asterisk(Manner::Still).await;
    let (_consumer, mut events) = house.events_of(Service::CALL).await;
    let body = json!({
        "flow_id": flow,
        "customer_id": DEFAULT_CUSTOMER,
        "source": {"type": "tel", "target": SOURCE},
        "destination": {"type": "tel", "target": "+493012345620"},
    });
    let mut ids = Vec::new();
    for (cause, tech_cause) in [(17, json!(486)), (16, Value::Null)] {
        let id = Uuid::new_v4().to_string();
        let uri = format!("/v1/calls/{id}");
        let (_, call) = house.call(Post, &uri, Some(&body)).await;
        let end = json!({"cause": cause, "tech_cause": tech_cause});
        let channel = call["channel_id"].as_str().expect("a channel");
        for _ in 0..2 {
            asterisk.event("ChannelDestroyed", channel, &end).await;
        }
        event(&mut events, "call_hangup").await;
        ids.push(id);
    }
    let asked = json!({"ids": [ids[1], Uuid::new_v4(), ids[0]]});
    let (status, outcomes) = house.call(Post, "/v1/calls/outcomes", Some(&asked)).await;
    assert_eq!(status, 200);
    let told = |n: usize| (outcomes[n]["id"].clone(), outcomes[n]["sip_code"].clone());
    assert_eq!(outcomes.as_array().expect("a list").len(), 2);
    assert_eq!(told(0), (json!(ids[1]), json!(0)));
    assert_eq!(told(1), (json!(ids[0]), json!(486)));
    let many = json!({"ids": vec![ids[0].clone(); 1001]});
    assert_eq!(
        house.call(Post, "/v1/calls/outcomes", Some(&many)).await.0,
        400
    );
    house.stop().await;
}
