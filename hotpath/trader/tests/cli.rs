//! The `trader` command as a process: what it prints and how it ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn trader(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_trader")).args(args).output().expect("the binary is built")
}

fn config(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name)
}

#[test]
fn usage_mistakes_end_with_64() {
    for args in [&[][..], &["--what"], &["check-config"]] {
        let output = trader(args);
        assert_eq!(output.status.code(), Some(64), "{args:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{args:?}");
    }
    assert_eq!(trader(&["--help"]).status.code(), Some(0));
}

#[test]
fn check_config_prints_every_mistake_and_ends_with_78() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("broken.toml");
    let text = std::fs::read_to_string(config("paper.toml")).expect("config/paper.toml");
    let broken =
        text.replace("turn_budget_us", "turn_budget_ms").replace("leverage = 2", "leverage = 9");
    assert_ne!(broken, text);
    std::fs::write(&path, broken).expect("temp dir");
    let shown = path.display().to_string();
    let output = trader(&["check-config", &shown]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines.iter().all(|line| line.starts_with(&shown) && line.contains("; use ")), "{said}");
    // The same file does not start a trader either.
    assert_eq!(trader(&["--config", &shown]).status.code(), Some(78));
}

#[test]
fn check_config_praises_a_file_without_mistakes() {
    let path = config("production.toml").display().to_string();
    let output = trader(&["check-config", &path]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("no mistake"), "{said}");
}

#[test]
fn without_a_venue_the_start_ends_with_69_and_without_keys_with_78() {
    let dir = tempfile::tempdir().expect("temp dir");
    let shown = |name: &str| dir.path().join(name).display().to_string();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
        listener.local_addr().expect("bound").port()
    };
    let text = std::fs::read_to_string(config("demo.toml")).expect("config/demo.toml");
    let text = text
        .replace("8443", &closed.to_string())
        .replace("ca_file = \"ca.pem\"\n", "start_timeout_ms = 0\n")
        .replace("\"api_key\"", &format!("\"{}\"", shown("api_key")))
        .replace("\"api_secret\"", &format!("\"{}\"", shown("api_secret")))
        .replace("\"logs\"", &format!("\"{}\"", shown("logs")))
        .replace("\"demo\"\n\n", &format!("\"cli-test-{}\"\n\n", std::process::id()));
    std::fs::write(shown("t.toml"), text).expect("temp dir");
    let output = trader(&["--config", &shown("t.toml")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("api_key"), "{said}");
    for name in ["api_key", "api_secret"] {
        std::fs::write(shown(name), "x").expect("temp dir");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(shown(name), mode).expect("own file");
    }
    let output = trader(&["--config", &shown("t.toml")]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(said.contains("is venue.rest_url right?"), "{said}");
    let errors = std::fs::read_to_string(dir.path().join("logs/errors.log")).expect("written");
    assert!(errors.contains("is venue.rest_url right?"), "{errors}");
    let _ = rings::remove_instance(&format!("cli-test-{}", std::process::id()));
}
