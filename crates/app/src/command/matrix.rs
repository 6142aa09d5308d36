//! `matrix`: who hears whom.

use std::collections::BTreeSet;

use crate::cli::{Connection, MatrixArguments, MatrixOutput};
use crate::client::Client;
use crate::failure::{Failure, Stop, finish};
use crate::output::{Cell, Screen, Surface, Table, Tone, csv_record, natural, pretty, printable};
use crate::view::{MatrixHostView, MatrixView};

/// Most hosts of which a grid is printed where no width is given.
const GRID_MAX: usize = 30;
/// Columns of the terminal that a host takes in the grid: its number and two blanks.
const COLUMN_WIDTH: usize = 4;
/// Columns for number and name before that.
const NAME_WIDTH: usize = 24;
/// Letters of an id that tell hosts of one name apart.
const ID_SHOWN: usize = 8;
/// Names of a list that are told before the rest is counted.
const NAMES_SHOWN: usize = 10;

/// Prints the matrix.
pub(crate) async fn run(arguments: &MatrixArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(matrix(&client, arguments, &mut Screen::of_process()).await)
}

async fn matrix(client: &Client, arguments: &MatrixArguments, screen: &mut Screen) -> Result<(), Stop> {
    let matrix = client.matrix().await?;
    let text = match arguments.format() {
        MatrixOutput::Json => pretty(&matrix, screen.surface.is_terminal)?,
        MatrixOutput::Csv => csv(&matrix),
        MatrixOutput::Table => table(&matrix, screen.surface),
    };
    screen.data(&text)
}

fn table(matrix: &MatrixView, surface: Surface) -> String {
    let most = surface.width.map_or(GRID_MAX, |width| width.saturating_sub(NAME_WIDTH) / COLUMN_WIDTH);
    if matrix.hosts.len() <= most { grid(matrix, surface) } else { list(matrix) }
}

/// The places of the hosts in the order of their names.
fn by_name(matrix: &MatrixView) -> Vec<usize> {
    let mut places: Vec<usize> = (0..matrix.hosts.len()).collect();
    places.sort_by(|one, other| match (matrix.hosts.get(*one), matrix.hosts.get(*other)) {
        (Some(one), Some(other)) => natural(&one.name, &other.name).then_with(|| one.id.cmp(&other.id)),
        _ => one.cmp(other),
    });
    places
}

/// A row and a column for each host; the columns are numbered as the rows are.
fn grid(matrix: &MatrixView, surface: Surface) -> String {
    let places = by_name(matrix);
    let numbers: Vec<String> = (1..=places.len()).map(|number| number.to_string()).collect();
    let mut headings = vec!["", "HEARS"];
    headings.extend(numbers.iter().map(String::as_str));
    let mut table = Table::new(&headings);
    let shown = Names::of(matrix);
    for (number, host) in numbers.iter().zip(places.iter().filter_map(|place| matrix.hosts.get(*place))) {
        let cells: Vec<char> = matrix.row(&host.id).map(|row| row.heard.chars().collect()).unwrap_or_default();
        let cell = |place: &usize| {
            let letter = cells.get(*place).copied().unwrap_or('?');
            let tone = match letter {
                '0' => Some(Tone::Bad),
                '?' => Some(Tone::Faint),
                _ => None,
            };
            Cell::toned(&letter.to_string(), tone)
        };
        let mut row = vec![Cell::new(number), Cell::new(&shown.of_host(host))];
        row.extend(places.iter().map(cell));
        table.push(row);
    }
    format!("{}{}", table.render(None, surface.colour), sentences(matrix, false))
}

/// Who does not hear whom, a line each, and a sentence for the rest.
fn list(matrix: &MatrixView) -> String {
    let shown = Names::of(matrix);
    let mut gaps: Vec<_> = matrix.gaps().collect();
    gaps.sort_by(|(one, _), (other, _)| natural(&one.name, &other.name));
    let mut text = String::new();
    for (host, mut unheard) in gaps {
        unheard.sort_by(|one, other| natural(&one.name, &other.name));
        let all = unheard.len() + 1 == matrix.hosts.len();
        let whom = if all { "anybody".to_owned() } else { some_of(&unheard, &shown) };
        text.push_str(&format!("{} does not hear {whom}\n", printable(&shown.of_host(host))));
    }
    text + &sentences(matrix, true)
}

fn some_of(hosts: &[&MatrixHostView], shown: &Names) -> String {
    let names: Vec<_> = hosts.iter().take(NAMES_SHOWN).map(|host| shown.of_host(host)).collect();
    let names = printable(&names.join(", ")).into_owned();
    match hosts.len().saturating_sub(NAMES_SHOWN) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// What is to be said of those who are not told of by name.
fn sentences(matrix: &MatrixView, with_names_left_out: bool) -> String {
    let gaps = matrix.gaps().count();
    let silent = matrix.rows.iter().filter(|row| row.age_ms.is_none()).count();
    let in_part = |row: &&crate::view::MatrixRowView| row.age_ms.is_some() && row.heard.contains('?');
    let in_part = matrix.rows.iter().filter(in_part).count();
    let mut text = String::new();
    let count = matrix.hosts.len();
    match (gaps, with_names_left_out) {
        (0, _) => text.push_str(&format!("{count} hosts; as far as they say, each hears all others\n")),
        (gaps, true) => text
            .push_str(&format!("the other {} of {count} hosts say of nobody that they do not hear it\n", count - gaps)),
        (_, false) => {}
    }
    if silent > 0 {
        text.push_str(&format!("{silent} of them said nothing of whom they hear\n"));
    }
    if in_part > 0 {
        text.push_str(&format!("what {in_part} of them hear is known in part\n"));
    }
    text
}

fn csv(matrix: &MatrixView) -> String {
    let heading = ["id", "name", "state", "age_ms"].into_iter().chain(matrix.hosts.iter().map(|host| host.id.as_str()));
    let mut text = csv_record(heading);
    for host in &matrix.hosts {
        let row = matrix.row(&host.id);
        let age = row.and_then(|row| row.age_ms).map(|age| age.to_string()).unwrap_or_default();
        let cells: Vec<String> = row.map(|row| row.heard.chars().map(String::from).collect()).unwrap_or_default();
        let fields = [host.id.as_str(), &host.name, host.state.as_str(), &age].into_iter();
        text.push_str(&csv_record(fields.chain(cells.iter().map(String::as_str))));
    }
    text
}

/// How hosts are called: by their names, with the beginning of the id where several have one name.
struct Names(BTreeSet<String>);

impl Names {
    fn of(matrix: &MatrixView) -> Self {
        let (mut seen, mut double) = (BTreeSet::new(), BTreeSet::new());
        for host in &matrix.hosts {
            if !seen.insert(host.name.as_str()) {
                double.insert(host.name.clone());
            }
        }
        Self(double)
    }

    fn of_host(&self, host: &MatrixHostView) -> String {
        if self.0.contains(&host.name) {
            format!("{} ({})", host.name, host.id.chars().take(ID_SHOWN).collect::<String>())
        } else {
            host.name.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::Api;
    use crate::view::matrix_of;

    #[test]
    fn eight_hosts_are_a_grid() {
        let rows = ["-1111111", "1-111111", "01-11111", "111-1111", "1111-111", "11111-11", "??????-?", "1111111-"];
        let expected = "   HEARS  1  2  3  4  5  6  7  8
1  kvm-1  -  1  1  1  1  1  1  1
2  kvm-2  1  -  1  1  1  1  1  1
3  kvm-3  0  1  -  1  1  1  1  1
4  kvm-4  1  1  1  -  1  1  1  1
5  kvm-5  1  1  1  1  -  1  1  1
6  kvm-6  1  1  1  1  1  -  1  1
7  kvm-7  ?  ?  ?  ?  ?  ?  -  ?
8  kvm-8  1  1  1  1  1  1  1  -
1 of them said nothing of whom they hear
";
        for width in [None, Some(80)] {
            assert_eq!(table(&matrix_of(&rows), Surface { width, ..Surface::default() }), expected);
        }
        let narrow = table(&matrix_of(&rows), Surface { width: Some(40), ..Surface::default() });
        assert!(narrow.starts_with("kvm-3 does not hear kvm-1\nthe other 7 of 8 hosts"), "{narrow}");
    }

    #[test]
    fn of_two_hundred_hosts_only_what_is_wrong_is_told() {
        let whole = |place: usize| (0..200).map(|other| if other == place { '-' } else { '1' }).collect::<String>();
        let mut rows: Vec<String> = (0..200).map(whole).collect();
        let text = table(&matrix_of(&rows.iter().map(String::as_str).collect::<Vec<_>>()), Surface::default());
        assert_eq!(text, "200 hosts; as far as they say, each hears all others\n");
        rows[9] = rows[9].replacen("11", "00", 1);
        rows[1] = "0".repeat(200).replacen("00", "0-", 1);
        let text = table(&matrix_of(&rows.iter().map(String::as_str).collect::<Vec<_>>()), Surface::default());
        let expected = "kvm-2 does not hear anybody\nkvm-10 does not hear kvm-1, kvm-2\n\
                        the other 198 of 200 hosts say of nobody that they do not hear it\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn hosts_of_one_name_are_told_apart_and_no_name_harms_a_terminal() {
        let mut matrix = matrix_of(&["-0", "1-"]);
        matrix.hosts[0].name = "same\u{1b}".to_owned();
        matrix.hosts[1].name = "same\u{1b}".to_owned();
        for width in [None, Some(10)] {
            let text = table(&matrix, Surface { width, ..Surface::default() });
            assert!(text.contains("same\\u{1b} (id-1)") && !text.contains('\u{1b}'), "{text}");
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn programs_get_json_and_csv() {
        let matrix_sent = matrix_of(&["-0", "1-"]);
        for format in [MatrixOutput::Json, MatrixOutput::Csv] {
            let api = Api::start(vec![("GET /v1/matrix", 200, serde_json::to_string(&matrix_sent).unwrap())]).await;
            let (mut screen, data, _) = Screen::in_memory(Surface::default());
            matrix(&api.client(), &MatrixArguments::from(format), &mut screen).await.unwrap();
            if format == MatrixOutput::Json {
                assert_eq!(serde_json::from_str::<MatrixView>(&data.text()).unwrap(), matrix_sent);
            } else {
                let expected = "id,name,state,age_ms,id-1,id-2\r\nid-1,kvm-1,up,1500,-,0\r\nid-2,kvm-2,up,1500,1,-\r\n";
                assert_eq!(data.text(), expected);
            }
        }
    }
}
