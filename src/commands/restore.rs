//! `imgmirror restore`: the documents of in-place runs as they were.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::{Outcome, existing, print, warn};
use crate::cli::{Exit, RestoreArgs};
use crate::mirror::Layout;
use crate::mirror::catalog::Catalog;
use crate::mirror::store::{self, Durability};
use crate::pipeline::{Action, normal};
use crate::restore::{Edited, Kind, Refused, Restored, Restoring};
use crate::sanitize;

pub(super) fn run(args: &RestoreArgs) -> Outcome {
    let layout = existing(&args.mirror.output)?;
    let action = if args.dry_run { Action::Plan } else { Action::Act };
    let (_lock, catalog) = match action {
        Action::Plan => (None, Catalog::open_existing(&layout.catalog())?),
        Action::Act => {
            let mirror = super::open(&args.mirror.output, &args.lock)?;
            store::sweep(&layout.tmp())?;
            (Some(mirror), Catalog::open(&layout.catalog(), Durability::Full)?)
        }
    };
    let only = only(&args.documents, &catalog, &layout)?;
    let restoring = Restoring { catalog: &catalog, tmp: &layout.tmp(), only: &only, edited: args.edited(), action };
    let restored = restoring.run(&mut |refused| tell(refused, args))?;
    if action == Action::Act {
        super::refresh_report(&catalog, &layout);
    }
    let text = if args.json { json(&restored)? } else { text(&restored, action) };
    print(&text)?;
    Ok(if restored.refused == 0 { Exit::Complete } else { Exit::SomeMissing })
}

/// The documents that were named, absolute, as they are called and as what they lead to.
fn only(named: &[PathBuf], catalog: &Catalog, layout: &Layout) -> anyhow::Result<Vec<PathBuf>> {
    let mut only = Vec::new();
    for path in named {
        let absolute = normal(&std::path::absolute(path).with_context(|| sanitize::path(path))?);
        let mut forms = vec![absolute];
        forms.extend(path.canonicalize().ok().filter(|canonical| *canonical != forms[0]));
        let mut known = false;
        for form in &forms {
            known |= catalog.knows_source(form)?;
        }
        anyhow::ensure!(
            known,
            "{}: no such document is known to {}; nothing was done",
            sanitize::path(path),
            sanitize::path(&layout.catalog())
        );
        only.extend(forms);
    }
    Ok(only)
}

/// Names a document that is not put back, and how to go on.
fn tell(refused: &Refused, args: &RestoreArgs) {
    let document = Path::new(&refused.document);
    let mut text = refused.detail.clone();
    match (refused.kind, args.edited()) {
        (Kind::Edited, Edited::Refuse) => {
            let _ = write!(
                text,
                ". To keep what was edited and put back every link that still stands as it was written: \
                 imgmirror restore -o {} --merge {}",
                shell_word(&args.mirror.output.to_string_lossy()),
                shell_word(&refused.document)
            );
        }
        (Kind::Edited, Edited::Merge) => text.push_str("; `imgmirror explain` lists what the document refers to"),
        (Kind::Gone | Kind::Failed, _) => {}
    }
    warn(document, &text);
}

/// Text as one word of a command line.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn json(restored: &Restored) -> serde_json::Result<String> {
    let serialised = serde_json::to_string(restored)?;
    Ok(format!("{}\n", sanitize::json(&serialised)))
}

fn text(restored: &Restored, action: Action) -> String {
    let Restored { total, restored, unchanged, merged, refused, .. } = *restored;
    if total == 0 {
        return "There is nothing to put back: no edits in place are recorded.\n".to_owned();
    }
    let mut text = match action {
        Action::Plan => "This would be done; nothing was.\n\n".to_owned(),
        Action::Act => String::new(),
    };
    let rows = [
        ("put back byte for byte", restored),
        ("as they were already", unchanged),
        ("put back, with later edits kept", merged),
        ("left as they are", refused),
    ];
    let _ = writeln!(text, "Documents   {total} with edits in place");
    for (what, count) in rows.iter().filter(|(_, count)| *count > 0) {
        let _ = writeln!(text, "            {count} {what}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_be_pasted_into_a_shell() {
        for (given, word) in [("a/b.md", "a/b.md"), ("my post.md", "'my post.md'"), ("it's", "'it'\\''s'"), ("", "''")]
        {
            assert_eq!(shell_word(given), word);
        }
    }
}
