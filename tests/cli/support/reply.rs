//! What a server says: [`Answer`] is honest HTTP, [`Reply`] is whatever bytes, when, and how the connection ends.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::server::TlsStream;

use super::{Asked, pictures};

/// An honest response.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    gate: Option<Gate>,
}

impl Answer {
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Answer { status: 200, headers: Vec::new(), body: body.into(), gate: None }
    }

    pub fn status(status: u16) -> Self {
        Answer { status, ..Answer::ok("no picture") }
    }

    pub fn not_modified() -> Self {
        Answer { body: Vec::new(), ..Answer::status(304) }
    }

    pub fn redirect(to: &str) -> Self {
        Answer::status(302).header("Location", to)
    }

    /// A picture of the URL's own, always the same one.
    pub fn picture(asked: &Asked) -> Self {
        Answer::ok(pictures::for_url(&asked.url()))
    }

    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Answer { body: body.into(), ..self }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits at the gate before it is sent.
    pub fn held_at(self, gate: &Gate) -> Self {
        Answer { gate: Some(gate.clone()), ..self }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} Some Reason\r\nContent-Length: {}\r\n", self.status, self.body.len());
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        [head.as_bytes(), b"\r\n", &self.body].concat()
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Reply {
        let bytes = answer.bytes();
        Reply { steps: answer.gate.map(Step::Wait).into_iter().chain([Step::Say(bytes)]).collect() }
    }
}

/// Exactly what is written, step after step. It need not be HTTP. When all is said, the connection waits for the next
/// request.
#[derive(Debug, Clone)]
pub struct Reply {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Say(Vec<u8>),
    /// Until the client goes away.
    Forever(Vec<u8>, Duration),
    Pause(Duration),
    Wait(Gate),
    /// Nothing, until the client goes away.
    Silence,
    Close,
    HangUp,
    Reset,
}

impl Reply {
    /// These bytes, head and all.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Reply { steps: vec![Step::Say(bytes.into())] }
    }

    /// A head: `status` is the rest of the status line, `fields` are whole lines.
    pub fn head(status: &str, fields: &str) -> Self {
        Reply::raw(format!("HTTP/1.1 {status}\r\n{fields}\r\n"))
    }

    pub fn say(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.then(Step::Say(bytes.into()))
    }

    /// The bytes in `parts` parts with a pause before each.
    pub fn drip(self, bytes: &[u8], parts: usize, pause: Duration) -> Self {
        let part = bytes.len().div_ceil(parts);
        bytes.chunks(part).fold(self, |reply, part| reply.then(Step::Pause(pause)).say(part))
    }

    /// The bytes again and again, with this pause between, until the client goes away.
    pub fn forever(self, bytes: impl Into<Vec<u8>>, every: Duration) -> Self {
        self.then(Step::Forever(bytes.into(), every))
    }

    /// Goes on when the gate is open.
    pub fn wait_at(self, gate: &Gate) -> Self {
        self.then(Step::Wait(gate.clone()))
    }

    /// Says no more, but stays on the line.
    pub fn silence(self) -> Self {
        self.then(Step::Silence)
    }

    pub fn close(self) -> Self {
        self.then(Step::Close)
    }

    /// Ends the connection below TLS: without a word, as anybody on the way could.
    pub fn hang_up(self) -> Self {
        self.then(Step::HangUp)
    }

    /// Ends the connection with a TCP reset.
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Writes it all. An error ends the connection.
    pub(super) async fn write(self, stream: &mut impl Wire) -> io::Result<()> {
        for step in self.steps {
            match step {
                Step::Say(bytes) => stream.write_all(&bytes).await?,
                Step::Forever(bytes, every) => loop {
                    stream.write_all(&bytes).await?;
                    stream.flush().await?;
                    if !every.is_zero() {
                        tokio::time::sleep(every).await;
                    }
                },
                Step::Pause(pause) => tokio::time::sleep(pause).await,
                Step::Wait(gate) => drop(gate.open.subscribe().wait_for(|open| *open).await),
                Step::Silence => {
                    while stream.read(&mut [0; 64]).await? > 0 {}
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Step::Close => {
                    stream.shutdown().await?;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Step::HangUp => return Err(io::ErrorKind::ConnectionAborted.into()),
                Step::Reset => {
                    stream.reset_when_dropped()?;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
            }
            stream.flush().await?;
        }
        Ok(())
    }
}

/// A connection to a client.
pub trait Wire: AsyncRead + AsyncWrite + Unpin {
    fn reset_when_dropped(&self) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn reset_when_dropped(&self) -> io::Result<()> {
        self.set_zero_linger()
    }
}

impl Wire for TlsStream<TcpStream> {
    fn reset_when_dropped(&self) -> io::Result<()> {
        self.get_ref().0.set_zero_linger()
    }
}

impl<W: Wire> Wire for tokio::io::BufReader<W> {
    fn reset_when_dropped(&self) -> io::Result<()> {
        self.get_ref().reset_when_dropped()
    }
}

/// Holds answers back until it is opened.
#[derive(Debug, Clone)]
pub struct Gate {
    open: watch::Sender<bool>,
}

impl Gate {
    pub fn closed() -> Self {
        Gate { open: watch::Sender::new(false) }
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }
}
