//! `imgmirror report`: the mirror's report.html, from the catalog alone.

use super::{Outcome, existing, print};
use crate::cli::{Exit, ReportArgs};
use crate::mirror::catalog::Catalog;
use crate::report::page::{self, When};
use crate::sanitize;

pub(super) fn run(args: &ReportArgs) -> Outcome {
    let layout = existing(&args.mirror.output)?;
    let _mirror = super::open(&args.mirror.output, &args.lock)?;
    let catalog = Catalog::open_existing(&layout.catalog())?;
    page::write(&catalog, &layout, When::Always, jiff::Timestamp::now().as_millisecond())?;
    print(&format!("{}\n", sanitize::path(&layout.report())))?;
    Ok(Exit::Complete)
}
