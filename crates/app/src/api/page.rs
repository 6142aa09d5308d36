//! The page that people get: files that are in the program itself. It asks the API like any other client.
//!
//! A file tells nothing of this host, so everybody who may connect gets it; what the page shows, the API gives or refuses.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};

use crate::api::entity::tagged;
use crate::api::error::ApiError;
use crate::api::no_such_path;
use crate::api::script::SCRIPT;
use crate::daemon::Daemon;

/// Where the files are that the page consists of.
pub(crate) const FILES_PATH: &str = "/page/{file}";

const PAGE: &str = include_str!("../page/index.html");

/// A browser asks each time whether it has the newest, so that a new program never runs with parts of an old page.
const ASK_EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

const SCRIPT_TYPE: &str = "text/javascript; charset=utf-8";

/// The style sheets as one, since nothing is painted before the last of them is there. What a later one says goes before.
const STYLES: &str = concat!(
    include_str!("../page/base.css"),
    include_str!("../page/controls.css"),
    include_str!("../page/frame.css"),
    include_str!("../page/list.css"),
    include_str!("../page/sheet.css"),
    include_str!("../page/views.css"),
    include_str!("../page/narrow.css"),
);

/// A file that a browser asks for by its name.
struct File {
    name: &'static str,
    content_type: &'static str,
    text: fn() -> &'static str,
}

/// Every file but the page itself.
const FILES: [File; 4] = [
    File { name: "icon.svg", content_type: "image/svg+xml", text: || include_str!("../page/icon.svg") },
    File { name: "style.css", content_type: "text/css; charset=utf-8", text: || STYLES },
    File { name: "theme.js", content_type: SCRIPT_TYPE, text: || include_str!("../page/theme.js") },
    File { name: "main.js", content_type: SCRIPT_TYPE, text: || &SCRIPT },
];

/// Whether a request is for what everybody may have: a file of the page, or the page for a browser.
pub(crate) fn is_wanted(request: &Parts) -> bool {
    match request.uri.path() {
        "/" => is_for_people(&request.headers),
        path => path.strip_prefix("/page/").is_some_and(|name| file(name).is_some()),
    }
}

/// Whether the asker shows what it gets to a person.
fn is_for_people(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|value| value.contains("text/html")))
}

fn file(name: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.name == name)
}

/// `GET /`: the page for a browser, a few words for a program.
pub(crate) async fn root(State(daemon): State<Arc<Daemon>>, headers: HeaderMap) -> Response {
    let mut response = if is_for_people(&headers) {
        static_text(&headers, "text/html; charset=utf-8", PAGE)
    } else {
        ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], words(&daemon.settings().name)).into_response()
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}

fn words(name: &str) -> String {
    format!(
        "kimchi-peers on {name}: the hosts that this one sees on its network. A browser shows them here.\n\n\
         /v1/peers       the list\n/v1/events      changes as they happen\n/v1/status      how the daemon is doing\n\
         /openapi.json   what else there is\n\nOn the command line: kimchi-peers list\n"
    )
}

/// `GET /page/{file}`
pub(crate) async fn part(name: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Result<Response, ApiError> {
    let Some(file) = name.ok().and_then(|Path(name)| file(&name)) else {
        return Err(no_such_path().await);
    };
    Ok(static_text(&headers, file.content_type, (file.text)()))
}

fn static_text(headers: &HeaderMap, content_type: &'static str, text: &'static str) -> Response {
    let mut response = tagged(headers, content_type, text);
    response.headers_mut().insert(header::CACHE_CONTROL, ASK_EACH_TIME);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The names in quotes after each of these words in a text.
    fn quoted_after<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(word).skip(1).filter_map(|rest| rest.split('"').next())
    }

    #[test]
    fn what_the_files_name_is_served_and_nothing_else_is() {
        let mut named: BTreeSet<&str> = BTreeSet::new();
        for word in ["href=\"/page/", "src=\"/page/"] {
            named.extend(quoted_after(PAGE, word));
        }
        assert_eq!(named, FILES.iter().map(|file| file.name).collect());
    }

    #[test]
    fn nothing_is_written_where_the_policy_forbids_it_or_text_could_become_more() {
        for (name, text) in FILES.iter().map(|file| (file.name, (file.text)())).chain([("index.html", PAGE)]) {
            for word in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "style=\"", "javascript:"]
            {
                assert!(!text.contains(word), "{name}: {word}");
            }
            for elsewhere in ["http://", "https://"] {
                // The name of a vocabulary is no address.
                let text = text.replace("http://www.w3.org/2000/svg", "");
                // What an address of another version is read with.
                let own = ["https://[${address}]"];
                let found =
                    text.match_indices(elsewhere).any(|(at, _)| !own.iter().any(|own| text[at..].starts_with(own)));
                assert!(!found, "{name}: {elsewhere}");
            }
        }
        for line in PAGE.lines().filter(|line| line.contains("<script") || line.contains(" on")) {
            assert!(!line.contains("<script") || line.contains("src=\"/page/"), "{line}");
            assert!(!line.contains("onclick=") && !line.contains("onload="), "{line}");
        }
    }

    #[test]
    fn a_browser_is_told_from_a_program() {
        let wants = |accept: &'static str| {
            is_for_people(&HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]))
        };
        assert!(wants("text/html") && wants("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!wants("*/*") && !wants("application/json") && !is_for_people(&HeaderMap::new()));
    }
}
