//! Frames in a stream: a length (u32, big-endian) and that many bytes.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures::StreamExt as _;

use crate::body::{body_timeout, broken, malformed, too_large};
use crate::problem::Problem;

/// Takes a body apart.
pub struct FrameReader {
    chunks: BodyDataStream,
    buffer: BytesMut,
    limit: usize,
    /// How long the rest of a begun frame may take.
    rest_timeout: Duration,
    /// How long the next frame may take to begin.
    idle_timeout: Duration,
}

impl FrameReader {
    /// A reader of frames of at most `limit` bytes.
    pub fn new(body: Body, limit: usize, rest_timeout: Duration, idle_timeout: Duration) -> Self {
        Self { chunks: body.into_data_stream(), buffer: BytesMut::new(), limit, rest_timeout, idle_timeout }
    }

    /// The next frame; `None` at the end of the body. May be cancelled and called again. Errors: the stream is of no
    /// further use.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            let timeout = if self.buffer.is_empty() { self.idle_timeout } else { self.rest_timeout };
            match tokio::time::timeout(timeout, self.chunks.next()).await {
                Err(_) => return Err(body_timeout()),
                Ok(Some(Ok(chunk))) => self.buffer.extend_from_slice(&chunk),
                Ok(Some(Err(_))) => return Err(broken()),
                Ok(None) if self.buffer.is_empty() => return Ok(None),
                Ok(None) => return Err(malformed("the stream ended within an envelope")),
            }
        }
    }

    fn take(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(prefix) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > self.limit {
            return Err(too_large(self.limit));
        }
        if self.buffer.len() < 4 + length {
            return Ok(None);
        }
        self.buffer.advance(4);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

/// Appends a frame. One that is too long for its length field, which none of ours is, is left out.
pub fn append(out: &mut BytesMut, frame: &[u8]) {
    if let Ok(length) = u32::try_from(frame.len()) {
        out.reserve(4 + frame.len());
        out.put_u32(length);
        out.put_slice(frame);
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::problem::ProblemKind;

    fn reader(chunks: &[&[u8]]) -> FrameReader {
        let chunks: Vec<_> = chunks.iter().map(|c| Ok::<_, std::io::Error>(Bytes::copy_from_slice(c))).collect();
        let body = Body::from_stream(stream::iter(chunks));
        FrameReader::new(body, 5, Duration::from_secs(5), Duration::from_secs(5))
    }

    async fn all(mut reader: FrameReader) -> (Vec<Bytes>, Option<ProblemKind>) {
        let mut frames = Vec::new();
        loop {
            match reader.next().await {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(problem) => return (frames, Some(problem.kind())),
            }
        }
    }

    #[tokio::test]
    async fn frames_come_whole_however_they_are_cut() {
        let mut bytes = BytesMut::new();
        append(&mut bytes, b"one");
        append(&mut bytes, b"");
        append(&mut bytes, b"three");
        for size in 1..=bytes.len() {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            let (frames, end) = all(reader(&chunks)).await;
            assert_eq!(frames, [&b"one"[..], b"", b"three"], "chunks of {size}");
            assert_eq!(end, None);
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_or_too_long_ends_it_behind_what_was_whole() {
        assert_eq!(all(reader(&[])).await, (vec![], None));
        assert_eq!(all(reader(&[&[0, 0, 0, 1, 7, 0, 0]])).await.1, Some(ProblemKind::Malformed));
        assert_eq!(all(reader(&[&[0, 0, 0, 2, 7]])).await, (vec![], Some(ProblemKind::Malformed)));
        let (frames, end) = all(reader(&[&[0, 0, 0, 1, 7, 0, 0, 0, 6, 1]])).await;
        assert_eq!((frames.len(), end), (1, Some(ProblemKind::TooLarge)));
        assert_eq!(all(reader(&[&[255; 4]])).await.1, Some(ProblemKind::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_does_not_end_is_given_up() {
        let head = stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(&[0, 0]))]);
        let body = Body::from_stream(head.chain(stream::pending()));
        let mut reader = FrameReader::new(body, 5, Duration::from_secs(3), Duration::from_secs(600));
        let begun = tokio::time::Instant::now();
        assert_eq!(reader.next().await.unwrap_err().kind(), ProblemKind::BodyTimeout);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }
}
