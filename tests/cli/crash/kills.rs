//! A run is killed at every kind of call that changes the disk, and the same command ends as if nothing had happened.

use super::scenario::{Age, Placement, Scenario};
use super::shim::{Act, Aim, CHANGES, calls, struck, watched};
use crate::support::{Case, Origin};

const ACTS: [Act; 3] = [Act::KillBefore, Act::KillHalf, Act::KillAfter];

/// What a kill can hit. Each is hit as often as every other, however many calls it makes.
const AIMS: [Aim; 16] = [
    Aim { kinds: "rename", named: "assets/" },
    Aim { kinds: "rename", named: "/in/" },
    Aim { kinds: "rename", named: "/documents/" },
    Aim { kinds: "sync", named: "sqlite-wal" },
    Aim { kinds: "write", named: "mirror/tmp/" },
    Aim { kinds: "sync", named: "mirror/tmp/" },
    Aim { kinds: "write", named: "sqlite-wal" },
    Aim { kinds: "rename", named: "/i/" },
    Aim { kinds: "create,mode", named: "mirror/tmp/" },
    Aim { kinds: "mkdir", named: "" },
    Aim { kinds: "sync", named: "assets" },
    Aim { kinds: "sync", named: "/i" },
    Aim { kinds: "sync", named: "/in" },
    Aim { kinds: "unlink", named: "" },
    Aim { kinds: "create,truncate,sync,write", named: "catalog.sqlite" },
    Aim { kinds: "write,truncate,create", named: ".lock" },
];

/// Kills `kills` runs, each in a collection of its own, and looks at each three times: at once, after the next run, and
/// after one more.
fn kill(placement: Placement, age: Age, kills: usize, seed: u64) {
    let undisturbed = Scenario::new(placement, age);
    let summary = watched(&undisturbed.case, undisturbed.sync(), CHANGES).run(3).json();
    undisturbed.assert_whole(&summary);
    undisturbed.assert_can_be_undone();
    let (facts, all) = (undisturbed.facts(), calls(&undisturbed.case));

    let mut random = fastrand::Rng::with_seed(seed);
    let counted = |aim: Aim| all.iter().filter(|call| call.is_of(aim)).count();
    let aims: Vec<_> = AIMS.into_iter().map(|aim| (aim, counted(aim))).filter(|(_, count)| *count > 0).collect();
    let mut rest = aims.iter().cycle().skip(random.usize(..aims.len()));
    let mut killed = 0;
    while killed < kills {
        let (aim, count) = *rest.next().unwrap();
        let (at, act) = (random.usize(1..=count), ACTS[random.usize(..ACTS.len())]);
        let told = format!("{placement:?}, {age:?}: {act:?} at {at} of {count} {aim:?}");
        let mut scenario = Scenario::new(placement, age);
        let ran = struck(&scenario.case, scenario.sync(), aim, at, act).start().wait();
        // Threads take turns: there may be a call less than before.
        if ran.code == Some(3) {
            continue;
        }
        assert_eq!(ran.code, None, "{told}\n{}", ran.stderr);
        killed += 1;
        println!("{told}");
        scenario.assert_nothing_torn();
        let summary = scenario.sync().run(3).json();
        scenario.assert_whole(&summary);
        scenario.assert_can_be_undone();
        let now = scenario.facts();
        let odd: Vec<_> = now.symmetric_difference(&facts).take(20).collect();
        assert!(odd.is_empty(), "{told}: the catalog differs from that of an undisturbed run in {odd:#?}");
        scenario.assert_settled();
        scenario.assert_can_be_undone();
    }
}

#[test]
fn a_new_mirror_survives_kills() {
    kill(Placement::Mirror, Age::New, 5, 1);
}

#[test]
fn a_grown_mirror_survives_kills() {
    kill(Placement::Mirror, Age::Grown, 5, 2);
}

#[test]
fn documents_edited_in_place_survive_kills() {
    kill(Placement::InPlace, Age::New, 5, 3);
}

#[test]
fn documents_edited_in_place_again_survive_kills() {
    kill(Placement::InPlace, Age::Grown, 5, 4);
}

/// A proxy is learned from documents that were read, and those are not read again when they have not changed.
#[test]
fn a_run_that_was_killed_at_any_commit_has_lost_no_witness() {
    let (case, origin) = (Case::new(), Origin::of_pictures());
    let proxied = |number: usize| format!("https://relay.example/?http://q.example/{number}.png");
    for number in [1, 2] {
        let witness = format!("<img src='{}' data-original='http://q.example/{number}.png'>", proxied(number));
        case.write(format!("in/{number}.html"), witness);
    }
    case.write("in/3.html", format!("<img src='{}'>", proxied(3)));
    let commits = Aim { kinds: "sync", named: "catalog.sqlite-wal" };
    let (mut at, mut killed) = (1, 0);
    loop {
        let output = format!("-o=mirror-{at}");
        let sync = || case.imgmirror(&["sync", "in", "--json", &output]).args(origin.flags());
        let ran = struck(&case, sync(), commits, at, Act::KillAfter).start().wait();
        let over = ran.code == Some(0);
        killed += usize::from(ran.code.is_none());
        let summary = sync().run(0).json();
        assert_eq!(summary["assets"]["total"], 3, "killed at commit {at}: {summary}");
        if over {
            break;
        }
        at += 1;
    }
    assert!(killed > 4, "{killed}");
}

/// More than 200 kills. Another `CRASH_SEED` makes others.
#[test]
#[ignore = "takes minutes"]
fn everything_survives_many_kills() {
    let seed = std::env::var("CRASH_SEED").map_or(0, |seed| seed.parse().unwrap());
    for (placement, age) in [
        (Placement::Mirror, Age::New),
        (Placement::Mirror, Age::Grown),
        (Placement::InPlace, Age::New),
        (Placement::InPlace, Age::Grown),
    ] {
        kill(placement, age, 60, seed);
    }
}
