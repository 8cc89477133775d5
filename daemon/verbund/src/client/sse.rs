//! Server-sent events (WHATWG HTML, 9.2.6), as far as the API sends them.

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its name.
    pub name: String,
    /// Its data.
    pub data: String,
    /// The id that stands after it.
    pub id: Option<String>,
}

/// The most bytes of one event; the API's are far smaller.
const MAX_EVENT: usize = 4 << 20;

/// Cuts a byte stream into events.
#[derive(Default)]
pub struct SseParser {
    line: Vec<u8>,
    event: SseEvent,
    size: usize,
}

/// More than one event may have.
#[derive(Debug, thiserror::Error)]
#[error("an event has more than {MAX_EVENT} bytes")]
pub struct TooLarge;

impl SseParser {
    /// Takes bytes as they come; gives the events that they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>, TooLarge> {
        let mut events = Vec::new();
        for byte in bytes {
            if *byte != b'\n' {
                self.size += 1;
                if self.size > MAX_EVENT {
                    return Err(TooLarge);
                }
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                self.size = 0;
                if !event.data.is_empty() {
                    events.push(event);
                }
            } else {
                self.field(&line);
            }
        }
        Ok(events)
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_whole_however_the_bytes_are_cut() {
        let stream = b": hello\n\nevent: change\nid: 7.1\ndata: {\"a\":1}\n\nevent: bookmark\r\ndata: x\r\ndata:y\r\n\r\ndata: cut";
        for step in 1..stream.len() {
            let mut parser = SseParser::default();
            let events: Vec<SseEvent> = stream.chunks(step).flat_map(|chunk| parser.push(chunk).unwrap()).collect();
            let event = |name: &str, data: &str, id: Option<&str>| SseEvent {
                name: name.to_owned(),
                data: data.to_owned(),
                id: id.map(str::to_owned),
            };
            assert_eq!(events, [event("change", "{\"a\":1}", Some("7.1")), event("bookmark", "x\ny", None)]);
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut parser = SseParser::default();
        assert!(parser.push(&vec![b'x'; MAX_EVENT]).is_ok());
        assert!(parser.push(b"x").is_err());
    }
}
