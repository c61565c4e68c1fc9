//! Headless Chromium, driven by its DevTools protocol over a pipe, cut off from every network.
//!
//! Everything that it would send anywhere but to the test's own server goes to a proxy that answers nobody and writes
//! down who asked. Names are not looked up at all.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// What a page is given to do whatever it does by itself, in milliseconds of its own time, which runs as fast as the
/// machine lets it. The longest delay in these tests is three seconds.
const BUDGET: u32 = 4_000;

/// Whom the program asks on its own account, should a later version have found a new occasion to.
const MAKERS: [&str; 3] = [".googleapis.com", ".google.com", ".duckduckgo.com"];

/// A running browser with one page. It ends with the test.
pub struct Browser {
    child: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    /// Events that came while an answer was waited for.
    events: Vec<Value>,
    sent: u64,
    session: String,
    trap: Trap,
    _profile: tempfile::TempDir,
}

/// What a page did.
#[derive(Debug, Default)]
pub struct Visit {
    /// Every URL that was asked for, but `data:`.
    pub requests: Vec<String>,
    /// What the console says.
    pub console: Vec<String>,
    /// Frames, workers and windows besides the page.
    pub others: Vec<String>,
    /// Where the page is now.
    pub location: String,
    pub text: String,
    /// How many images there are.
    pub images: u64,
    /// Those that do not show a picture, as they are written.
    pub broken: Vec<String>,
}

impl Browser {
    /// Starts a browser that reaches `server`, and nothing else.
    pub fn start(server: SocketAddr) -> Self {
        let profile = tempfile::Builder::new().prefix("browser-").tempdir().unwrap();
        let trap = Trap::new();
        let errors = File::create(profile.path().join("stderr")).unwrap();
        let program = ["chromium", "chromium-browser", "google-chrome"];
        let program = program.iter().find(|name| Command::new(name).arg("--version").output().is_ok());
        let program = program.expect("chromium is missing: apt-get install chromium");
        let mut command = Command::new("sh");
        // The protocol runs over descriptors 3 and 4.
        command.args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 0</dev/null 1>/dev/null", program]);
        command.args(flags(profile.path(), trap.address, server));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let commands = child.stdin.take().unwrap();
        let (sender, messages) = channel();
        let answers = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for message in answers.split(0) {
                let message = message.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let Some(message) = message else { return };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Browser {
            child,
            commands,
            messages,
            events: Vec::new(),
            sent: 0,
            session: String::new(),
            trap,
            _profile: profile,
        };
        browser.open();
        browser
    }

    fn open(&mut self) {
        let target = self.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = self.call("Target.attachToTarget", &attach);
        self.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Network", "Log", "Runtime"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
        // A page so high that everything on it is in view.
        let size = json!({"width": 1000, "height": 8000, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        self.call("Network.setCacheDisabled", &json!({"cacheDisabled": true}));
        let attach = json!({"autoAttach": true, "waitForDebuggerOnStart": false, "flatten": true});
        self.call("Target.setAutoAttach", &attach);
    }

    /// Sends a command and waits for its answer.
    #[track_caller]
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.sent += 1;
        let mut message = json!({"id": self.sent, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let message = self.receive();
            if message["id"] == self.sent {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn receive(&mut self) -> Value {
        // The limit is there to fail instead of hanging; nothing is measured by it.
        match self.messages.recv_timeout(Duration::from_secs(60)) {
            Ok(message) => message,
            Err(error) => {
                let said = std::fs::read_to_string(self._profile.path().join("stderr")).unwrap_or_default();
                panic!("the browser does not answer: {error}\n{said}")
            }
        }
    }

    #[track_caller]
    fn wait_for(&mut self, event: &str) {
        while !self.events.iter().any(|known| known["method"] == event) {
            let message = self.receive();
            self.events.push(message);
        }
    }

    /// Opens a page, lets it do what it does by itself, and tells what that was.
    #[track_caller]
    pub fn visit(&mut self, url: &str) -> Visit {
        self.events.clear();
        // Its own time, from the beginning; what it waits for before it has loaded is not counted.
        self.call("Emulation.setVirtualTimePolicy", &json!({"policy": "advance"}));
        let went = self.call("Page.navigate", &json!({"url": url}));
        assert!(went["errorText"].is_null(), "{url}: {went}");
        self.wait_for("Page.loadEventFired");
        self.events.retain(|event| event["method"] != "Emulation.virtualTimeBudgetExpired");
        let time = json!({"policy": "pauseIfNetworkFetchesPending", "budget": BUDGET});
        self.call("Emulation.setVirtualTimePolicy", &time);
        self.wait_for("Emulation.virtualTimeBudgetExpired");
        let looked = self.evaluate(LOOK);
        let mut visit = Visit {
            location: looked["location"].as_str().unwrap().to_owned(),
            text: looked["text"].as_str().unwrap().to_owned(),
            images: looked["images"].as_u64().unwrap(),
            broken: strings(&looked["broken"]),
            ..Visit::default()
        };
        for event in std::mem::take(&mut self.events) {
            let parameters = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap_or_default();
                    if !url.starts_with("data:") {
                        visit.requests.push(url.to_owned());
                    }
                }
                "Network.webSocketCreated" | "Network.webTransportCreated" => {
                    visit.requests.push(parameters["url"].to_string());
                }
                "Log.entryAdded" => visit.console.push(parameters["entry"].to_string()),
                "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" => visit.console.push(parameters.to_string()),
                "Target.attachedToTarget" => visit.others.push(parameters["targetInfo"].to_string()),
                _ => {}
            }
        }
        visit
    }

    /// How a page looks in this colour scheme, `light` or `dark`: a PNG.
    #[track_caller]
    pub fn picture(&mut self, url: &str, scheme: &str, height: u32) -> Vec<u8> {
        use base64::Engine as _;
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({"features": features}));
        let size = json!({"width": 1000, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        self.events.clear();
        self.call("Page.navigate", &json!({"url": url}));
        self.wait_for("Page.loadEventFired");
        let taken = self.call("Page.captureScreenshot", &json!({"format": "png"}));
        base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap()
    }

    #[track_caller]
    fn evaluate(&mut self, script: &str) -> Value {
        let result = self.call("Runtime.evaluate", &json!({"expression": script, "returnByValue": true}));
        assert!(result["exceptionDetails"].is_null(), "{result}");
        result["result"]["value"].clone()
    }

    /// What a promise comes to; time goes on for it.
    #[track_caller]
    pub fn settled(&mut self, promise: &str) -> Value {
        self.call("Emulation.setVirtualTimePolicy", &json!({"policy": "advance"}));
        let asked = json!({"expression": promise, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", &asked);
        assert!(result["exceptionDetails"].is_null(), "{result}");
        result["result"]["value"].clone()
    }

    /// What arrived at the proxy that leads nowhere; the log then begins anew.
    pub fn take_trapped(&self) -> Vec<String> {
        let mut trapped = std::mem::take(&mut *self.trap.log.lock().unwrap());
        // No document of these tests names them.
        trapped.retain(|line| !MAKERS.iter().any(|host| line.contains(host)));
        trapped
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // In order, so that its children go with it.
        let _ = self.commands.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0");
        let _ = self.child.wait();
    }
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
}

/// What is on a page. Its policy does not hold for what the protocol runs.
const LOOK: &str = "(() => {
    const images = [...document.images, ...document.querySelectorAll('svg image')];
    const shown = image => image instanceof HTMLImageElement
        ? image.complete && image.naturalWidth > 0
        : image.getBoundingClientRect !== undefined;
    return {
        location: document.location.href,
        text: document.body ? document.body.innerText : '',
        images: images.length,
        broken: images.filter(image => !shown(image)).map(image => image.outerHTML.slice(0, 300)),
    };
})()";

fn flags(profile: &Path, trap: SocketAddr, server: SocketAddr) -> Vec<String> {
    let mut flags: Vec<String> = [
        "--headless",
        "--remote-debugging-pipe",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--no-default-browser-check",
        "--hide-scrollbars",
        "--mute-audio",
        // What the program itself would ask its makers.
        "--disable-background-networking",
        "--disable-client-side-phishing-detection",
        "--disable-component-extensions-with-background-pages",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-domain-reliability",
        "--disable-extensions",
        "--disable-sync",
        "--metrics-recording-only",
        "--password-store=basic",
        "--use-mock-keychain",
        "--disable-features=PreconnectToSearch,NetworkTimeServiceQuerying,OptimizationHints,\
         OptimizationHintsFetching,OptimizationGuideModelDownloading",
        // Ports that it never connects to.
        "--gaia-url=http://127.0.0.1:1",
        "--component-updater=url-source=http://127.0.0.1:1",
        // Nobody has a name, and everybody but the test's server is behind the trap.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    .map(str::to_owned)
    .to_vec();
    flags.push(format!("--proxy-server=http://{trap}"));
    flags.push(format!("--proxy-bypass-list=<-loopback>;{server}"));
    flags.push(format!("--user-data-dir={}", profile.join("profile").display()));
    // A page of its own would be fetched by the one that it begins with.
    flags.push("about:blank".to_owned());
    // Root may not have a sandbox.
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    flags.extend(root.then(|| "--no-sandbox".to_owned()));
    flags
}

/// A proxy that answers nobody.
struct Trap {
    address: SocketAddr,
    log: Arc<Mutex<Vec<String>>>,
}

impl Trap {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let trap = Trap { address: listener.local_addr().unwrap(), log: Arc::default() };
        let log = trap.log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let log = log.clone();
                std::thread::spawn(move || {
                    let at = {
                        let mut log = log.lock().unwrap();
                        log.push("a connection".to_owned());
                        log.len() - 1
                    };
                    let mut line = String::new();
                    let _ = BufReader::new(stream).read_line(&mut line);
                    if let Some(entry) = log.lock().unwrap().get_mut(at) {
                        *entry = line.trim().to_owned();
                    }
                });
            }
        });
        trap
    }
}
