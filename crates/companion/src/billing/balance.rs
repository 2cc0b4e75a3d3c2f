//! Whether a customer can pay for something (chapter 05 E.2). Pure.

use trunkline_model::billing::{Account, BillingType, PlanType, Status};
use trunkline_model::id::CustomerId;

/// Credit that one call, sms or e-mail needs, micro units.
const MESSAGE_CREDIT: i64 = 10_000;
/// Credit that one recording needs, micro units.
const RECORDING_CREDIT: i64 = 30_000;
/// Credit that a telephone number needs, micro units.
const NUMBER_CREDIT: i64 = 5_000_000;

/// The answer to a balance check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    Valid,
    NotValid,
    /// The customer has no account.
    NoAccount,
    /// Nobody knows what such a thing costs.
    UnsupportedType,
}

/// Decides whether `count` things of a type may be charged.
#[must_use]
pub fn decide(
    customer_id: CustomerId,
    account: Option<&Account>,
    kind: &BillingType,
    count: i64,
) -> Balance {
    if customer_id == CustomerId::SYSTEM {
        return Balance::Valid;
    }
    let Some(account) = account else {
        return Balance::NoAccount;
    };
    if account.tm_delete.is_some() || matches!(account.status, Status::Frozen | Status::Deleted) {
        return Balance::NotValid;
    }
    if account.plan_type == PlanType::Unlimited {
        return Balance::Valid;
    }
    let count = count.max(1);
    let affords = |each: i64| account.balance_credit >= each.saturating_mul(count);
    let valid = match kind {
        BillingType::CallExtension => true,
        BillingType::Call => account.balance_token > 0 || affords(MESSAGE_CREDIT),
        BillingType::Recording => account.balance_token > 0 || affords(RECORDING_CREDIT),
        BillingType::Sms | BillingType::Email => affords(MESSAGE_CREDIT),
        BillingType::Number | BillingType::NumberRenew => affords(NUMBER_CREDIT),
        BillingType::None | BillingType::Other(_) => return Balance::UnsupportedType,
    };
    if valid {
        Balance::Valid
    } else {
        Balance::NotValid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_model::Timestamp;

    fn account(credit: i64, token: i64) -> Account {
        Account {
            status: Status::Active,
            balance_credit: credit,
            balance_token: token,
            ..Account::default()
        }
    }

    fn check(account: &Account, kind: &str, count: i64) -> Balance {
        decide(
            CustomerId::random(),
            Some(account),
            &BillingType::from(kind),
            count,
        )
    }

    #[test]
    fn each_type_needs_its_credit_and_tokens_pay_for_calls_and_recordings() {
        use Balance::{NotValid, Valid};
        let cases = [
            ("call", 10_000, 0, 1, Valid),
            ("call", 9_999, 0, 1, NotValid),
            ("call", 10_000, 0, 0, Valid),
            ("call", 19_999, 0, 2, NotValid),
            ("call", 0, 1, 9, Valid),
            ("recording", 30_000, 0, 1, Valid),
            ("recording", 29_999, 0, 1, NotValid),
            ("recording", 0, 1, 1, Valid),
            ("sms", 10_000, 0, 1, Valid),
            ("email", 0, 1, 1, NotValid),
            ("number", 5_000_000, 0, 1, Valid),
            ("number_renew", 4_999_999, 9, 1, NotValid),
            ("call_extension", 0, 0, 1, Valid),
            ("fax", 1_000_000, 1, 1, Balance::UnsupportedType),
            ("call", i64::MAX, 0, i64::MAX, Valid),
        ];
        for (kind, credit, token, count, expected) in cases {
            assert_eq!(
                check(&account(credit, token), kind, count),
                expected,
                "{kind} {credit} {token} {count}"
            );
        }
    }

    #[test]
    fn the_account_decides_before_the_type() {
        let unlimited = Account {
            plan_type: PlanType::Unlimited,
            ..account(0, 0)
        };
        assert_eq!(check(&unlimited, "fax", 1), Balance::Valid);
        let frozen = Account {
            status: Status::Frozen,
            ..unlimited.clone()
        };
        assert_eq!(check(&frozen, "call_extension", 1), Balance::NotValid);
        let deleted = Account {
            tm_delete: Some(Timestamp::from_micros(1)),
            ..unlimited
        };
        assert_eq!(check(&deleted, "call", 1), Balance::NotValid);
        assert_eq!(
            decide(CustomerId::random(), None, &BillingType::Call, 1),
            Balance::NoAccount
        );
        assert_eq!(
            decide(CustomerId::SYSTEM, None, &BillingType::None, 1),
            Balance::Valid
        );
    }
}
