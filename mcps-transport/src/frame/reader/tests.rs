use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use mcps_core::message::{Kind, Outline};
use tokio::io::{AsyncRead, AsyncWriteExt as _, ReadBuf, duplex, repeat};

use super::{CHUNK, FrameReader, Line};
use crate::{
    frame::{Frame, Incoming},
    limits::Limits,
    peer::Peer,
};

fn reader<R: AsyncRead + Unpin>(input: R, limit: usize) -> FrameReader<R> {
    FrameReader::new(
        input,
        Peer::Server,
        &Limits {
            frame_bytes: limit,
            ..Limits::default()
        },
    )
}

fn frame(bytes: &[u8]) -> Incoming {
    Incoming::Frame(Frame::new(bytes).unwrap())
}

async fn all<R: AsyncRead + Unpin>(mut reader: FrameReader<R>) -> Vec<Incoming> {
    let mut met = Vec::new();
    while let Some(incoming) = reader.next().await.unwrap() {
        met.push(incoming);
    }
    assert_eq!(
        reader.next().await.unwrap(),
        None,
        "an ended reader stays ended"
    );
    met
}

/// Hands out its bytes so many at a time.
struct Pieces<'a>(&'a [u8], usize);

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let (now, later) = self.0.split_at(self.1.min(self.0.len()));
        buffer.put_slice(now);
        self.0 = later;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn keeps_every_byte_but_the_line_end() {
    let met = all(reader(&b" {\"a\": 1.0}\t\n\xff\x00\x01\n"[..], 100)).await;
    assert_eq!(met, [frame(b" {\"a\": 1.0}\t"), frame(b"\xff\x00\x01")]);
}

#[tokio::test]
async fn skips_empty_lines_and_drops_carriage_returns_at_line_ends() {
    let met = all(reader(&b"\n\r\n1\r\n\n\r\r\n2\r\r\n\n"[..], 100)).await;
    assert_eq!(met, [frame(b"1"), frame(b"2")]);
}

#[tokio::test]
async fn reports_a_carriage_return_inside_a_line() {
    let met = all(reader(&b"{}\r{}\n3\n"[..], 100)).await;
    assert_eq!(
        met,
        [
            Incoming::CarriageReturn {
                bytes: 5,
                outline: Outline::default()
            },
            frame(b"3")
        ]
    );
}

#[tokio::test]
async fn reports_a_last_line_without_an_end_as_truncated() {
    let met = all(reader(&b"{}\n{\"a\":"[..], 100)).await;
    assert_eq!(met, [frame(b"{}"), Incoming::Truncated { bytes: 5 }]);
    // A message that looks whole may still have been meant to go on: `1` of `12`.
    assert_eq!(
        all(reader(&b"1"[..], 100)).await,
        [Incoming::Truncated { bytes: 1 }]
    );
    let met = all(reader(&b"123456789"[..], 4)).await;
    assert_eq!(
        met,
        [Incoming::Truncated { bytes: 9 }],
        "also when it was too long already"
    );
}

#[tokio::test]
async fn the_limit_counts_neither_line_feed_nor_carriage_return() {
    for line in [&b"1234"[..], b"1234\r"] {
        let met = all(reader(&[line, b"\n"].concat()[..], 4)).await;
        assert_eq!(met, [frame(b"1234")]);
    }
    for line in [&b"12345"[..], b"12345\r"] {
        let met = all(reader(&[line, b"\n5\n"].concat()[..], 4)).await;
        assert!(
            matches!(met[0], Incoming::TooLong { bytes: 5 | 6, .. }),
            "{met:?}"
        );
        assert_eq!(met[1..], [frame(b"5")]);
    }
}

#[tokio::test]
async fn the_cuts_of_the_stream_make_no_difference() {
    let text = b"{}\r\n\n123456789\n\r\n12345678\r\n{}\r{}\n[\"\xc3\xa4\"]\n12345678901\n7\nend";
    let whole = all(reader(&text[..], 8)).await;
    assert_eq!(whole.len(), 8, "{whole:?}");
    for size in 1..text.len() {
        assert_eq!(
            all(reader(Pieces(text, size), 8)).await,
            whole,
            "in pieces of {size}"
        );
    }
}

#[tokio::test]
async fn goes_on_after_a_line_of_5_mib() {
    let mut text = vec![b'x'; 5 << 20];
    text.extend_from_slice(b"\n{}\n");
    let reader = FrameReader::new(&text[..], Peer::Client, &Limits::default());
    assert_eq!(
        all(reader).await,
        [
            Incoming::TooLong {
                bytes: 5 << 20,
                outline: Outline::default()
            },
            frame(b"{}")
        ]
    );
}

#[tokio::test]
async fn holds_no_more_of_an_endless_line_than_the_limit() {
    let mut reader = reader(repeat(b'x'), 1000);
    // It never ends, but lets others have their turn now and then.
    let endless = tokio::time::timeout(std::time::Duration::from_millis(20), reader.next());
    assert!(endless.await.is_err());
    assert!(matches!(reader.line, Line::Discarded(bytes, _) if bytes > CHUNK as u64));
}

#[tokio::test]
async fn a_dropped_call_has_lost_nothing() {
    let (mut peer, ours) = duplex(1000);
    let mut reader = reader(ours, 100);
    for part in ["{\"a", "\":", "1}"] {
        peer.write_all(part.as_bytes()).await.unwrap();
        let mut call = Box::pin(reader.next());
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    }
    peer.write_all(b"\n").await.unwrap();
    assert_eq!(
        pin!(reader.next()).await.unwrap(),
        Some(frame(b"{\"a\":1}"))
    );
}

#[tokio::test]
async fn a_line_too_long_to_keep_says_what_it_was_meant_to_be() {
    let text = format!(
        "{{\"method\":\"m\",\"params\":\"{}\",\"id\":7}}\n",
        "x".repeat(100_000)
    );
    let limits = Limits {
        frame_bytes: 1000,
        ..Limits::default()
    };
    let mut reader = FrameReader::new(text.as_bytes(), Peer::Client, &limits);
    let Some(Incoming::TooLong { outline, .. }) = reader.next().await.unwrap() else {
        panic!("it is too long");
    };
    assert_eq!(outline.kind, Some(Kind::Request));
    assert_eq!(outline.id.unwrap().as_str(), "7");
}
