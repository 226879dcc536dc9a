//! What all commands that act have in common: a number, a reason, a confirmation, the audit trail,
//! and one result for people or for programs.

use std::io::{BufRead, IsTerminal, Write, stdout};
use std::num::NonZeroU64;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::audit::{self, Asked};
use crate::exit::{Exit, Failure};

/// A command that is being carried out.
pub(crate) struct Action {
    /// What the trail keeps of it.
    pub(crate) asked: Asked,
    /// The trail; `None` where nobody knows its place.
    pub(crate) trail: Option<PathBuf>,
    /// Whether the result is JSON; progress goes to stderr then.
    pub(crate) is_json: bool,
}

/// How a command ended well.
pub(crate) struct Done {
    /// For the trail: `accepted`, `duplicate`, `flat` …
    pub(crate) result: String,
    /// For people.
    pub(crate) text: String,
    /// For programs, besides what every result has.
    pub(crate) fields: Map<String, Value>,
}

impl Done {
    /// A result with its line.
    pub(crate) fn new(result: impl Into<String>, text: impl Into<String>) -> Self {
        Self { result: result.into(), text: text.into(), fields: Map::new() }
    }
    /// With a field for programs.
    pub(crate) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(key.to_owned(), value.into());
        self
    }
}

/// The command's number: the one given, or a random one.
///
/// # Errors
/// The kernel has no random numbers.
pub(crate) fn nonce(given: Option<NonZeroU64>) -> Result<u64, Failure> {
    if let Some(given) = given {
        return Ok(given.get());
    }
    let mut bytes = [0u8; 8];
    loop {
        rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty()).map_err(
            |error| Failure::new(Exit::Unavailable, format!("no random numbers: {error}"), ""),
        )?;
        let nonce = u64::from_le_bytes(bytes);
        if nonce != 0 {
            return Ok(nonce);
        }
    }
}

/// Writes a line. A reader that is gone (`| head`) must not end a command that is closing an
/// account.
pub(crate) fn tell(out: &mut impl Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

impl Action {
    /// Says what happens, where it does not spoil the result.
    pub(crate) fn say(&self, line: &str) {
        if self.is_json { tell(&mut std::io::stderr(), line) } else { tell(&mut stdout(), line) }
    }

    /// Adds a row to the trail; one that cannot be written is told, and keeps nobody from reducing
    /// risk.
    pub(crate) fn note(&self, result: &str) {
        if let Err(failure) = self.must_note(result) {
            tell(&mut std::io::stderr(), &format!("shrike: {failure}"));
        }
    }

    /// Adds a row to the trail.
    ///
    /// # Errors
    /// It cannot be written: what adds risk is not done then.
    pub(crate) fn must_note(&self, result: &str) -> Result<(), Failure> {
        let Some(file) = &self.trail else {
            return Err(Failure::new(
                Exit::Unavailable,
                format!("{}: nobody knows where its audit trail is", self.asked.instance),
                "trader and shrike are of different builds: use the same",
            ));
        };
        audit::append(file, &self.asked, result).map_err(|error| {
            Failure::new(
                Exit::Unavailable,
                format!("the audit trail {}: {error}", file.display()),
                "check the folder's permissions and free space",
            )
        })
    }

    /// Asks a person to type the instance's name.
    ///
    /// # Errors
    /// Something else was typed, or nobody can type.
    pub(crate) fn confirm(&self, yes: bool, what: &str) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        let name = &self.asked.instance;
        if !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                Exit::Usage,
                format!("{name} {what}: this needs a confirmation, and stdin is not a terminal"),
                "add --yes",
            ));
        }
        self.typed(what)
    }

    /// As [`Self::confirm`]; what comes from a pipe counts as typed.
    ///
    /// # Errors
    /// Something else was typed.
    pub(crate) fn typed(&self, what: &str) -> Result<(), Failure> {
        let name = &self.asked.instance;
        // On stderr, so that a result on stdout stays whole. A prompt that cannot be shown is seen
        // by the answer not being the name.
        eprint!("{name} {what}.\nType the instance's name to go on: ");
        let _ = std::io::stderr().flush();
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        if is_confirmed(&line, name) {
            return Ok(());
        }
        Err(Failure::new(Exit::Usage, "not confirmed; nothing was sent", ""))
    }

    /// Carries it out: the result goes to the trail and to the caller.
    ///
    /// # Errors
    /// What the work returns.
    pub(crate) fn run(
        self,
        work: impl FnOnce(&Self) -> Result<Done, Failure>,
    ) -> Result<Exit, Failure> {
        match work(&self) {
            Ok(done) => {
                self.note(&done.result);
                let text = match self.is_json {
                    true => format!("{:#}", self.to_json(done)),
                    false => format!("{}: {}", self.asked.instance, done.text),
                };
                tell(&mut stdout(), &text);
                Ok(Exit::Ok)
            }
            Err(failure) => {
                self.note(&format!("exit {}: {}", failure.exit.code(), failure.what));
                Err(failure)
            }
        }
    }

    fn to_json(&self, done: Done) -> Value {
        let asked = &self.asked;
        let mut value = json!({
            "instance": asked.instance, "command": asked.verb, "nonce": asked.nonce.to_string(),
            "result": done.result,
        });
        if let Some(object) = value.as_object_mut() {
            object.extend(done.fields);
        }
        value
    }
}

pub(crate) fn is_confirmed(line: &str, name: &str) -> bool {
    line.trim() == name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(folder: &std::path::Path) -> Action {
        let asked = Asked { instance: "paper".to_owned(), verb: "resume", ..Asked::default() };
        Action { asked, trail: Some(folder.join("audit.jsonl")), is_json: true }
    }

    #[test]
    fn what_fails_is_in_the_trail_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = action(folder.path()).run(|action| {
            action.must_note("asked")?;
            Err(Failure::new(Exit::Failed, "not possible", ""))
        });
        assert_eq!(refused.map_err(|failure| failure.exit), Err(Exit::Failed));
        let done = action(folder.path()).run(|_| Ok(Done::new("accepted", "x").with("a", 1)));
        assert_eq!(done, Ok(Exit::Ok));
        let text = std::fs::read_to_string(folder.path().join("audit.jsonl")).expect("there");
        let results: Vec<&str> =
            text.lines().filter_map(|line| line.split("\"result\":").nth(1)).collect();
        assert_eq!(results.len(), 3, "{text}");
        assert!(results[0].contains("asked") && results[1].contains("exit 1: not possible"));
    }

    #[test]
    fn without_a_trail_nothing_is_begun_that_adds_risk() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("file"), "").expect("written");
        let nowhere = folder.path().join("file/state");
        let failure = action(&nowhere).must_note("asked").expect_err("no folder");
        assert_eq!(failure.exit, Exit::Unavailable);
        let nobody = Action { trail: None, ..action(folder.path()) };
        assert!(nobody.must_note("asked").is_err());
    }

    #[test]
    fn a_confirmation_is_the_name_and_nothing_else() {
        assert!(is_confirmed("paper\n", "paper"));
        assert!(!is_confirmed("y\n", "paper"));
        assert!(!is_confirmed("", "paper"));
    }

    #[test]
    fn nonces_are_random_and_never_zero() {
        let first = nonce(None).expect("the kernel has random numbers");
        let second = nonce(None).expect("the kernel has random numbers");
        assert_ne!(first, 0);
        assert_ne!(first, second);
        assert_eq!(nonce(NonZeroU64::new(7)), Ok(7));
    }
}
