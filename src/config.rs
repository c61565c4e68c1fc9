//! Settings that stand outside of the command line: `imgmirror.toml` and the environment.
//!
//! Both become *defaults* of the arguments of the same name before the command line is read. So there is one place
//! where a setting is defined, one parser for its values, and the order of precedence (flag, environment, file,
//! built-in default) is a matter of which default is put in. Nothing here knows what a setting means.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, Error};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::sanitize;

/// The file that is read when none is named.
pub const FILE_NAME: &str = "imgmirror.toml";

/// A larger file holds no settings; bytes.
const MAX_FILE: u64 = 1 << 20;

/// The command that knows every setting.
const REFERENCE: &str = "sync";

/// Arguments that are no settings.
const NOT_SETTINGS: [&str; 3] = ["config", "help", "version"];

/// Settings that are meant for [`REFERENCE`] alone: to agree to its edits is not to agree to what another command removes.
const OF_REFERENCE_ALONE: [&str; 2] = ["yes", "dry-run"];

/// The world around the command line, handed in so that nothing here depends on the state of the process.
pub struct Surroundings<'a> {
    /// Looks up an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<OsString>,
    /// Where [`FILE_NAME`] is looked for, normally `.`.
    pub directory: &'a Path,
}

/// The settings found, by the long flag of their argument.
#[derive(Debug, Default)]
pub struct Settings {
    values: BTreeMap<String, Vec<OsString>>,
    file: Option<PathBuf>,
}

impl Settings {
    /// The file that was read.
    pub fn into_file(self) -> Option<PathBuf> {
        self.file
    }

    /// Makes the settings the defaults of every command that can be configured.
    pub fn apply(&self, command: Command) -> Command {
        command.mut_subcommands(|sub| {
            if !is_configurable(&sub) {
                return sub;
            }
            let reference = sub.get_name() == REFERENCE;
            let concerns = |long: &&str| reference || !OF_REFERENCE_ALONE.contains(long);
            sub.mut_args(|arg| match arg.get_long().filter(concerns).and_then(|long| self.values.get(long)) {
                Some(values) => arg.default_values(values.iter().cloned()),
                None => arg,
            })
        })
    }
}

/// Gives every switch of a configurable command an opposite (`--no-quiet`), so that what a file turned on can be turned
/// off by a flag, and the usual words for true and false in files and the environment.
pub fn with_opposites(command: Command) -> Command {
    command.mut_subcommands(|sub| {
        if !is_configurable(&sub) {
            return sub;
        }
        let opposite = |arg: &Arg| format!("no-{}", arg.get_long().unwrap_or_default());
        let switches: Vec<String> = sub.get_arguments().filter(|arg| is_switch(arg)).map(opposite).collect();
        let sub = sub.mut_args(|arg| {
            if !is_switch(&arg) {
                return arg;
            }
            let opposite = opposite(&arg);
            arg.value_parser(BoolishValueParser::new())
                .overrides_with(opposite.clone())
                .default_value_if(opposite, "true", "false")
        });
        sub.args(
            switches.into_iter().map(|name| Arg::new(name.clone()).long(name).action(ArgAction::SetTrue).hide(true)),
        )
    })
}

fn is_configurable(command: &Command) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == "config")
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue) && !arg.is_hide_set()
}

fn is_setting(arg: &Arg) -> bool {
    arg.get_long().is_some_and(|long| !NOT_SETTINGS.contains(&long)) && !arg.is_hide_set()
}

/// Reads the settings for the command that was `typed`.
///
/// # Errors
/// A file that cannot be read or is no TOML, unknown keys, and values of the wrong type or that the flag would not
/// take. The message names the file, line and key, or the variable.
pub fn load(command: &Command, typed: &ArgMatches, surroundings: &Surroundings<'_>) -> Result<Settings, Error> {
    let mut settings = Settings::default();
    let Some((name, typed)) = typed.subcommand() else { return Ok(settings) };
    let (Some(own), Some(reference)) = (command.find_subcommand(name), command.find_subcommand(REFERENCE)) else {
        return Ok(settings);
    };
    if !is_configurable(own) {
        return Ok(settings);
    }
    let named = typed.get_one::<PathBuf>("config").cloned();
    let named = named.or_else(|| variable(surroundings, "config").map(PathBuf::from));
    if let Some((path, text)) = read_file(named, surroundings.directory)? {
        settings.values = file_values(reference, &text).map_err(|(at, told)| file_error(&path, &text, at, &told))?;
        settings.file = Some(path);
    }
    for arg in reference.get_arguments().filter(|arg| is_setting(arg)) {
        let long = arg.get_long().unwrap_or_default();
        if let Some(value) = variable(surroundings, long) {
            let values = variable_values(arg, value);
            judge(reference, arg, &values)
                .map_err(|told| error(format!("the environment variable {}: {told}", variable_name(long))))?;
            settings.values.insert(long.to_owned(), values);
        }
    }
    Ok(settings)
}

/// `IMGMIRROR_MAX_SIZE` for `max-size`.
fn variable_name(long: &str) -> String {
    format!("IMGMIRROR_{}", long.replace('-', "_").to_ascii_uppercase())
}

/// The value of a variable; one that is empty counts as not set.
fn variable(surroundings: &Surroundings<'_>, long: &str) -> Option<OsString> {
    (surroundings.environment)(&variable_name(long)).filter(|value| !value.is_empty())
}

/// A list in a variable has one value a line, since commas and spaces are part of headers and paths.
fn variable_values(arg: &Arg, value: OsString) -> Vec<OsString> {
    match value.to_str() {
        Some(text) if is_list(arg) => text.lines().filter(|line| !line.trim().is_empty()).map(OsString::from).collect(),
        _ => vec![value],
    }
}

fn is_list(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Append)
}

/// The file to read and its text: the one that is named, else the usual one, if there is one.
fn read_file(named: Option<PathBuf>, directory: &Path) -> Result<Option<(PathBuf, String)>, Error> {
    let (path, must_exist) = match named {
        Some(path) => (path, true),
        None => (if directory == "." { FILE_NAME.into() } else { directory.join(FILE_NAME) }, false),
    };
    let read = || {
        let mut text = String::new();
        let file = File::open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a file"));
        }
        file.take(MAX_FILE + 1).read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE { Err(io::Error::other("larger than 1 MiB")) } else { Ok(text) }
    };
    match read() {
        Ok(text) => Ok(Some((path, text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => Ok(None),
        Err(told) => Err(error(format!("the configuration file {} cannot be read: {told}", sanitize::path(&path)))),
    }
}

/// What is wrong with a file, and the byte at which it stands.
type Fault = (usize, String);

fn file_values(reference: &Command, text: &str) -> Result<BTreeMap<String, Vec<OsString>>, Fault> {
    let table = DeTable::parse(text)
        .map_err(|error| (error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
    let mut values = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let at = key.span().start;
        let name = key.get_ref().as_ref();
        let known = reference.get_arguments().find(|arg| is_setting(arg) && arg.get_long() == Some(name));
        let arg = known.ok_or_else(|| (at, unknown_key(reference, name, value.get_ref())))?;
        let read = setting_values(arg, value).map_err(|told| (at, format!("`{name}`: {told}")))?;
        judge(reference, arg, &read).map_err(|told| (at, format!("`{name}`: {told}")))?;
        values.insert(name.to_owned(), read);
    }
    Ok(values)
}

/// The value of a key as it would be typed.
fn setting_values(arg: &Arg, value: &Spanned<DeValue<'_>>) -> Result<Vec<OsString>, String> {
    let value = value.get_ref();
    let wrong = |wanted: &str| Err(format!("expected {wanted}, found {}", with_article(value.type_str())));
    match (value, is_switch(arg), is_list(arg)) {
        (DeValue::Boolean(on), true, _) => Ok(vec![on.to_string().into()]),
        (_, true, _) => wrong("true or false"),
        (DeValue::Array(items), _, true) => items.iter().map(|item| scalar(item.get_ref())).collect(),
        (_, _, true) => wrong("a list of strings, such as [\"…\"]"),
        (scalar_value, ..) => scalar(scalar_value).map(|value| vec![value]),
    }
}

fn scalar(value: &DeValue<'_>) -> Result<OsString, String> {
    match value {
        DeValue::String(text) => Ok(OsString::from(text.as_ref())),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().into()),
        other => Err(format!("expected a string or a whole number, found {}", with_article(other.type_str()))),
    }
}

fn with_article(noun: &str) -> String {
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {noun}", if vowel { "an" } else { "a" })
}

/// Whether the flag would take these values: it is asked itself.
fn judge(reference: &Command, arg: &Arg, values: &[OsString]) -> Result<(), String> {
    let Some(long) = arg.get_long().filter(|_| !is_switch(arg)) else { return judge_switch(reference, values) };
    for value in values {
        let mut typed = OsString::from(format!("--{long}="));
        typed.push(value);
        if let Err(error) = reference.clone().try_get_matches_from([OsStr::new(REFERENCE), &typed]) {
            return Err(reason(&error, value));
        }
    }
    Ok(())
}

/// A switch takes no value when typed, so its words are read by the parser that will read them.
fn judge_switch(reference: &Command, values: &[OsString]) -> Result<(), String> {
    use clap::builder::TypedValueParser;
    let read = |value: &OsString| BoolishValueParser::new().parse_ref(reference, None, value).is_ok();
    match values.iter().find(|value| !read(value)) {
        Some(value) => Err(format!("'{}' is neither true nor false", sanitize::for_terminal(&value.to_string_lossy()))),
        None => Ok(()),
    }
}

/// What the error says about the value alone.
fn reason(error: &Error, value: &OsStr) -> String {
    if let Some(source) = std::error::Error::source(error) {
        return sanitize::for_terminal(&source.to_string()).into_owned();
    }
    let value = value.to_string_lossy();
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(possible)) => {
            format!("'{}' is none of: {}", sanitize::for_terminal_limited(&value, 40), possible.join(", "))
        }
        _ => "the value is not valid".to_owned(),
    }
}

fn unknown_key(reference: &Command, name: &str, value: &DeValue<'_>) -> String {
    let shown = sanitize::for_terminal_limited(name, 40);
    if value.is_table() {
        return format!("unknown table `{shown}`: all settings stand at the top level");
    }
    // Flags and keys have the same names, so clap's own suggestions serve for both.
    let typed = format!("--{}", name.replace('_', "-"));
    let error = reference.clone().try_get_matches_from([REFERENCE, &typed]);
    let near = match (reference.get_arguments().find(|arg| is_setting(arg) && arg.get_long() == typed.get(2..)), error)
    {
        (Some(arg), _) => arg.get_long().map(str::to_owned),
        (None, Err(error)) => match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(flag)) => Some(flag.trim_start_matches("--").to_owned()),
            _ => None,
        },
        (None, Ok(_)) => None,
    };
    match near.filter(|near| !near.starts_with("no-")) {
        Some(near) => format!("unknown key `{shown}`; did you mean `{near}`?"),
        None => format!("unknown key `{shown}`; `imgmirror sync --help` lists the settings"),
    }
}

fn file_error(path: &Path, text: &str, at: usize, told: &str) -> Error {
    let line = text.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1;
    error(format!("{}:{line}: {}", sanitize::path(path), told))
}

fn error(told: String) -> Error {
    Error::raw(ErrorKind::ValueValidation, format!("{told}\n"))
}

#[cfg(test)]
mod tests;
