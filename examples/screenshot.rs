//! Draws what commands print as SVG pictures of a terminal: `cargo run --release --example screenshot`.
//!
//! Writes `docs/board.svg` (the demo's board) and `docs/rule.svg` (a rule as `bylaws show` prints it).

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Command;

const CELL: f32 = 7.8;
const LINE: usize = 18;
const COLUMNS: usize = 110;

fn main() -> Result<(), Box<dyn Error>> {
    let pictures: [(&str, &str, &[&str]); 2] = [
        ("docs/board.svg", "bylaws demo", &["--color", "always", "demo"]),
        ("docs/rule.svg", "bylaws show PORTFOLIO-002", &["--color", "always", "show", "PORTFOLIO-002", "rules"]),
    ];
    std::fs::create_dir_all("docs")?;
    for (file, title, arguments) in pictures {
        let mut program = std::env::current_exe()?;
        program.pop();
        program.pop();
        let output =
            Command::new(program.join("bylaws")).args(arguments).env("COLUMNS", COLUMNS.to_string()).output()?;
        if !output.status.success() {
            return Err(format!("{title} failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        std::fs::write(file, draw(title, &String::from_utf8(output.stdout)?)?)?;
        writeln!(std::io::stdout(), "{file}")?;
    }
    Ok(())
}

fn draw(title: &str, text: &str) -> Result<String, std::fmt::Error> {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    let (width, height) = ((COLUMNS as f32 * CELL) as usize + 32, (lines.len() + 1) * LINE + 40);
    let mut svg = String::new();
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\" font-size=\"13\">"
    )?;
    writeln!(svg, "<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#15181e\"/>")?;
    writeln!(svg, "<text x=\"16\" y=\"24\" fill=\"#8b93a1\">$ {}</text>", escaped(title))?;
    for (i, line) in lines.iter().enumerate() {
        let y = 24 + (i + 1) * LINE;
        write!(svg, "<text x=\"16\" y=\"{y}\" fill=\"#d6dae1\" xml:space=\"preserve\">")?;
        let mut style = Style::default();
        let mut rest = *line;
        while let Some(at) = rest.find('\u{1b}') {
            span(&mut svg, &rest[..at], &style)?;
            let end = rest[at..].find('m').map_or(rest.len(), |e| at + e + 1);
            style.apply(&rest[at..end]);
            rest = &rest[end..];
        }
        span(&mut svg, rest, &style)?;
        writeln!(svg, "</text>")?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

#[derive(Default)]
struct Style {
    colour: Option<&'static str>,
    bold: bool,
    dim: bool,
}

impl Style {
    fn apply(&mut self, sequence: &str) {
        let codes = sequence.trim_start_matches("\u{1b}[").trim_end_matches('m');
        for code in codes.split(';') {
            match code {
                "" | "0" => *self = Style::default(),
                "1" => self.bold = true,
                "2" => self.dim = true,
                "31" => self.colour = Some("#ff6b6b"),
                "32" => self.colour = Some("#5fd38d"),
                "33" => self.colour = Some("#f2c14e"),
                "35" => self.colour = Some("#d08cf0"),
                "36" => self.colour = Some("#5ec4e0"),
                _ => {}
            }
        }
    }
}

fn span(svg: &mut String, text: &str, style: &Style) -> std::fmt::Result {
    if text.is_empty() {
        return Ok(());
    }
    let fill = style.colour.or(style.dim.then_some("#8b93a1")).map(|c| format!(" fill=\"{c}\"")).unwrap_or_default();
    let weight = if style.bold { " font-weight=\"700\"" } else { "" };
    write!(svg, "<tspan{fill}{weight}>{}</tspan>", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
