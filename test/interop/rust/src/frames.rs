//! Frames of docs/protocol.md, section 3.

use futures::io::BufReader;
use futures::{AsyncReadExt, AsyncWriteExt};
use libp2p::Stream;
use std::fmt::{self, Display, Formatter};
use std::io;

/// Kinds of frames (clause 3.4).
pub mod kind {
    pub const HELLO: u8 = 1;
    pub const ACCEPT: u8 = 2;
    pub const GOODBYE: u8 = 3;
    pub const PING: u8 = 4;
    pub const PONG: u8 = 5;
    pub const PART: u8 = 6;
    pub const STREAM_ABORT: u8 = 11;
    pub const MESSAGE: u8 = 16;
    pub const DELIVER: u8 = 17;
    pub const DELIVERED: u8 = 18;
    pub const REQUEST: u8 = 19;
    pub const RESPONSE: u8 = 20;
    pub const FAILURE: u8 = 21;
    pub const STREAM_OPEN: u8 = 22;
}

/// Format of a payload that is UTF-8.
const TEXT: u8 = 2;
/// Flag of a frame whose message goes on in another one.
const MORE: u8 = 1;
/// What the body of a frame may hold.
const MAX_BODY: usize = 262_144;
/// What a whole message may hold here.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// A whole frame, or a message that was put together from several.
pub struct Frame {
    pub kind: u8,
    pub format: u8,
    pub body: Vec<u8>,
}

impl Frame {
    pub fn new(kind: u8, body: &[u8]) -> Self {
        Self { kind, format: 0, body: body.to_vec() }
    }

    pub fn text(kind: u8, number: &[u8], text: &str) -> Self {
        Self { kind, format: TEXT, body: [number, text.as_bytes()].concat() }
    }

    /// The windows are as good as endless, so that this program need not give credit.
    pub fn hello(name: &str) -> Self {
        let windows = r#"{"messages":9007199254740991,"requests":9007199254740991,"protocols":9007199254740991}"#;
        let body = format!(
            r#"{{"versions":[1,1],"network":"","addresses":[],"name":"{name}","instance":"{name}-1","maxMessageBytes":{MAX_MESSAGE},"compressions":[],"protocols":[],"windows":{windows}}}"#
        );
        Self::new(kind::HELLO, body.as_bytes())
    }

    /// What pairs a question with its answer.
    pub fn number(&self) -> &[u8] {
        &self.body[..self.body.len().min(4)]
    }
}

impl Display for Frame {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let has_number = (kind::DELIVER..=kind::STREAM_OPEN).contains(&self.kind);
        let payload = if has_number { self.body.get(4..).unwrap_or_default() } else { &self.body };
        if self.format == TEXT || self.kind < kind::MESSAGE {
            write!(f, "{}", String::from_utf8_lossy(payload))
        } else {
            write!(f, "{} bytes", payload.len())
        }
    }
}

pub struct Link {
    stream: BufReader<Stream>,
}

impl Link {
    pub fn new(stream: Stream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub async fn close(&mut self) -> io::Result<()> {
        self.stream.close().await
    }

    /// Cuts what is too long for one frame: the first piece then begins with the length of the whole.
    pub async fn write(&mut self, frame: &Frame) -> io::Result<()> {
        if frame.body.len() <= MAX_BODY {
            self.write_one([frame.kind, 0, frame.format, 0], &frame.body).await?;
            return self.stream.flush().await;
        }
        let whole = [&(frame.body.len() as u32).to_be_bytes()[..], &frame.body].concat();
        let last = whole.chunks(MAX_BODY).len() - 1;
        for (index, piece) in whole.chunks(MAX_BODY).enumerate() {
            let (kind, format) = if index == 0 { (frame.kind, frame.format) } else { (kind::PART, 0) };
            let flags = if index < last { MORE } else { 0 };
            self.write_one([kind, flags, format, 0], piece).await?;
        }
        self.stream.flush().await
    }

    async fn write_one(&mut self, head: [u8; 4], body: &[u8]) -> io::Result<()> {
        self.stream.write_all(&(body.len() as u32).to_be_bytes()).await?;
        self.stream.write_all(&head).await?;
        self.stream.write_all(body).await
    }

    /// The next frame, or the next message in one piece. Pings may come between its pieces.
    pub async fn read(&mut self) -> io::Result<Frame> {
        let (mut flags, mut frame) = self.read_one().await?;
        if flags != MORE {
            return Ok(frame);
        }
        let length = frame
            .body
            .get(..4)
            .and_then(|head| head.try_into().ok())
            .map_or(usize::MAX, |head| u32::from_be_bytes(head) as usize);
        if length > MAX_MESSAGE + 4 {
            return Err(io::Error::other("a message that is too long"));
        }
        frame.body.drain(..4);
        while flags == MORE && frame.body.len() <= length {
            let (part_flags, part) = self.read_one().await?;
            match part.kind {
                kind::PART => {
                    frame.body.extend_from_slice(&part.body);
                    flags = part_flags;
                }
                kind::PING => self.write_one([kind::PONG, 0, 0, 0], &part.body).await?,
                _ => {}
            }
        }
        if frame.body.len() == length { Ok(frame) } else { Err(io::Error::other("a message of a wrong length")) }
    }

    async fn read_one(&mut self) -> io::Result<(u8, Frame)> {
        let mut head = [0; 8];
        self.stream.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if length > MAX_BODY {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((head[5], Frame { kind: head[4], format: head[6], body }))
    }
}
