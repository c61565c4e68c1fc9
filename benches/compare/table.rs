//! The table: medians, and ratios to what imgmirror needs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::job::Measured;
use super::tools::Tool;
use super::{Arguments, Collection, Profile};

pub struct Table {
    heading: String,
    pictures: usize,
    profiles: Vec<Profile>,
    /// By profile and tool.
    rounds: BTreeMap<(usize, String), Vec<Measured>>,
}

impl Table {
    pub fn new(collection: &Collection, arguments: &Arguments) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let heading = format!(
            "{} articles, {} pictures, {} MB, {} at a time, {cores} cores; medians of {}. In brackets: times what \
             imgmirror needs.",
            collection.size.documents,
            collection.size.pictures,
            collection.bytes / 1_000_000,
            arguments.concurrency,
            arguments.runs
        );
        let (pictures, profiles) = (collection.size.pictures, arguments.profiles.clone());
        Table { heading, pictures, profiles, rounds: BTreeMap::new() }
    }

    pub fn add(&mut self, profile: Profile, tool: &Tool, measured: Measured) {
        self.rounds.entry((profile as usize, tool.name.clone())).or_default().push(measured);
    }

    pub fn to_markdown(&self, tools: &[Tool]) -> String {
        let mut text = format!("{}\n", self.heading);
        for &profile in &self.profiles {
            // Writing to a string cannot fail.
            let _ = write!(
                text,
                "\n{}:\n\n| tool | wall | CPU a picture | peak of one process | second run: wall | requests |\n\
                 | --- | --- | --- | --- | --- | --- |\n",
                profile.title()
            );
            let base = tools.first().and_then(|tool| self.medians(profile, tool));
            for tool in tools {
                if let (Some(base), Some(own)) = (&base, self.medians(profile, tool)) {
                    text.push_str(&own.row(&tool.name, base));
                }
            }
        }
        let versions = tools.iter().filter_map(|tool| tool.version.as_deref());
        let mut versions: Vec<_> = versions.collect();
        versions.dedup();
        let _ = write!(text, "\nRun: {}.", versions.join(", "));
        let not_run: Vec<_> = tools.iter().filter(|tool| tool.version.is_none()).map(|tool| &*tool.name).collect();
        if !not_run.is_empty() {
            let _ = write!(text, " Not run, since not installed: {}.", not_run.join(", "));
        }
        text.push_str(
            " Not run: monolith, which asks for the links of pages as they are written, here those of a proxy.\n",
        );
        text
    }

    fn medians(&self, profile: Profile, tool: &Tool) -> Option<Medians> {
        let rounds = self.rounds.get(&(profile as usize, tool.name.clone()))?;
        let of = |value: &dyn Fn(&Measured) -> f64| median(rounds.iter().map(value).collect());
        let seconds = |time: Duration| time.as_secs_f64();
        let pictures = self.pictures as f64;
        Some(Medians {
            wall: of(&|round| seconds(round.first.wall)),
            cpu: of(&|round| seconds(round.first.cpu) * 1e3 / pictures),
            memory: of(&|round| round.first.memory as f64 / 1e6),
            again: of(&|round| seconds(round.second.wall)),
            requests: of(&|round| round.second_requests as f64),
        })
    }
}

/// Seconds, milliseconds, megabytes, seconds, and a number.
struct Medians {
    wall: f64,
    cpu: f64,
    memory: f64,
    again: f64,
    requests: f64,
}

impl Medians {
    fn row(&self, name: &str, base: &Medians) -> String {
        let ratio = |own: f64, base: f64| format!("({:.2})", own / base);
        format!(
            "| {name} | {:.2} s {} | {:.3} ms {} | {:.0} MB {} | {:.2} s {} | {} |\n",
            self.wall,
            ratio(self.wall, base.wall),
            self.cpu,
            ratio(self.cpu, base.cpu),
            self.memory,
            ratio(self.memory, base.memory),
            self.again,
            ratio(self.again, base.again),
            self.requests
        )
    }
}

/// The middle value; of an even number the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.get(middle) {
        Some(upper) if values.len().is_multiple_of(2) => f64::midpoint(values[middle - 1], *upper),
        Some(value) => *value,
        None => f64::NAN,
    }
}
