//! Sockets and the loop that serves them. Knows frames, not commands: what a
//! request means is a `service::Service`'s business.

mod batch;
mod connection;
mod event_loop;
#[cfg(unix)]
pub mod inherited;
mod listener;
mod patience;
mod poll;
pub mod signals;
mod waker;

pub use event_loop::EventLoop;
pub use listener::{ListenError, Listener, ListenerId, bind_all};
pub use waker::Waker;

const _: () = assert!(size_of::<connection::Connection>() <= crate::service::CONNECTION_BYTES);
