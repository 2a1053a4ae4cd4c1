//! What is printed: colours only where they are wanted, and nothing lost when a reader leaves.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use super::{Colour, FINE, Fault};
use crate::diagnostic;

/// Standard output and error, with or without colours.
pub(super) struct Out {
    stdout: std::io::BufWriter<std::io::Stdout>,
    colour: bool,
    colour_of_errors: bool,
    width: usize,
}

pub(super) const RED: Style = AnsiColor::Red.on_default().bold();
pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
pub(super) const BLUE: Style = AnsiColor::Cyan.on_default();
pub(super) const MAGENTA: Style = AnsiColor::Magenta.on_default().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();

impl Out {
    pub(super) fn new(colour: Colour) -> Out {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
            || std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let wanted = |terminal: bool| match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => terminal && !plain,
        };
        let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|c| (40..=400).contains(c));
        Out {
            colour: wanted(std::io::stdout().is_terminal()),
            colour_of_errors: wanted(std::io::stderr().is_terminal()),
            stdout: std::io::BufWriter::new(std::io::stdout()),
            width: columns.unwrap_or(100),
        }
    }

    /// A line on standard output.
    pub(super) fn line(&mut self, text: impl AsRef<str>) -> Result<(), Fault> {
        writeln!(self.stdout, "{}", text.as_ref())?;
        Ok(())
    }

    /// Text on standard output as it is.
    pub(super) fn text(&mut self, text: &str) -> Result<(), Fault> {
        write!(self.stdout, "{text}")?;
        Ok(())
    }

    /// Text on standard error.
    pub(super) fn error(&mut self, text: &str) -> Result<(), Fault> {
        // What was printed before comes first.
        self.stdout.flush()?;
        write!(std::io::stderr(), "{text}")?;
        Ok(())
    }

    /// Text in a colour, where colours are wanted.
    pub(super) fn paint(&self, style: Style, text: impl AsRef<str>) -> String {
        let text = text.as_ref();
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How findings are drawn on standard error.
    pub(super) fn diagnostics(&self) -> diagnostic::Style {
        diagnostic::Style { colour: self.colour_of_errors, width: self.width }
    }

    pub(super) fn fault(&mut self, fault: &Fault) {
        let mark = if self.colour_of_errors { format!("{RED}error:{RED:#}") } else { "error:".to_owned() };
        let mut text = format!("{mark} {}\n", fault.message);
        if let Some(help) = &fault.help {
            text.push_str(&format!("  help: {help}\n"));
        }
        let _ = self.error(&text);
    }

    /// Writes out what is left; a reader who has left is no fault.
    pub(super) fn finish(&mut self, code: ExitCode) -> ExitCode {
        if self.stdout.flush().is_err() { FINE } else { code }
    }
}
