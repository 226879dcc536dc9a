//! What later steps need, built while the tests run, which mostly wait.
//!
//! At the lowest priority, so that the tests do not notice; its messages go to a file, because the
//! step that needs the build runs the same command again and shows what is wrong with it.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Builds under way; ended when dropped.
pub(crate) struct Ahead(Option<Child>);

impl Ahead {
    /// Starts `commands`, one after the other. That it cannot be started only costs time.
    pub(crate) fn start(dir: &Path, commands: &[String]) -> Self {
        let log = dir.join("target/ahead.log");
        let Ok(out) = File::create(&log) else { return Self(None) };
        let Ok(err) = out.try_clone() else { return Self(None) };
        println!("building ahead of the steps release and fuzz; messages in {}", log.display());
        let mut shell = Command::new("nice");
        shell.args(["-n", "19", "sh", "-c", &commands.join("; ")]);
        shell.current_dir(dir).stdin(Stdio::null()).stdout(out).stderr(err);
        crate::forget_cargo(&mut shell);
        Self(shell.spawn().ok())
    }

    /// Waits until everything is built, or cannot be.
    pub(crate) fn wait(&mut self) {
        if let Some(mut child) = self.0.take() {
            // How it ended shows when the step builds again.
            let _ = child.wait();
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
        }
    }
}
