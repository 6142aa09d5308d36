use super::*;
use clap::CommandFactory as _;

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn durations_are_seconds_or_have_a_unit() {
    for (text, milliseconds) in [("2", 2000), ("0.5", 500), ("500ms", 500), ("1m 1s", 61_000), ("0", 0)] {
        assert_eq!(duration(text), Ok(Duration::from_millis(milliseconds)), "{text}");
    }
    for text in ["", ".", "-1", "soon", "1.2.3", "inf", "1e9", "99999999999999999999999", "2 parsecs"] {
        assert!(duration(text).is_err_and(|error| error.contains("500ms")), "{text}");
    }
}

#[test]
fn all_ports_have_the_same_bounds() {
    for option in ["run --port", "run --http-port", "run --https-port", "search --port", "config show --port"] {
        for (value, is_port) in [("0", false), ("1", true), ("65535", true), ("65536", false), ("-1", false)] {
            let words = format!("kimchi-peers {option}={value}");
            match Cli::try_parse_from(words.split(' ')) {
                Ok(_) => assert!(is_port, "{words}"),
                Err(error) => assert!(!is_port && error.to_string().contains("1 to 65535"), "{words}: {error}"),
            }
        }
    }
}

#[test]
fn the_daemon_is_named_before_the_command_or_after_it() {
    let read = |line: &str| Cli::try_parse_from(line.split(' ')).unwrap();
    for line in ["kimchi-peers --api a --state-dir s list", "kimchi-peers list --api a --state-dir s"] {
        let Cli { connection, .. } = read(line);
        assert_eq!((connection.api, connection.state_dir), (vec!["a".to_owned()], Some(PathBuf::from("s"))));
    }
    assert_eq!(read("kimchi-peers run --api a --api b").connection.api, ["a", "b"]);
    assert_eq!(read("kimchi-peers config show --api a").connection.api, ["a"]);
    for line in ["kimchi-peers --api a demo", "kimchi-peers demo --api a", "kimchi-peers --state-dir s demo"] {
        assert!(matches!(read(line).command, Command::Demo(demo) if demo.unused.is_given()), "{line}");
    }
    assert!(matches!(read("kimchi-peers demo").command, Command::Demo(demo) if !demo.unused.is_given()));
}

#[test]
fn only_commands_that_reach_a_daemon_show_where_it_is() {
    let mut cli = Cli::command();
    cli.build();
    for (command, shows) in [("list", true), ("run", true), ("demo", false), ("man", false), ("completions", false)] {
        let help = cli.find_subcommand_mut(command).unwrap().render_help().to_string();
        assert_eq!(help.contains("--api"), shows, "{help}");
        assert_eq!(help.contains("--state-dir"), shows, "{help}");
    }
}

#[test]
fn an_id_may_begin_with_a_hyphen() {
    for line in [
        "kp show -4geZoMyUZ1S --json",
        "kp show --json -4geZoMyUZ1S",
        "kp trust -4geZoMyUZ1S",
        "kp key use -4geZoMyUZ1",
    ] {
        assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
    }
    assert!(Cli::try_parse_from(["kp", "show", "a", "--jsno"]).is_err());
}

#[test]
fn json_is_short_for_its_format() {
    let json = |line: &str| Cli::try_parse_from(line.split(' ')).map(|cli| cli.command);
    assert!(matches!(json("kp list --json"), Ok(Command::List(list)) if list.output.format() == Output::Json));
    assert!(matches!(json("kp show a --json"), Ok(Command::Show(show)) if show.output.format() == TextOrJson::Json));
    assert!(json("kp list --json -o csv").is_err());
}
