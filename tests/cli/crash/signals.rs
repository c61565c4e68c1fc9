//! Runs that are told to end, wherever they are.

use super::scenario::{Age, Placement, Scenario};
use super::shim::{Act, Aim, release, struck, wait_for};
use crate::support::assert_adds_up;

/// A call of each stage, and how often it is made before the one at which the signal comes.
const STAGES: [(&str, Aim, usize); 4] = [
    ("collecting", Aim { kinds: "read", named: "in/b.md" }, 1),
    ("fetching", Aim { kinds: "rename", named: "mirror/assets/" }, 5),
    ("writing documents", Aim { kinds: "sync", named: "mirror/tmp/" }, 2),
    ("putting them in place", Aim { kinds: "rename", named: "mirror/documents/" }, 2),
];

/// Runs until the stage is reached, and lets `tell` end the run.
fn stop(stage: (&str, Aim, usize), tell: impl Fn(&Scenario, &crate::support::Running)) -> (Scenario, String) {
    let (_, aim, at) = stage;
    let scenario = Scenario::new(Placement::Mirror, Age::New);
    let mut run = struck(&scenario.case, scenario.sync(), aim, at, Act::Hold).start();
    wait_for(&scenario.case, &mut run);
    tell(&scenario, &run);
    let ran = run.wait();
    assert_eq!(ran.code, Some(130), "{stage:?}: {}", ran.stderr);
    scenario.assert_nothing_torn();
    (scenario, ran.stdout)
}

/// The next run ends as if nothing had happened.
fn go_on(mut scenario: Scenario) {
    let summary = scenario.sync().run(3).json();
    scenario.assert_whole(&summary);
    scenario.assert_settled();
}

#[test]
fn a_signal_ends_a_run_in_order_at_every_stage() {
    for (number, stage) in STAGES.into_iter().enumerate() {
        let signal = ["INT", "TERM"][number % 2];
        let (scenario, told) = stop(stage, |scenario, run| {
            run.signal(signal);
            release(&scenario.case);
        });
        let summary = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{stage:?}: {error}: {told}"));
        assert_adds_up(&summary);
        if stage.0 == "collecting" {
            assert_eq!(scenario.origin.take_urls(), Vec::<String>::new());
        }
        go_on(scenario);
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once_at_every_stage() {
    for stage in STAGES {
        // The call is never let go.
        let (scenario, told) = stop(stage, |_, run| {
            run.signal("INT");
            run.signal("TERM");
        });
        assert_eq!(told, "", "{stage:?}");
        go_on(scenario);
    }
}

#[test]
fn a_run_that_cannot_end_in_order_ends_all_the_same() {
    let tests = STAGES.map(|stage| {
        std::thread::spawn(move || {
            let (scenario, _) = stop(stage, |_, run| run.signal("TERM"));
            go_on(scenario);
        })
    });
    for test in tests {
        test.join().unwrap();
    }
}
