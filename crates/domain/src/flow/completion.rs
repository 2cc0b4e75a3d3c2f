//! The end of an activeflow, and the flow that its end starts (chapter 05
//! D.5.5).

use trunkline_model::Timestamp;
use trunkline_model::activeflow::{Activeflow, CreateRequest, Status};
use trunkline_model::id::ActiveflowId;

use super::limits::Limits;
use super::variables::{self, Variables};

/// What follows an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sequel {
    /// Nothing was asked for.
    Nothing,
    /// The chain is as long as it may be.
    LimitReached,
    /// This activeflow is created and executed.
    Start(Box<CreateRequest>),
}

/// Ends a running activeflow. `None` when it has ended before: an end happens
/// once.
#[must_use]
pub fn end(activeflow: &Activeflow, now: Timestamp) -> Option<Activeflow> {
    if activeflow.status == Status::Ended {
        return None;
    }
    Some(Activeflow {
        status: Status::Ended,
        tm_update: Some(now),
        ..activeflow.clone()
    })
}

/// What follows the end of this activeflow. `variables` are its own; without
/// them the length of the chain is unknown, and it is not made longer.
#[must_use]
pub fn sequel(
    ended: &Activeflow,
    variables: Option<&Variables>,
    id: ActiveflowId,
    limits: &Limits,
) -> Sequel {
    if ended.on_complete_flow_id.is_nil() {
        return Sequel::Nothing;
    }
    if variables.is_none() || variables::complete_count(variables) >= limits.completions {
        return Sequel::LimitReached;
    }
    Sequel::Start(Box::new(CreateRequest {
        id,
        customer_id: ended.customer_id,
        flow_id: ended.on_complete_flow_id,
        reference_type: ended.reference_type.clone(),
        reference_id: ended.reference_id,
        reference_activeflow_id: ended.id,
        ..CreateRequest::default()
    }))
}

#[cfg(test)]
mod tests {
    use trunkline_model::activeflow::ReferenceType;
    use trunkline_model::flow::Flow;
    use trunkline_model::id::{CustomerId, FlowId};

    use super::super::creation;
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_micros(1)
    }

    /// A flow that names itself as what follows.
    fn ouroboros() -> Flow {
        let id = FlowId::random();
        Flow {
            id,
            customer_id: CustomerId::random(),
            on_complete_flow_id: id,
            ..Flow::default()
        }
    }

    fn first(flow: &Flow) -> Activeflow {
        let asked = CreateRequest {
            customer_id: flow.customer_id,
            flow_id: flow.id,
            reference_type: ReferenceType::Campaign,
            ..CreateRequest::default()
        };
        creation::create(&asked, Some(flow), ActiveflowId::random(), now()).unwrap()
    }

    #[test]
    fn a_flow_that_follows_itself_runs_six_times() {
        let limits = Limits::default();
        let flow = ouroboros();
        let mut activeflow = first(&flow);
        let (mut variables, _) = variables::initial(&activeflow, None, &Variables::new(), &limits);
        let mut runs = 1;
        loop {
            let ended = end(&activeflow, now()).unwrap();
            match sequel(&ended, Some(&variables), ActiveflowId::random(), &limits) {
                Sequel::Start(asked) => {
                    activeflow =
                        creation::create(&asked, Some(&flow), ActiveflowId::NIL, now()).unwrap();
                    variables = variables::initial(
                        &activeflow,
                        Some(&variables),
                        &Variables::new(),
                        &limits,
                    )
                    .0;
                    runs += 1;
                }
                Sequel::LimitReached => break,
                Sequel::Nothing => panic!("the flow names a sequel"),
            }
        }
        assert_eq!(runs, 6);
    }

    #[test]
    fn a_sequel_keeps_the_reference_and_names_who_came_before() {
        let flow = ouroboros();
        let ended = end(&first(&flow), now()).unwrap();
        let id = ActiveflowId::random();
        let Sequel::Start(asked) = sequel(&ended, Some(&Variables::new()), id, &Limits::default())
        else {
            panic!("there is a sequel")
        };
        assert_eq!(
            (asked.id, asked.flow_id, asked.reference_activeflow_id),
            (id, flow.id, ended.id)
        );
        assert_eq!(asked.reference_type, ReferenceType::Campaign);
        assert!(asked.variables.is_empty() && asked.webhook_uri.is_empty());
    }

    #[test]
    fn an_end_happens_once_and_an_unknown_chain_is_not_made_longer() {
        let ended = end(&first(&ouroboros()), now()).unwrap();
        assert_eq!(end(&ended, now()), None);
        assert_eq!(
            sequel(&ended, None, ActiveflowId::NIL, &Limits::default()),
            Sequel::LimitReached
        );
    }
}
