//! The routes over phones.

use std::sync::Arc;

use serde::Deserialize;
use trunkline_bus::Method::{Delete, Get, Post, Put};
use trunkline_bus::{Refusal, Reply, Routed, Router};
use trunkline_domain::registrar::{objects, phone as rules};
use trunkline_model::customer::Secret;
use trunkline_model::error::Status as Class;
use trunkline_model::id::{CustomerId, PhoneId};
use trunkline_model::phone::{Phone, View};
use trunkline_model::{Timestamp, random};
use trunkline_store::{Batch, Statement, phone};

use super::Registrar;
use crate::rows::read;

/// Letters and digits that nobody takes for one another; 32 of them.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyzABCDEFG23";
/// Characters of a password that is made: 120 bits.
const PASSWORD: usize = 24;

pub(super) fn routes(router: Router<Registrar>) -> Router<Registrar> {
    const ONE: &str = "/v1/phones/<phone-id>";
    router
        .route(Get, "/v1/phones?", "/v1/phones", list)
        .route(Post, "/v1/phones", "/v1/phones", create)
        .route(Get, "/v1/phones/{id}", ONE, get)
        .route(Put, "/v1/phones/{id}", ONE, update)
        .route(Delete, "/v1/phones/{id}", ONE, delete)
        .route(
            Post,
            "/v1/phones/{id}/password",
            "/v1/phones/<phone-id>/password",
            new_password,
        )
}

async fn list(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let (filter, page) = registrar.state.asked(&routed, &phone::FILTERS).await?;
    let found = read(phone::list(registrar.db(), &filter, &page).await)?;
    registrar.look(false).await;
    let mut views = Vec::with_capacity(found.len());
    for phone in found {
        views.push(registrar.phone_view(phone).await);
    }
    Ok(Reply::json(&views))
}

async fn get(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let phone = registrar.phone(routed.id(0)).await?;
    registrar.look(false).await;
    Ok(Reply::json(&registrar.phone_view(phone).await))
}

/// What is left out keeps its value, or takes what is usual.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Given {
    /// These two only when it is created.
    customer_id: CustomerId,
    extension: String,
    name: Option<String>,
    detail: Option<String>,
    password: Option<Secret>,
    codecs: Option<String>,
    max_contacts: Option<i64>,
    country: Option<String>,
    enabled: Option<bool>,
}

impl Given {
    fn apply_to(self, phone: &mut Phone) {
        macro_rules! take {
            ($($field:ident),+) => { $(
                if let Some(value) = self.$field {
                    phone.$field = value;
                }
            )+ };
        }
        take!(
            name,
            detail,
            password,
            codecs,
            max_contacts,
            country,
            enabled
        );
    }
}

async fn create(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let now = registrar.state.now().await?;
    let mut it = Phone {
        id: PhoneId::random(),
        customer_id: given.customer_id,
        extension: given.extension.clone(),
        tm_create: Some(now),
        ..rules::usual()
    };
    let made = given
        .password
        .as_ref()
        .is_none_or(|given| given.0.is_empty())
        .then(make_password);
    given.apply_to(&mut it);
    if let Some(made) = &made {
        it.password = Secret(made.clone());
    }
    registrar.check_phone(&it)?;
    registrar.name_phone(&mut it).await?;
    registrar
        .change_phone(it, now, "phone_created", phone::insert, made)
        .await
}

async fn update(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let given: Given = routed.body()?;
    let mut it = registrar.living_phone(routed.id(0)).await?;
    given.apply_to(&mut it);
    registrar.write_phone(it, None).await
}

/// A password that is made anew, and shown once.
async fn new_password(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let mut it = registrar.living_phone(routed.id(0)).await?;
    let made = make_password();
    it.password = Secret(made.clone());
    registrar.write_phone(it, Some(made)).await
}

/// Deleting it again changes nothing.
async fn delete(registrar: Arc<Registrar>, routed: Routed) -> Result<Reply, Refusal> {
    let mut it = registrar.phone(routed.id(0)).await?;
    if it.tm_delete.is_some() {
        return Ok(Reply::json(&registrar.phone_view(it).await));
    }
    let now = registrar.state.now().await?;
    (it.tm_update, it.tm_delete) = (Some(now), Some(now));
    it.enabled = false;
    it.password = Secret::default();
    registrar
        .change_phone(
            it,
            now,
            "phone_deleted",
            |it| phone::delete(it.id, now),
            None,
        )
        .await
}

fn make_password() -> String {
    let mut bytes = Vec::new();
    while bytes.len() < PASSWORD {
        // The last bytes of an id are random.
        bytes.extend_from_slice(&random::uuid().as_bytes()[10..]);
    }
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    bytes.iter().take(PASSWORD).map(letter).collect()
}

impl Registrar {
    async fn phone(&self, id: PhoneId) -> Result<Phone, Refusal> {
        let found = read(phone::get(self.db(), id).await)?;
        found.ok_or_else(|| {
            let message = "The phone was not found.";
            self.state
                .typed(Class::NotFound, "PHONE_NOT_FOUND", message)
        })
    }

    async fn living_phone(&self, id: PhoneId) -> Result<Phone, Refusal> {
        let phone = self.phone(id).await?;
        if phone.tm_delete.is_some() {
            let message = "The phone was deleted.";
            return Err(self
                .state
                .typed(Class::FailedPrecondition, "PHONE_DELETED", message));
        }
        Ok(phone)
    }

    fn check_phone(&self, it: &Phone) -> Result<(), Refusal> {
        rules::check(it).map_err(|invalid| self.invalid(&invalid))
    }

    /// Gives a new phone a user name that nobody has.
    async fn name_phone(&self, it: &mut Phone) -> Result<(), Refusal> {
        let same = phone::by_extension(self.db(), it.customer_id, &it.extension).await;
        if read(same)?.is_some() {
            let message = format!("You have a phone {} already.", it.extension);
            return Err(self
                .state
                .typed(Class::AlreadyExists, "PHONE_ALREADY_EXISTS", &message));
        }
        let taken = read(phone::by_username(self.db(), &it.extension).await)?.is_some();
        let salt = u32::from_be_bytes(
            it.id.0.as_bytes()[12..]
                .try_into()
                .expect("four of sixteen bytes"),
        );
        it.username = rules::username(&it.extension, taken, salt);
        Ok(())
    }

    async fn write_phone(&self, mut it: Phone, made: Option<String>) -> Result<Reply, Refusal> {
        self.check_phone(&it)?;
        let now = self.state.now().await?;
        it.tm_update = Some(now);
        self.change_phone(it, now, "phone_updated", |it| phone::update(it, now), made)
            .await
    }

    async fn change_phone(
        &self,
        it: Phone,
        now: Timestamp,
        event: &str,
        change: impl FnOnce(&Phone) -> Statement,
        made: Option<String>,
    ) -> Result<Reply, Refusal> {
        let ledger = &self.state.ledger;
        let batch = Batch::new().with(change(&it)).with(ledger.webhook_event(
            now,
            it.customer_id,
            event,
            &it,
            &it,
        ));
        self.state.apply(batch).await?;
        tracing::info!(phone_id = %it.id, customer_id = %it.customer_id, event, "a phone changed");
        let wanted = objects::of_phone(&it, &self.base_domain);
        self.push_now(&wanted, it.enabled).await;
        let view = View {
            generated_password: made,
            ..self.phone_view(it).await
        };
        Ok(Reply::json(&view))
    }

    async fn phone_view(&self, phone: Phone) -> View {
        let wanted = objects::of_phone(&phone, &self.base_domain);
        let (state, asterisks) = self.placements(&wanted, phone.enabled);
        let registered = self.endpoint_state(&phone.username).await;
        View {
            state,
            asterisks,
            registered,
            generated_password: None,
            phone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_is_made_is_long_and_never_the_same() {
        let [one, other] = [make_password(), make_password()];
        assert_eq!((one.len(), other.len()), (PASSWORD, PASSWORD));
        assert_ne!(one, other);
        let mut letters = ALPHABET.to_vec();
        letters.sort_unstable();
        letters.dedup();
        assert_eq!(letters.len(), 32);
    }
}
