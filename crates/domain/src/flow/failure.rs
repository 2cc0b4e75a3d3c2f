//! Why an activeflow cannot go on, or a request about it is refused.

use trunkline_model::id::{ActionId, StackId};

/// A refusal. In a walk it ends the activeflow, elsewhere it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// It has ended already.
    #[error("the activeflow has ended")]
    Ended,
    /// The caller is not where the activeflow is.
    #[error("the current action is {current}, not {asked}")]
    NotCurrent {
        /// Where the activeflow is.
        current: ActionId,
        /// Where the caller takes it to be.
        asked: ActionId,
    },
    /// `continue` was asked for while nothing waits.
    #[error("the current action is not of type block")]
    NotBlocked,
    /// Its actions go round in circles, or are too many.
    #[error("more than {0} actions were executed")]
    TooManyExecuted(i64),
    /// No stack on the way out has this action.
    #[error("there is no action {0} on the way out of the current stack")]
    NoSuchAction(ActionId),
    /// Its stacks lie too deep.
    #[error("more than {0} stacks lie on top of each other")]
    TooManyStacks(usize),
    /// Its stacks hold too much.
    #[error("the stacks would hold more than {0} actions")]
    TooManyActions(usize),
    /// A stack id is used twice.
    #[error("there is a stack {0} already")]
    StackExists(StackId),
    /// Only the current stack can be left, and never the main one.
    #[error("{0} is not a stack that can be left")]
    NotLeavable(StackId),
    /// The main stack is the flow's own and takes no actions.
    #[error("actions cannot be added to the main stack")]
    MainStack,
    /// A flow of another customer.
    #[error("the flow belongs to another customer")]
    ForeignFlow,
    /// A flow that is not there.
    #[error("there is no such flow")]
    NoSuchFlow,
    /// An option does not have the shape that its action type wants.
    #[error("the option does not fit: {0}")]
    Option(String),
    /// The customer's server gave no actions.
    #[error("nothing could be fetched: {0}")]
    Fetch(String),
    /// The call that it belongs to is not there.
    #[error("the call is not there")]
    NoCall,
    /// Variables, or a text with variables filled in, are too long.
    #[error("more than {0} bytes of variables")]
    TooLarge(usize),
}
