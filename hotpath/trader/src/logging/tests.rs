use super::*;

fn config(dir: &Path) -> config::Log {
    config::Log { dir: dir.to_owned(), console_level: LevelFilter::Off }
}

fn log_to(logger: &dyn log::Log, target: &str, level: Level, text: &str) {
    logger.log(
        &log::Record::builder().target(target).level(level).args(format_args!("{text}")).build(),
    );
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .expect("temp dir")
        .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn lines_go_to_their_files_in_the_format_of_the_specification() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (_, logger) = dispatch(&config(dir.path()), ERRORS_BYTES).into_log();
    log_to(&*logger, "trading", Level::Debug, "one");
    log_to(&*logger, "risk", Level::Error, "two");
    log_to(&*logger, "execution", Level::Info, "three");
    log_to(&*logger, "rustls", Level::Debug, "noise");
    logger.flush();
    let all = std::fs::read_to_string(dir.path().join("shrike.log")).expect("written");
    let lines: Vec<_> = all.lines().collect();
    assert_eq!(lines.len(), 3, "{all}");
    assert!(lines[0].ends_with(" - trading - DEBUG - one"), "{all}");
    let errors = std::fs::read_to_string(dir.path().join("errors.log")).expect("written");
    assert!(errors.trim_end().ends_with(" - risk - ERROR - two"), "{errors}");
    assert_eq!(errors.lines().count(), 1);
}

#[test]
fn errors_are_rotated_by_size_into_five_whole_files() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (_, logger) = dispatch(&config(dir.path()), 2_000).into_log();
    for index in 0..400 {
        log_to(&*logger, "trading", Level::Error, &format!("error number {index:03} of many"));
    }
    logger.flush();
    let errors: Vec<_> =
        names(dir.path()).into_iter().filter(|name| name.starts_with("errors.log")).collect();
    assert_eq!(errors.len(), ERRORS_FILES + 1, "{errors:?}");
    for name in errors {
        let text = std::fs::read_to_string(dir.path().join(&name)).expect("written");
        assert!(text.len() < 2_300, "{name}: {} bytes", text.len());
        assert!(text.lines().all(|line| line.contains("of many")), "{name} has a split line");
    }
}

#[test]
fn the_day_file_of_yesterday_is_put_aside_under_its_date() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("shrike.log");
    std::fs::write(&path, "old\n").expect("temp dir");
    let yesterday = std::time::SystemTime::now() - Duration::from_secs(36 * 3_600);
    let file = std::fs::File::options().append(true).open(&path).expect("own file");
    file.set_modified(yesterday).expect("own file");
    drop(file);
    for day in 0..40 {
        let name = format!("shrike.log.2020-01-{:02}", day % 31 + 1);
        std::fs::write(dir.path().join(name), "older\n").expect("temp dir");
    }
    let (_, logger) = dispatch(&config(dir.path()), ERRORS_BYTES).into_log();
    log_to(&*logger, "trading", Level::Info, "new");
    logger.flush();
    let text = std::fs::read_to_string(&path).expect("written");
    assert!(text.contains("new") && !text.contains("old"), "{text}");
    let kept = names(dir.path()).iter().filter(|name| name.starts_with("shrike.log.")).count();
    assert!(kept <= DAYS, "{kept} old files");
}

#[test]
fn what_the_hot_thread_leaves_is_written_and_the_thread_ends() {
    let (mut entries, out) = rtrb::RingBuffer::new(4);
    let thread = LogThread::start(out).expect("a thread");
    entries.push(LogEntry::LongTurn(1)).expect("room");
    thread.stop();
    assert!(entries.is_abandoned(), "the thread took what was there and let go");
    assert_eq!(entries.slots(), 4, "nothing is left in the queue");
}

#[test]
fn what_a_command_asks_is_said_with_its_units() {
    use schema::{CommandKind, KillTrigger, WallNs};
    let plain = |kind| Command::plain(1, kind, WallNs(0), 7);
    let limit = |limit| Command { limit: Some(limit), ..plain(CommandKind::SetLimit) };
    let said = [
        asked(&plain(CommandKind::Resume)),
        asked(&Command { trigger: Some(KillTrigger::Signal), ..plain(CommandKind::Kill) }),
        asked(&limit((LimitKind::Leverage, NewLimit::Value(150)))),
        asked(&limit((LimitKind::Exposure, NewLimit::Value(2_500 * schema::SCALE)))),
        asked(&limit((LimitKind::Drawdown, NewLimit::Value(20_000)))),
        asked(&limit((LimitKind::Restricted, NewLimit::Value(1)))),
        asked(&limit((LimitKind::OpenOrders, NewLimit::File))),
    ];
    let expected = [
        "resume",
        "kill (signal)",
        "set_limit leverage = 1.50",
        "set_limit exposure = 2500",
        "set_limit drawdown = 20000 ppm",
        "set_limit restricted = yes",
        "set_limit open_orders = the file's",
    ];
    assert_eq!(said, expected);
    assert_eq!((of(SymbolId::NONE), of(SymbolId(1))), (String::new(), " of symbol 1".to_owned()));
}
