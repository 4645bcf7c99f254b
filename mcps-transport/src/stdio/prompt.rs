//! IO on a file descriptor of somebody else's: at once or not at all, without `O_NONBLOCK`.

use std::{
    io,
    os::fd::{BorrowedFd, OwnedFd},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, retry_on_intr},
};

/// Does `once` if it does not block now, or returns [`io::ErrorKind::WouldBlock`]. We are the only
/// user of this end of the stream, so what `poll(2)` promises still holds a moment later.
pub(super) fn promptly<T>(
    fd: BorrowedFd<'_>,
    wanted: PollFlags,
    once: impl FnMut() -> rustix::io::Result<T>,
) -> io::Result<T> {
    let mut asked = [PollFd::from_borrowed_fd(fd, wanted)];
    // An end or an error of the stream counts as ready: `once` then tells which it is.
    let ready = retry_on_intr(|| {
        poll(
            &mut asked,
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )
    })?;
    if ready == 0 {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok(retry_on_intr(once)?)
}

/// Registers `fd` with the runtime; gives it back when it is a regular file or `/dev/null`, which
/// the system cannot wait for, because they never block.
pub(super) fn register<T>(
    fd: OwnedFd,
    register: impl FnOnce(OwnedFd) -> io::Result<T>,
) -> io::Result<Result<T, OwnedFd>> {
    match register(fd.try_clone()?) {
        Ok(registered) => Ok(Ok(registered)),
        // What epoll(7) and kqueue(2) say to such a file.
        Err(refused) if is_errno(&refused, Errno::PERM) || is_errno(&refused, Errno::INVAL) => {
            Ok(Err(fd))
        }
        Err(refused) => Err(refused),
    }
}

fn is_errno(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}
