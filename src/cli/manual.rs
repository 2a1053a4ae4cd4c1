//! `bylaws completions` and `bylaws man`: what shells and manuals want to know, from the one description of the
//! command line.

use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::output::Out;
use super::{Cli, Done, FINE, Fault};

#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct Manual {
    /// The folder for the pages; it is made where it is missing
    #[arg(long, value_name = "DIR", default_value = "man")]
    out: PathBuf,
}

pub(super) fn completions(options: &Completions, out: &mut Out) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "bylaws", &mut script);
    out.text(&String::from_utf8_lossy(&script))?;
    Ok(FINE)
}

pub(super) fn manual(options: &Manual, out: &mut Out) -> Done {
    let fault = |path: &Path, error: &std::io::Error| {
        Fault::new(
            format!("{} cannot be written: {}", path.display(), crate::source::plain(error)),
            "check who may write there",
        )
    };
    std::fs::create_dir_all(&options.out).map_err(|e| fault(&options.out, &e))?;
    clap_mangen::generate_to(Cli::command(), &options.out).map_err(|e| fault(&options.out, &e))?;
    out.line(format!("wrote the pages to {}", options.out.display()))?;
    Ok(FINE)
}
