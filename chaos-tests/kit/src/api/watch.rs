//! Changes as they happen: server-sent events of `/v1/watch`.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::BytesMut;
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use verbund_model::view::{Change, Event, Resource};

use super::connection::{Connection, request};

/// One event is never longer than this.
const MAX_EVENT: usize = 4 << 20;

/// An open watch. It ends when this is dropped.
pub struct Watch {
    body: Incoming,
    buffer: BytesMut,
}

/// What a watch says.
#[derive(Clone, Debug)]
pub enum Watched {
    /// A resource as it is now.
    Is(Resource),
    /// A resource that was deleted.
    Gone(Resource),
    /// So far everything was said that there is up to this log index.
    Upto(u64),
}

impl Watch {
    /// Watches some kinds (plural names), from the state as this site has applied it.
    pub async fn open(connection: &mut Connection, kinds: &[&str]) -> Result<Self> {
        let path = format!("/v1/watch?consistency=stale&kinds={}", kinds.join(","));
        let request = request(Method::GET, &path).body(Empty::new().boxed_unsync())?;
        let (head, body) = connection.send(request).await.context("opening a watch")?.into_parts();
        if head.status != StatusCode::OK {
            let body = body.collect().await?.to_bytes();
            bail!("opening a watch: {}: {}", head.status, String::from_utf8_lossy(&body));
        }
        Ok(Self { body, buffer: BytesMut::new() })
    }

    /// What it says next; a future that is dropped loses nothing. Errors: it has ended, and why.
    pub async fn next(&mut self) -> Result<Watched> {
        loop {
            // An event ends with an empty line; the API ends its lines with \n.
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
                let event = self.buffer.split_to(end + 2);
                if let Some(watched) = read(&event)? {
                    return Ok(watched);
                }
                continue;
            }
            ensure!(self.buffer.len() <= MAX_EVENT, "an event of more than {MAX_EVENT} bytes");
            let frame = self.body.frame().await.context("the site ended the watch")??;
            self.buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        }
    }
}

/// What one event says; none for those that only keep the connection alive.
fn read(event: &[u8]) -> Result<Option<Watched>> {
    let text = std::str::from_utf8(event)?;
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
    let (Some(name), Some(data)) = (field("event:"), field("data:")) else { return Ok(None) };
    Ok(Some(match name {
        "resource" => Watched::Is(serde_json::from_str(data)?),
        "change" => {
            let event: Event = serde_json::from_str(data)?;
            if event.change == Change::Deleted { Watched::Gone(event.resource) } else { Watched::Is(event.resource) }
        }
        "bookmark" => {
            let bookmark: serde_json::Value = serde_json::from_str(data)?;
            Watched::Upto(bookmark["index"].as_u64().context("a bookmark has an index")?)
        }
        "problem" => bail!("the site ended the watch: {data}"),
        other => bail!("an event {other:?}"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_told_apart() {
        assert!(read(b": keep alive\n\n").unwrap().is_none());
        let bookmark = read(b"event: bookmark\ndata: {\"index\":7,\"snapshot\":true}\nid: 7.x\n\n").unwrap();
        assert!(matches!(bookmark, Some(Watched::Upto(7))), "{bookmark:?}");
        assert!(
            read(b"event: problem\ndata: {\"title\":\"stopping\"}\n\n").unwrap_err().to_string().contains("stopping")
        );
    }
}
