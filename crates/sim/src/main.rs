//! Runs one scenario of the simulator and prints what it measured.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use kimchi_peers_sim::{Quiet, SCENARIOS, Settings, Weather, compare, scenario, sweep};

const HELP: &str = "\
Runs the discovery engine of many hosts in one deterministic world.

usage: kimchi-peers-sim [--scenario NAME] [--hosts N] [--seed N] [--runs N] [--loss PERCENT] [--seconds N] [--trace]

  --scenario NAME   what happens (cold-start)
  --hosts N         how many hosts (50)
  --seed N          the seed; the same seed gives the same run (1)
  --runs N          runs so many seeds, from --seed on (1)
  --loss PERCENT    independent loss of every datagram and receiver (0)
  --seconds N       how long loss and steady last, in simulated seconds (600)
  --seeds N         runs so many seeds, from --seed on, and prints the median and the worst of everything
  --trace           prints one line per event to stderr

  compare           instead of a scenario: the request as written, that with a heartbeat, and ours, side by side;
                    prints a table in Markdown
  quiet-days        instead of a scenario: so many host-days of quiet life, in worlds of --hosts hosts (20 unless given) and
                    one day each, a seed each; tells after each how many living hosts were taken for dead so far
  --days N          with quiet-days: how many host-days (1000)
  --bursts          with quiet-days: each host is besides deaf for two seconds once a minute
  --hosts N,N,...   with compare: the sizes of the networks (10,50,200,1000)
  --out DIR         with compare: where to put the plots (none are drawn without it)

examples:
  kimchi-peers-sim --scenario cold-start --hosts 200 --seed 7
  kimchi-peers-sim --scenario join --hosts 50 --loss 20 --runs 20
  kimchi-peers-sim --scenario loss --hosts 20 --seconds 3600
  kimchi-peers-sim compare --hosts 10,50,200,1000 --out plots
  kimchi-peers-sim quiet-days --days 1000 --loss 20

exit status: 0 done, 1 a promise was broken, 2 usage
";

/// What the command line asks for.
struct Request {
    name: String,
    runs: u64,
    /// The median and the worst instead of each run.
    seeds: Option<u64>,
    /// The protocols side by side instead of a scenario.
    compare: bool,
    /// Quiet life instead of a scenario.
    quiet_days: bool,
    bursts: bool,
    days: f64,
    sizes: Vec<usize>,
    out: Option<PathBuf>,
    settings: Settings,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        print(&help());
        return ExitCode::SUCCESS;
    }
    match parse(&arguments) {
        Ok(request) if request.compare => run_comparison(&request),
        Ok(request) if request.quiet_days => run_quiet_days(&request),
        Ok(Request { seeds: Some(count), name, settings, .. }) => run_sweep(&name, &settings, count),
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
    let mut request = Request {
        name: "cold-start".to_owned(),
        runs: 1,
        seeds: None,
        compare: false,
        quiet_days: false,
        bursts: false,
        days: 1_000.0,
        sizes: vec![10, 50, 200, 1000],
        out: None,
        settings: Settings::default(),
    };
    let mut arguments = arguments.iter();
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--trace" => request.settings.trace = true,
            "--bursts" => request.bursts = true,
            "compare" => request.compare = true,
            "quiet-days" => (request.quiet_days, request.settings.hosts) = (true, 20),
            _ => {
                let value = arguments.next().ok_or_else(|| format!("{name} needs a value, or is unknown"))?;
                take(&mut request, name, value)?;
            }
        }
    }
    Ok(request)
}

fn take(request: &mut Request, name: &str, value: &str) -> Result<(), String> {
    let number = || value.parse::<u64>().map_err(|_| format!("{name} {value}: not a number"));
    let settings = &mut request.settings;
    match name {
        "--scenario" => value.clone_into(&mut request.name),
        "--hosts" => {
            let sizes = value.split(',').map(|size| size.parse().map_err(|_| format!("{name} {size}: not a number")));
            request.sizes = sizes.collect::<Result<_, _>>()?;
            settings.hosts = request.sizes.first().copied().unwrap_or(settings.hosts);
        }
        "--days" => {
            let days = value.parse::<f64>().ok().filter(|days| *days > 0.0);
            request.days = days.ok_or_else(|| format!("--days {value}: not a number above 0"))?;
        }
        "--out" => request.out = Some(PathBuf::from(value)),
        "--seeds" => request.seeds = Some(number()?),
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

/// Lives one day after the other in worlds of their own until there are enough.
fn run_quiet_days(request: &Request) -> ExitCode {
    let weather = Weather { loss: request.settings.loss, bursts: request.bursts };
    let (mut all, mut broken) = (Quiet::default(), false);
    for seed in request.settings.seed.. {
        match Quiet::live(request.settings.hosts, 24, weather, seed) {
            Ok(quiet) => {
                if quiet.false_deaths > 0 {
                    complain(&format!("false deaths with seed {seed}: {quiet}\n"));
                }
                all.add(&quiet);
            }
            Err(problem) => {
                broken = true;
                complain(&format!("broken: {problem}\n"));
            }
        }
        print(&format!("seed {seed}: {all}\n"));
        if broken || all.host_days >= request.days {
            break;
        }
    }
    if broken || all.false_deaths > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn run_sweep(name: &str, settings: &Settings, count: u64) -> ExitCode {
    let Some(scenario) = scenario(name) else {
        complain(&format!("{name}: no such scenario\nhint: --help lists them\n"));
        return ExitCode::from(2);
    };
    match sweep(scenario, settings, count) {
        Ok(table) => print(&table),
        Err(problem) => {
            complain(&format!("broken: {problem}\n"));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run_comparison(request: &Request) -> ExitCode {
    let (table, plots) = match compare(&request.sizes, request.settings.seed) {
        Ok(compared) => compared,
        Err(problem) => {
            complain(&format!("broken: {problem}\n"));
            return ExitCode::FAILURE;
        }
    };
    print(&table);
    let Some(folder) = &request.out else { return ExitCode::SUCCESS };
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| plots.iter().try_for_each(|(name, svg)| std::fs::write(folder.join(name), svg)));
    if let Err(problem) = written {
        complain(&format!("{}: {problem}\n", folder.display()));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[expect(clippy::print_stdout, reason = "data goes to stdout")]
fn print(text: &str) {
    print!("{text}");
}

#[expect(clippy::print_stderr, reason = "words go to stderr")]
fn complain(text: &str) {
    eprint!("{text}");
}
