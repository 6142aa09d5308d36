//! Line plots as SVG, readable on light and on dark ground.

use std::fmt::Write as _;

/// One line of a plot.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// One axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    /// What it shows, with the unit.
    pub(crate) label: &'static str,
    /// Whether equal steps are equal factors. Values of zero or less are left out then.
    pub(crate) logarithmic: bool,
}

/// A plot of a few lines.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) across: Axis,
    pub(crate) up: Axis,
    pub(crate) lines: Vec<Line>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 72.0;
const BOTTOM: f64 = 60.0;
/// Colours that are told apart in every form of colour blindness and on both grounds (Okabe and Ito).
const COLOURS: [&str; 4] = ["#d55e00", "#e69f00", "#009e73", "#0072b2"];
const STYLE: &str = "text{font:13px sans-serif;fill:#333}.title{font-size:16px;font-weight:bold}\
.axis{stroke:#666;stroke-width:1}.grid{stroke:#8884;stroke-width:1}.line{fill:none;stroke-width:2.5}\
@media(prefers-color-scheme:dark){text{fill:#ddd}.axis{stroke:#aaa}}";

/// The part of an axis that is shown, and where its marks stand.
#[derive(Debug)]
struct Scale {
    logarithmic: bool,
    first: f64,
    last: f64,
    marks: Vec<f64>,
}

impl Scale {
    fn of(axis: Axis, values: impl Iterator<Item = f64>) -> Self {
        let shown: Vec<f64> = values.filter(|value| !axis.logarithmic || *value > 0.0).collect();
        let least = shown.iter().copied().fold(f64::INFINITY, f64::min);
        let most = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if axis.logarithmic {
            let (least, most) = if least.is_finite() { (least, most) } else { (1.0, 10.0) };
            let first = least.log10().floor();
            let last = most.log10().ceil().max(first + 1.0);
            let marks = (0..=(last - first) as i32).map(|power| 10_f64.powf(first + f64::from(power))).collect();
            return Self { logarithmic: true, first, last, marks };
        }
        let most = if most.is_finite() && most > 0.0 { most } else { 1.0 };
        let power = 10_f64.powf(most.log10().floor());
        let step = [0.2, 0.5, 1.0, 2.0].map(|part| part * power).into_iter().find(|step| most / step <= 6.0);
        let step = step.unwrap_or(power * 2.0);
        let count = (most / step - 1e-9).ceil();
        let marks = (0..=count as i32).map(|number| f64::from(number) * step).collect();
        Self { logarithmic: false, first: 0.0, last: count * step, marks }
    }

    /// Where a value stands, 0 to 1.
    fn place(&self, value: f64) -> Option<f64> {
        let value = if self.logarithmic { (value > 0.0).then(|| value.log10())? } else { value };
        Some((value - self.first) / (self.last - self.first))
    }
}

/// A number as short as it can be read.
fn short(number: f64) -> String {
    if number >= 1_000_000.0 {
        format!("{}M", number / 1_000_000.0)
    } else if number >= 10_000.0 {
        format!("{}k", number / 1_000.0)
    } else {
        format!("{}", (number * 1e6).round() / 1e6)
    }
}

impl Plot {
    /// The plot as a document.
    pub(crate) fn to_svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let across = Scale::of(self.across, points().map(|(x, _)| x));
        let up = Scale::of(self.up, points().map(|(_, y)| y));
        let mut svg = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}"><style>{STYLE}</style>"#,
            self.title
        );
        let _ = write!(svg, r#"<text class="title" x="{LEFT}" y="24">{}</text>"#, self.title);
        self.draw_axes(&mut svg, &across, &up);
        for (number, line) in self.lines.iter().enumerate() {
            draw_line(&mut svg, number, line, (&across, &up));
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn draw_axes(&self, svg: &mut String, across: &Scale, up: &Scale) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        for (mark, place) in up.marks.iter().filter_map(|mark| Some((mark, up.place(*mark)?))) {
            let y = bottom - place * (bottom - TOP);
            let _ = write!(svg, r#"<line class="grid" x1="{LEFT}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/>"#);
            let (x, y, text) = (LEFT - 8.0, y + 4.0, short(*mark));
            let _ = write!(svg, r#"<text x="{x}" y="{y:.1}" text-anchor="end">{text}</text>"#);
        }
        for (mark, place) in across.marks.iter().filter_map(|mark| Some((mark, across.place(*mark)?))) {
            let x = LEFT + place * (right - LEFT);
            let _ = write!(svg, r#"<line class="grid" x1="{x:.1}" y1="{TOP}" x2="{x:.1}" y2="{bottom}"/>"#);
            let (y, text) = (bottom + 18.0, short(*mark));
            let _ = write!(svg, r#"<text x="{x:.1}" y="{y}" text-anchor="middle">{text}</text>"#);
        }
        let _ = write!(svg, r#"<path class="axis" fill="none" d="M{LEFT} {TOP}V{bottom}H{right}"/>"#);
        let (middle, y) = ((LEFT + right) / 2.0, HEIGHT - 14.0);
        let _ = write!(svg, r#"<text x="{middle}" y="{y}" text-anchor="middle">{}</text>"#, self.across.label);
        let middle = (TOP + bottom) / 2.0;
        let label = self.up.label;
        let _ =
            write!(svg, r#"<text transform="translate(20 {middle}) rotate(-90)" text-anchor="middle">{label}</text>"#);
    }
}

fn draw_line(svg: &mut String, number: usize, line: &Line, (across, up): (&Scale, &Scale)) {
    let colour = COLOURS.get(number % COLOURS.len()).copied().unwrap_or_default();
    let place = |(x, y): &(f64, f64)| {
        let (x, y) = (across.place(*x)?, up.place(*y)?);
        Some((LEFT + x * (WIDTH - RIGHT - LEFT), HEIGHT - BOTTOM - y * (HEIGHT - BOTTOM - TOP)))
    };
    let points: Vec<(f64, f64)> = line.points.iter().filter_map(place).collect();
    let texts: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    // The second line is dashed, so that the first is seen under it where they are the same.
    let dash = if number == 1 { r#" stroke-dasharray="7 7""# } else { "" };
    let _ = write!(svg, r#"<polyline class="line" stroke="{colour}"{dash} points="{}"/>"#, texts.join(" "));
    // Few points are measurements of their own; many are one curve.
    if points.len() <= 12 {
        for (x, y) in &points {
            let _ = write!(svg, r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" fill="{colour}"/>"#);
        }
    }
    let x = LEFT + number as f64 * 190.0;
    let _ = write!(svg, r#"<rect x="{x}" y="40" width="22" height="4" fill="{colour}"/>"#);
    let _ = write!(svg, r#"<text x="{}" y="48">{}</text>"#, x + 28.0, line.name);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(logarithmic: bool) -> Axis {
        Axis { label: "hosts", logarithmic }
    }

    #[test]
    fn marks_are_round_and_hold_all_values() {
        let scale = Scale::of(axis(true), [10.0, 900.0].into_iter());
        assert_eq!(scale.marks, [10.0, 100.0, 1000.0]);
        assert_eq!((scale.place(10.0), scale.place(1000.0), scale.place(0.0)), (Some(0.0), Some(1.0), None));
        let scale = Scale::of(axis(false), [0.0, 37.0].into_iter());
        assert_eq!(scale.marks, [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert!(Scale::of(axis(false), std::iter::empty()).marks.len() > 1);
    }

    #[test]
    fn every_line_and_label_is_drawn() {
        let line = |name: &str| Line { name: name.to_owned(), points: vec![(10.0, 1.0), (100.0, 50.0)] };
        let (across, up) = (axis(true), Axis { label: "seconds", logarithmic: false });
        let svg = Plot { title: "a plot".to_owned(), across, up, lines: vec![line("one"), line("two")] }.to_svg();
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 4));
        for text in ["a plot", ">one<", ">two<", ">hosts<", ">seconds<", "prefers-color-scheme:dark"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
