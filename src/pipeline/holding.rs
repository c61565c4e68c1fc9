//! Whether the pictures that are on record are there. A folder of pictures that is not mounted must not be taken for
//! pictures that are lost: every document would give up its links.

use std::path::PathBuf;

use super::Network;
use crate::mirror::catalog::{Backlog, Catalog, Held, OnChange};
use crate::mirror::store::{self, LocalStore, Store as _};
use crate::sanitize;

/// Not one of the pictures on record is there.
#[derive(Debug, thiserror::Error)]
#[error(
    "the folder of the pictures, {}, has none of the {pictures} pictures that are on record; nothing was written. If it is \
     on a disk, mount it; if they are lost for good, `imgmirror sync --refresh` fetches them again", sanitize::path(.folder)
)]
pub struct NotMounted {
    folder: PathBuf,
    pictures: u64,
}

/// Refuses to go on when there are pictures on record and none in `folder`, unless all are to be fetched again anyway.
pub(super) fn refuse_unmounted(
    catalog: &Catalog,
    store: &LocalStore,
    folder: PathBuf,
    network: Network,
) -> anyhow::Result<()> {
    if matches!(network, Network::Online(Backlog { held: Held::All, .. })) {
        return Ok(());
    }
    match catalog.none_held(&mut |blob, _| Ok(store.has(blob)?.is_some()))? {
        0 => Ok(()),
        pictures => Err(NotMounted { folder, pictures }.into()),
    }
}

/// Brings the catalog in line with the store: what is back is held again, and what is lost is to be asked for.
pub(super) fn compare(catalog: &Catalog, store: &LocalStore, run: i64, network: Network) -> anyhow::Result<()> {
    let on_change = match network {
        Network::Online(backlog) => backlog.on_change,
        Network::Offline => OnChange::Keep,
    };
    catalog.begin()?;
    // What was given up may have been given up for its bytes, and is seldom: it is read before it is believed.
    catalog.take_back(on_change, &mut |blob, length| {
        Ok(store.has(blob)? == Some(length) && store::is_whole(&store.path(blob), blob.digest))
    })?;
    // A blob of another length is a damaged one; that of its own length may be, and only re-hashing would tell.
    catalog.forget_lost(run, &mut |blob, length| Ok(store.has(blob)? == Some(length)))?;
    catalog.commit()?;
    Ok(())
}
