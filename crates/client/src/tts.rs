//! tts-manager.

use std::time::Duration;

use trunkline_bus::{Method, Rpc, RpcError};
use trunkline_model::service::Service;
use trunkline_model::speech::{SpeechReply, SpeechRequest};

/// Time-out of a speech.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Requests to tts-manager.
#[derive(Clone)]
pub struct TtsClient(pub Rpc);

impl TtsClient {
    /// Turns a text into a sound. Asking again costs nothing: it is kept.
    ///
    /// # Errors
    ///
    /// A typed error that says in plain words what is wrong with the text or with
    /// the engine; or no answer.
    pub async fn speech(&self, asked: &SpeechRequest) -> Result<SpeechReply, RpcError> {
        let request = self.0.request(Method::Post, "/v1/speeches").json(asked);
        let queue = Service::TTS.request_queue();
        self.0.call(&queue, &request, "tts/speeches", TIMEOUT).await
    }
}
