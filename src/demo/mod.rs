//! What `imgmirror demo` needs: the sample documents, built into the program, and a server that has their pictures.

mod origin;
pub(crate) mod pictures;

use std::path::Path;
use std::{fs, io};

pub use origin::Origin;

/// The documents of seeds/, by name.
pub const SAMPLES: &[(&str, &[u8])] = &[
    ("001_stone-bridge.txt", include_bytes!("../../seeds/001_stone-bridge.txt")),
    ("002_village-library.txt", include_bytes!("../../seeds/002_village-library.txt")),
    ("003_harbour-morning.txt", include_bytes!("../../seeds/003_harbour-morning.txt")),
    ("004_winter-market.txt", include_bytes!("../../seeds/004_winter-market.txt")),
    ("005_paper-kites.txt", include_bytes!("../../seeds/005_paper-kites.txt")),
    ("006_tea-field.txt", include_bytes!("../../seeds/006_tea-field.txt")),
    ("007_night-train.txt", include_bytes!("../../seeds/007_night-train.txt")),
    ("008_second-look.txt", include_bytes!("../../seeds/008_second-look.txt")),
    ("009_brick-oven.txt", include_bytes!("../../seeds/009_brick-oven.txt")),
    ("101_walking-map.md", include_bytes!("../../seeds/101_walking-map.md")),
    ("102_saved-page.html", include_bytes!("../../seeds/102_saved-page.html")),
    ("103_clockmaker.md", include_bytes!("../../seeds/103_clockmaker.md")),
    ("104_frozen-pond.md", include_bytes!("../../seeds/104_frozen-pond.md")),
    ("105_old-town.html", include_bytes!("../../seeds/105_old-town.html")),
    ("106_theme.css", include_bytes!("../../seeds/106_theme.css")),
    ("107_many-relays.txt", include_bytes!("../../seeds/107_many-relays.txt")),
    ("108_year-of-doors.md", include_bytes!("../../seeds/108_year-of-doors.md")),
    ("109_valley-map.svg", include_bytes!("../../seeds/109_valley-map.svg")),
];

/// Writes the sample documents into `folder`.
pub fn write_samples(folder: &Path) -> io::Result<()> {
    SAMPLES.iter().try_for_each(|(name, content)| fs::write(folder.join(name), content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "README.md" && !name.starts_with('.'))
            .collect();
        names.sort();
        assert_eq!(names, SAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    }
}
