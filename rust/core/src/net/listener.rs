//! Listening sockets: TCP over IPv4 and IPv6, Unix sockets.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Names a listener for its removal.
pub type ListenerId = u64;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// A socket that could not be made to listen; prints as Redis logs it.
#[derive(Debug)]
pub struct ListenError {
    what: String,
    step: &'static str,
    pub source: io::Error,
}

impl fmt::Display for ListenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.source.to_string();
        // Rust appends the number: "Address already in use (os error 98)".
        let reason = reason.split(" (os error").next().unwrap_or(&reason);
        write!(formatter, "{}: {}: {}", self.what, self.step, reason)
    }
}

impl std::error::Error for ListenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// A bound, listening socket. Accepts once an `EventLoop` has it; closes when dropped.
#[derive(Debug)]
pub struct Listener {
    pub(super) socket: Socket,
    id: ListenerId,
    #[cfg(unix)]
    path: Option<PathBuf>,
}

/// Listens at each address of a `bind` line.
///
/// As in redis.conf: `*` is every IPv4 address, `::*` every IPv6 address, and a `-` in
/// front makes an address optional: one that this machine does not have is passed over.
/// So is, always, an address of a protocol that it does not speak.
pub fn bind_all(
    addresses: &[impl AsRef<str>],
    port: u16,
    backlog: u32,
) -> Result<Vec<Listener>, ListenError> {
    let mut listeners = Vec::new();
    for address in addresses {
        let address = address.as_ref();
        let (name, is_optional) = match address.strip_prefix('-') {
            Some(name) => (name, true),
            None => (address, false),
        };
        match Listener::bind_tcp(name, port, backlog) {
            Ok(listener) => listeners.push(listener),
            Err(error) if is_optional && is_absent(&error.source) => {}
            Err(error) if is_not_spoken(&error.source) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(listeners)
}

fn is_absent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
}

#[cfg(unix)]
fn is_not_spoken(error: &io::Error) -> bool {
    let codes = [
        libc::ENOPROTOOPT,
        libc::EPROTONOSUPPORT,
        libc::ESOCKTNOSUPPORT,
        libc::EPFNOSUPPORT,
        libc::EAFNOSUPPORT,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

#[cfg(not(unix))]
fn is_not_spoken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported
}

impl Listener {
    /// Listens on one TCP address; port 0 lets the system choose.
    pub fn bind_tcp(address: &str, port: u16, backlog: u32) -> Result<Listener, ListenError> {
        let failed = |step| {
            move |source| ListenError {
                what: format!("Could not create server TCP listening socket {address}:{port}"),
                step,
                source,
            }
        };
        let socket_address = resolve(address, port).map_err(failed("resolve"))?;
        let domain = Domain::for_address(socket_address);
        let socket =
            Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).map_err(failed("socket"))?;
        if socket_address.is_ipv6() {
            socket.set_only_v6(true).map_err(failed("setsockopt"))?;
        }
        // On Windows the option would let two servers share a port.
        #[cfg(unix)]
        socket
            .set_reuse_address(true)
            .map_err(failed("setsockopt SO_REUSEADDR"))?;
        socket
            .bind(&socket_address.into())
            .map_err(failed("bind"))?;
        socket
            .listen(backlog.min(i32::MAX as u32) as i32)
            .map_err(failed("listen"))?;
        socket.set_nonblocking(true).map_err(failed("fcntl"))?;
        Ok(Listener {
            socket,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            #[cfg(unix)]
            path: None,
        })
    }

    /// Listens on a Unix socket. `permissions` 0 leaves those of the umask.
    ///
    /// A socket left behind at `path` is replaced; any other file is not touched.
    #[cfg(unix)]
    pub fn bind_unix(path: &Path, permissions: u32, backlog: u32) -> Result<Listener, ListenError> {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt};

        let failed = |step| {
            move |source| ListenError {
                what: format!("Failed opening Unix socket {}", path.display()),
                step,
                source,
            }
        };
        if std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket()) {
            std::fs::remove_file(path).map_err(failed("unlink"))?;
        }
        let address = SockAddr::unix(path).map_err(failed("bind"))?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed("socket"))?;
        socket.bind(&address).map_err(failed("bind"))?;
        let listener = Listener {
            socket,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            path: Some(path.to_owned()),
        };
        if permissions != 0 {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(permissions))
                .map_err(failed("chmod"))?;
        }
        let backlog = backlog.min(i32::MAX as u32) as i32;
        listener.socket.listen(backlog).map_err(failed("listen"))?;
        listener
            .socket
            .set_nonblocking(true)
            .map_err(failed("fcntl"))?;
        Ok(listener)
    }

    pub fn id(&self) -> ListenerId {
        self.id
    }

    /// Where it listens; `None` for a Unix socket.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// The path of a Unix socket.
    #[cfg(unix)]
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn resolve(address: &str, port: u16) -> io::Result<SocketAddr> {
    match address {
        "*" => return Ok((Ipv4Addr::UNSPECIFIED, port).into()),
        "::*" => return Ok((Ipv6Addr::UNSPECIFIED, port).into()),
        _ => {}
    }
    (address, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::new(io::ErrorKind::AddrNotAvailable, "no such address"))
}
