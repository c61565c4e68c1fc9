//! Outgoing proxies, as users have them: HTTP (absolute form and CONNECT) and SOCKS5. Whatever they are asked for, they
//! reach the one origin that they were given, and they write down what they were asked.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::io::{copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::Origin;

/// Whom a proxy serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Everybody.
    Open,
    /// Who names this user and password.
    Needed { user: &'static str, password: &'static str },
    /// Nobody: it answers that it will not.
    Closed,
}

#[derive(Debug, Clone, Copy)]
enum Protocol {
    Http,
    Socks5,
}

/// A running proxy; it ends with the test.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    login: Login,
    plain: SocketAddr,
    tls: SocketAddr,
    log: Mutex<Vec<String>>,
}

impl Proxy {
    pub fn http(origin: &Origin, login: Login) -> Self {
        Proxy::start(Protocol::Http, origin, login)
    }

    /// RFC 1928, with user and password as in RFC 1929.
    pub fn socks5(origin: &Origin, login: Login) -> Self {
        Proxy::start(Protocol::Socks5, origin, login)
    }

    fn start(protocol: Protocol, origin: &Origin, login: Login) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { login, plain: origin.plain(), tls: origin.tls(), log: Mutex::default() });
        runtime.spawn(accept(listener, protocol, shared.clone()));
        Proxy { address, shared, _runtime: runtime }
    }

    /// `HOST:PORT`, to be named in a URL.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that was asked so far, in order; the log then begins anew. `GET http://a.example/x` and
    /// `CONNECT a.example:443` of an HTTP proxy; `name a.example:80` and `address 192.0.2.1:80` of a SOCKS proxy.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut *self.shared.log.lock().unwrap())
    }
}

impl Shared {
    fn note(&self, asked: String) {
        self.log.lock().unwrap().push(asked);
    }
}

async fn accept(listener: TcpListener, protocol: Protocol, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let shared = shared.clone();
        // A connection that breaks is the client's affair.
        tokio::spawn(async move {
            let _ = match protocol {
                Protocol::Http => http(BufReader::new(stream), &shared).await,
                Protocol::Socks5 => socks5(stream, &shared).await,
            };
        });
    }
}

/// The lines of a message's head, without the empty one. `None` at the end of the connection.
async fn head(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(Some(lines)),
            line => lines.push(line.to_owned()),
        }
    }
}

fn field<'a>(head: &'a [String], name: &str) -> Option<&'a str> {
    let fields = head.iter().filter_map(|line| line.split_once(':'));
    fields.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
}

async fn http(mut client: BufReader<TcpStream>, shared: &Shared) -> io::Result<()> {
    let mut origin: Option<BufReader<TcpStream>> = None;
    while let Some(mut lines) = head(&mut client).await? {
        let first = lines.remove(0);
        let mut parts = first.split(' ');
        let (method, asked) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        shared.note(format!("{method} {asked}"));
        if let Some(refusal) = refusal(&shared.login, field(&lines, "proxy-authorization")) {
            let answer = format!("HTTP/1.1 {refusal}\r\nProxy-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nno\n");
            client.write_all(answer.as_bytes()).await?;
            continue;
        }
        if method == "CONNECT" {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
            return tunnel(client.into_inner(), shared.tls).await;
        }
        let origin = match &mut origin {
            Some(origin) => origin,
            none => none.insert(BufReader::new(TcpStream::connect(shared.plain).await?)),
        };
        let path = asked.splitn(4, '/').nth(3).unwrap_or_default();
        let mut sent = format!("{method} /{path} HTTP/1.1\r\n");
        lines.iter().filter(|line| !line.to_ascii_lowercase().starts_with("proxy-")).for_each(|line| {
            sent += line;
            sent += "\r\n";
        });
        origin.write_all((sent + "\r\n").as_bytes()).await?;
        let answer = head(origin).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        client.write_all((answer.join("\r\n") + "\r\n\r\n").as_bytes()).await?;
        let length = field(&answer, "content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        copy(&mut origin.take(length), &mut client).await?;
        client.flush().await?;
    }
    Ok(())
}

fn refusal(login: &Login, said: Option<&str>) -> Option<&'static str> {
    use base64::Engine as _;
    match login {
        Login::Open => None,
        Login::Closed => Some("403 Forbidden"),
        Login::Needed { user, password } => {
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
            (said != Some(&format!("Basic {pair}"))).then_some("407 Proxy Authentication Required")
        }
    }
}

async fn tunnel(mut client: TcpStream, to: SocketAddr) -> io::Result<()> {
    copy_bidirectional(&mut client, &mut TcpStream::connect(to).await?).await?;
    Ok(())
}

async fn socks5(mut client: TcpStream, shared: &Shared) -> io::Result<()> {
    let _version = client.read_u8().await?;
    let methods = counted(&mut client).await?;
    // "No acceptable methods" is 0xff, after which the client goes.
    let method = if matches!(shared.login, Login::Needed { .. }) { 2 } else { 0 };
    if !methods.contains(&method) {
        return client.write_all(&[5, 0xff]).await;
    }
    client.write_all(&[5, method]).await?;
    if let Login::Needed { user, password } = shared.login {
        let _version = client.read_u8().await?;
        let said = (counted(&mut client).await?, counted(&mut client).await?);
        let known = said == (user.into(), password.into());
        client.write_all(&[1, u8::from(!known)]).await?;
        if !known {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    client.read_exact(&mut request).await?;
    let host = match request[3] {
        1 => format!("address {}", Ipv4Addr::from(client.read_u32().await?)),
        4 => format!("address [{}]", Ipv6Addr::from(client.read_u128().await?)),
        _ => format!("name {}", String::from_utf8_lossy(&counted(&mut client).await?)),
    };
    let port = client.read_u16().await?;
    shared.note(format!("{host}:{port}"));
    // 2: not allowed by the rules of the proxy.
    let reply = if shared.login == Login::Closed { 2 } else { 0 };
    client.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    if reply != 0 {
        return Ok(());
    }
    tunnel(client, if port == 443 { shared.tls } else { shared.plain }).await
}

/// Bytes with their number in front.
async fn counted(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; stream.read_u8().await?.into()];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}
