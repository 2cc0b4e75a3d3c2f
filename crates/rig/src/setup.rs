//! What an operator sets up, over the HTTP API: who carries calls, lists,
//! campaigns.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::api::Api;

/// Pause between two looks at something that is awaited.
const LOOK: Duration = Duration::from_millis(50);
/// People of a list that are on their way at the same time.
const AT_ONCE: usize = 64;

/// A campaign as tests and the demo want one.
#[derive(Debug, Clone)]
pub struct CampaignPlan {
    pub name: String,
    /// The number that calls.
    pub source: String,
    /// Actions of the flow.
    pub actions: Value,
    /// Milliseconds that an unanswered call may ring.
    pub dial_timeout_ms: i64,
    /// Milliseconds between two attempts at one person.
    pub try_interval_ms: i64,
    /// Attempts per destination of a person.
    pub max_try_counts: [i64; 5],
    pub calls_per_second: f64,
    pub max_concurrent: i64,
}

impl Api {
    /// Waits until an Asterisk is connected.
    ///
    /// # Errors
    ///
    /// When none is within `patience`.
    pub async fn connected(&self, patience: Duration) -> Result<()> {
        self.until(patience, "an Asterisk is connected", async |api| {
            let asterisks = api.get("/v1/asterisks").await?;
            Ok(rows(&asterisks)
                .iter()
                .any(|asterisk| asterisk["connected"] == true))
        })
        .await
    }

    /// Waits until a condition holds.
    ///
    /// # Errors
    ///
    /// When it does not within `patience`, or a request fails.
    pub async fn until<F: AsyncFn(&Api) -> Result<bool>>(
        &self,
        patience: Duration,
        what: &str,
        condition: F,
    ) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !condition(self).await? {
            if Instant::now() > deadline {
                bail!("not within {patience:?}: {what}");
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Sets up who carries calls, the number that calls, and the countries that
    /// may be called.
    ///
    /// # Errors
    ///
    /// When a request is refused.
    pub async fn allow_calls(
        &self,
        carrier: &str,
        source: &str,
        countries: &[String],
    ) -> Result<()> {
        let provider = json!({"type": "sip", "name": "callees", "hostname": carrier});
        let provider = id(&self.post("/v1/providers", &provider).await?)?;
        let route = json!({"name": "everywhere", "provider_id": provider, "target": "all"});
        self.post("/v1/routes", &route).await?;
        let number = json!({"number": source, "name": "source"});
        self.post("/v1/numbers", &number).await?;
        let config = json!({"name": "allowed", "destination_whitelist": countries});
        self.post("/v1/outbound_configs", &config).await?;
        Ok(())
    }

    /// Makes a list of people, each with his numbers in order; returns its id and
    /// one target per person.
    ///
    /// # Errors
    ///
    /// When a request is refused.
    pub async fn outdial(
        &self,
        name: &str,
        people: &[(String, Vec<String>)],
    ) -> Result<(String, Vec<String>)> {
        let outdial = id(&self.post("/v1/outdials", &json!({"name": name})).await?)?;
        let path = format!("/v1/outdials/{outdial}/targets");
        let targets = stream::iter(people)
            .map(async |(name, numbers)| id(&self.post(&path, &target(name, numbers)).await?))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok((outdial, targets))
    }

    /// Makes a list of people, each with his numbers in order, a thousand with each
    /// request; returns its id.
    ///
    /// # Errors
    ///
    /// When a request is refused.
    pub async fn import(&self, name: &str, people: &[(String, Vec<String>)]) -> Result<String> {
        let outdial = id(&self.post("/v1/outdials", &json!({"name": name})).await?)?;
        for people in people.chunks(1_000) {
            let targets = people.iter().map(|(name, numbers)| target(name, numbers));
            let body = json!({"targets": targets.collect::<Vec<_>>()});
            self.post(&format!("/v1/outdials/{outdial}/targets/bulk"), &body)
                .await?;
        }
        Ok(outdial)
    }

    /// Makes a campaign over a list; returns its id.
    ///
    /// # Errors
    ///
    /// When a request is refused.
    pub async fn campaign(&self, plan: &CampaignPlan, outdial: &str) -> Result<String> {
        let mut outplan = json!({
            "name": plan.name,
            "source": tel(&plan.source),
            "dial_timeout": plan.dial_timeout_ms,
            "try_interval": plan.try_interval_ms,
        });
        for (index, tries) in plan.max_try_counts.iter().enumerate() {
            outplan[format!("max_try_count_{index}")] = (*tries).into();
        }
        let outplan = id(&self.post("/v1/outplans", &outplan).await?)?;
        let campaign = json!({
            "name": plan.name,
            "type": "call",
            "end_handle": "stop",
            "outplan_id": outplan,
            "outdial_id": outdial,
            "actions": plan.actions,
        });
        let campaign = id(&self.post("/v1/campaigns", &campaign).await?)?;
        let rules = json!({"calls_per_second": plan.calls_per_second, "max_concurrent": plan.max_concurrent});
        self.put(&format!("/v1/campaigns/{campaign}/rules"), &rules)
            .await?;
        Ok(campaign)
    }

    /// Starts or stops a campaign.
    ///
    /// # Errors
    ///
    /// When the request is refused.
    pub async fn set_campaign(&self, campaign: &str, status: &str) -> Result<Value> {
        self.put(
            &format!("/v1/campaigns/{campaign}/status"),
            &json!({"status": status}),
        )
        .await
    }

    /// Waits until a campaign has this status.
    ///
    /// # Errors
    ///
    /// When it has not within `patience`.
    pub async fn campaign_is(
        &self,
        campaign: &str,
        status: &str,
        patience: Duration,
    ) -> Result<()> {
        self.until(
            patience,
            &format!("campaign status {status}"),
            async |api| {
                Ok(api.get(&format!("/v1/campaigns/{campaign}")).await?["status"] == status)
            },
        )
        .await
    }

    /// The attempts of a campaign.
    ///
    /// # Errors
    ///
    /// When a request is refused.
    pub async fn attempts(&self, campaign: &str) -> Result<Vec<Value>> {
        self.list(&format!("/v1/campaigncalls?campaign_id={campaign}"))
            .await
    }

    /// What became of a campaign's people: one row for each attempt.
    ///
    /// # Errors
    ///
    /// When a request is refused.
    pub async fn results(&self, campaign: &str) -> Result<Vec<Value>> {
        self.list(&format!("/v1/campaigns/{campaign}/results"))
            .await
    }

    /// How a call went.
    ///
    /// # Errors
    ///
    /// When there is no such call.
    pub async fn outcome(&self, call: &str) -> Result<Value> {
        self.get(&format!("/v1/calls/{call}/outcome")).await
    }
}

/// A telephone number as an address.
#[must_use]
pub fn tel(number: &str) -> Value {
    json!({"type": "tel", "target": number})
}

/// The id in an answer.
///
/// # Errors
///
/// When it has none.
pub fn id(resource: &Value) -> Result<String> {
    Ok(resource["id"]
        .as_str()
        .with_context(|| format!("an answer without an id: {resource}"))?
        .to_owned())
}

fn target(name: &str, numbers: &[String]) -> Value {
    let mut target = json!({ "name": name });
    for (index, number) in numbers.iter().enumerate() {
        target[format!("destination_{index}")] = tel(number);
    }
    target
}

fn rows(list: &Value) -> Vec<Value> {
    list["result"].as_array().cloned().unwrap_or_default()
}
