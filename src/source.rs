//! Rule files as text: where they came from, what a place in them is, and how they are read.

use std::fs;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Code, Diagnostic};

/// The largest rule file that is read. Beyond it somebody has pointed at the wrong file.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// Which file of a [`Sources`] a span lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A stretch of one file, in bytes, end exclusive. Order is source order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// From the start of `self` to the end of `other`; both must lie in one file.
    pub fn to(self, other: Span) -> Span {
        Span { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }

    /// The empty span at the start of this one.
    pub fn head(self) -> Span {
        Span { end: self.start, ..self }
    }
}

/// One rule file as read, without a byte-order mark.
#[derive(Debug)]
pub struct SourceFile {
    /// The path as the user would write it.
    pub name: String,
    /// The text; spans index into it.
    pub text: String,
    lines: Vec<u32>,
}

impl SourceFile {
    /// A file from its name and text.
    pub fn new(name: impl Into<String>, text: String) -> SourceFile {
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        };
        let mut lines = vec![0];
        lines.extend(text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1));
        SourceFile { name: name.into(), text, lines }
    }

    /// Line (from 0) that holds the byte.
    pub fn line_of(&self, byte: u32) -> usize {
        self.lines.partition_point(|start| *start <= byte).saturating_sub(1)
    }

    /// Line and column, both from 1, columns in characters.
    pub fn position(&self, byte: u32) -> (usize, usize) {
        let line = self.line_of(byte);
        let start = self.lines[line] as usize;
        let end = (byte as usize).min(self.text.len());
        let column = self.text.get(start..end).map_or(0, |s| s.chars().count());
        (line + 1, column + 1)
    }

    /// First byte of a line (from 0), or the end of the text.
    pub fn line_start(&self, line: usize) -> usize {
        self.lines.get(line).map_or(self.text.len(), |s| *s as usize)
    }

    /// How many lines there are.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }
}

/// Every file of one command: one pack.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Reads every `*.bylaw` file under the paths, in the order of the paths and then of the names.
    ///
    /// What cannot be read is a diagnostic; the rest is read all the same.
    pub fn load(paths: &[PathBuf]) -> (Sources, Vec<Diagnostic>) {
        let mut sources = Sources::default();
        let mut found = Vec::new();
        let mut diagnostics = Vec::new();
        for path in paths {
            let before = found.len();
            collect(path, &mut found, &mut diagnostics, 0);
            if found.len() == before && path.is_dir() && diagnostics.is_empty() {
                diagnostics.push(
                    Diagnostic::new(Code::NoRuleFiles, format!("{} holds no rule files", path.display()))
                        .help("rule files end in .bylaw; `bylaws init` writes a first one"),
                );
            }
        }
        found.dedup();
        for path in found {
            match read(&path) {
                Ok(text) => {
                    sources.add(path.display().to_string(), text);
                }
                Err(diagnostic) => diagnostics.push(*diagnostic),
            }
        }
        (sources, diagnostics)
    }

    /// Adds one file and says how it is called from now on.
    pub fn add(&mut self, name: impl Into<String>, text: String) -> FileId {
        self.files.push(SourceFile::new(name, text));
        FileId(self.files.len() as u32 - 1)
    }

    /// Puts another text in the place of a file's, or adds it.
    pub fn replace(&mut self, name: &str, text: String) {
        match self.files.iter_mut().find(|file| file.name == name) {
            Some(file) => *file = SourceFile::new(name, text),
            None => self.files.push(SourceFile::new(name, text)),
        }
    }

    /// The block that begins at a head, as written: its indented lines, without the blank ones after the last.
    pub fn block(&self, head: Span) -> &str {
        let rest = self.file(head.file).text.get(head.start as usize..).unwrap_or_default();
        let mut end = 0;
        for (i, line) in rest.split_inclusive('\n').enumerate() {
            if i > 0 && !line.starts_with(' ') && !line.trim().is_empty() {
                break;
            }
            end += line.len();
        }
        rest[..end].trim_end()
    }

    /// The file of an id.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// All files with their ids, in order.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u32), f))
    }

    /// How many files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The words a span covers.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }
}

fn collect(path: &Path, found: &mut Vec<PathBuf>, diagnostics: &mut Vec<Diagnostic>, depth: usize) {
    let refuse = |what: String, help: &str| Diagnostic::new(Code::CannotRead, what).help(help);
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) => {
            let what = format!("{} cannot be read: {}", path.display(), plain(&error));
            diagnostics.push(refuse(what, "name a folder of rule files, or a file that ends in .bylaw"));
            return;
        }
    };
    if meta.is_file() {
        found.push(path.to_owned());
        return;
    }
    if !meta.is_dir() {
        let what = format!("{} is neither a file nor a folder", path.display());
        diagnostics.push(refuse(what, "name a folder of rule files, or a file that ends in .bylaw"));
        return;
    }
    if depth > 16 {
        diagnostics.push(refuse(
            format!("{} lies more than 16 folders deep", path.display()),
            "name the inner folder, or look for a link that leads back",
        ));
        return;
    }
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) => {
            let what = format!("{} cannot be listed: {}", path.display(), plain(&error));
            diagnostics.push(refuse(what, "check who may read the folder"));
            return;
        }
    };
    let mut inside: Vec<PathBuf> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    inside.sort();
    for entry in inside {
        let hidden = entry.file_name().is_some_and(|n| n.to_string_lossy().starts_with('.'));
        let rule = entry.extension().is_some_and(|e| e == "bylaw");
        if !hidden && (rule || entry.is_dir()) {
            collect(&entry, found, diagnostics, depth + 1);
        }
    }
}

fn read(path: &Path) -> Result<String, Box<Diagnostic>> {
    let fail = |what: String, help: &str| Box::new(Diagnostic::new(Code::CannotRead, what).help(help));
    let size = fs::metadata(path).map(|m| m.len()).unwrap_or(0);
    if size > MAX_FILE_BYTES {
        let what = format!("{} is larger than 64 MB, which no rule file is", path.display());
        return Err(fail(what, "split the rules over several files"));
    }
    let bytes = fs::read(path).map_err(|e| {
        fail(format!("{} cannot be read: {}", path.display(), plain(&e)), "check who may read the file")
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|b| **b == b'\n').count() + 1;
        fail(
            format!("{} is not UTF-8 text: byte {} in line {line} fits no character", path.display(), at + 1),
            "save the file as UTF-8",
        )
    })
}

/// An I/O error in words without the operating system's number.
pub(crate) fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_text() {
        assert_eq!(SourceFile::new("a", "\u{feff}param".into()).text, "param");
    }

    #[test]
    fn positions_count_characters_from_one() {
        let file = SourceFile::new("a", "é é\nx".into());
        assert_eq!(file.position(3), (1, 3));
        assert_eq!(file.position(6), (2, 1));
        assert_eq!(file.position(99), (2, 2));
    }
}
