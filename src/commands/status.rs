//! `imgmirror status`: whether the mirror is whole, from the catalog alone.

use super::{Outcome, existing, print};
use crate::cli::{Exit, StatusArgs};
use crate::mirror::catalog::Catalog;
use crate::report::overview::Overview;
use crate::report::status;
use crate::sanitize;

pub(super) fn run(args: &StatusArgs) -> Outcome {
    let layout = existing(&args.mirror.output)?;
    let catalog = Catalog::open_existing(&layout.catalog())?;
    let now = jiff::Timestamp::now().as_millisecond();
    let overview = Overview::of(&catalog.ledger()?, status::LIMITS, now)?;
    if args.json {
        print(&format!("{}\n", sanitize::json(&serde_json::to_string(&overview)?)))?;
    } else {
        let report = layout.report();
        print(&status::text(&overview, report.exists().then_some(report.as_path()), now))?;
    }
    Ok(if overview.whole { Exit::Complete } else { Exit::SomeMissing })
}
