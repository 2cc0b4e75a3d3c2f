//! Who binds to a role's events finds their exchange, before there was any.

use crate::amqp::Client;
use crate::world::{RoleProcess, World};

/// All that have events, but those that are processes of their own here.
const COMPANIONS: [&str; 10] = [
    "customer-manager",
    "billing-manager",
    "number-manager",
    "route-manager",
    "registrar-manager",
    "agent-manager",
    "storage-manager",
    "tts-manager",
    "outdial-manager",
    "flow-manager",
];

fn exchange(role: &str) -> String {
    match role {
        "asterisk-proxy" => "asterisk.all.event".to_owned(),
        _ => format!("bin-manager.{role}.event"),
    }
}

/// Whatever others have declared before is gone when they start.
async fn declared_by<const N: usize>(
    client: &Client,
    roles: [&str; N],
    start: impl Future<Output = RoleProcess>,
) {
    for role in roles {
        client.delete_exchange(&exchange(role)).await;
    }
    let process = start.await;
    for role in roles {
        assert!(client.has_exchange(&exchange(role)).await, "{role}");
    }
    assert!(process.process.stop().await.unwrap().success());
}

#[tokio::test]
async fn each_role_declares_its_exchange_at_its_start() {
    let world = World::start().await;
    let client = Client::connect(&world.broker.address()).await;
    let own: [(&str, &[&str]); 3] = [
        ("asterisk-proxy", &["--ari_address", "127.0.0.1:1"]),
        ("call-manager", &[]),
        ("campaign-manager", &[]),
    ];
    for (role, more) in own {
        declared_by(&client, [role], world.role(role, role, more)).await;
    }
    let names = COMPANIONS.join(",");
    declared_by(&client, COMPANIONS, world.roles(&names, "companions")).await;
}
