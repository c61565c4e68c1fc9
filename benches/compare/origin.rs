//! The origins: nginx on loopback with a port for each, and a relay that holds requests back where latency is wanted.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;

use super::collection::ORIGINS;

/// How long a response is held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delay {
    None,
    Milliseconds(u64),
}

/// Running servers; they end with the value.
pub struct Origin {
    nginx: Child,
    /// Where clients connect.
    pub ports: [u16; ORIGINS],
    status: u16,
    /// Keeps the relays.
    _relays: Option<Runtime>,
    _folder: TempDir,
}

impl Origin {
    /// Serves the files below `root`.
    pub fn start(root: &Path, delay: Delay) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let served = free_ports::<ORIGINS>()?;
        let [status] = free_ports()?;
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration(root, folder.path(), served, status))?;
        let nginx = Command::new("nginx")
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&file)
            .args(["-e", "error.log", "-g", "daemon off;"])
            .stderr(Stdio::null())
            .spawn()
            .context("nginx cannot be started; on Debian: apt-get install nginx-light")?;
        let mut origin = Origin { nginx, ports: served, status, _relays: None, _folder: folder };
        origin.wait()?;
        if let Delay::Milliseconds(delay) = delay {
            // A thread of its own drives it: this one waits for the tools.
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            let runtime = relay(runtime, served, Duration::from_millis(delay))?;
            (origin.ports, origin._relays) = (runtime.1, Some(runtime.0));
        }
        Ok(origin)
    }

    /// How many requests have been answered so far, this question not counted.
    pub fn requests(&self) -> anyhow::Result<u64> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.status))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        // "server accepts handled requests", then the three numbers.
        let numbers = answer.split("requests").nth(1).context("nginx says nothing of its requests")?;
        let requests: u64 = numbers.split_whitespace().nth(2).context("nginx counts no requests")?.parse()?;
        Ok(requests)
    }

    /// Waits until nginx answers, or has ended.
    fn wait(&mut self) -> anyhow::Result<()> {
        for _ in 0..500 {
            if self.requests().is_ok() {
                return Ok(());
            }
            if let Some(status) = self.nginx.try_wait()? {
                let log = fs::read_to_string(self._folder.path().join("error.log")).unwrap_or_default();
                anyhow::bail!("nginx ended with {status}: {log}");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        anyhow::bail!("nginx does not answer")
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // Its master ends the workers when it is asked to, and not when it is killed.
        let _ = Command::new("kill").args(["-TERM", &self.nginx.id().to_string()]).status();
        let _ = self.nginx.wait();
    }
}

fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    // Held until all are found, so that no two are the same.
    let listeners = (0..N).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<Result<Vec<_>, _>>()?;
    let mut ports = [0; N];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

/// Everything that nginx writes is in `folder`, so that anybody may start it. It keeps files open, more than many systems
/// let a process have unless it asks.
fn configuration(root: &Path, folder: &Path, ports: [u16; ORIGINS], status: u16) -> String {
    let listen: String = ports.iter().map(|port| format!("listen 127.0.0.1:{port} backlog=1024;\n")).collect();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|what| format!("{what}_temp_path {}/{what};\n", folder.display()))
        .collect();
    // Root's workers would be of another user, who may not see a temporary folder.
    let user = if fs::read_to_string("/proc/self/loginuid").is_ok() && is_root() { "user root;" } else { "" };
    format!(
        "{user}
worker_processes 2;
worker_rlimit_nofile 20000;
pid {}/nginx.pid;
error_log {}/error.log;
events {{ worker_connections 1024; }}
http {{
access_log off;
sendfile on;
tcp_nopush on;
keepalive_requests 1000000;
keepalive_timeout 65;
types {{ image/jpeg jpg; }}
open_file_cache max=10000 inactive=600s;
{temporary}server {{
{listen}root {};
}}
server {{
listen 127.0.0.1:{status};
location / {{ stub_status; }}
}}
}}
",
        folder.display(),
        folder.display(),
        root.display()
    )
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// Stands before the ports `served` and hands every request on after `delay`. A client that waits for its answer before
/// it asks again, as all of these do, sends a request in one piece; answers pass at once.
fn relay(runtime: Runtime, served: [u16; ORIGINS], delay: Duration) -> anyhow::Result<(Runtime, [u16; ORIGINS])> {
    let mut ports = [0; ORIGINS];
    let mut listeners = Vec::new();
    for (port, to) in ports.iter_mut().zip(served) {
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0)))?;
        *port = listener.local_addr()?.port();
        listeners.push((listener, to));
    }
    for (listener, to) in listeners {
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, to, delay));
            }
        });
    }
    Ok((runtime, ports))
}

async fn pass(client: tokio::net::TcpStream, to: u16, delay: Duration) -> std::io::Result<()> {
    let server = tokio::net::TcpStream::connect(("127.0.0.1", to)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut requests, mut answers_out) = client.into_split();
    let (mut answers, mut requests_out) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut answers, &mut answers_out).await });
    let mut request = vec![0; 16 << 10];
    loop {
        let read = requests.read(&mut request).await?;
        if read == 0 {
            return requests_out.shutdown().await;
        }
        tokio::time::sleep(delay).await;
        requests_out.write_all(&request[..read]).await?;
    }
}
