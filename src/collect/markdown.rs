//! TAKEN: the Markdown collector is being written by another helper on branch `markdown` (worktree /tmp/wt/markdown).
//! Do not write it here. Finish the front matter (yaml, toml, json, keys, line fallback), commit, and report.
