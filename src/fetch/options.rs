//! How to fetch: the settings of one run, and how they are written on a command line.

use std::str::FromStr;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use url::Url;

use super::connect_to::ConnectTo;
use crate::scope::{Allow, Private};

/// Which Referer is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefererPolicy {
    /// None at first; after a 401 or 403 the ladder of [`super::ladder`] is climbed.
    #[default]
    Auto,
    /// Never one.
    None,
    /// Always the target's own origin.
    Origin,
}

/// A number of requests in a time: `2/s`, `30/m`, `100/h`; a bare number is a second's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval: Duration,
}

impl Rate {
    /// The time from the start of one request to the start of the next.
    pub fn interval(self) -> Duration {
        self.interval
    }
}

/// A setting that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadOption(pub(super) String);

impl FromStr for Rate {
    type Err = BadOption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadOption(format!("'{text}' is not a rate such as 2/s, 30/m or 0.5/s"));
        let (count, unit) = text.trim().split_once('/').unwrap_or((text.trim(), "s"));
        let seconds = match unit.trim() {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3600.0,
            _ => return Err(bad()),
        };
        let count: f64 = count.trim().parse().map_err(|_| bad())?;
        if !(count.is_finite() && count > 0.0) {
            return Err(bad());
        }
        // A day between two requests is slower than any host asks for and keeps the clock's arithmetic safe.
        let interval = (seconds / count).min(86_400.0);
        Ok(Rate { interval: Duration::from_secs_f64(interval) })
    }
}

/// A request header of the user's own, written `Name: value`. It goes to every host, except that `Authorization` and
/// `Cookie` do not follow a redirect to another origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

impl FromStr for Header {
    type Err = BadOption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What was typed is not repeated: it may be a secret.
        let (name, value) =
            text.split_once(':').ok_or_else(|| BadOption("a header is written 'Name: value'".into()))?;
        let name: HeaderName =
            name.trim().parse().map_err(|_| BadOption("that is not the name of a header".to_owned()))?;
        // These frame the message or make the answer a part; they are ours to say.
        let ours = ["host", "connection", "content-length", "transfer-encoding", "te", "upgrade", "range", "if-range"];
        if ours.contains(&name.as_str()) || name.as_str().starts_with("if-") {
            return Err(BadOption(format!("the header {name} cannot be set")));
        }
        let mut value = HeaderValue::from_str(value.trim())
            .map_err(|_| BadOption(format!("the value of the header {name} cannot be sent")))?;
        value.set_sensitive(true);
        Ok(Header { name, value })
    }
}

/// The settings of one run. Every field has a default that is polite to servers.
#[derive(Debug, Clone)]
pub struct Options {
    /// Exchanges in flight, all hosts together.
    pub concurrency: usize,
    /// Exchanges in flight with one origin.
    pub per_host: usize,
    /// Spacing of the requests to one origin; `None` leaves it to `per_host`.
    pub rate: Option<Rate>,
    /// Tries after the first one, for each source of an asset, when a failure may pass.
    pub retries: u32,
    /// The wait after a host's first failure; each further one doubles it.
    pub backoff: Duration,
    /// The longest wait between two tries, and the longest `Retry-After` that is waited for.
    pub max_wait: Duration,
    /// Failures in a row after which a host is set aside for the run.
    pub set_aside_after: u32,
    /// Finding the address, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// The longest silence, before the response and between two parts of its body.
    pub stall_timeout: Duration,
    /// One exchange from its start to the last byte, redirects included.
    pub deadline: Duration,
    /// Bytes of one body, received and decoded counted each for itself.
    pub max_size: u64,
    pub redirects: usize,
    pub referer: RefererPolicy,
    pub user_agent: String,
    pub headers: Vec<Header>,
    /// An outgoing proxy (`http`, `https`, `socks5`, `socks5h`); without one the environment is asked.
    pub via_proxy: Option<Url>,
    pub allow: Vec<Allow>,
    pub private: Private,
    pub connect_to: Vec<ConnectTo>,
    /// Certificates to trust besides those of the system, PEM.
    pub cacert: Option<Vec<u8>>,
    /// How long exchanges in flight may take to end once a run is told to stop.
    pub grace: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            concurrency: 64,
            per_host: 6,
            rate: None,
            retries: 3,
            backoff: Duration::from_millis(500),
            max_wait: Duration::from_secs(120),
            set_aside_after: 6,
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
            deadline: Duration::from_secs(600),
            max_size: 64 << 20,
            redirects: 10,
            referer: RefererPolicy::Auto,
            user_agent: concat!("imgmirror/", env!("CARGO_PKG_VERSION"), " (keeps the pictures of saved articles)")
                .to_owned(),
            headers: Vec::new(),
            via_proxy: None,
            allow: Vec::new(),
            private: Private::Refuse,
            connect_to: Vec::new(),
            cacert: None,
            grace: Duration::from_secs(5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::job::Then;
    use super::super::memory::REST_MAX;
    use super::super::status;
    use super::*;

    #[test]
    fn rates_are_read_as_intervals() {
        let cases =
            [("2/s", 500), ("30/m", 2_000), ("3600/h", 1_000), ("0.5/s", 2_000), ("4", 250), (" 1 / s ", 1_000)];
        for (text, millis) in cases {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.interval(), Duration::from_millis(millis), "{text}");
        }
        for text in ["", "0/s", "-1/s", "x", "1/fortnight", "NaN/s", "inf"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert_eq!("1e-300/s".parse::<Rate>().unwrap().interval(), Duration::from_secs(86_400));
    }

    #[test]
    fn headers_that_frame_a_message_are_not_the_users() {
        let header: Header = "X-Key:  a b ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.as_bytes()), ("x-key", b"a b".as_slice()));
        for text in
            ["", "X-Key", "Host: a", "Content-Length: 1", "Range: bytes=0-", "If-None-Match: x", "a b: c", "A: b\nc"]
        {
            assert!(text.parse::<Header>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_bad_header_is_not_repeated_in_the_message() {
        let error = "Authorization Bearer hunter2".parse::<Header>().unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }

    const PAGE: &str = include_str!("../../docs/manners.md");

    /// The cells of the table below `header`, row by row.
    fn table(header: &str) -> Vec<Vec<&'static str>> {
        let (_, below) = PAGE.split_once(header).unwrap();
        let rows = below.lines().skip(1).take_while(|line| line.starts_with('|'));
        rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    /// Every status that the page names, with what it says of it.
    fn answers() -> Vec<(u16, &'static str)> {
        let rows = table("| answer | what follows |\n");
        rows.iter().flat_map(|row| row[0].split('`').filter_map(|part| Some((part.parse().ok()?, row[1])))).collect()
    }

    #[test]
    fn the_page_on_manners_states_the_defaults() {
        // Every field, so that none is added without a word to those who are asked.
        let Options {
            concurrency,
            per_host,
            rate: None,
            retries,
            backoff,
            max_wait,
            set_aside_after,
            connect_timeout,
            stall_timeout,
            deadline,
            max_size,
            redirects,
            referer: RefererPolicy::Auto,
            user_agent,
            headers: _,
            via_proxy: None,
            allow: _,
            private: Private::Refuse,
            connect_to: _,
            cacert: None,
            grace,
        } = Options::default()
        else {
            panic!("the page says otherwise")
        };
        let time = |duration| humantime::format_duration(duration).to_string();
        let expected = [
            ("User-Agent", user_agent.replace(env!("CARGO_PKG_VERSION"), "VERSION")),
            ("requests under way, all hosts together", concurrency.to_string()),
            ("requests under way, one host", per_host.to_string()),
            ("further tries after a failure that may pass", retries.to_string()),
            ("wait before the first further try", time(backoff)),
            ("longest wait for a further try", time(max_wait)),
            ("failures in a row after which a host is set aside", set_aside_after.to_string()),
            ("longest Retry-After that later runs remember", format!("{}d", REST_MAX.as_secs() / 86_400)),
            ("redirects", redirects.to_string()),
            ("Referer", "auto".to_owned()),
            ("finding and connecting to a host", time(connect_timeout)),
            ("silence of a transfer", time(stall_timeout)),
            ("one transfer, redirects included", time(deadline)),
            ("size of a picture", format!("{}MiB", max_size >> 20)),
            ("end of what is under way when interrupted", time(grace)),
        ];
        assert_eq!(max_size % (1 << 20), 0);
        let rows = table("| what | default | key | why |\n");
        let stated: Vec<_> = rows.iter().map(|row| (row[0], row[1])).filter(|(_, value)| value.contains('`')).collect();
        for (what, value) in &expected {
            assert!(stated.contains(&(what, &format!("`{value}`"))), "{what}: {value}");
        }
        // The one that is left is checked where it is decided, in the catalog.
        assert_eq!(stated.len(), expected.len() + 1, "{stated:?}");
    }

    #[test]
    fn the_page_on_manners_says_what_answers_lead_to() {
        let answers = answers();
        let once = answers.iter().all(|(one, _)| answers.iter().filter(|(other, _)| one == other).count() == 1);
        assert!(once, "{answers:?}");
        let (wait, on) = ("a wait, then a further try", "another source, at once");
        for status in 400..=599 {
            let others = if status < 500 { on } else { wait };
            let said = answers.iter().find(|(named, _)| *named == status).map_or(others, |(_, said)| said);
            let then = match status::miss(status).then {
                Then::Wait => wait,
                Then::OtherSource => on,
                Then::OtherReferer => "another Referer, then another source",
                Then::Nothing => "",
            };
            assert_eq!(said, then, "{status}");
        }
        assert!(PAGE.contains("`503` and other `5xx` |") && PAGE.contains("`505` and all others |"));
    }

    #[test]
    fn the_page_on_manners_has_no_number_outside_of_its_tables() {
        let known: Vec<String> = answers().iter().map(|(status, _)| format!("`{status}`")).collect();
        // Every second part stands between fences: examples, which are tried where settings are read.
        for line in PAGE.split("```").step_by(2).flat_map(str::lines).filter(|line| !line.starts_with('|')) {
            for word in line.split(' ').map(|word| word.trim_matches(['(', ')', ',', '.', ';'])) {
                let fine = ["HTTP/2", "`5xx`"].contains(&word) || known.iter().any(|status| status == word);
                assert!(fine || !word.contains(|c: char| c.is_ascii_digit()), "{word} in: {line}");
            }
        }
    }
}
