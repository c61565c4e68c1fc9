//! The date of everything in a bundle.

use std::ffi::OsStr;

use jiff::Timestamp;

/// What reproducible builds are dated by, in seconds since 1970:
/// <https://reproducible-builds.org/specs/source-date-epoch/>.
pub const VARIABLE: &str = "SOURCE_DATE_EPOCH";

/// The value of [`VARIABLE`] where it is set.
///
/// # Errors
/// It is not an integer as `date +%s` prints it, or a time beyond the year 9999. The message names the variable.
pub fn of_variable(value: Option<&OsStr>) -> Result<Option<Timestamp>, String> {
    // As with all variables of the environment, empty is not set.
    let Some(value) = value.filter(|value| !value.is_empty()) else { return Ok(None) };
    let digits = value.to_str().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let date = digits.and_then(|text| Timestamp::from_second(text.parse().ok()?).ok());
    match date {
        Some(date) => Ok(Some(date)),
        None => Err(format!("the environment variable {VARIABLE} is not a number of seconds since 1970")),
    }
}

/// When the newest capture was made, to the second; else the first moment that ZIP can tell.
pub fn of_captures(newest: Option<i64>) -> Timestamp {
    const FIRST: Timestamp = Timestamp::constant(315_532_800, 0);
    newest.and_then(|milliseconds| Timestamp::from_second(milliseconds.div_euclid(1000)).ok()).unwrap_or(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_a_number_of_seconds() {
        let read = |text: &str| of_variable(Some(OsStr::new(text)));
        assert_eq!(read("1700000000").unwrap().unwrap().to_string(), "2023-11-14T22:13:20Z");
        assert_eq!((of_variable(None), read("")), (Ok(None), Ok(None)));
        for malformed in [" 1", "1.5", "-1", "+1", "yesterday", "99999999999999999999", "999999999999"] {
            assert!(read(malformed).unwrap_err().contains(VARIABLE), "{malformed}");
        }
    }

    #[test]
    fn without_a_capture_it_is_1980() {
        assert_eq!(of_captures(None).to_string(), "1980-01-01T00:00:00Z");
        assert_eq!(of_captures(Some(1_700_000_000_999)).to_string(), "2023-11-14T22:13:20Z");
    }
}
