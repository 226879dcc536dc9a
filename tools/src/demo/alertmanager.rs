//! A real Alertmanager for a demo, if this host has one.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};
use crate::process::Plan;

/// What packages call it.
const NAMES: [&str; 2] = ["prometheus-alertmanager", "alertmanager"];

/// How it is started, and where it listens.
#[derive(Debug)]
pub(super) struct Alertmanager {
    /// The process.
    pub(super) plan: Plan,
    /// Its origin.
    pub(super) url: String,
}

/// Where it is installed.
pub(super) fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = NAMES.iter().flat_map(|name| dirs.iter().map(move |dir| dir.join(name)));
    found.into_iter().find(|path| path.is_file())
}

impl Alertmanager {
    /// Writes its configuration and chooses a port; `webhook` gets everything at once.
    ///
    /// # Errors
    /// The directory cannot be written, or no port is free.
    pub(super) fn prepare(program: PathBuf, dir: &Path, webhook: &str) -> Result<Self, Failure> {
        std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
        let file = dir.join("alertmanager.yml");
        std::fs::write(&file, configuration(webhook))
            .map_err(|error| Failure::file(&file, &error))?;
        // Free now; whoever takes it before Alertmanager does makes it end, which is told.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let address = listener.and_then(|listener| listener.local_addr()).map_err(|error| {
            Failure::new(Exit::Unavailable, format!("no port for Alertmanager: {error}"), "")
        })?;
        let args = vec![
            format!("--config.file={}", file.display()),
            format!("--storage.path={}", dir.join("data").display()),
            format!("--web.listen-address={address}"),
            // Alone: no cluster.
            "--cluster.listen-address=".to_owned(),
            "--log.level=warn".to_owned(),
        ];
        let args = args.into_iter().map(Into::into).collect();
        let plan = Plan { name: "alertmanager", program, args, env: vec![], nice: 5 };
        Ok(Self { plan, url: format!("http://{address}") })
    }

    /// Whether it takes alerts.
    pub(super) fn is_ready(&self) -> bool {
        ureq::get(format!("{}/-/ready", self.url)).call().is_ok()
    }
}

/// Routes everything to one webhook without waiting for more.
fn configuration(webhook: &str) -> String {
    format!(
        "route:\n  receiver: demo\n  group_by: [alertname, instance]\n  group_wait: 0s\n  \
         group_interval: 1s\n  repeat_interval: 4h\nreceivers:\n  - name: demo\n    \
         webhook_configs:\n      - url: {webhook}\n        send_resolved: true\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_and_the_arguments_name_the_same_places() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let url = "http://127.0.0.1:1/alertmanager";
        let made = Alertmanager::prepare(PathBuf::from("/bin/am"), dir.path(), url);
        let made = made.expect("written");
        let arguments: Vec<String> =
            made.plan.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let file = dir.path().join("alertmanager.yml");
        assert!(arguments.contains(&format!("--config.file={}", file.display())));
        let port = made.url.strip_prefix("http://").expect("an origin");
        assert!(arguments.contains(&format!("--web.listen-address={port}")));
        let text = std::fs::read_to_string(file).expect("written");
        assert!(text.contains("      - url: http://127.0.0.1:1/alertmanager\n"), "{text}");
        assert!(!made.is_ready(), "nothing was started");
    }
}
