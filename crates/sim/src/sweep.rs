//! One scenario with many seeds: the median and the worst of everything that it measures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::check::Broken;
use crate::scenario::{Scenario, Settings};

/// Runs `scenario` with `count` seeds from that of `settings` on, and tells the median and the greatest of each number.
///
/// # Errors
/// The first run in which a promise was broken.
pub fn sweep(scenario: &Scenario, settings: &Settings, count: u64) -> Result<String, Broken> {
    let mut labels: Vec<String> = Vec::new();
    let mut numbers: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for seed in (settings.seed..).take(usize::try_from(count).unwrap_or(usize::MAX)) {
        for (label, value) in scenario.run(&Settings { seed, ..*settings }).0?.rows {
            for (part, number) in value.split(" / ").enumerate().filter_map(|(part, text)| Some((part, number(text)?)))
            {
                let label = label_of(&label, &value, part);
                if !labels.contains(&label) {
                    labels.push(label.clone());
                }
                numbers.entry(label).or_default().push(number);
            }
        }
    }
    let last = settings.seed + count.saturating_sub(1);
    let mut text = format!("scenario {}, {} hosts, seeds {} to {last}\n", scenario.name, settings.hosts, settings.seed);
    let width = labels.iter().map(String::len).max().unwrap_or(0);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "  {:width$}  {:>12}  {:>12}", "", "median", "worst");
    for label in &labels {
        let mut all = numbers.remove(label).unwrap_or_default();
        all.sort_by(f64::total_cmp);
        let median = all.get(all.len() / 2).copied().unwrap_or_default();
        let worst = all.last().copied().unwrap_or_default();
        let _ = writeln!(text, "  {label:width$}  {median:>12.2}  {worst:>12.2}");
    }
    Ok(text)
}

/// The number at the start of a value such as `12.3 ms`.
fn number(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

/// The label with the value's unit, or with the kind of packet where a value holds two numbers.
fn label_of(label: &str, value: &str, part: usize) -> String {
    if value.contains(" / ") {
        let label = label.trim_end_matches(" multicast / unicast");
        return format!("{label}, {}", if part == 0 { "multicast" } else { "unicast" });
    }
    match value.split_once(' ') {
        Some((_, unit)) => format!("{label}, {unit}"),
        None => label.to_owned(),
    }
}
