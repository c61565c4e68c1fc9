//! Times for people, in UTC: the catalog's milliseconds since 1970.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `2026-03-01 14:05 UTC`.
pub(crate) fn minute(millis: i64) -> String {
    format(millis, "%Y-%m-%d %H:%M UTC")
}

/// `2026-03-01`.
pub(crate) fn day(millis: i64) -> String {
    format(millis, "%Y-%m-%d")
}

/// `3 days ago`, of a time before `now`.
pub(super) fn ago(millis: i64, now: i64) -> String {
    let minutes = now.saturating_sub(millis) / 60_000;
    let (n, unit) = match minutes {
        ..=0 => return "just now".to_owned(),
        1..60 => (minutes, "minute"),
        60..1440 => (minutes / 60, "hour"),
        _ => (minutes / 1440, "day"),
    };
    format!("{n} {unit}{} ago", if n == 1 { "" } else { "s" })
}

fn format(millis: i64, format: &str) -> String {
    // A catalog edited by hand may hold times beyond all calendars.
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_utc_and_in_words() {
        const NOW: i64 = 1_772_373_900_000;
        assert_eq!((minute(NOW).as_str(), day(NOW).as_str()), ("2026-03-01 14:05 UTC", "2026-03-01"));
        assert_eq!(day(i64::MAX), "1970-01-01");
        let table = [(0, "just now"), (1, "1 minute ago"), (59, "59 minutes ago"), (60, "1 hour ago")];
        let table = table.into_iter().chain([(1439, "23 hours ago"), (1440, "1 day ago"), (100_000, "69 days ago")]);
        for (minutes, told) in table.chain([(-5, "just now")]) {
            assert_eq!(ago(NOW - minutes * 60_000, NOW), told);
        }
    }
}
