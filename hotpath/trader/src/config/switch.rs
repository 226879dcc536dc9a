//! What keeps the trader from trading: guard's word, the kill switch, a start without a person.
//!
//! guard reads the same file: the tables `[guard]` and `[kill]` are shared with it, and it checks
//! the keys that are its own.

use std::path::Path;

use schema::PathText;

use super::reader::{Mistakes, Section};
use super::{Environment, Switch};

/// Folder of the latch, beside the file, unless it says otherwise.
const STATE_DIR: &str = "state";
/// The latch's name in it.
const LATCH: &str = "killed";

/// Whether guard's fresh verdict is demanded.
pub(super) fn verdict(mut s: Section<'_>, out: &mut Mistakes<'_>) -> bool {
    let required = s.flag("require_verdict", out).unwrap_or(false);
    s.finish_shared(out);
    required
}

/// The latch; a path that is not absolute begins at the file's own folder.
pub(super) fn switch(file: &Path, mut s: Section<'_>, out: &mut Mistakes<'_>) -> Switch {
    let dir = s.path_of("state_dir", out).unwrap_or_else(|| STATE_DIR.into());
    // Only a current folder that is gone has no whole path.
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let beside = file.parent().unwrap_or(Path::new(""));
    let switch = Switch { latch: whole(&beside.join(dir).join(LATCH)), file: whole(file) };
    for path in [&switch.latch, &switch.file] {
        // Other processes find both in the segments' headers.
        if PathText::new(&path.to_string_lossy()).as_str().is_empty() {
            let what = format!("the path {} is longer than 240 bytes", path.display());
            out.add(s.place("state_dir"), what, "give kill.state_dir, and the file, a shorter one");
        }
    }
    s.finish_shared(out);
    switch
}

/// Whether it trades after a start without being told to; with real money it does not unless the
/// file says so.
pub(super) fn enabled(
    mut s: Section<'_>,
    environment: Environment,
    out: &mut Mistakes<'_>,
) -> bool {
    let is_money = matches!(environment, Environment::Staging | Environment::Production);
    let is_enabled = s.flag("enabled", out).unwrap_or(!is_money);
    s.finish(out);
    is_enabled
}
