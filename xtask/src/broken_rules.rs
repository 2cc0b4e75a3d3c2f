//! The rules that [`crate::broken`] breaks: for each the exact text that keeps it,
//! and what stands there instead.

/// A rule of the product, and how it is broken.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    /// What kind of mistake that is.
    pub(crate) kind: &'static str,
    /// From the root of the workspace.
    pub(crate) file: &'static str,
    /// What stands there, once each, and what is put there instead.
    pub(crate) edits: &'static [(&'static str, &'static str)],
}

impl Rule {
    /// The source with the rule broken.
    ///
    /// # Errors
    ///
    /// When its text does not occur exactly once: the table is to be mended.
    pub(crate) fn broken(&self, sound: &str) -> Result<String, String> {
        let mut source = sound.to_owned();
        for (find, put) in self.edits {
            let times = source.matches(find).count();
            if times != 1 {
                let first = find.lines().next().unwrap_or_default().trim();
                return Err(format!(
                    "`{first}` stands {times} times in {}: mend xtask/src/broken_rules.rs",
                    self.file
                ));
            }
            source = source.replacen(find, put, 1);
        }
        Ok(source)
    }
}

/// All of them, one per kind at least.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "attempt-ends-once",
        kind: "a conditional write loses its condition (decision 9)",
        file: "crates/store/src/campaigncall.rs",
        edits: &[(
            "status = 'done', result = ?, tm_update = ? \\\n         WHERE id = ? AND status <> 'done'\"",
            "status = 'done', result = ?, tm_update = ? \\\n         WHERE id = ?\"",
        )],
    },
    Rule {
        name: "runner-fence",
        kind: "the fence of a runner's lease is not looked at (decision 13)",
        file: "crates/store/src/campaigncall.rs",
        edits: &[(
            "AND lease.holder = ? AND lease.fence = ? \\",
            "AND (lease.holder = ? OR lease.fence >= ?) \\",
        )],
    },
    Rule {
        name: "unknown-is-not-failed",
        kind: "an unknown outcome is taken for a failure: a second dial (I4)",
        file: "crates/campaign/src/attempt/create.rs",
        edits: &[(
            "RpcError::Transport(_) => Verdict::Unknown,",
            "RpcError::Transport(_) => Verdict::NotSent,",
        )],
    },
    Rule {
        name: "event-in-the-same-batch",
        kind: "an event leaves in another batch than its cause (decision 12, I7)",
        file: "crates/call/src/apply/hangup.rs",
        edits: &[
            (
                "        .with(role.call_event(now, \"call_hangup\", &call))\n",
                "",
            ),
            (
                "    role.ledger.apply(batch).await?;\n    tracing::info!(\n        call_id = %call.id, channel_id = %call.channel_id, activeflow_id = %call.activeflow_id,\n        old = %before, new = \"hangup\"",
                "    role.ledger.apply(batch).await?;\n    let event = role.call_event(now, \"call_hangup\", &call);\n    role.ledger.apply(Batch::new().with(event)).await?;\n    tracing::info!(\n        call_id = %call.id, channel_id = %call.channel_id, activeflow_id = %call.activeflow_id,\n        old = %before, new = \"hangup\"",
            ),
        ],
    },
    Rule {
        name: "channel-id-is-stored",
        kind: "a channel's id is chosen when it is created, not stored before (decision 8)",
        file: "crates/call/src/apply/outgoing.rs",
        edits: &[(
            "        channel_id: call.channel_id.clone(),\n        variables: plan.variables,",
            "        channel_id: ChannelId::random(),\n        variables: plan.variables,",
        )],
    },
    Rule {
        name: "missed-end-is-repaired",
        kind: "the comparison with Asterisk repairs no missed end (decision 14, I6)",
        file: "crates/call/src/reconcile/repair.rs",
        edits: &[(
            "Repair::FinishCall(id) => finish(role, id, call).await,",
            "Repair::FinishCall(_) => Ok(()),",
        )],
    },
    Rule {
        name: "incoming-is-followed",
        kind: "Asterisk is not asked to tell of an incoming channel's end",
        file: "crates/call/src/apply/incoming.rs",
        edits: &[(
            "let followed = role.ari.follow_channel(&to, &channel.stasis_name, id).await;",
            "let followed = role.ari.get(&to, id).await.map(drop);",
        )],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_rule_stands_in_the_source_as_the_table_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .expect("xtask stands in the workspace");
        for rule in RULES {
            let sound = std::fs::read_to_string(root.join(rule.file)).unwrap_or_default();
            let broken = rule.broken(&sound);
            assert!(broken.is_ok(), "{}: {broken:?}", rule.name);
            assert_ne!(broken, Ok(sound), "{}", rule.name);
        }
    }

    #[test]
    fn no_two_rules_have_the_same_name_or_kind() {
        let names: BTreeSet<_> = RULES.iter().map(|rule| rule.name).collect();
        let kinds: BTreeSet<_> = RULES.iter().map(|rule| rule.kind).collect();
        assert_eq!((names.len(), kinds.len()), (RULES.len(), RULES.len()));
    }
}
