//! What a phone may hold.

use trunkline_model::phone::Phone;

use super::Invalid;
use super::check::{self, wrong};

/// Shortest password that is given by people: a weak one is found within hours.
const SHORTEST_PASSWORD: usize = 12;
/// Devices that one phone may have.
const MOST_CONTACTS: i64 = 10;

/// A phone with what is usual.
#[must_use]
pub fn usual() -> Phone {
    Phone {
        codecs: "OPUS,PCMA,PCMU".to_owned(),
        max_contacts: 1,
        enabled: true,
        ..Phone::default()
    }
}

/// Checks a phone as a whole.
///
/// # Errors
///
/// The first field that is wrong.
pub fn check(phone: &Phone) -> Result<(), Invalid> {
    let extension = &phone.extension;
    if !(2..=10).contains(&extension.len()) || !extension.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(wrong("extension", "is 2 to 10 digits, such as 1001"));
    }
    check::text("name", &phone.name)?;
    check::text("detail", &phone.detail)?;
    check::password(&phone.password.0)?;
    if phone.password.0.len() < SHORTEST_PASSWORD {
        let why =
            format!("has fewer than {SHORTEST_PASSWORD} characters; leave it out and one is made");
        return Err(wrong("password", why));
    }
    check::codecs(&phone.codecs)?;
    check::whole("max_contacts", phone.max_contacts, 1, MOST_CONTACTS)?;
    check::country(&phone.country)
}

/// The user name of a phone: its extension where that is free in the installation,
/// otherwise with something that makes it another one.
#[must_use]
pub fn username(extension: &str, taken: bool, salt: u32) -> String {
    if taken {
        format!("{extension}-{:06x}", salt & 0x00ff_ffff)
    } else {
        extension.to_owned()
    }
}

/// A name that can stand between quotation marks in front of an address.
#[must_use]
pub fn display_name(name: &str) -> String {
    let plain = |mark: &char| {
        !mark.is_control() && !['"', '\\', '<', '>', ';', ',', '$', '{', '}'].contains(mark)
    };
    name.chars().filter(plain).take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(change: impl FnOnce(&mut Phone)) -> Result<(), &'static str> {
        let mut phone = Phone {
            extension: "1001".to_owned(),
            password: trunkline_model::customer::Secret("correct horse".to_owned()),
            ..usual()
        };
        change(&mut phone);
        check(&phone).map_err(|invalid| invalid.field)
    }

    #[test]
    fn a_wrong_field_is_named() {
        assert_eq!(phone(|_| ()), Ok(()));
        type Case = (fn(&mut Phone), &'static str);
        let cases: [Case; 6] = [
            (|it| it.extension = "call-out".to_owned(), "extension"),
            (|it| it.extension = "1".to_owned(), "extension"),
            (|it| it.password.0 = "1001".to_owned(), "password"),
            (|it| it.codecs = String::new(), "codecs"),
            (|it| it.max_contacts = 0, "max_contacts"),
            (|it| it.country = "zz".to_owned(), "country"),
        ];
        for (change, field) in cases {
            assert_eq!(phone(change), Err(field));
        }
    }

    #[test]
    fn names_cannot_break_out_of_their_quotation_marks() {
        assert_eq!(display_name("Ann \"<sip:x>\"; ${Y}\n"), "Ann sip:x Y");
        assert_eq!(username("1001", false, 7), "1001");
        assert_eq!(username("1001", true, 0xab00_0007), "1001-000007");
    }
}
