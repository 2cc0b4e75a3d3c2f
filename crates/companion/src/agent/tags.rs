//! The filter `tag_ids` of the list of agents (chapter 05 C.4.2). Pure.

use serde_json::{Map, Value};
use trunkline_model::agent::Agent;
use trunkline_model::id::TagId;

/// Most tags of one filter.
const MOST_TAGS: usize = 100;

/// Agents that have any of some tags; all agents when there are none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct AnyOf(Vec<TagId>);

impl AnyOf {
    /// Reads the comma-separated ids; none when they cannot be used.
    pub(super) fn parse(filters: &Map<String, Value>) -> Option<Self> {
        let text = match filters.get("tag_ids") {
            None => return Some(Self::default()),
            Some(value) => value.as_str()?,
        };
        if text.is_empty() {
            return Some(Self::default());
        }
        let ids: Vec<TagId> = text
            .split(',')
            .map(|id| id.trim().parse().ok())
            .collect::<Option<_>>()?;
        (ids.len() <= MOST_TAGS).then_some(Self(ids))
    }

    pub(super) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn accepts(&self, agent: &Agent) -> bool {
        let tags = agent.tag_ids.as_deref().unwrap_or_default();
        self.is_all() || tags.iter().any(|tag| self.0.contains(tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: Value) -> Option<AnyOf> {
        AnyOf::parse(&Map::from_iter([("tag_ids".to_owned(), value)]))
    }

    #[test]
    fn an_agent_with_any_of_the_tags_matches() {
        let [mine, other] = [TagId::random(), TagId::random()];
        let agent = Agent {
            tag_ids: Some(vec![mine]),
            ..Agent::default()
        };
        let accepts = |text: String| parse(text.into()).unwrap().accepts(&agent);
        assert!(accepts(format!("{other},{mine}")));
        assert!(!accepts(other.to_string()));
        assert!(accepts(String::new()));
        assert!(AnyOf::parse(&Map::new()).unwrap().accepts(&agent));
    }

    #[test]
    fn a_malformed_or_endless_list_is_refused() {
        assert_eq!(parse("x".into()), None);
        assert_eq!(parse(Value::from(3)), None);
        let many = vec![TagId::random().to_string(); MOST_TAGS + 1].join(",");
        assert_eq!(parse(many.into()), None);
    }
}
