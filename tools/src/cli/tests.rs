use clap::CommandFactory;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("shrike").chain(line.split_whitespace()))
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_visible_command_teaches_with_an_example() {
    for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let text = command.get_long_about().map(ToString::to_string).unwrap_or_default();
        assert!(text.contains("Example"), "{name} has no example");
        let own = format!("shrike {name}");
        assert!(text.contains(&own), "the example of {name} does not show `{own}`");
    }
}

#[test]
fn demo_takes_several_tapes() {
    let cli = parse("demo --tape a.gz b.gz --tape c.gz --speed 2.5 --plain").expect("valid");
    let Verb::Demo(args) = cli.verb else { panic!("demo") };
    assert_eq!(args.tape.len(), 3);
    assert_eq!(args.speed, 2.5);
    assert!(args.plain && args.seconds.is_none());
    assert_eq!(args.seed, 1);
}

#[test]
fn nonsense_is_refused() {
    for line in [
        "",
        "demo --seconds 0",
        "demo --speed 0",
        "demo --speed fast",
        "venue --symbol BTCUSDT --tape a.gz",
        "venue --balance -1",
        "up",
        "up --env paper --config x.toml",
        "status --dir x",
        "inspect",
        "inspect journal --kind nonsense",
        "child",
    ] {
        assert!(parse(line).is_err(), "`shrike {line}` was accepted");
    }
}

#[test]
fn commands_name_their_instance() {
    let cli = parse("flatten --symbol BTCUSDT --yes --instance paper").expect("valid");
    let Verb::Flatten(args) = cli.verb else { panic!("flatten") };
    assert_eq!(args.symbol.as_deref(), Some("BTCUSDT"));
    assert!(args.confirmed.yes);
    assert_eq!(args.confirmed.command.instance.as_deref(), Some("paper"));
    assert_eq!(args.confirmed.command.timeout, 5);
}

#[test]
fn a_child_keeps_its_arguments() {
    let cli = parse("child --nice 5 -- persist --database x -v").expect("valid");
    let Verb::Child(args) = cli.verb else { panic!("child") };
    assert_eq!(args.nice, 5);
    assert_eq!(args.program, ["persist", "--database", "x", "-v"]);
}

#[test]
fn what_acts_takes_a_reason_a_number_and_json() {
    let cli = parse("halt --reason odd --nonce 7 --json").expect("valid");
    let Verb::Halt(args) = cli.verb else { panic!("halt") };
    assert_eq!(args.nonce.map(std::num::NonZeroU64::get), Some(7));
    assert!(args.json && args.reason.as_deref() == Some("odd"));
    for line in [
        "halt --nonce 0",
        "limits set luck 5",
        "limits set exposure",
        "kill --env paper --config x.toml",
        "unkill --yes",
        "orders --nonce 7",
    ] {
        assert!(parse(line).is_err(), "`shrike {line}` was accepted");
    }
    let cli = parse("limits set daily-loss 5USDT --reason x --instance paper").expect("valid");
    let Verb::Limits(args) = cli.verb else { panic!("limits") };
    assert!(matches!(args.verb, Some(LimitsVerb::Set(set)) if set.value == "5USDT"));
    let cli = parse("limits --json").expect("valid");
    assert!(matches!(cli.verb, Verb::Limits(LimitsArgs { verb: None, json: true, .. })));
}

/// What opens a segment to write, or takes a lock.
const WRITES: [&str; 7] = [
    "Sender",
    "Writer::create",
    "Writer::open",
    "open_or_create",
    "Presence",
    "GatedReader",
    "remove_instance",
];

#[test]
fn what_looks_opens_nothing_to_write() {
    let looking = [
        include_str!("../orders.rs"),
        include_str!("../orders/book.rs"),
        include_str!("../orders/fills.rs"),
        include_str!("../risk.rs"),
        include_str!("../status.rs"),
        include_str!("../status/control.rs"),
        include_str!("../instance.rs"),
        include_str!("../inspect.rs"),
        include_str!("../run_place.rs"),
        include_str!("../doctor.rs"),
        include_str!("../doctor/system.rs"),
    ];
    for text in looking {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in WRITES {
            assert!(!code.contains(word), "{word} in: {}", code.lines().next().unwrap_or_default());
        }
    }
    // The words are those in use: what acts has one.
    assert!(include_str!("../command.rs").contains(WRITES[0]));
}
