//! Disks that are full or may not be written to: real ones, in memory. Only root may mount them, so these tests are
//! `cargo test --test cli crash::disk -- --ignored` as root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::scenario::{Age, Placement, Scenario};
use crate::support::Ran;

/// A disk of its own at a folder; gone with the test.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// Of so many KiB.
    fn mounted(at: PathBuf, size: usize) -> Self {
        fs::create_dir_all(&at).unwrap();
        let options = format!("size={size}k");
        mount(&["-t", "tmpfs", "-o", &options, "tmpfs"], &at);
        Disk { at }
    }

    fn change(&self, option: &str) {
        mount(&["-o", &format!("remount,{option}")], &self.at);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let ended = Command::new("mount").args(arguments).arg(at).status();
    assert!(ended.is_ok_and(|status| status.success()), "only root may mount a disk");
}

/// Where the disk is mounted.
const PLACES: [(Placement, &str); 4] = [
    (Placement::Mirror, "mirror"),
    (Placement::InPlace, "mirror"),
    // The pictures, and the documents themselves.
    (Placement::InPlace, "i"),
    (Placement::InPlace, "in"),
];

#[track_caller]
fn assert_told(ran: &Ran, told: &str) {
    let last = ran.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("imgmirror: ") && last.contains(told), "{last}");
    assert_eq!(ran.stdout, "");
}

/// The disk is a little larger every time, so it is full at one place after the other, until it is large enough.
fn fill(placement: Placement, folder: &str, step: usize) {
    let mut full = 0;
    for size in (0..).map(|number| 12 + number * step) {
        let mut scenario = Scenario::new(placement, Age::New);
        let disk = Disk::mounted(scenario.case.at(folder), size);
        if folder == "in" && scenario.write_anew().is_err() {
            continue;
        }
        let ran = scenario.sync().start().wait();
        if ran.code == Some(3) {
            break;
        }
        println!("{placement:?}, {folder} of {size} KiB: {}", ran.stderr.trim());
        assert_eq!(ran.code, Some(1), "{size} KiB: {}", ran.stderr);
        assert_told(&ran, "Make room");
        full += 1;
        scenario.assert_nothing_torn();
        disk.change("size=64m");
        let summary = scenario.sync().run(3).json();
        scenario.assert_whole(&summary);
        scenario.assert_can_be_undone();
        scenario.assert_settled();
    }
    assert!(full > 1, "the disk was never full");
}

#[test]
#[ignore = "mounts disks, which only root may"]
fn a_full_disk_is_named_and_nothing_is_torn() {
    for (placement, folder) in PLACES {
        // Documents are small.
        fill(placement, folder, if folder == "in" { 4 } else { 96 });
    }
}

#[test]
#[ignore = "mounts disks, which only root may"]
fn a_read_only_disk_is_named_and_nothing_is_lost() {
    for (placement, folder) in PLACES {
        let mut scenario = Scenario::new(placement, Age::New);
        let disk = Disk::mounted(scenario.case.at(folder), 64 << 10);
        if folder == "in" {
            scenario.write_anew().unwrap();
        }
        scenario.sync().run(3);
        scenario.grow();
        disk.change("ro");
        let ran = scenario.sync().run(1);
        println!("{placement:?}, {folder}: {}", ran.stderr.trim());
        assert_told(&ran, "that can be written to");
        scenario.assert_nothing_torn();
        disk.change("rw");
        let summary = scenario.sync().run(3).json();
        scenario.assert_whole(&summary);
        scenario.assert_can_be_undone();
        scenario.assert_settled();
    }
}
