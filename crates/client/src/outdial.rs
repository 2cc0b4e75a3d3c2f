//! outdial-manager.

use serde::Serialize;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Request, Rpc, RpcError};
use trunkline_model::id::{CampaignId, CampaigncallId, OutdialId, OutdialTargetId};
use trunkline_model::outdial::Outdial;
use trunkline_model::outdial_target::{
    AvailableRequest, ClaimsReply, ClaimsRequest, HeldTarget, LookupRequest, NewTargets,
    NewTargetsReply, OutdialTarget, ReportsRequest, StatusReport, Summary, TargetReport,
};
use trunkline_model::progress::Targets;
use trunkline_model::service::Service;

use crate::empty;

/// Requests to outdial-manager.
#[derive(Clone)]
pub struct OutdialClient(pub Rpc);

impl OutdialClient {
    /// The outdial with this id.
    ///
    /// # Errors
    ///
    /// A typed 404 when there is none.
    pub async fn get(&self, id: OutdialId) -> Result<Outdial, RpcError> {
        self.call(empty(&self.0, Method::Get, format!("/v1/outdials/{id}")))
            .await
    }

    /// Links an outdial to a campaign; nil releases it.
    ///
    /// # Errors
    ///
    /// A 404 when there is none.
    pub async fn set_campaign(
        &self,
        id: OutdialId,
        campaign_id: CampaignId,
    ) -> Result<Outdial, RpcError> {
        #[derive(Serialize)]
        struct Body {
            campaign_id: CampaignId,
        }
        let request = self
            .0
            .request(Method::Put, format!("/v1/outdials/{id}/campaign_id"))
            .json(&Body { campaign_id });
        self.call(request).await
    }

    /// Targets that may be dialed. The parameters travel in the query and in the
    /// body: the reference's client sends the one, its server reads the other
    /// (architecture §6).
    ///
    /// # Errors
    ///
    /// When outdial-manager refuses or does not answer.
    pub async fn available(
        &self,
        id: OutdialId,
        asked: &AvailableRequest,
    ) -> Result<Vec<OutdialTarget>, RpcError> {
        let uri = format!(
            "/v1/outdials/{id}/available?try_count_0={}&try_count_1={}&try_count_2={}&try_count_3={}&try_count_4={}&limit={}",
            asked.try_count_0,
            asked.try_count_1,
            asked.try_count_2,
            asked.try_count_3,
            asked.try_count_4,
            asked.limit,
        );
        self.call(self.0.request(Method::Get, uri).json(asked))
            .await
    }

    /// What is left to do on an outdial: a resource of Trunkline's own.
    ///
    /// # Errors
    ///
    /// 404 from an outdial-manager that is not ours.
    pub async fn summary(
        &self,
        id: OutdialId,
        asked: &AvailableRequest,
    ) -> Result<Summary, RpcError> {
        self.call(
            self.0
                .request(Method::Get, format!("/v1/outdials/{id}/summary"))
                .json(asked),
        )
        .await
    }

    /// Adds many people to a list: a route of Trunkline's own.
    ///
    /// # Errors
    ///
    /// A typed 400 that names the field of a bad one, and nobody was added; a
    /// typed 404 when there is no such list.
    pub async fn add_all(
        &self,
        id: OutdialId,
        targets: &NewTargets,
    ) -> Result<NewTargetsReply, RpcError> {
        let request = self
            .0
            .request(Method::Post, format!("/v1/outdials/{id}/targets/bulk"))
            .json(targets);
        self.call(request).await
    }

    /// The targets with these ids, those that there are: a route of Trunkline's
    /// own.
    ///
    /// # Errors
    ///
    /// A bare 404 from an outdial-manager that is not ours.
    pub async fn lookup(&self, ids: Vec<OutdialTargetId>) -> Result<Vec<OutdialTarget>, RpcError> {
        let request = self
            .0
            .request(Method::Post, "/v1/outdialtargets/lookup")
            .json(&LookupRequest { ids });
        self.call(request).await
    }

    /// The targets of an outdial in numbers: a resource of Trunkline's own, for
    /// people.
    ///
    /// # Errors
    ///
    /// 404 from an outdial-manager that is not ours.
    pub async fn counts(
        &self,
        id: OutdialId,
        asked: &AvailableRequest,
    ) -> Result<Targets, RpcError> {
        self.call(
            self.0
                .request(Method::Get, format!("/v1/outdials/{id}/counts"))
                .json(asked),
        )
        .await
    }

    /// Claims a target for one attempt: idle becomes progressing and the try
    /// count of the destination grows. The same attempt may claim it again.
    ///
    /// # Errors
    ///
    /// A typed `FAILED_PRECONDITION` when another attempt has it.
    pub async fn claim(
        &self,
        id: OutdialTargetId,
        destination_index: i64,
        attempt: CampaigncallId,
    ) -> Result<OutdialTarget, RpcError> {
        #[derive(Serialize)]
        struct Body {
            destination_index: i64,
            attempt_id: CampaigncallId,
        }
        let request = self
            .0
            .request(Method::Post, format!("/v1/outdialtargets/{id}/progressing"))
            .json(&Body {
                destination_index,
                attempt_id: attempt,
            });
        self.call(request).await
    }

    /// Claims many targets at once, each as [`OutdialClient::claim`]: a route of
    /// Trunkline's own.
    ///
    /// # Errors
    ///
    /// A bare 404 from an outdial-manager that is not ours.
    pub async fn claim_all(&self, claims: &ClaimsRequest) -> Result<ClaimsReply, RpcError> {
        let request = self
            .0
            .request(Method::Post, "/v1/outdialtargets/claims")
            .json(claims);
        self.call(request).await
    }

    /// Reports how attempts ended. One that no longer applies does nothing.
    ///
    /// # Errors
    ///
    /// A bare 404 from an outdial-manager that is not ours.
    pub async fn report_all(&self, reports: Vec<TargetReport>) -> Result<(), RpcError> {
        let request = self
            .0
            .request(Method::Put, "/v1/outdialtargets/reports")
            .json(&ReportsRequest { reports });
        let _: serde_json::Value = self.call(request).await?;
        Ok(())
    }

    /// Reports how an attempt ended, as the reference does.
    ///
    /// # Errors
    ///
    /// When outdial-manager refuses or does not answer.
    pub async fn report(
        &self,
        target: OutdialTargetId,
        report: &StatusReport,
    ) -> Result<(), RpcError> {
        let request = self
            .0
            .request(Method::Put, format!("/v1/outdialtargets/{target}/status"))
            .json(report);
        let _: serde_json::Value = self.call(request).await?;
        Ok(())
    }

    /// The targets that are being called, those behind `after` in the order of
    /// their ids: a resource of Trunkline's own.
    ///
    /// # Errors
    ///
    /// A bare 404 from an outdial-manager that is not ours.
    pub async fn held(
        &self,
        id: OutdialId,
        after: OutdialTargetId,
        limit: u32,
    ) -> Result<Vec<HeldTarget>, RpcError> {
        let uri = format!("/v1/outdials/{id}/held?after={after}&limit={limit}");
        self.call(self.0.request(Method::Get, uri)).await
    }

    async fn call<T: serde::de::DeserializeOwned + Default>(
        &self,
        request: Request,
    ) -> Result<T, RpcError> {
        self.0
            .call(
                &Service::OUTDIAL.request_queue(),
                &request,
                "outdial/outdials",
                DEFAULT_TIMEOUT,
            )
            .await
    }
}
