//! How the page is served: to whom, and with what it tells the browser.

use super::http::{Answer, Request, Target};
use super::inside;
use super::support::{Daemon, Setup};

/// What a browser says that it takes.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// The files that a text names as parts of the page.
fn files(page: &str) -> Vec<String> {
    let of_word = |word: &'static str| page.split(word).skip(1).filter_map(|rest| rest.split('"').next());
    [of_word("href=\"/page/"), of_word("src=\"/page/")]
        .into_iter()
        .flatten()
        .map(|name| format!("/page/{name}"))
        .collect()
}

fn assert_kept_apart(path: &str, answer: &Answer) {
    assert!(
        answer
            .header("content-security-policy")
            .starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
        "{path}"
    );
    assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
}

#[test]
fn a_browser_gets_the_page_and_a_program_a_few_words() {
    inside(|| {
        let daemon = Daemon::start("subject");
        let page = daemon.http("GET", "/").header("Accept", BROWSER).send();
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert_eq!(page.header("vary"), "Accept");
        assert_kept_apart("/", &page);
        let files = files(&page.text());
        assert!(files.len() >= 4, "{files:?}");
        for path in &files {
            let first = daemon.http("GET", path).send();
            assert_eq!(first.status, 200, "{path}");
            assert_kept_apart(path, &first);
            let again = daemon.http("GET", path).header("If-None-Match", first.header("etag")).send();
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
            assert_eq!(again.header("cache-control"), "no-cache", "{path}");
        }
        for accept in ["*/*", "application/json", "text/plain"] {
            let words = daemon.http("GET", "/").header("Accept", accept).send();
            assert_eq!(words.header("content-type"), "text/plain; charset=utf-8", "{accept}");
            assert_eq!(words.header("cache-control"), "no-store", "{accept}");
            assert!(words.text().contains("kimchi-peers on subject"));
        }
        for path in ["/page/", "/page/../main.js", "/page/nothing", "/page/%2e%2e%2fmain.js", "/page/main.js/x"] {
            daemon.http("GET", path).send().assert_error(404, "KPAPI0404");
        }
    });
}

#[test]
fn over_tls_everybody_gets_the_page_and_nothing_else() {
    inside(|| {
        let daemon = Setup::new("subject").options(&["--api", "0.0.0.0:18443", "--tls", "self-signed"]).start();
        let certificate = daemon.setup.state_directory().join("api-cert.pem");
        let ask =
            |path: &str| Request::new(Target::Tls("127.0.0.1:18443".to_owned(), certificate.clone()), "GET", path);
        let page = ask("/").header("Accept", BROWSER).send();
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("subject"), "a file tells nothing of this host");
        for path in files(&page.text()) {
            assert_eq!(ask(&path).send().status, 200, "{path}");
        }
        for path in ["/v1/peers", "/v1/status", "/v1/self", "/v1/events", "/page/nothing", "/"] {
            ask(path).header("Accept", "application/json").send().assert_error(401, "KPAPI0401");
        }
        ask("/v1/peers").header("Accept", BROWSER).send().assert_error(401, "KPAPI0401");
        // Another site that a browser asks for it gets nothing.
        let foreign = ask("/page/main.js").header("Sec-Fetch-Site", "cross-site").header("Sec-Fetch-Mode", "no-cors");
        foreign.send().assert_error(403, "KPAPI0403");
    });
}
