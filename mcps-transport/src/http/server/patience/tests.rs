use std::{io::ErrorKind, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, duplex},
    time::sleep,
};

use super::{HttpLimits, Patience};

fn limits() -> HttpLimits {
    HttpLimits {
        write: Duration::from_millis(300),
        ..HttpLimits::default()
    }
}

#[tokio::test]
async fn who_takes_a_byte_now_and_then_is_not_waited_for() {
    let (ours, mut theirs) = duplex(1);
    let mut ours = Patience::new(ours, Arc::default(), &limits());
    let sipping = async {
        while theirs.read_u8().await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let written = tokio::select! {
        written = ours.write_all(&[0; 1000]) => written,
        () = sipping => unreachable!("it was not closed"),
    };
    assert_eq!(written.unwrap_err().kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn who_takes_enough_of_it_may_take_long() {
    const PART: usize = HttpLimits::READ_LEAST;
    let (ours, mut theirs) = duplex(PART);
    let mut ours = Patience::new(ours, Arc::default(), &limits());
    let reading = async {
        let mut part = vec![0; PART];
        for _ in 0..8 {
            sleep(Duration::from_millis(80)).await;
            theirs.read_exact(&mut part).await.unwrap();
        }
    };
    let whole = vec![0; 8 * PART];
    let (written, ()) = tokio::join!(ours.write_all(&whole), reading);
    written.unwrap();
}
