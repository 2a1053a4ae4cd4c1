//! Flowcharts as Mermaid reads them.

use std::collections::{BTreeMap, BTreeSet};

/// So many nodes at most: beyond that nobody reads a drawing, and GitHub draws it slowly or not at all.
pub(super) const MOST_NODES: usize = 60;

/// Characters of a label before it is broken.
const WIDTH: usize = 44;

/// What a node stands for, which decides how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// Where it begins or ends.
    End,
    /// A table or document.
    Data,
    /// A number taken from data.
    Metric,
    /// Something that is judged.
    Rule,
    /// A page for people.
    Report,
    /// People.
    People,
    /// A question.
    Question,
    /// Something that is done.
    Step,
    /// What is left out of the drawing.
    More,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Look::End => "ends",
            Look::Data => "data",
            Look::Metric => "metric",
            Look::Rule => "rule",
            Look::Report => "report",
            Look::People => "people",
            Look::Question => "question",
            Look::Step => "step",
            Look::More => "more",
        }
    }

    /// Dark words on a light ground, with the same contrast on a page of either kind.
    fn colours(self) -> &'static str {
        match self {
            Look::End => "fill:#f6f8fa,stroke:#57606a,color:#1f2328",
            Look::Data => "fill:#ddf4ff,stroke:#0969da,color:#1f2328",
            Look::Metric => "fill:#fff8c5,stroke:#9a6700,color:#1f2328",
            Look::Rule => "fill:#ffebe9,stroke:#cf222e,color:#1f2328",
            Look::Report => "fill:#fbefff,stroke:#8250df,color:#1f2328",
            Look::People => "fill:#dafbe1,stroke:#1a7f37,color:#1f2328",
            Look::Question => "fill:#fff1e5,stroke:#bc4c00,color:#1f2328",
            Look::Step => "fill:#ffffff,stroke:#57606a,color:#1f2328",
            Look::More => "fill:#ffffff,stroke:#8c959f,color:#57606a,stroke-dasharray:4",
        }
    }

    fn brackets(self) -> (&'static str, &'static str) {
        match self {
            Look::End | Look::People => ("([", "])"),
            Look::Data => ("[(", ")]"),
            Look::Rule => ("{{", "}}"),
            Look::Report => ("[[", "]]"),
            Look::Question => ("{", "}"),
            Look::Metric | Look::Step | Look::More => ("[", "]"),
        }
    }
}

/// A node of a drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(usize);

#[derive(Debug)]
struct Node {
    id: String,
    label: String,
    look: Look,
    group: Option<usize>,
}

/// A drawing under way.
#[derive(Debug)]
pub(super) struct Flowchart {
    direction: &'static str,
    nodes: Vec<Node>,
    by_key: BTreeMap<String, NodeId>,
    edges: Vec<(NodeId, NodeId, String)>,
    drawn: BTreeSet<(NodeId, NodeId, String)>,
    groups: Vec<String>,
    group: Option<usize>,
}

impl Flowchart {
    /// A drawing from left to right.
    pub(super) fn right() -> Flowchart {
        Flowchart::new("LR")
    }

    /// A drawing from top to bottom.
    pub(super) fn down() -> Flowchart {
        Flowchart::new("TD")
    }

    fn new(direction: &'static str) -> Flowchart {
        Flowchart {
            direction,
            nodes: Vec::new(),
            by_key: BTreeMap::new(),
            edges: Vec::new(),
            drawn: BTreeSet::new(),
            groups: Vec::new(),
            group: None,
        }
    }

    /// The node of a key, which is drawn once.
    pub(super) fn node(&mut self, key: &str, label: &str, look: Look) -> NodeId {
        if let Some(id) = self.by_key.get(key) {
            return *id;
        }
        // Words of the drawing's own language, such as `end`, are no ids: each has its look in front.
        let plain: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let wanted = format!("{}_{plain}", look.class());
        let taken = |id: &str| self.nodes.iter().any(|n| n.id == id);
        let mut id = wanted.clone();
        let mut n = 2;
        while taken(&id) {
            id = format!("{wanted}__{n}");
            n += 1;
        }
        let node = NodeId(self.nodes.len());
        self.nodes.push(Node { id, label: label.to_owned(), look, group: self.group });
        self.by_key.insert(key.to_owned(), node);
        node
    }

    /// A line from one node to another, drawn once for each label.
    pub(super) fn edge(&mut self, from: NodeId, to: NodeId, label: &str) {
        if self.drawn.insert((from, to, label.to_owned())) {
            self.edges.push((from, to, label.to_owned()));
        }
    }

    /// The nodes that are new from here on stand in a frame, until [`Flowchart::close`].
    pub(super) fn open(&mut self, title: &str) {
        self.group = Some(self.groups.len());
        self.groups.push(title.to_owned());
    }

    /// Ends a frame.
    pub(super) fn close(&mut self) {
        self.group = None;
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

/// A label as Mermaid takes it between quotes, broken into lines.
fn label(text: &str) -> String {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |l| l.chars().count());
        if line > 0 && line + word.chars().count() >= WIDTH {
            lines.push(word.to_owned());
        } else if let Some(last) = lines.last_mut() {
            if line > 0 {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>")
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '&' => out.push_str("#amp;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '`' => out.push_str("#96;"),
            '*' => out.push_str("#42;"),
            '\\' => out.push_str("#92;"),
            // Two of them begin a formula.
            '$' => out.push_str("#36;"),
            c => out.push(c),
        }
    }
    out
}

impl std::fmt::Display for Flowchart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let draw = |node: &Node, indent: &str| {
            let (open, close) = node.look.brackets();
            format!("{indent}{}{open}\"{}\"{close}:::{}", node.id, label(&node.label), node.look.class())
        };
        writeln!(f, "```mermaid\nflowchart {}", self.direction)?;
        for (i, title) in self.groups.iter().enumerate() {
            writeln!(f, "  subgraph group_{i}[\"{}\"]", escaped(title))?;
            for node in self.nodes.iter().filter(|n| n.group == Some(i)) {
                writeln!(f, "{}", draw(node, "    "))?;
            }
            writeln!(f, "  end")?;
        }
        for node in self.nodes.iter().filter(|n| n.group.is_none()) {
            writeln!(f, "{}", draw(node, "  "))?;
        }
        for (from, to, text) in &self.edges {
            let (from, to) = (&self.nodes[from.0].id, &self.nodes[to.0].id);
            match &**text {
                "" => writeln!(f, "  {from} --> {to}")?,
                text => writeln!(f, "  {from} -->|\"{}\"| {to}", label(text))?,
            }
        }
        let looks: BTreeSet<Look> = self.nodes.iter().map(|n| n.look).collect();
        for look in looks {
            writeln!(f, "  classDef {} {}", look.class(), look.colours())?;
        }
        writeln!(f, "```")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_apart_and_labels_are_text() {
        let mut chart = Flowchart::right();
        let a = chart.node("a-b", "Say \"end\" & <go> #1", Look::Step);
        let b = chart.node("a_b", "end", Look::Step);
        chart.edge(a, b, "");
        chart.edge(a, b, "");
        let drawn = chart.to_string();
        assert!(drawn.contains("step_a_b[\"Say #quot;end#quot; #amp; #lt;go#gt; #35;1\"]:::step"), "{drawn}");
        assert!(drawn.contains("step_a_b__2[\"end\"]"), "{drawn}");
        assert_eq!(drawn.matches("-->").count(), 1);
    }
}
