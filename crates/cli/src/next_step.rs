//! What to do after a refusal, by the API's code. Each code has a page in
//! `docs/errors/`.

use crate::error::Refusal;

/// Codes and what to do; `""` where the message says it.
const STEPS: &[(&str, &str)] = &[
    (
        "UNAUTHENTICATED",
        "run `trunkline login` with a token that the API knows, or set TRUNKLINE_TOKEN; \
         the first start of `trunkline serve` has shown one",
    ),
    (
        "TOKEN_EXPIRED",
        "make a new one with another token (`trunkline token create`), then run `trunkline login`",
    ),
    (
        "TOKEN_REVOKED",
        "make a new one with another token (`trunkline token create`), then run `trunkline login`",
    ),
    (
        "RATE_LIMITED",
        "ask less often, or raise the option `gateway.requests_per_second`",
    ),
    (
        "CALL_RATE_EXCEEDED",
        "wait a second, or let an operator raise the customer's limit (`trunkline limits`)",
    ),
    (
        "TOO_MANY_CALLS",
        "wait until calls have ended, or let an operator raise the customer's limit (`trunkline limits`)",
    ),
    (
        "TOO_MANY_TOKENS",
        "`trunkline token list` shows them, `trunkline token revoke` ends one",
    ),
    (
        "IDEMPOTENCY_OUTCOME_UNKNOWN",
        "look whether it was carried out (`list`, `get`) before you repeat it",
    ),
    (
        "ASTERISK_UNAVAILABLE",
        "`trunkline asterisk list` shows which Asterisk is away, `trunkline doctor` why",
    ),
    (
        "PAYMENT_REQUIRED",
        "the customer's account has no balance left; an operator adds to it",
    ),
    (
        "PERMISSION_DENIED",
        "use the token of an operator (option `gateway.operators`)",
    ),
    (
        "NOT_FOUND",
        "the noun's `list` shows what there is; another customer's rows are not shown",
    ),
    (
        "CALL_NOT_FOUND",
        "`trunkline call list` shows the calls that there are",
    ),
    (
        "NO_SUCH_ROUTE",
        "server and command line are of different versions: compare `trunkline --version` on both",
    ),
    (
        "METHOD_NOT_ALLOWED",
        "server and command line are of different versions: compare `trunkline --version` on both",
    ),
    (
        "UNAVAILABLE",
        "wait and try again; `trunkline doctor` says which part is away",
    ),
    (
        "TIMEOUT",
        "look whether it was carried out (`list`, `get`) before you repeat it; \
         `trunkline doctor` says which part is slow or away",
    ),
    (
        "INTERNAL",
        "the server's log has the cause under the request's id",
    ),
    (
        "UNREADABLE_ANSWER",
        "the roles are of different versions; the server's log has the cause",
    ),
    (
        "BODY_TOO_LARGE",
        "send less at once, or raise the option `gateway.body_limit_bytes`",
    ),
];

/// What to do after a refusal; empty if the message has to be enough.
pub(crate) fn after(refusal: &Refusal) -> String {
    let known = STEPS.iter().find(|(code, _)| *code == refusal.code);
    let mut step = known.map_or("", |(_, step)| *step).to_owned();
    if refusal.status >= 500 && !refusal.request_id.is_empty() {
        if !step.is_empty() {
            step.push_str("; ");
        }
        step.push_str("request id ");
        step.push_str(&refusal.request_id);
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_server_names_the_request() {
        let refusal = |code: &str, status| Refusal {
            status,
            code: code.to_owned(),
            request_id: "r1".to_owned(),
            ..Refusal::default()
        };
        assert!(after(&refusal("INTERNAL", 500)).ends_with("request id r1"));
        assert!(!after(&refusal("UNAUTHENTICATED", 401)).contains("r1"));
        assert_eq!(after(&refusal("INVALID_ARGUMENT", 400)), "");
        assert_eq!(after(&refusal("NEW", 500)), "request id r1");
    }
}
