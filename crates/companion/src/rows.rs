//! What the routes over rows have in common: pages, filters, writes.

use serde_json::{Map, Value};
use trunkline_bus::{Refusal, Routed};
use trunkline_model::Timestamp;
use trunkline_model::error::Status;
use trunkline_model::page::Page;
use trunkline_store::filter::Keys;
use trunkline_store::{Batch, Database, Filter};

use crate::error;
use crate::role::State;

impl State {
    pub(crate) fn db(&self) -> &dyn Database {
        self.ledger.db()
    }

    pub(crate) async fn now(&self) -> Result<Timestamp, Refusal> {
        self.ledger
            .now()
            .await
            .map_err(|error| error::store(&error))
    }

    /// The filter and the page of a list.
    ///
    /// # Errors
    ///
    /// A typed error that names the filter that cannot be used.
    pub(crate) async fn asked(
        &self,
        routed: &Routed,
        keys: &Keys,
    ) -> Result<(Filter, Page), Refusal> {
        let filters: Map<String, Value> = routed.body_or_default()?;
        let filter = keys.parse(&filters).map_err(|invalid| {
            self.typed(
                Status::InvalidArgument,
                "INVALID_FILTER",
                &format!("Bad request: {invalid}."),
            )
        })?;
        Ok((filter, self.page(routed).await?))
    }

    /// The page of a list, cut to the most rows.
    pub(crate) async fn page(&self, routed: &Routed) -> Result<Page, Refusal> {
        let page = routed.page(self.now().await?);
        let most = self.config.max_rows;
        Ok(Page {
            limit: Some(page.limit.map_or(most, |limit| limit.min(most))),
            ..page
        })
    }

    pub(crate) async fn apply(&self, batch: Batch) -> Result<(), Refusal> {
        self.ledger
            .apply(batch)
            .await
            .map_err(|error| error::store(&error))
    }

    /// A typed error of this service.
    pub(crate) fn typed(&self, status: Status, reason: &str, message: &str) -> Refusal {
        error::typed(self.ledger.service(), status, reason, message)
    }
}

/// What a look at the store gave, for a route.
pub(crate) fn read<T>(found: Result<T, trunkline_store::Error>) -> Result<T, Refusal> {
    found.map_err(|error| error::store(&error))
}
