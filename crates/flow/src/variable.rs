//! Variables of activeflows (chapter 05 D.6).
//!
//! Writers read, merge and write the whole map on condition that nobody else
//! has written in between, so that two digits pressed at once both arrive.

use trunkline_domain::flow::substitution::{Substitution, text_wants_reference_data};
use trunkline_domain::flow::variables::{self as rules, Variables};
use trunkline_model::activeflow::{Activeflow, ReferenceType};
use trunkline_model::id::{ActiveflowId, CallId};
use trunkline_model::variable::Variable;
use trunkline_model::{Timestamp, wire};
use trunkline_store::{Batch, Statement, variable as rows};
use uuid::Uuid;

use crate::error::Failure;
use crate::manager::FlowManager;

/// Variables as they were read.
pub(crate) struct Read {
    pub(crate) variables: Variables,
    version: Option<Timestamp>,
}

impl Read {
    /// Writes them as they are now, if they are as they were read.
    pub(crate) fn save(
        &self,
        id: ActiveflowId,
        changed: &Variables,
        now: Timestamp,
    ) -> Option<Statement> {
        let version = self.version?;
        let next = now.max(Timestamp::from_micros(version.as_micros() + 1));
        Some(rows::save(id, changed, version, next))
    }
}

impl FlowManager {
    /// The variables of an activeflow.
    pub(crate) async fn read_variables(&self, id: ActiveflowId) -> Result<Option<Read>, Failure> {
        let found = rows::get(self.db(), id).await?;
        Ok(found.map(|(variable, version)| Read {
            variables: variable.variables,
            version,
        }))
    }

    /// As `GET /v1/variables/<id>` answers them.
    pub(crate) async fn variables(&self, id: ActiveflowId) -> Result<Variable, Failure> {
        let read = self.existing(id).await?;
        Ok(Variable {
            id,
            variables: read.variables,
        })
    }

    /// Sets variables; the old ones are filled into the new values.
    pub(crate) async fn set_variables(
        &self,
        id: ActiveflowId,
        new: &Variables,
    ) -> Result<(), Failure> {
        let data = self.data_for(id, new.values().map(String::as_str)).await?;
        let limits = &self.config.limits;
        self.change(id, |variables| {
            Ok(rules::set(variables, new, &data, limits)?)
        })
        .await
    }

    /// Forgets one variable, if there is one of that name.
    pub(crate) async fn delete_variable(&self, id: ActiveflowId, key: &str) -> Result<(), Failure> {
        self.change(id, |variables| {
            variables.remove(key);
            Ok(())
        })
        .await
    }

    /// A text with the variables filled in.
    pub(crate) async fn substitute(&self, id: ActiveflowId, text: &str) -> Result<String, Failure> {
        let data = self.data_for(id, [text].into_iter()).await?;
        let read = self.existing(id).await?;
        let limit = self.config.limits.variables_bytes;
        Ok(Substitution::new(&read.variables, &data, limit).text(text)?)
    }

    /// The webhook JSON of what an activeflow belongs to; empty when there is
    /// none or it cannot be had. conversation-manager is not built.
    pub(crate) async fn reference_data(&self, activeflow: &Activeflow) -> String {
        if activeflow.reference_type != ReferenceType::Call {
            return String::new();
        }
        let call = CallId(Uuid::from(activeflow.reference_id));
        match self.call.get(call).await {
            Ok(call) => String::from_utf8_lossy(&wire::encode(&call.webhook())).into_owned(),
            Err(error) => {
                tracing::warn!(activeflow_id = %activeflow.id, call_id = %call, %error, "a call's data cannot be had");
                String::new()
            }
        }
    }

    async fn existing(&self, id: ActiveflowId) -> Result<Read, Failure> {
        self.read_variables(id)
            .await?
            .ok_or(Failure::Missing("set of variables"))
    }

    /// The reference's data if one of the texts asks for it.
    async fn data_for(
        &self,
        id: ActiveflowId,
        mut texts: impl Iterator<Item = &str>,
    ) -> Result<String, Failure> {
        if !texts.any(text_wants_reference_data) {
            return Ok(String::new());
        }
        let activeflow = self.activeflow(id).await?;
        Ok(self.reference_data(&activeflow).await)
    }

    async fn change(
        &self,
        id: ActiveflowId,
        change: impl Fn(&mut Variables) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.decided(|| async {
            let read = self.existing(id).await?;
            let mut variables = read.variables.clone();
            change(&mut variables)?;
            if variables == read.variables {
                return Ok(());
            }
            let now = self.ledger.now().await?;
            let row = read
                .save(id, &variables, now)
                .ok_or(Failure::Missing("set of variables"))?;
            Ok(self.ledger.apply(Batch::new().with(row)).await?)
        })
        .await
    }
}
