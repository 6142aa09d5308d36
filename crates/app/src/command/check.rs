//! `check`: the certificate that a peer's console serves, held against what is known of it.

use crate::cli::{CheckArguments, Connection, TextOrJson};
use crate::client::{Client, resolve_either};
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, pretty, printable};
use crate::view::{CertificateState, CheckView};

/// Has the daemon look, and prints what it found.
pub(crate) async fn run(arguments: &CheckArguments, connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(check(&client, arguments, &mut Screen::of_process()).await)
}

async fn check(client: &Client, arguments: &CheckArguments, screen: &mut Screen) -> Result<(), Stop> {
    let peers = client.peers().await?;
    let peer = resolve_either(&peers, &arguments.peer)?;
    let checked = client.check(&peer.id).await?;
    match arguments.output.format() {
        TextOrJson::Json => screen.data(&pretty(&checked, screen.surface.is_terminal)?)?,
        TextOrJson::Text => screen.data(&line(&checked))?,
    }
    verdict(&checked)
}

fn line(checked: &CheckView) -> String {
    let shown = checked.certificate.as_deref().map(|hash| format!("  SHA-256 {hash}")).unwrap_or_default();
    let state = checked.certificate_state.as_str();
    format!("{state}  {}  {}{shown}\n", printable(&checked.name), printable(&checked.address))
}

/// A certificate that is another one is a failure, and so is one that could not be seen.
fn verdict(checked: &CheckView) -> Result<(), Stop> {
    let name = printable(&checked.name);
    if let Some(why) = &checked.failure {
        return Err(Failure::new(format!("the console of {name} showed no certificate: {}", printable(why))).into());
    }
    let expected = checked.certificate_expected.as_deref().map(printable).unwrap_or_default();
    match checked.certificate_state {
        CertificateState::Match | CertificateState::Unknown => Ok(()),
        CertificateState::Changed => {
            let failure =
                Failure::new(format!("the console of {name} shows another certificate than SHA-256 {expected}"));
            Err(failure.with_hint("do not log in there before you know why").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::{Api, peer};
    use crate::failure::FAILED;
    use crate::output::Surface;

    fn view(certificate_state: CertificateState, failure: Option<&str>) -> CheckView {
        CheckView {
            id: "kvm-1@10.0.0.1".to_owned(),
            name: "kvm-1".to_owned(),
            address: "10.0.0.1:8001".to_owned(),
            certificate_state,
            certificate: failure.is_none().then(|| "ab12".to_owned()),
            certificate_expected: Some("cd34".to_owned()),
            failure: failure.map(str::to_owned),
        }
    }

    async fn said(view: CheckView) -> (String, Option<Failure>) {
        let api = Api::start(vec![
            ("GET /v1/peers", 200, serde_json::to_string(&[peer("kvm-1", "10.0.0.1")]).unwrap()),
            ("POST /v1/peers/kvm-1%4010.0.0.1/check", 200, serde_json::to_string(&view).unwrap()),
        ])
        .await;
        let (mut screen, data, _) = Screen::in_memory(Surface::default());
        let arguments = CheckArguments { peer: "kvm-1".to_owned(), output: TextOrJson::Text.into() };
        let outcome = finish(check(&api.client(), &arguments, &mut screen).await);
        (data.text(), outcome.err())
    }

    #[tokio::test(flavor = "current_thread")]
    async fn another_certificate_and_none_at_all_are_failures() {
        let (text, failure) = said(view(CertificateState::Match, None)).await;
        assert_eq!(text, "match  kvm-1  10.0.0.1:8001  SHA-256 ab12\n");
        assert!(failure.is_none());
        let (text, failure) = said(view(CertificateState::Changed, None)).await;
        assert_eq!(text, "changed  kvm-1  10.0.0.1:8001  SHA-256 ab12\n");
        let failure = failure.unwrap();
        assert_eq!(failure.status, FAILED);
        assert!(failure.message.ends_with("another certificate than SHA-256 cd34"), "{}", failure.message);
        let (text, failure) = said(view(CertificateState::Unknown, Some("it refused\u{1b}"))).await;
        assert_eq!(text, "unknown  kvm-1  10.0.0.1:8001\n");
        assert!(failure.unwrap().message.ends_with("showed no certificate: it refused\\u{1b}"));
    }
}
