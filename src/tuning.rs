//! Changing params by their names: edits of the text of rule files that keep every comment and change one line each.

use std::path::{Path, PathBuf};

use crate::source::Sources;

/// The file that new settings are written to.
pub const FILE_NAME: &str = "settings.bylaw";

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// The param has this value from now on.
    Set {
        /// The param.
        name: String,
        /// The value as it is written.
        value: String,
        /// Why.
        because: String,
    },
    /// The param has its default again.
    Reset {
        /// The param.
        name: String,
    },
}

impl Edit {
    /// The param.
    pub fn name(&self) -> &str {
        match self {
            Edit::Set { name, .. } | Edit::Reset { name } => name,
        }
    }
}

/// The files of a pack with some changes made: each file that becomes another, with its new text. A `set` line that is
/// there is changed where it stands; a new one goes to the end of `settings.bylaw`, beside the first path of the pack
/// where there is none.
pub fn edited(sources: &Sources, paths: &[PathBuf], edits: &[Edit]) -> Vec<(PathBuf, String)> {
    let mut files: Vec<(PathBuf, String, bool)> = sources
        .iter()
        .filter(|(_, file)| file.name.ends_with(".bylaw"))
        .map(|(_, file)| (PathBuf::from(&file.name), file.text.clone(), false))
        .collect();
    for edit in edits {
        let place = files.iter().position(|(_, text, _)| find(text, edit.name()).is_some());
        match (place, edit) {
            (Some(i), edit) => {
                let (_, text, changed) = &mut files[i];
                let line = if let Edit::Set { .. } = edit { Some(line_of(edit)) } else { None };
                let new = replaced(text, edit.name(), line.as_deref());
                *changed |= new != *text;
                *text = new;
            }
            (None, Edit::Reset { .. }) => {}
            (None, Edit::Set { .. }) => {
                let i = files.iter().position(|(path, ..)| path.file_name().is_some_and(|n| n == FILE_NAME));
                let i = i.unwrap_or_else(|| {
                    files.push((home(paths), String::new(), true));
                    files.len() - 1
                });
                let (_, text, changed) = &mut files[i];
                if !text.is_empty() && !text.ends_with('\n') {
                    text.push('\n');
                }
                text.push_str(&line_of(edit));
                text.push('\n');
                *changed = true;
            }
        }
    }
    files.into_iter().filter(|f| f.2).map(|(path, text, _)| (path, text)).collect()
}

/// Every param that some `set` line of the pack changes.
pub fn settings(sources: &Sources) -> Vec<String> {
    let lines = sources.iter().flat_map(|(_, file)| file.text.lines());
    lines.filter_map(|line| Some(name_of(line)?.to_owned())).collect()
}

/// Where settings go that have no file yet.
fn home(paths: &[PathBuf]) -> PathBuf {
    let first = paths.first().map_or(Path::new("rules"), PathBuf::as_path);
    let folder = if first.is_file() { first.parent().unwrap_or(Path::new("")) } else { first };
    folder.join(FILE_NAME)
}

fn line_of(edit: &Edit) -> String {
    match edit {
        Edit::Set { name, value, because } => format!("set {name} = {value} because \"{because}\""),
        Edit::Reset { .. } => String::new(),
    }
}

/// The param that a line sets, where it opens a `set` block.
fn name_of(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("set")?.strip_prefix(' ')?.trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|name| !name.is_empty())
}

/// The line on which a param is set, and how many lines below belong to it.
fn find(text: &str, name: &str) -> Option<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| name_of(line) == Some(name))?;
    let below = lines[at + 1..].iter().take_while(|l| l.starts_with(' ') && !l.trim().is_empty()).count();
    Some((at, below))
}

/// The text with the block of a param replaced by one line, or taken out. Comments stay where they are.
fn replaced(text: &str, name: &str, new: Option<&str>) -> String {
    let Some((at, below)) = find(text, name) else { return text.to_owned() };
    let mut result = String::with_capacity(text.len());
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let end = if line.ends_with("\r\n") { "\r\n" } else { "\n" };
        let note = comment(line);
        if i == at {
            match (new, note) {
                (Some(new), Some(note)) => result.push_str(&format!("{new}  {note}{end}")),
                (Some(new), None) => result.push_str(&format!("{new}{end}")),
                (None, Some(note)) => result.push_str(&format!("{note}{end}")),
                (None, None) => {}
            }
        } else if i > at && i <= at + below {
            if let Some(note) = note {
                result.push_str(&format!("{note}{end}"));
            }
        } else {
            result.push_str(line);
        }
    }
    result
}

/// The comment at the end of a line.
fn comment(line: &str) -> Option<&str> {
    let mut quoted = false;
    let at = line.find(|c: char| {
        quoted ^= c == '"';
        c == '#' && !quoted
    })?;
    Some(line[at..].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pack(files: &[(&str, &str)]) -> Sources {
        let mut sources = Sources::default();
        for (name, text) in files {
            sources.add(*name, (*text).to_owned());
        }
        sources
    }

    fn set(name: &str, value: &str) -> Edit {
        Edit::Set { name: name.into(), value: value.into(), because: "so".into() }
    }

    #[test]
    fn one_line_changes_and_comments_stay() {
        let text = "# Settings.\nset a = 1 because \"one\"  # for now\n\nset b = 2\n  # two\n  because \"two # 2\"\nset ab = 3 because \"x\"\n";
        let sources = pack(&[("rules/x.bylaw", text)]);
        let after = |edit| edited(&sources, &["rules".into()], &[edit]).pop().map(|f| f.1);
        assert_eq!(
            after(set("a", "5")).as_deref(),
            Some(&*text.replace("a = 1 because \"one\"", "a = 5 because \"so\""))
        );
        assert_eq!(
            after(set("b", "9")).as_deref(),
            Some(&*text.replace("set b = 2\n  # two\n  because \"two # 2\"\n", "set b = 9 because \"so\"\n# two\n"))
        );
        assert_eq!(
            after(Edit::Reset { name: "a".into() }).as_deref(),
            Some(&*text.replace("set a = 1 because \"one\"  # for now", "# for now"))
        );
        assert_eq!(after(Edit::Reset { name: "c".into() }), None);
        assert_eq!(settings(&sources), ["a", "b", "ab"]);
    }

    #[test]
    fn a_new_line_goes_to_the_end_of_the_settings() {
        let sources = pack(&[("rules/params.bylaw", "param c = 1, from 0 to 9\n"), ("rules/settings.bylaw", "# all")]);
        let files = edited(&sources, &["rules".into()], &[set("c", "3"), set("d", "4")]);
        assert_eq!(
            files,
            [("rules/settings.bylaw".into(), "# all\nset c = 3 because \"so\"\nset d = 4 because \"so\"\n".to_owned())]
        );
        let files = edited(&pack(&[]), &["rules".into()], &[set("c", "3")]);
        assert_eq!(files, [("rules/settings.bylaw".into(), "set c = 3 because \"so\"\n".to_owned())]);
    }
}
