//! Runs one scenario of the simulator and prints what it measured.

use std::process::ExitCode;
use std::time::Duration;

use kimchi_peers_sim::{SCENARIOS, Settings, scenario};

const HELP: &str = "\
Runs the discovery engine of many hosts in one deterministic world.

usage: kimchi-peers-sim [--scenario NAME] [--hosts N] [--seed N] [--runs N] [--loss PERCENT] [--seconds N] [--trace]

  --scenario NAME   what happens (cold-start)
  --hosts N         how many hosts (50)
  --seed N          the seed; the same seed gives the same run (1)
  --runs N          runs so many seeds, from --seed on (1)
  --loss PERCENT    independent loss of every datagram and receiver (0)
  --seconds N       how long loss and steady last, in simulated seconds (600)
  --trace           prints one line per event to stderr

examples:
  kimchi-peers-sim --scenario cold-start --hosts 200 --seed 7
  kimchi-peers-sim --scenario join --hosts 50 --loss 20 --runs 20
  kimchi-peers-sim --scenario loss --hosts 20 --seconds 3600

exit status: 0 done, 1 a promise was broken, 2 usage
";

/// What the command line asks for.
struct Request {
    name: String,
    runs: u64,
    settings: Settings,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print(&help());
        return ExitCode::SUCCESS;
    }
    match parse(&arguments) {
        Ok(request) => run(&request),
        Err(problem) => {
            complain(&format!("{problem}\nhint: --help tells what can be said"));
            ExitCode::from(2)
        }
    }
}

fn help() -> String {
    let line = |text: String, scenario: &kimchi_peers_sim::Scenario| {
        format!("{text}  {:16}  {}\n", scenario.name, scenario.about)
    };
    SCENARIOS.iter().fold(format!("{HELP}\nscenarios:\n"), line)
}

fn parse(arguments: &[String]) -> Result<Request, String> {
    let mut request = Request { name: "cold-start".to_owned(), runs: 1, settings: Settings::default() };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        if name == "--trace" {
            request.settings.trace = true;
            continue;
        }
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value, or is unknown"))?;
        take(&mut request, name, value)?;
    }
    Ok(request)
}

fn take(request: &mut Request, name: &str, value: &str) -> Result<(), String> {
    let number = || value.parse::<u64>().map_err(|_| format!("{name} {value}: not a number"));
    let settings = &mut request.settings;
    match name {
        "--scenario" => value.clone_into(&mut request.name),
        "--hosts" => settings.hosts = usize::try_from(number()?).map_err(|_| format!("{value}: too many"))?,
        "--seed" => settings.seed = number()?,
        "--runs" => request.runs = number()?,
        "--seconds" => settings.lasting = Duration::from_secs(number()?),
        "--loss" => {
            let percent = value.trim_end_matches('%').parse::<f64>().ok().filter(|loss| (0.0..=100.0).contains(loss));
            settings.loss = percent.ok_or_else(|| format!("--loss {value}: not 0 to 100"))? / 100.0;
        }
        _ => return Err(format!("{name}: unknown option")),
    }
    Ok(())
}

fn run(request: &Request) -> ExitCode {
    let Some(scenario) = scenario(&request.name) else {
        complain(&format!("{}: no such scenario\nhint: --help lists them", request.name));
        return ExitCode::from(2);
    };
    let mut broken = false;
    for seed in (request.settings.seed..).take(usize::try_from(request.runs).unwrap_or(usize::MAX)) {
        let (outcome, trace) = scenario.run(&Settings { seed, ..request.settings });
        complain(&trace);
        match outcome {
            Ok(report) => print(&report.to_string()),
            Err(problem) => {
                broken = true;
                complain(&format!("broken: {problem}\n"));
            }
        }
    }
    if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

#[expect(clippy::print_stdout, reason = "data goes to stdout")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "words go to stderr")]
fn complain(text: &str) {
    eprint!("{text}");
}
