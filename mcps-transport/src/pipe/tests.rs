use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader, ReadBuf, duplex, sink},
    task::yield_now,
};

use super::{Inbox, Outbox};
use crate::{
    error::TransportError,
    frame::{Frame, FrameReader, FrameWriter, Incoming},
    limits::Limits,
    peer::Peer,
};

fn frame(bytes: usize) -> Frame {
    Frame::new(vec![b'x'; bytes]).unwrap()
}

/// Never ends, and counts what was taken.
struct Endless(Arc<AtomicUsize>);

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.0.fetch_add(1000, Ordering::Relaxed);
        buffer.put_slice(&[b'x'; 999]);
        buffer.put_slice(b"\n");
        Poll::Ready(Ok(()))
    }
}

/// Runs the tasks behind the queues until none of them can go on.
async fn settle() {
    for _ in 0..1000 {
        yield_now().await;
    }
}

#[tokio::test]
async fn reads_no_further_ahead_than_the_limits() {
    for (queue_frames, queue_bytes, ahead) in [(10, 1 << 20, 11), (1 << 10, 5000, 6), (0, 0, 2)] {
        let limits = Limits {
            queue_frames,
            queue_bytes,
            ..Limits::default()
        };
        let taken = Arc::new(AtomicUsize::new(0));
        let endless = FrameReader::new(Endless(Arc::clone(&taken)), Peer::Server, &limits);
        let mut inbox = Inbox::new(endless, &limits);
        settle().await;
        let waiting = taken.load(Ordering::Relaxed);
        assert!(waiting <= ahead * 1000, "{waiting} with {limits:?}");
        for _ in 0..100 {
            assert!(matches!(
                inbox.next().await.unwrap(),
                Some(Incoming::Frame(_))
            ));
        }
        settle().await;
        assert!(taken.load(Ordering::Relaxed) <= waiting + 100 * 1000);
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_makes_the_sender_wait() {
    let limits = Limits {
        queue_bytes: 100_000,
        ..Limits::default()
    };
    let (peer, ours) = duplex(1000);
    let outbox = Outbox::new(FrameWriter::new(ours, Peer::Client), &limits);
    let mut sent = 0;
    loop {
        settle().await;
        let mut sending = Box::pin(outbox.send(frame(9_999)));
        if sending
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
        {
            break;
        }
        sent += 1;
        assert!(sent < 20, "nothing holds the sender up");
    }
    assert_eq!(sent, 10, "what is being written counts as queued");

    // Once the peer reads, all comes out, in order, and the sender goes on.
    let mut lines = BufReader::new(peer).lines();
    let send = async {
        outbox.send(frame(1)).await.unwrap();
    };
    let read = async {
        for _ in 0..sent {
            assert_eq!(lines.next_line().await.unwrap().unwrap().len(), 9_999);
        }
        assert_eq!(lines.next_line().await.unwrap().unwrap().len(), 1);
    };
    tokio::join!(send, read);
}

#[tokio::test]
async fn frames_that_are_written_together_still_count_as_queued() {
    let limits = Limits {
        queue_bytes: 100_000,
        ..Limits::default()
    };
    let (_peer, ours) = duplex(1000);
    let outbox = Outbox::new(FrameWriter::new(ours, Peer::Client), &limits);
    for _ in 0..10 {
        outbox.send(frame(9_999)).await.unwrap();
    }
    settle().await;
    let mut sending = Box::pin(outbox.send(frame(9_999)));
    let polled = sending
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending());
}

#[tokio::test]
async fn a_frame_larger_than_the_whole_queue_passes() {
    let limits = Limits {
        queue_bytes: 10,
        ..Limits::default()
    };
    let (mut peer, ours) = duplex(64);
    let mut outbox = Outbox::new(FrameWriter::new(ours, Peer::Client), &limits);
    let send = async {
        outbox.send(frame(1)).await.unwrap();
        outbox.send(frame(100_000)).await.unwrap();
        outbox.send(frame(1)).await.unwrap();
        outbox.finish().await.unwrap();
    };
    let mut text = Vec::new();
    let (read, ()) = tokio::join!(peer.read_to_end(&mut text), send);
    assert_eq!(read.unwrap(), 2 + 100_001 + 2);
}

#[tokio::test]
async fn finish_writes_what_is_queued_and_refuses_more() {
    let limits = Limits::default();
    let (mut peer, ours) = duplex(16);
    let mut outbox = Outbox::new(FrameWriter::new(ours, Peer::Client), &limits);
    let sender = outbox.sender();
    for _ in 0..50 {
        sender.send(frame(99)).await.unwrap();
    }
    let mut text = Vec::new();
    let (finished, read) = tokio::join!(outbox.finish(), peer.read_to_end(&mut text));
    finished.unwrap();
    assert_eq!(read.unwrap(), 5000);
    let refused = sender.send(frame(1)).await.unwrap_err();
    assert!(
        matches!(refused, TransportError::Finished { peer: Peer::Client }),
        "{refused:?}"
    );
    outbox.finish().await.unwrap();
}

#[tokio::test]
async fn finish_does_not_wait_for_ever_and_closes_all_the_same() {
    let limits = Limits {
        flush_grace: Duration::from_millis(20),
        ..Limits::default()
    };
    let (mut peer, ours) = duplex(16);
    let mut outbox = Outbox::new(FrameWriter::new(ours, Peer::Server), &limits);
    outbox.send(frame(99)).await.unwrap();
    let stalled = outbox.finish().await.unwrap_err();
    assert!(
        matches!(
            stalled,
            TransportError::Stalled {
                peer: Peer::Server,
                ..
            }
        ),
        "{stalled:?}"
    );
    let mut text = Vec::new();
    assert_eq!(peer.read_to_end(&mut text).await.unwrap(), 16);
}

#[tokio::test]
async fn every_sender_learns_that_the_peer_hung_up() {
    let limits = Limits {
        queue_frames: 1,
        ..Limits::default()
    };
    let (peer, ours) = duplex(16);
    let mut outbox = Outbox::new(FrameWriter::new(ours, Peer::Server), &limits);
    let sender = outbox.sender();
    // It waits for the peer, and others wait behind it.
    outbox.send(frame(99)).await.unwrap();
    settle().await;
    outbox.send(frame(99)).await.unwrap();
    let mut waiting = Box::pin(sender.send(frame(99)));
    assert!(
        waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    drop(peer);
    for failed in [
        waiting.await,
        outbox.send(frame(1)).await,
        outbox.finish().await,
    ] {
        let failed = failed.unwrap_err();
        assert!(
            matches!(failed, TransportError::HungUp { peer: Peer::Server }),
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn dropping_it_closes_the_stream() {
    let limits = Limits::default();
    let (ours, mut peer) = duplex(16);
    let (input, output) = tokio::io::split(ours);
    let inbox = Inbox::new(FrameReader::new(input, Peer::Client, &limits), &limits);
    let outbox = Outbox::new(FrameWriter::new(output, Peer::Client), &limits);
    drop((inbox, outbox));
    assert_eq!(peer.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn small_frames_that_wait_go_out_in_one_flush() {
    struct Flushes(Arc<AtomicUsize>);
    impl tokio::io::AsyncWrite for Flushes {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<std::io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let flushes = Arc::new(AtomicUsize::new(0));
    let writer = FrameWriter::new(Flushes(Arc::clone(&flushes)), Peer::Client);
    let outbox = Outbox::new(writer, &Limits::default());
    for _ in 0..50 {
        outbox.send(frame(10)).await.unwrap();
    }
    settle().await;
    assert_eq!(flushes.load(Ordering::Relaxed), 1);
    outbox.send(frame(10)).await.unwrap();
    settle().await;
    assert_eq!(
        flushes.load(Ordering::Relaxed),
        2,
        "a single one does not wait for company"
    );
}

#[tokio::test]
async fn the_outbox_shows_no_content() {
    let outbox = Outbox::new(FrameWriter::new(sink(), Peer::Client), &Limits::default());
    outbox.send(Frame::new("secret").unwrap()).await.unwrap();
    assert!(!format!("{outbox:?}").contains("secret"));
}
