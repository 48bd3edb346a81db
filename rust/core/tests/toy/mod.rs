//! A server with toy commands, and what a test needs to look inside.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rubellite_core::net::{EventLoop, Listener, ListenerId, Waker};
use rubellite_core::output::Output;
use rubellite_core::resp::encode;
use rubellite_core::service::{
    ClientId, Flow, Host, InputLimits, NetLimits, Peer, Request, Service,
};

pub const OUTPUT_PAUSE: usize = 1 << 20;
pub const QUERY_BUFFER_MAX: usize = 64 << 20;

#[derive(Clone, Copy, PartialEq)]
pub enum Backend {
    Native,
    Portable,
}

#[derive(Default)]
struct Toy {
    clients: HashMap<ClientId, (Output, Peer)>,
    next_id: ClientId,
    clients_max: usize,
    paused: Vec<ClientId>,
    resumed: Vec<ClientId>,
    dirty: Vec<ClientId>,
    closing: Vec<(ClientId, bool)>,
    query_buffer: (usize, usize),
    output_peak: usize,
    exceeded: usize,
    /// Bytes that waited for clients when what can wait was done, in all turns.
    unsent: usize,
    is_stopping: bool,
}

impl Service for Toy {
    fn connected(&mut self, peer: Peer) -> Result<ClientId, Vec<u8>> {
        if self.clients.len() >= self.clients_max {
            return Err(b"-ERR max number of clients reached\r\n".to_vec());
        }
        self.next_id += 1;
        self.clients.insert(self.next_id, (Output::default(), peer));
        Ok(self.next_id)
    }

    fn disconnected(&mut self, client: ClientId) {
        assert!(self.clients.remove(&client).is_some(), "told twice");
        self.paused.retain(|&paused| paused != client);
    }

    fn input_limits(&self, _client: ClientId) -> InputLimits {
        InputLimits {
            bulk_bytes_max: 512 << 20,
            buffer_bytes_max: QUERY_BUFFER_MAX,
            is_authenticated: true,
        }
    }

    fn net_limits(&self) -> NetLimits {
        NetLimits {
            clients_max: self.clients_max,
            keepalive_seconds: 300,
            output_bytes_pause: OUTPUT_PAUSE,
        }
    }

    fn execute(&mut self, client: ClientId, request: Request<'_>) -> Flow {
        assert!(!self.paused.contains(&client), "executed while paused");
        let (output, peer) = self
            .clients
            .get_mut(&client)
            .expect("executed after its end");
        let words: Vec<&[u8]> = request.iter().collect();
        let number = || {
            std::str::from_utf8(words[1])
                .unwrap()
                .parse::<usize>()
                .unwrap()
        };
        match words[0] {
            b"ECHO" => encode::bulk(output.tail(), words[1]),
            b"LENGTH" => encode::integer(output.tail(), words[1].len() as i64),
            b"BODIES" => {
                let lengths = (0..request.len()).filter_map(|index| request.body(index));
                let lengths: Vec<String> = lengths.map(|body| body.len().to_string()).collect();
                encode::status(output.tail(), &lengths.join(" "));
            }
            b"FILL" => encode::shared_bulk(output, &Arc::new(vec![b'x'; number()])),
            b"PEER" => {
                let text = format!("{} {}", peer.address, peer.is_local);
                encode::status(output.tail(), &text);
            }
            b"SLEEP" => std::thread::sleep(Duration::from_millis(number() as u64)),
            b"BLOCK" => {
                self.paused.push(client);
                return Flow::Pause;
            }
            b"RELEASE" => {
                encode::status(output.tail(), "OK");
                for paused in self.paused.drain(..) {
                    self.clients
                        .get_mut(&paused)
                        .unwrap()
                        .0
                        .push(b"+released\r\n");
                    self.resumed.push(paused);
                    self.dirty.push(paused);
                }
            }
            b"QUIT" => {
                encode::status(output.tail(), "OK");
                return Flow::CloseAfterReply;
            }
            b"ABORT" => return Flow::CloseNow,
            _ => encode::status(output.tail(), "PONG"),
        }
        let pending = self.clients[&client].0.bytes_pending();
        self.output_peak = self.output_peak.max(pending);
        Flow::Continue
    }

    fn protocol_error(&mut self, client: ClientId, message: &[u8]) {
        encode::error(self.output(client).tail(), &[b"ERR ", message].concat());
    }

    fn query_buffer_exceeded(&mut self, _client: ClientId) {
        self.exceeded += 1;
    }

    fn output(&mut self, client: ClientId) -> &mut Output {
        &mut self
            .clients
            .get_mut(&client)
            .expect("asked for after its end")
            .0
    }

    fn query_buffer_changed(&mut self, _client: ClientId, used: usize, allocated: usize) {
        assert!(used <= allocated);
        self.query_buffer = (allocated, self.query_buffer.1.max(allocated));
    }

    fn bytes_moved(&mut self, client: ClientId, _read: usize, _written: usize) {
        assert!(self.clients.contains_key(&client));
    }

    fn take_dirty(&mut self, into: &mut Vec<ClientId>) {
        into.append(&mut self.dirty);
    }

    fn take_closing(&mut self, into: &mut Vec<(ClientId, bool)>) {
        into.append(&mut self.closing);
    }

    fn take_resumed(&mut self, into: &mut Vec<ClientId>) {
        into.append(&mut self.resumed);
    }

    fn tick(&mut self) -> Duration {
        // Long: what must happen at once may not wait for it.
        Duration::from_secs(20)
    }

    fn after_replies(&mut self) -> Option<Duration> {
        let outputs = self.clients.values();
        self.unsent += outputs
            .map(|(output, _)| output.bytes_pending())
            .sum::<usize>();
        None
    }

    fn is_stopping(&self) -> bool {
        self.is_stopping
    }
}

struct Owner(Arc<Mutex<Toy>>);

impl Host for Owner {
    type Service = Toy;

    fn detached(&mut self, sleep: &mut dyn FnMut()) {
        sleep();
    }

    fn with_service(&mut self, work: &mut dyn FnMut(&mut Toy)) {
        work(&mut self.0.lock().unwrap());
    }
}

/// A running server; ends when dropped.
pub struct Server {
    toy: Arc<Mutex<Toy>>,
    thread: Option<JoinHandle<()>>,
    pub waker: Waker,
    pub address: SocketAddr,
    pub listener: ListenerId,
}

impl Server {
    pub fn start(backend: Backend) -> Server {
        let mut event_loop = match backend {
            Backend::Native => EventLoop::new().unwrap(),
            Backend::Portable => EventLoop::portable().unwrap(),
        };
        let listener = Listener::bind_tcp("127.0.0.1", 0, 511).unwrap();
        let (address, id) = (listener.local_address().unwrap(), listener.id());
        event_loop.add_listener(listener).unwrap();
        let toy = Arc::new(Mutex::new(Toy {
            clients_max: 10_000,
            ..Toy::default()
        }));
        let mut owner = Owner(toy.clone());
        let waker = event_loop.waker();
        let thread = std::thread::spawn(move || event_loop.run(&mut owner).unwrap());
        Server {
            toy,
            thread: Some(thread),
            waker,
            address,
            listener: id,
        }
    }

    pub fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.address).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    fn toy(&self) -> MutexGuard<'_, Toy> {
        self.toy.lock().unwrap()
    }

    pub fn client_count(&self) -> usize {
        self.toy().clients.len()
    }

    pub fn paused_count(&self) -> usize {
        self.toy().paused.len()
    }

    pub fn exceeded_count(&self) -> usize {
        self.toy().exceeded
    }

    pub fn query_buffer_now(&self) -> usize {
        self.toy().query_buffer.0
    }

    pub fn query_buffer_peak(&self) -> usize {
        self.toy().query_buffer.1
    }

    pub fn unsent_bytes(&self) -> usize {
        self.toy().unsent
    }

    pub fn output_peak(&self) -> usize {
        self.toy().output_peak
    }

    pub fn set_clients_max(&self, clients_max: usize) {
        self.toy().clients_max = clients_max;
    }

    pub fn push_to_all(&self, bytes: &[u8]) {
        let mut toy = self.toy();
        let Toy { clients, dirty, .. } = &mut *toy;
        for (client, (output, _)) in clients {
            output.push(bytes);
            dirty.push(*client);
        }
        drop(toy);
        self.waker.wake();
    }

    pub fn kill_all(&self) {
        let mut toy = self.toy();
        let all: Vec<_> = toy.clients.keys().map(|&client| (client, false)).collect();
        toy.closing.extend(all);
        drop(toy);
        self.waker.wake();
    }

    /// Waits until something is so that happens on the server's own time.
    pub fn wait_for(&self, what: &str, is_so: impl Fn() -> bool) {
        let begin = Instant::now();
        while !is_so() {
            assert!(begin.elapsed() < Duration::from_secs(20), "never: {what}");
            std::thread::yield_now();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A panic of the server's thread poisons the lock and is reported by `join`.
        if let Ok(mut toy) = self.toy.lock() {
            toy.is_stopping = true;
        }
        self.waker.wake();
        let result = self.thread.take().expect("joined once").join();
        if !std::thread::panicking() {
            result.expect("the server's thread");
        }
    }
}

pub fn ask(client: &mut (impl Read + Write), request: &str) -> String {
    client.write_all(request.as_bytes()).unwrap();
    read_line(client)
}

pub fn read_line(client: &mut impl Read) -> String {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        line.push(byte[0]);
    }
    line.truncate(line.len() - 2);
    String::from_utf8(line).unwrap()
}
