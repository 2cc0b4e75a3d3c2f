//! storage-manager.

use std::time::Duration;

use serde::Serialize;
use trunkline_bus::client::DEFAULT_TIMEOUT;
use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::file::{CreateFile, File, FileReferenceType};
use trunkline_model::id::{FileId, ReferenceId};
use trunkline_model::service::Service;

const CREATE_TIMEOUT: Duration = Duration::from_secs(30);
const DELETE_TIMEOUT: Duration = Duration::from_secs(60);

/// Requests to storage-manager.
#[derive(Clone)]
pub struct StorageClient(pub Rpc);

impl StorageClient {
    /// Has a file kept that lies in the media folder. Asking again gives the same
    /// file.
    ///
    /// # Errors
    ///
    /// A typed error when it does not lie there; or no answer.
    pub async fn create(&self, asked: &CreateFile) -> Result<File, RpcError> {
        let request = self.0.request(Method::Post, "/v1/files").json(asked);
        let queue = Service::STORAGE.request_queue();
        self.0
            .call(&queue, &request, "storage/files", CREATE_TIMEOUT)
            .await
    }

    /// The files that belong to a recording and are not deleted.
    ///
    /// # Errors
    ///
    /// When storage-manager refuses or does not answer.
    pub async fn of_recording(&self, recording: ReferenceId) -> Result<Vec<File>, RpcError> {
        #[derive(Serialize)]
        struct Filters {
            reference_type: FileReferenceType,
            reference_id: ReferenceId,
            deleted: bool,
        }
        let request = self
            .0
            .request(Method::Get, "/v1/files?page_token=&page_size=1000")
            .json(&Filters {
                reference_type: FileReferenceType::Recording,
                reference_id: recording,
                deleted: false,
            });
        let queue = Service::STORAGE.request_queue();
        self.0
            .call(&queue, &request, "storage/files", DEFAULT_TIMEOUT)
            .await
    }

    /// Deletes a file from the list and from the media folder. One that is deleted
    /// already stays so.
    ///
    /// # Errors
    ///
    /// A typed 404 when there was never such a file; or no answer.
    pub async fn delete(&self, id: FileId) -> Result<File, RpcError> {
        let request = self.0.request(Method::Delete, format!("/v1/files/{id}"));
        let queue = Service::STORAGE.request_queue();
        self.0
            .call(&queue, &request, "storage/files/<file-id>", DELETE_TIMEOUT)
            .await
    }
}
