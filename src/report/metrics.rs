//! The last run for Prometheus, in the text format that node_exporter's textfile collector reads
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! Every sample is a gauge: a number of the last run, which may be smaller than that of the run before. All carry the
//! label `mirror`, so that the files of several mirrors do not contradict each other.

use std::fmt::Write as _;
use std::path::Path;

use super::Summary;
use crate::fetch::FailureKind;

/// How a run ended, for [`text`].
#[derive(Debug, Clone, Copy)]
pub enum Ran<'a> {
    /// To its end, or to an interruption, with this exit code.
    To { exit: u8, summary: &'a Summary },
    /// It broke off with this exit code and has no numbers to tell.
    Failed { exit: u8 },
}

/// The metrics of a run over `mirror` (absolute) that ended at `now` (milliseconds since 1970).
pub fn text(mirror: &Path, ran: Ran<'_>, now: i64) -> String {
    let mut page = Page { text: String::new(), mirror: escape(&mirror.to_string_lossy()) };
    let (exit, success) = match ran {
        Ran::To { exit, .. } => (exit, matches!(exit, 0 | 3)),
        Ran::Failed { exit } => (exit, false),
    };
    page.number("last_run_timestamp_seconds", "When the last run ended, as Unix time.", now.div_euclid(1000));
    page.number(
        "last_run_success",
        "1 when the last run came to its end (exit code 0 or 3), else 0.",
        u8::from(success),
    );
    page.number("last_run_exit_code", "The exit code of the last run.", exit);
    if let Ran::To { summary, .. } = ran {
        page.summary(summary);
    }
    page.text
}

struct Page {
    text: String,
    /// Escaped.
    mirror: String,
}

impl Page {
    fn summary(&mut self, summary: &Summary) {
        let Summary { documents, references, assets, bytes, .. } = summary;
        self.number("last_run_duration_seconds", "How long the last run took.", summary.seconds);
        self.states(
            "documents",
            "Documents of the last run: written, unchanged, or failed to be read or written.",
            "state",
            &[("written", documents.written), ("unchanged", documents.unchanged), ("failed", documents.failed)],
        );
        self.states(
            "references",
            "References in the documents of the last run, by how they ended.",
            "state",
            &[("mirrored", references.mirrored), ("skipped", references.skipped), ("missing", references.missing)],
        );
        self.states(
            "assets",
            "Pictures that the last run needed, by how they ended.",
            "state",
            &[
                ("captured", assets.captured),
                ("revisited", assets.revisited),
                ("held", assets.held),
                ("rescued", assets.rescued),
                ("failed", assets.failed),
                ("refused", assets.refused),
            ],
        );
        let kinds = FailureKind::ALL.map(FailureKind::as_str);
        let missing = kinds.map(|kind| (kind, summary.failures.of_kinds(&[kind])));
        self.states("missing", "Pictures that the last run needed and the mirror lacks, by why.", "kind", &missing);
        self.number("requests", "Requests of the last run, redirects included.", summary.requests);
        self.number("received_bytes", "Bytes of bodies that the last run received.", bytes.received);
        self.number("stored_bytes", "Bytes that the last run added to the store.", bytes.stored);
    }

    fn number(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, help);
        let _ = writeln!(self.text, "imgmirror_{name}{{mirror=\"{}\"}} {value}", self.mirror);
    }

    /// One sample for each value of `label`, also for those that are 0: a series that comes and goes raises no alert.
    fn states(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) {
        self.head(name, help);
        for (word, value) in values {
            let mirror = &self.mirror;
            let _ = writeln!(self.text, "imgmirror_{name}{{mirror=\"{mirror}\",{label}=\"{word}\"}} {value}");
        }
    }

    fn head(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP imgmirror_{name} {help}\n# TYPE imgmirror_{name} gauge");
    }
}

/// A label's value: the format escapes `\`, `"` and line feeds. Other control characters of a folder's name have no
/// place in a file that people read too.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_break_out_of_its_quotes() {
        let text = text(Path::new("/a\"b\\c\nd\re"), Ran::Failed { exit: 1 }, 1_999);
        let expected = "imgmirror_last_run_timestamp_seconds{mirror=\"/a\\\"b\\\\c\\nd\u{fffd}e\"} 1\n";
        assert!(text.contains(expected), "{text}");
        assert_eq!(text.lines().count(), 9);
    }

    #[test]
    fn only_a_run_that_came_to_its_end_is_a_success() {
        let summary = Summary::default();
        for exit in [0, 3, 130] {
            let text = text(Path::new("/m"), Ran::To { exit, summary: &summary }, 0);
            let success = format!("imgmirror_last_run_success{{mirror=\"/m\"}} {}\n", u8::from(exit != 130));
            assert!(text.contains(&success), "{text}");
            assert!(text.contains(&format!("imgmirror_last_run_exit_code{{mirror=\"/m\"}} {exit}\n")), "{text}");
        }
    }

    #[test]
    fn every_kind_of_failure_has_its_series() {
        let mut summary = Summary::default();
        let failed = super::super::Failed { target: "https://i.example/", kind: "gone", detail: "", attempts: 1 };
        summary.failures.add(failed, []);
        let text = text(Path::new("/m"), Ran::To { exit: 3, summary: &summary }, 0);
        assert_eq!(text.lines().filter(|line| line.starts_with("imgmirror_missing{")).count(), FailureKind::ALL.len());
        assert!(text.contains("imgmirror_missing{mirror=\"/m\",kind=\"gone\"} 1\n"), "{text}");
    }
}
