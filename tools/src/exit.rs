//! Exit codes of `shrike`, and the failure that carries one.
//!
//! The numbers are those of `sysexits.h`, so that scripts and systemd units can tell "try again"
//! from "fix your file". They never change meaning.

use std::fmt;

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, and everything agrees.
    Ok = 0,
    /// Done, but something failed or does not agree (a reconciliation, a child process).
    Failed = 1,
    /// The command line is wrong.
    Usage = 64,
    /// The data in a file cannot be used.
    Data = 65,
    /// There is no such instance, segment or file.
    NoInstance = 66,
    /// Something needed is not reachable: venue, database, a binary that is not built.
    Unavailable = 69,
    /// Someone else holds it, or no answer came in time; trying again may help.
    Busy = 75,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// Every code with its meaning, for the help text.
    pub(crate) const TABLE: &'static str = "\
Exit codes:
   0  done, everything agrees
   1  done, but something failed or does not agree
  64  the command line is wrong
  65  the data in a file cannot be used
  66  no such instance, segment or file
  69  something needed is not reachable (venue, database, a binary not built)
  75  busy, or no answer in time: trying again may help
  78  the configuration is wrong";

    /// The code.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }
}

/// Why a command did not succeed: what is wrong and where, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The code to leave with.
    pub(crate) exit: Exit,
    /// What is wrong, and where.
    pub(crate) what: String,
    /// What the person does next; empty when the first part says it all.
    pub(crate) next: String,
}

impl Failure {
    /// A failure with its remedy.
    pub(crate) fn new(exit: Exit, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { exit, what: what.into(), next: next.into() }
    }
    /// For programs; it is on stderr for people.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        let next = (!self.next.is_empty()).then_some(&self.next);
        serde_json::json!({
            "result": "failed", "exit": self.exit.code(), "error": self.what, "next": next,
        })
    }
    /// A file that could not be read or written.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::NoInstance,
            _ => Exit::Unavailable,
        };
        Self::new(
            exit,
            format!("{}: {error}", path.display()),
            "check the path and its permissions, then try again",
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.next.is_empty() {
            write!(f, "\n  next: {}", self.next)?;
        }
        Ok(())
    }
}
impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_published_ones() {
        let codes = [
            (Exit::Ok, 0),
            (Exit::Failed, 1),
            (Exit::Usage, 64),
            (Exit::Data, 65),
            (Exit::NoInstance, 66),
            (Exit::Unavailable, 69),
            (Exit::Busy, 75),
            (Exit::Config, 78),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
            assert!(
                Exit::TABLE.lines().any(|line| line.trim_start().starts_with(&format!("{code}  "))),
                "{code} is missing in the help table"
            );
        }
        assert_eq!(Exit::TABLE.lines().count(), codes.len() + 1);
    }

    #[test]
    fn a_failure_names_the_next_step() {
        let failure = Failure::new(Exit::Busy, "no answer in 5 s", "look at `shrike status`");
        assert_eq!(failure.to_string(), "no answer in 5 s\n  next: look at `shrike status`");
        let error = std::io::Error::from(std::io::ErrorKind::NotFound);
        let missing = Failure::file(std::path::Path::new("/x/y"), &error);
        assert_eq!(missing.exit, Exit::NoInstance);
        assert!(missing.what.starts_with("/x/y: "));
    }
}
