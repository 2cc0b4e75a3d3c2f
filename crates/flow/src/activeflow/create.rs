//! A new activeflow (chapter 05 D.5.1).

use trunkline_domain::flow::creation;
use trunkline_domain::flow::variables::{self, Injection, Variables};
use trunkline_model::Timestamp;
use trunkline_model::activeflow::{Activeflow, CreateRequest};
use trunkline_model::flow::Flow;
use trunkline_model::id::ActiveflowId;
use trunkline_model::variable::Variable;
use trunkline_store::{Batch, Statement, activeflow as activeflows, variable as rows};

use crate::error::Failure;
use crate::manager::FlowManager;

impl FlowManager {
    /// Creates an activeflow with variables that are set at once. Asking again with
    /// the same id and the same wish answers the one that exists.
    pub(crate) async fn create_activeflow(
        &self,
        asked: &CreateRequest,
        set: &Variables,
    ) -> Result<Activeflow, Failure> {
        let flow = self.flow_of(asked).await?;
        let now = self.ledger.now().await?;
        let activeflow = creation::create(asked, flow.as_ref(), ActiveflowId::random(), now)?;
        let inherited = self.inherited(asked.reference_activeflow_id).await?;
        let given = &asked.variables;
        let (mut variables, outcome) = self.initial(&activeflow, inherited.as_ref(), given);
        // Nobody can be asked for a reference that is not written yet.
        variables::set(&mut variables, set, "", &self.config.limits)?;
        let statements = self.birth(&activeflow, variables, now);
        match self.ledger.apply(Batch::from_iter(statements)).await {
            Ok(()) => {}
            Err(error) if error.is_conflict() && !asked.id.is_nil() => {
                return self.existing_as(asked).await;
            }
            Err(error) => return Err(error.into()),
        }
        self.note_birth(&activeflow, outcome);
        Ok(activeflow)
    }

    /// The variables of a new activeflow, and what became of those that were given.
    pub(super) fn initial(
        &self,
        activeflow: &Activeflow,
        inherited: Option<&Variables>,
        given: &Variables,
    ) -> (Variables, Injection) {
        variables::initial(activeflow, inherited, given, &self.config.limits)
    }

    /// Row, variables and event of a new activeflow.
    pub(super) fn birth(
        &self,
        activeflow: &Activeflow,
        variables: Variables,
        now: Timestamp,
    ) -> Vec<Statement> {
        let variable = Variable {
            id: activeflow.id,
            variables,
        };
        vec![
            activeflows::insert(activeflow),
            rows::set(self.db().dialect(), &variable, now),
            self.activeflow_event(now, "activeflow_created", activeflow),
        ]
    }

    pub(super) fn note_birth(&self, activeflow: &Activeflow, outcome: Injection) {
        self.metrics.created(activeflow);
        self.metrics.injected(outcome.as_str());
        if outcome == Injection::Dropped {
            tracing::warn!(activeflow_id = %activeflow.id, "the variables of a create request are too much and dropped");
        }
        tracing::info!(
            activeflow_id = %activeflow.id,
            flow_id = %activeflow.flow_id,
            reference_type = activeflow.reference_type.as_str(),
            reference_id = %activeflow.reference_id,
            "an activeflow begins"
        );
    }

    async fn flow_of(&self, asked: &CreateRequest) -> Result<Option<Flow>, Failure> {
        if asked.flow_id.is_nil() {
            return Ok(None);
        }
        self.flow(asked.flow_id).await.map(Some)
    }

    pub(super) async fn inherited(&self, from: ActiveflowId) -> Result<Option<Variables>, Failure> {
        if from.is_nil() {
            return Ok(None);
        }
        Ok(self.read_variables(from).await?.map(|read| read.variables))
    }

    /// The reference refuses an id that exists. A request whose reply was lost
    /// comes again with its id and means the same activeflow.
    async fn existing_as(&self, asked: &CreateRequest) -> Result<Activeflow, Failure> {
        let found = self.activeflow(asked.id).await?;
        let same = found.customer_id == asked.customer_id
            && found.flow_id == asked.flow_id
            && found.reference_type == asked.reference_type
            && found.reference_id == asked.reference_id;
        if same {
            Ok(found)
        } else {
            Err(Failure::IdTaken)
        }
    }
}
