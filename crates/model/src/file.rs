//! Files that storage-manager keeps for others (chapter 01 §9.4).

use serde::{Deserialize, Serialize};

use crate::id::{CustomerId, FileId, OwnerId, ReferenceId};
use crate::time::Timestamp;

/// Folder of recordings, in the media folder and in a bucket.
pub const RECORDING_FOLDER: &str = "recording";

wire_enum! {
    /// What a file is.
    pub enum FileType {
        None = "",
        Recording = "recording",
    }
    default None
}

wire_enum! {
    /// What a file belongs to.
    pub enum FileReferenceType {
        None = "",
        Recording = "recording",
    }
    default None
}

/// Body of `POST /v1/files`. Asking for a file that is kept already, with the
/// same owner and path, changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct CreateFile {
    pub customer_id: CustomerId,
    pub owner_id: OwnerId,
    pub reference_type: FileReferenceType,
    pub reference_id: ReferenceId,
    #[serde(rename = "type")]
    pub kind: FileType,
    pub name: String,
    pub detail: String,
    /// Without a folder.
    pub filename: String,
    /// Compat: Trunkline keeps files in its media folder and looks at no bucket.
    pub bucket_name: String,
    /// Below the media folder: `recording/<filename>`.
    pub filepath: String,
}

impl CreateFile {
    /// A file of a recording, as call-manager asks for it; `bucket` says where a
    /// storage-manager of VoIPbin's finds it.
    #[must_use]
    pub fn of_recording(
        customer_id: CustomerId,
        reference_id: ReferenceId,
        filename: &str,
        bucket: &str,
    ) -> Self {
        Self {
            customer_id,
            owner_id: OwnerId::NIL,
            reference_type: FileReferenceType::Recording,
            reference_id,
            kind: FileType::Recording,
            name: "recording file".to_owned(),
            detail: String::new(),
            filename: filename.to_owned(),
            bucket_name: bucket.to_owned(),
            filepath: format!("{RECORDING_FOLDER}/{filename}"),
        }
    }
}

/// A file that is kept. Every key is always present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(default)]
pub struct File {
    pub id: FileId,
    pub customer_id: CustomerId,
    pub owner_id: OwnerId,
    pub reference_type: FileReferenceType,
    pub reference_id: ReferenceId,
    #[serde(rename = "type")]
    pub kind: FileType,
    pub name: String,
    pub detail: String,
    pub filename: String,
    pub bucket_name: String,
    pub filepath: String,
    /// Bytes.
    pub filesize: i64,
    pub tm_create: Option<Timestamp>,
    pub tm_update: Option<Timestamp>,
    pub tm_delete: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_recordings_file_is_asked_for_as_the_reference_does() {
        let customer = CustomerId(Uuid::from_u128(1));
        let recording = ReferenceId(Uuid::from_u128(2));
        let body = CreateFile::of_recording(customer, recording, "call_x_in.wav", "media-eu");
        assert_eq!(
            serde_json::to_value(body).unwrap(),
            json!({
                "customer_id": "00000000-0000-0000-0000-000000000001",
                "owner_id": "00000000-0000-0000-0000-000000000000",
                "reference_type": "recording",
                "reference_id": "00000000-0000-0000-0000-000000000002",
                "type": "recording", "name": "recording file", "detail": "",
                "filename": "call_x_in.wav", "bucket_name": "media-eu",
                "filepath": "recording/call_x_in.wav"
            })
        );
    }
}
