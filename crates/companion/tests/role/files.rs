//! storage-manager: files of recordings, their rows, and their end.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tempfile::TempDir;
use trunkline_bus::Method;
use trunkline_client::StorageClient;
use trunkline_companion::storage::{Deps, Retention};
use trunkline_companion::{Metrics, start_storage};
use trunkline_media::MediaFolder;
use trunkline_model::file::{CreateFile, File};
use trunkline_model::id::{CustomerId, FileId, ReferenceId};
use trunkline_model::service::Service;

use crate::world::{PATIENCE, World};

const DAY: Duration = Duration::from_secs(86_400);

struct Storage {
    world: World,
    root: TempDir,
    client: StorageClient,
}

impl Storage {
    async fn new(days: u64) -> Self {
        let mut storage = Self::stopped();
        storage.start(days).await;
        storage
    }

    fn stopped() -> Self {
        let world = World::new();
        Self {
            client: StorageClient(world.rpc.clone()),
            root: TempDir::new().unwrap(),
            world,
        }
    }

    async fn start(&mut self, recording_days: u64) {
        let deps = Deps {
            bus: self.world.bus.clone(),
            db: self.world.db.clone(),
            metrics: Metrics::default(),
            folder: MediaFolder::open(self.root.path(), 0).unwrap(),
        };
        let retention = Retention {
            recording_days,
            interval: Duration::from_millis(10),
            batch: 2,
        };
        let stop = self.world.stop.clone();
        let common = trunkline_companion::Config::default();
        let running = start_storage(deps, common, retention, stop).await.unwrap();
        self.world.also(running);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("recording").join(name)
    }

    fn write(&self, name: &str) {
        std::fs::create_dir_all(self.root.path().join("recording")).unwrap();
        std::fs::write(self.path(name), b"sound").unwrap();
    }
}

fn asked(name: &str) -> CreateFile {
    CreateFile::of_recording(customer(1), ReferenceId(uuid(2)), name, "")
}

fn customer(n: u128) -> CustomerId {
    CustomerId(uuid(n))
}

fn uuid(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

#[tokio::test]
async fn a_file_is_kept_listed_and_removed_with_its_row() {
    let storage = Storage::new(0).await;
    storage.write("a_in.wav");
    let kept = storage.client.create(&asked("a_in.wav")).await.unwrap();
    assert_eq!((kept.filesize, kept.customer_id), (5, customer(1)));
    let again = storage.client.create(&asked("a_in.wav")).await.unwrap();
    assert_eq!(again, kept);
    let recording = ReferenceId(uuid(2));
    let listed = storage.client.of_recording(recording).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&kept));
    let other = storage
        .client
        .of_recording(ReferenceId(uuid(3)))
        .await
        .unwrap();
    assert_eq!(other, Vec::<File>::new());

    let deleted = storage.client.delete(kept.id).await.unwrap();
    assert!(deleted.tm_delete.is_some());
    assert!(!storage.path("a_in.wav").exists());
    assert!(
        storage
            .client
            .of_recording(recording)
            .await
            .unwrap()
            .is_empty()
    );
    storage.client.delete(kept.id).await.unwrap();
    // A late repetition brings nothing back.
    let late = storage.client.create(&asked("a_in.wav")).await.unwrap();
    assert!(late.id == kept.id && late.tm_delete.is_some());
    storage.world.end().await;
}

#[tokio::test]
async fn what_is_not_there_or_not_ours_is_refused() {
    let storage = Storage::new(0).await;
    let refusal = async |body: Value| {
        storage
            .world
            .refusal(Service::STORAGE, Method::Post, "/v1/files", body)
            .await
    };
    let missing = refusal(json!(asked("none_in.wav"))).await;
    assert_eq!(missing, (404, "FILE_NOT_IN_FOLDER".to_owned()));
    for filepath in ["recording/b.wav", "speech/a.wav", "recording/../a.wav", ""] {
        let mut body = json!(asked("a.wav"));
        body["filepath"] = json!(filepath);
        let refused = refusal(body).await;
        assert_eq!(refused, (400, "INVALID_FILENAME".to_owned()), "{filepath}");
    }
    storage.write("a.wav");
    storage.client.create(&asked("a.wav")).await.unwrap();
    let mut foreign = asked("a.wav");
    foreign.customer_id = customer(9);
    let foreign = refusal(json!(foreign)).await;
    assert_eq!(foreign, (409, "FILE_EXISTS".to_owned()));
    let unknown = storage.client.delete(FileId::random()).await.unwrap_err();
    assert!(unknown.is_not_found(), "{unknown}");
    storage.world.end().await;
}

#[tokio::test]
async fn recordings_go_after_their_days_and_the_others_stay() {
    let mut storage = Storage::new(0).await;
    let names: Vec<String> = (0..5).map(|n| format!("old{n}_in.wav")).collect();
    for name in &names {
        storage.write(name);
        storage.client.create(&asked(name)).await.unwrap();
    }
    // As after a crash between the two: the row is there, the file is not.
    std::fs::remove_file(storage.path(&names[0])).unwrap();
    storage.world.restart().await;
    let later = storage.world.later(DAY * 10);
    storage.write("orphan_in.wav");
    let file = std::fs::File::options()
        .append(true)
        .open(storage.path("orphan_in.wav"))
        .unwrap();
    let now = UNIX_EPOCH + Duration::from_micros(u64::try_from(later.as_micros()).unwrap());
    file.set_modified(now - DAY * 8).unwrap();
    storage.write("young_in.wav");
    let young = std::fs::File::options()
        .append(true)
        .open(storage.path("young_in.wav"))
        .unwrap();
    young.set_modified(now - DAY).unwrap();

    storage.start(7).await;
    storage.client.create(&asked("young_in.wav")).await.unwrap();
    let recording = ReferenceId(uuid(2));
    let deadline = SystemTime::now() + PATIENCE;
    loop {
        let left = storage.client.of_recording(recording).await.unwrap();
        if left.len() == 1 && !storage.path("orphan_in.wav").exists() {
            assert_eq!(left[0].filename, "young_in.wav");
            break;
        }
        assert!(SystemTime::now() < deadline, "{left:?}");
        tokio::task::yield_now().await;
    }
    for name in &names {
        assert!(!storage.path(name).exists(), "{name}");
    }
    assert!(storage.path("young_in.wav").exists());
    storage.world.end().await;
}

#[tokio::test]
async fn the_media_folder_and_its_room_are_told() {
    let storage = Storage::new(0).await;
    let parts = storage
        .world
        .json(
            Service::STORAGE,
            Method::Get,
            "/v1/diagnostics",
            Value::Null,
        )
        .await;
    assert_eq!(parts[0]["part"], "media folder");
    assert_eq!(parts[0]["state"], "ok");
    assert_eq!(parts[1]["part"], "disk");
    storage.world.end().await;
}
