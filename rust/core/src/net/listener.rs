//! Listening sockets: TCP over IPv4 and IPv6, Unix sockets.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

#[cfg(unix)]
use super::inherited;
use crate::service::Peer;

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
    /// The path is somebody else's to remove, and only this user's processes may connect.
    #[cfg(unix)]
    is_private: bool,
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
            #[cfg(unix)]
            is_private: false,
        }
        .noted())
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
            is_private: false,
        }
        .noted();
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

    /// Takes over a Unix socket that listens at `path` already, for processes of this user.
    #[cfg(unix)]
    pub fn adopt_unix(socket: std::os::fd::OwnedFd, path: &Path) -> Result<Listener, ListenError> {
        let socket = Socket::from(socket);
        socket.set_nonblocking(true).map_err(|source| ListenError {
            what: format!("Failed opening Unix socket {}", path.display()),
            step: "fcntl",
            source,
        })?;
        Ok(Listener {
            socket,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            path: Some(path.to_owned()),
            is_private: true,
        }
        .noted())
    }

    #[cfg(unix)]
    fn noted(self) -> Listener {
        inherited::note(&self.socket);
        self
    }

    #[cfg(not(unix))]
    fn noted(self) -> Listener {
        self
    }

    pub fn id(&self) -> ListenerId {
        self.id
    }

    /// Where it listens; `None` for a Unix socket.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Who has just connected; None: who may not.
    pub(super) fn peer_of(&self, socket: &Socket, address: &SockAddr) -> Option<Peer> {
        #[cfg(unix)]
        let descriptor = i64::from(std::os::fd::AsRawFd::as_raw_fd(socket));
        #[cfg(not(unix))]
        let descriptor = -1;
        #[cfg(unix)]
        if let Some(path) = &self.path {
            let (is_allowed, is_other_process) = credentials(socket);
            let address = format!("{}:0", path.display());
            return (is_allowed || !self.is_private).then_some(Peer {
                local_address: address.clone(),
                address,
                descriptor,
                is_unix_socket: true,
                is_local: true,
                is_other_process,
            });
        }
        let address = address.as_socket();
        let local = socket
            .local_addr()
            .ok()
            .and_then(|address| address.as_socket());
        let text = |address: Option<SocketAddr>| {
            address.map_or_else(|| "?:0".to_owned(), |address| address.to_string())
        };
        Some(Peer {
            is_local: address.is_some_and(|address| address.ip().is_loopback()),
            address: text(address),
            local_address: text(local),
            descriptor,
            is_unix_socket: false,
            is_other_process: false,
        })
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        inherited::forget(&self.socket);
        if let Some(path) = &self.path
            && !self.is_private
        {
            // Somebody may have removed it already.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Whether the peer's user is ours or root, and whether its process is another one.
#[cfg(target_os = "linux")]
fn credentials(socket: &Socket) -> (bool, bool) {
    use std::os::fd::AsRawFd;

    // The kernel gives 0 for a process that our PID namespace does not have, as when a
    // container holds a directory that others have, too. rustix's type cannot say that.
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut bytes = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: the descriptor is open, and the kernel writes at most `bytes` bytes, the
    // size of the structure, which any bytes make whole.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            (&raw mut peer).cast(),
            &raw mut bytes,
        )
    };
    if status != 0 || bytes as usize != size_of::<libc::ucred>() {
        return (false, true);
    }
    let own = rustix::process::geteuid().as_raw();
    let is_other_process = peer.pid as u32 != std::process::id();
    (peer.uid == 0 || peer.uid == own, is_other_process)
}

/// Elsewhere the permissions of the socket and its directory must do.
#[cfg(all(unix, not(target_os = "linux")))]
fn credentials(_: &Socket) -> (bool, bool) {
    (true, true)
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
