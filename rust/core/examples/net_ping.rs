//! The cost of sockets and protocol alone: a server whose commands do nothing.
//!
//!     cargo run --release --example net_ping -- 7000
//!     redis-benchmark -p 7000 -P 16 -n 5000000 -t get
//!
//! `GET` answers a constant, `ECHO` its argument, everything else `+PONG`.

use std::process::ExitCode;
use std::time::Duration;

use rubellite_core::net::signals::{self, ShutdownRequest};
use rubellite_core::net::{EventLoop, bind_all};
use rubellite_core::output::Output;
use rubellite_core::resp::encode;
use rubellite_core::service::{
    ClientId, Flow, Host, InputLimits, NetLimits, Peer, Request, Service,
};

struct Ping {
    /// One a client; ids begin at 0 here.
    outputs: Vec<Output>,
    shutdown: ShutdownRequest,
}

impl Service for Ping {
    fn connected(&mut self, _peer: Peer) -> Result<ClientId, Vec<u8>> {
        self.outputs.push(Output::default());
        Ok(self.outputs.len() as ClientId - 1)
    }

    fn disconnected(&mut self, client: ClientId) {
        self.outputs[client as usize].clear();
    }

    fn input_limits(&self, _client: ClientId) -> InputLimits {
        InputLimits {
            bulk_bytes_max: 512 << 20,
            buffer_bytes_max: 1 << 30,
            is_authenticated: true,
        }
    }

    fn net_limits(&self) -> NetLimits {
        NetLimits {
            clients_max: 10_000,
            keepalive_seconds: 300,
            output_bytes_pause: 16 << 20,
        }
    }

    fn execute(&mut self, client: ClientId, request: Request<'_>) -> Flow {
        let tail = self.outputs[client as usize].tail();
        let name = request.get(0);
        if name.eq_ignore_ascii_case(b"GET") {
            encode::bulk(tail, b"xxx");
        } else if name.eq_ignore_ascii_case(b"ECHO") && request.len() == 2 {
            encode::bulk(tail, request.get(1));
        } else {
            encode::status(tail, "PONG");
        }
        Flow::Continue
    }

    fn protocol_error(&mut self, client: ClientId, message: &[u8]) {
        encode::error(
            self.outputs[client as usize].tail(),
            &[b"ERR ", message].concat(),
        );
    }

    fn query_buffer_exceeded(&mut self, _: ClientId) {}

    fn output(&mut self, client: ClientId) -> &mut Output {
        &mut self.outputs[client as usize]
    }

    fn query_buffer_changed(&mut self, _client: ClientId, _used: usize, _allocated: usize) {}
    fn bytes_moved(&mut self, _client: ClientId, _read: usize, _written: usize) {}
    fn take_dirty(&mut self, _into: &mut Vec<ClientId>) {}
    fn take_closing(&mut self, _into: &mut Vec<(ClientId, bool)>) {}
    fn take_resumed(&mut self, _into: &mut Vec<ClientId>) {}

    fn tick(&mut self) -> Duration {
        Duration::from_millis(100)
    }

    fn is_stopping(&self) -> bool {
        self.shutdown.is_requested()
    }
}

struct Owner(Ping);

impl Host for Owner {
    type Service = Ping;

    fn detached(&mut self, sleep: &mut dyn FnMut()) {
        sleep();
    }

    fn with_service(&mut self, work: &mut dyn FnMut(&mut Ping)) {
        work(&mut self.0);
    }
}

fn serve(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    let mut event_loop = EventLoop::new()?;
    for listener in bind_all(&["127.0.0.1", "-::1"], port, 511)? {
        event_loop.add_listener(listener)?;
    }
    let shutdown = signals::install(event_loop.waker())?;
    event_loop.run(&mut Owner(Ping {
        outputs: Vec::new(),
        shutdown,
    }))?;
    Ok(())
}

fn main() -> ExitCode {
    let port = std::env::args()
        .nth(1)
        .and_then(|port| port.parse().ok())
        .unwrap_or(7000);
    match serve(port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
