//! The event loop over real sockets, on epoll and on the portable poll.

mod toy;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rubellite_core::net::{EventLoop, Listener, bind_all};
use toy::{Backend, Server, ask, read_line};

fn on_each_backend(test: impl Fn(Backend)) {
    test(Backend::Native);
    test(Backend::Portable);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut client = server.connect();
        let count = 20_000;
        let requests: String = (0..count).map(|n| format!("ECHO {n}\r\n")).collect();
        let writer = {
            let mut client = client.try_clone().unwrap();
            std::thread::spawn(move || client.write_all(requests.as_bytes()).unwrap())
        };
        let expected: String = (0..count)
            .map(|n| format!("${}\r\n{n}\r\n", n.to_string().len()))
            .collect();
        let mut answers = vec![0; expected.len()];
        client.read_exact(&mut answers).unwrap();
        assert_eq!(String::from_utf8(answers).unwrap(), expected);
        writer.join().unwrap();
    });
}

#[test]
fn what_can_wait_comes_after_the_replies() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut client = server.connect();
        for _ in 0..100 {
            assert_eq!(ask(&mut client, "PING\r\n"), "+PONG");
        }
        assert_eq!(server.unsent_bytes(), 0);
    });
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let server = Server::start(Backend::Native);
    let mut client = server.connect();
    for byte in b"*2\r\n$4\r\nECHO\r\n$3\r\nabc\r\n" {
        client.write_all(&[*byte]).unwrap();
    }
    assert_eq!(read_line(&mut client), "$3");
    assert_eq!(read_line(&mut client), "abc");
}

#[test]
fn a_big_argument_arrives_whole_and_its_memory_goes_back() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut client = server.connect();
        let size = 40 << 20;
        write!(client, "*2\r\n$6\r\nLENGTH\r\n${size}\r\n").unwrap();
        assert!(server.query_buffer_peak() < 1 << 20);
        client.write_all(&vec![b'x'; size]).unwrap();
        assert_eq!(ask(&mut client, "\r\n"), format!(":{size}"));
        assert!(server.query_buffer_peak() <= size + 64);
        assert_eq!(ask(&mut client, "PING\r\n"), "+PONG");
        assert!(server.query_buffer_now() < 1024);
    });
}

#[test]
fn big_arguments_have_memory_of_their_own_between_small_ones() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut client = server.connect();
        let big = |size: usize| format!("${size}\r\n{}\r\n", "x".repeat(size));
        let (first, second) = (3 << 20, 200_000);
        let request = format!(
            "*5\r\n$6\r\nBODIES\r\n{}$1\r\na\r\n{}$1\r\nb\r\n",
            big(first),
            big(second)
        );
        // What stands behind it in the same packet is read as what it is.
        client
            .write_all(format!("PING\r\n{request}ECHO x\r\n{request}").as_bytes())
            .unwrap();
        for line in ["+PONG", &format!("+{first} {second}"), "$1", "x"] {
            assert_eq!(read_line(&mut client), line);
        }
        assert_eq!(read_line(&mut client), format!("+{first} {second}"));
        assert!(server.query_buffer_peak() < 2 * (first + second));
        assert!(server.query_buffer_now() < 1024);
    });
}

#[test]
fn a_big_argument_without_its_end_is_refused() {
    let server = Server::start(Backend::Native);
    let mut client = server.connect();
    let size = 200_000;
    write!(client, "*2\r\n$6\r\nLENGTH\r\n${size}\r\n").unwrap();
    client.write_all(&vec![b'x'; size + 2]).unwrap();
    let answer = read_line(&mut client);
    assert_eq!(answer, "-ERR Protocol error: invalid CRLF in request");
}

#[test]
fn a_client_that_leaves_inside_a_big_argument_is_noticed() {
    let server = Server::start(Backend::Native);
    let mut client = server.connect();
    write!(client, "*2\r\n$6\r\nLENGTH\r\n$1000000\r\n").unwrap();
    client.write_all(&vec![b'x'; 500_000]).unwrap();
    server.wait_for("its beginning", || server.query_buffer_now() >= 500_000);
    client.shutdown(Shutdown::Write).unwrap();
    server.wait_for("it is gone", || server.client_count() == 0);
}

#[test]
fn a_slow_reader_does_not_make_output_grow() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut client = server.connect();
        let (count, size) = (400, 100_000);
        let requests = format!("FILL {size}\r\n").repeat(count);
        client.write_all(requests.as_bytes()).unwrap();
        assert_eq!(ask(&mut server.connect(), "PING\r\n"), "+PONG");
        let mut answers = Vec::new();
        client.shutdown(Shutdown::Write).unwrap();
        client.read_to_end(&mut answers).unwrap();
        assert_eq!(answers.len(), count * (size + "$100000\r\n\r\n".len()));
        let most = toy::OUTPUT_PAUSE + 5 * size;
        assert!(
            server.output_peak() <= most,
            "{} > {most}",
            server.output_peak()
        );
    });
}

#[test]
fn a_long_pipeline_of_slow_requests_does_not_starve_others() {
    let server = Server::start(Backend::Native);
    let mut busy = server.connect();
    busy.write_all("SLEEP 2\r\n".repeat(500).as_bytes())
        .unwrap();
    let mut client = server.connect();
    let begin = Instant::now();
    assert_eq!(ask(&mut client, "PING\r\n"), "+PONG");
    assert!(
        begin.elapsed() < Duration::from_millis(500),
        "{:?}",
        begin.elapsed()
    );
}

#[test]
fn a_thousand_clients() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut clients: Vec<TcpStream> = (0..1000).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.write_all(b"PING\r\n").unwrap();
        }
        for client in &mut clients {
            assert_eq!(read_line(client), "+PONG");
        }
        assert_eq!(server.client_count(), 1000);
        drop(clients);
        server.wait_for("all clients gone", || server.client_count() == 0);
    });
}

#[test]
fn a_paused_client_goes_on_when_resumed() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let (mut waiting, mut other) = (server.connect(), server.connect());
        waiting.write_all(b"BLOCK\r\nECHO a\r\n").unwrap();
        server.wait_for("a paused client", || server.paused_count() == 1);
        waiting.write_all(b"ECHO b\r\n").unwrap();
        assert_eq!(ask(&mut other, "PING\r\n"), "+PONG");
        assert_eq!(ask(&mut other, "RELEASE\r\n"), "+OK");
        for line in ["+released", "$1", "a", "$1", "b"] {
            assert_eq!(read_line(&mut waiting), line);
        }
    });
}

#[test]
fn a_paused_client_that_hangs_up_is_noticed() {
    let server = Server::start(Backend::Native);
    let mut client = server.connect();
    client.write_all(b"BLOCK\r\nPING\r\n").unwrap();
    server.wait_for("a paused client", || server.paused_count() == 1);
    drop(client);
    server.wait_for("it is gone", || server.client_count() == 0);
}

#[test]
fn a_query_buffer_over_its_limit_closes_the_client() {
    let server = Server::start(Backend::Native);
    let mut client = server.connect();
    client.write_all(b"BLOCK\r\n").unwrap();
    server.wait_for("a paused client", || server.paused_count() == 1);
    let flood = vec![b'\n'; 1 << 20];
    while client.write_all(&flood).is_ok() {}
    server.wait_for("it is gone", || server.client_count() == 0);
    assert_eq!(server.exceeded_count(), 1);
    assert!(server.query_buffer_peak() < 2 * toy::QUERY_BUFFER_MAX + (2 << 20));
}

#[test]
fn closing_waits_for_replies_unless_told_otherwise() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut rest = Vec::new();
        let mut client = server.connect();
        client
            .write_all(b"FILL 3000000\r\nQUIT\r\nPING\r\n")
            .unwrap();
        client.read_to_end(&mut rest).unwrap();
        assert!(rest.starts_with(b"$3000000\r\n") && rest.ends_with(b"x\r\n+OK\r\n"));

        let mut client = server.connect();
        client.write_all(b"ABORT\r\n").unwrap();
        assert_eq!(client.read(&mut [0; 10]).unwrap_or(0), 0);

        let mut client = server.connect();
        client.write_all(b"*x\r\n").unwrap();
        rest.clear();
        client.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"-ERR Protocol error: invalid multibulk length\r\n");
        server.wait_for("all clients gone", || server.client_count() == 0);
    });
}

#[test]
fn a_client_may_close_its_side_and_still_get_replies() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut client = server.connect();
        client
            .write_all("ECHO x\r\n".repeat(5000).as_bytes())
            .unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).unwrap();
        assert_eq!(answers.len(), 5000 * "$1\r\nx\r\n".len());
    });
}

#[test]
fn more_clients_than_allowed_are_told_so() {
    let server = Server::start(Backend::Native);
    server.set_clients_max(1);
    let mut first = server.connect();
    assert_eq!(ask(&mut first, "PING\r\n"), "+PONG");
    let mut answer = String::new();
    server.connect().read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "-ERR max number of clients reached\r\n");
}

#[test]
fn other_threads_can_kill_and_push() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut client = server.connect();
        assert_eq!(ask(&mut client, "PING\r\n"), "+PONG");
        server.push_to_all(b"+news\r\n");
        assert_eq!(read_line(&mut client), "+news");
        server.kill_all();
        assert_eq!(client.read(&mut [0; 10]).unwrap_or(0), 0);
    });
}

#[test]
fn listeners_come_and_go() {
    on_each_backend(|backend| {
        let server = Server::start(backend);
        let mut old = server.connect();
        assert_eq!(ask(&mut old, "PING\r\n"), "+PONG");
        let listener = Listener::bind_tcp("127.0.0.1", 0, 16).unwrap();
        let address = listener.local_address().unwrap();
        server.waker.add_listener(listener);
        let mut client = TcpStream::connect(address).unwrap();
        assert_eq!(ask(&mut client, "PING\r\n"), "+PONG");
        server.waker.remove_listener(server.listener);
        server.wait_for("the old one is closed", || {
            TcpStream::connect(server.address).is_err()
        });
        assert_eq!(ask(&mut old, "PING\r\n"), "+PONG");
    });
}

#[test]
fn an_address_in_use_is_named() {
    let listener = Listener::bind_tcp("127.0.0.1", 0, 16).unwrap();
    let port = listener.local_address().unwrap().port();
    let error = bind_all(&["127.0.0.1"], port, 16).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "Could not create server TCP listening socket 127.0.0.1:{port}: bind: Address already in use"
        )
    );
}

#[test]
fn an_optional_address_may_be_absent() {
    // TEST-NET-1 belongs to no machine.
    assert!(bind_all(&["-192.0.2.1"], 0, 16).unwrap().is_empty());
    assert!(bind_all(&["192.0.2.1"], 0, 16).is_err());
}

#[test]
fn ipv6_is_served_where_there_is_any() {
    let Ok(listener) = Listener::bind_tcp("::1", 0, 16) else {
        return;
    };
    let address = listener.local_address().unwrap();
    let server = Server::start(Backend::Native);
    server.waker.add_listener(listener);
    let mut client = TcpStream::connect(address).unwrap();
    let name = ask(&mut client, "PEER\r\n");
    assert!(
        name.starts_with("+[::1]:") && name.ends_with(" true"),
        "{name}"
    );
}

#[cfg(unix)]
#[test]
fn a_unix_socket_has_its_permissions_and_is_removed_at_the_end() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    let path = std::env::temp_dir().join(format!("rubellite-net-{}.sock", std::process::id()));
    // One that a crashed server left behind is replaced.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let listener = Listener::bind_unix(&path, 0o700, 16).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let server = Server::start(Backend::Native);
    server.waker.add_listener(listener);
    let mut client = UnixStream::connect(&path).unwrap();
    assert_eq!(
        ask(&mut client, "PEER\r\n"),
        format!("+{}:0 true", path.display())
    );
    drop(server);
    assert!(!path.exists());
}

#[test]
fn a_file_is_not_taken_for_a_stale_socket() {
    #[cfg(unix)]
    {
        let path = std::env::temp_dir().join(format!("rubellite-net-{}.txt", std::process::id()));
        std::fs::write(&path, "precious").unwrap();
        assert!(Listener::bind_unix(&path, 0, 16).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_loop_without_work_can_be_made() {
    drop((EventLoop::new().unwrap(), EventLoop::portable().unwrap()));
}
