use std::task::{Context, Waker};

use tokio::io::{AsyncReadExt as _, duplex};

use super::FrameWriter;
use crate::{error::TransportError, frame::Frame, peer::Peer};

fn frame(text: &str) -> Frame {
    Frame::new(text).unwrap()
}

#[tokio::test]
async fn a_flush_that_was_dropped_half_way_is_continued() {
    let (mut peer, ours) = duplex(8);
    let mut writer = FrameWriter::new(ours, Peer::Client);
    let first = frame("1234567890");
    let dropped = Box::pin(writer.send(&first));
    assert!(
        std::pin::pin!(dropped)
            .poll(&mut Context::from_waker(Waker::noop()))
            .is_pending()
    );
    assert_eq!(writer.buffered(), 3, "eight bytes are out");

    let mut text = String::new();
    let second = frame("{}");
    let rest = async {
        writer.send(&second).await.unwrap();
        writer.close().await.unwrap();
    };
    let (read, ()) = tokio::join!(peer.read_to_string(&mut text), rest);
    read.unwrap();
    assert_eq!(text, "1234567890\n{}\n");
}

#[tokio::test]
async fn a_peer_that_is_gone_is_an_error_that_names_it() {
    let (peer, ours) = duplex(8);
    drop(peer);
    let mut writer = FrameWriter::new(ours, Peer::Server);
    let failed = writer.send(&frame("{}")).await.unwrap_err();
    assert!(
        matches!(failed, TransportError::HungUp { peer: Peer::Server }),
        "{failed:?}"
    );
    assert_eq!(writer.buffered(), 0);
}

#[tokio::test]
async fn gives_back_the_memory_of_a_large_frame() {
    let mut writer = FrameWriter::new(tokio::io::sink(), Peer::Server);
    writer.send(&frame(&"x".repeat(1 << 20))).await.unwrap();
    assert_eq!(writer.buffer.capacity(), 0);
}
