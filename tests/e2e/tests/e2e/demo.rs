//! The demo, as a newcomer runs it.

use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;
use tokio::process::Command;
use trunkline_e2e::program;

#[tokio::test]
async fn demo_ends_as_expected_and_leaves_nothing_behind() -> Result<()> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let dir = TempDir::new()?;
    let parts = dir.path().join("parts");
    let output = Command::new(program()?)
        .arg("demo")
        .arg("--checkout")
        .arg(&checkout)
        .arg("--example")
        .arg(checkout.join("examples/first-campaign"))
        .arg("--dir")
        .arg(&parts)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(
        said.lines().last(),
        Some("demo: 12 of 12 targets ended as expected"),
        "{said}"
    );
    assert!(!parts.exists(), "its files are gone");
    Ok(())
}
