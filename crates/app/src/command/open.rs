//! `open`: a link that signs a browser in.

use crate::cli::Connection;
use crate::client::Client;
use crate::failure::{Failure, Stop, finish};
use crate::output::{Screen, printable};

/// Prints the link.
pub(crate) async fn run(connection: &Connection) -> Result<(), Failure> {
    let client = Client::find(connection)?;
    finish(open(&client, &mut Screen::of_process()).await)
}

async fn open(client: &Client, screen: &mut Screen) -> Result<(), Stop> {
    let code = client.sign_in_code().await?;
    screen.data(&format!("{}\n", printable(&code.url)))?;
    screen.say(&format!("good once, for {} s; whoever opens it may do all that you may", code.expires_in));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::tests::Api;
    use crate::output::Surface;
    use crate::view::CodeView;

    #[tokio::test(flavor = "current_thread")]
    async fn the_link_alone_is_data() {
        let url = "http://127.0.0.1:8132/sign-in?code=0".to_owned();
        let view = CodeView { url: url.clone(), code: "0".to_owned(), expires_in: 60 };
        let api = Api::start(vec![("POST /v1/session/code", 201, serde_json::to_string(&view).unwrap())]).await;
        let (mut screen, data, words) = Screen::in_memory(Surface::default());
        open(&api.client(), &mut screen).await.unwrap();
        assert_eq!(data.text(), format!("{url}\n"));
        assert!(words.text().contains("60 s"), "{}", words.text());
    }
}
