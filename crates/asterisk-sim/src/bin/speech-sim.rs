//! `speech-sim`: a simulated speech engine. It turns the text of one file into a
//! WAV file as long as the text would be spoken, with a tone in it.

use std::path::PathBuf;

use clap::Parser;
use trunkline_asterisk_sim::spoken;

/// A simulated speech engine: a tone instead of words.
#[derive(Debug, Parser)]
#[command(name = "speech-sim")]
struct Options {
    /// The file with the text.
    text: PathBuf,
    /// The file to write.
    output: PathBuf,
}

fn main() -> std::io::Result<()> {
    let Options { text, output } = Options::parse();
    let text = std::fs::read_to_string(text)?;
    std::fs::write(output, spoken(&text))
}
