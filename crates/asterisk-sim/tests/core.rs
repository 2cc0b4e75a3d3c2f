//! The simulated Asterisk as its owner sees it: answers, and the order of events.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use serde_json::json;
use world::World;

#[test]
fn a_call_that_is_answered_and_hung_up() {
    let mut world = World::new();
    world.dialed("c", "b", "+493001", json!({}));
    assert_eq!(
        world.taken(),
        [
            "ChannelDialplan Down",
            "ChannelVarset Down STASISSTATUS=",
            "StasisStart Down",
            "ChannelEnteredBridge Down",
            "Dial Down \"\"",
        ]
    );
    world.run(2_000);
    let mut rings = world.taken();
    rings[..2].sort();
    assert_eq!(
        rings,
        [
            "ChannelStateChange Ringing",
            "Dial Ringing RINGING",
            "ChannelStateChange Up",
            "Dial Up ANSWER",
        ]
    );
    assert_eq!(
        world
            .delete("/ari/channels/c", json!({"reason_code": "16"}))
            .0,
        204
    );
    world.run(10);
    assert_eq!(
        world.taken(),
        [
            "ChannelVarset Up RTPAUDIOQOS",
            "ChannelVarset Up RTPAUDIOQOSJITTER",
            "ChannelVarset Up RTPAUDIOQOSLOSS",
            "ChannelVarset Up RTPAUDIOQOSRTT",
            "ChannelVarset Up RTPAUDIOQOSMES",
            "ChannelHangupRequest Up 32 soft",
            "ChannelLeftBridge Up",
            "StasisEnd Up",
            "ChannelVarset Up STASISSTATUS=SUCCESS",
            "ChannelDestroyed Up 16",
        ]
    );
    assert_eq!(world.sim.next_due(), None);
    assert_eq!(world.get("/ari/channels/c").0, 404);
    assert_eq!(world.delete("/ari/bridges/b", json!(null)).0, 204);
    assert_eq!(world.taken(), ["BridgeDestroyed"]);
    assert_eq!(world.delete("/ari/bridges/b", json!(null)).0, 404);
}
