use super::*;

fn scope(rules: &[&str]) -> Scope {
    Scope::new(rules.iter().map(|rule| rule.parse().unwrap()).collect(), Private::Refuse)
}

fn judge(scope: &Scope, url: &str) -> Result<(), String> {
    scope.check_url(&Url::parse(url).unwrap()).map_err(|refusal| refusal.to_string())
}

/// Special addresses in every spelling that a URL may have, and the names of this machine.
const SPECIAL: &str = "
    127.0.0.1 127.1 2130706433 0x7f.1 0x7f000001 017700000001 0177.0.0.1 127.0.0.1. %31%32%37.0.0.1 １２７.0.0.1
    127。0。0。1 0.0.0.0 0 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 100.64.0.1
    100.127.255.255 192.0.0.1 192.0.2.1 198.51.100.7 203.0.113.9 198.18.0.1 198.19.255.255 224.0.0.1
    239.255.255.250 240.0.0.1 255.255.255.255 192.88.99.1
    [::] [::1] [0:0:0:0:0:0:0:1] [fc00::1] [fd12::1] [fe80::1] [febf::1] [fec0::1] [ff02::1] [2001:db8::1]
    [3fff::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::ffff:0:10.0.0.1] [64:ff9b::10.0.0.1]
    [64:ff9b::7f00:1] [64:ff9b:1::8.8.8.8] [2002:7f00:1::] [2002:0a00:0001::1] [2001:0:7f00:1::]
    [2001:0:808:808:0:0:80ff:fffe] [100::1] [2001:20::1] [4000::1] localhost LOCALHOST localhost. a.localhost
    a.b.localhost.
";

#[test]
fn every_spelling_of_a_special_address_is_refused() {
    for host in SPECIAL.split_whitespace() {
        let refused = judge(&scope(&[]), &format!("http://{host}/x.png")).expect_err(host);
        assert!(refused.contains("--allow "), "{host}: {refused}");
    }
}

#[test]
fn public_hosts_pass() {
    let hosts = [
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "198.17.0.1",
        "198.20.0.1",
        "192.0.1.1",
        "[2606:4700::1111]",
        "[::ffff:8.8.8.8]",
        "[64:ff9b::8.8.8.8]",
        "[2002:808:808::1]",
        "example.test",
        "localhost.example.test",
        "notlocalhost",
    ];
    for host in hosts {
        assert_eq!(judge(&scope(&[]), &format!("https://{host}/x.png")), Ok(()), "{host}");
    }
}

#[test]
fn only_http_and_https_and_real_ports() {
    for url in ["ftp://example.test/x", "file:///etc/passwd", "data:image/png,x", "gopher://example.test/", "blob:x"] {
        assert!(judge(&scope(&[]), url).is_err(), "{url}");
    }
    assert!(judge(&scope(&[]), "http://example.test:0/").is_err());
}

#[test]
fn an_allowed_socket_is_that_socket_and_no_other() {
    let scope = scope(&["127.0.0.1:8080"]);
    for url in [
        "http://127.0.0.1:8080/",
        "http://2130706433:8080/",
        "http://localhost:8080/",
        "http://[::ffff:127.0.0.1]:8080/",
    ] {
        assert_eq!(judge(&scope, url), Ok(()), "{url}");
    }
    for url in ["http://127.0.0.1/", "http://127.0.0.1:8081/", "http://127.0.0.2:8080/", "http://localhost:80/"] {
        assert!(judge(&scope, url).is_err(), "{url}");
    }
    let ip = IpAddr::from([127, 0, 0, 1]);
    assert!(scope.check_addr("evil.test", Some(8080), ip).is_ok());
    assert!(scope.check_addr("evil.test", None, ip).is_err());
    assert!(scope.names_port(8080) && !scope.names_port(80));
}

#[test]
fn an_allowed_name_holds_for_its_port_whatever_it_resolves_to() {
    let scope = scope(&["Pictures.Corp.Test.:8443"]);
    let ip = IpAddr::from([10, 0, 0, 9]);
    assert!(scope.check_addr("pictures.corp.test", Some(8443), ip).is_ok());
    assert!(scope.check_addr("pictures.corp.test.", Some(8443), ip).is_ok());
    assert!(scope.check_addr("pictures.corp.test", Some(443), ip).is_err());
    assert!(scope.check_addr("other.corp.test", Some(8443), ip).is_err());
}

#[test]
fn an_allowed_block_holds_for_every_port_and_for_embedded_forms() {
    let scope = scope(&["10.0.0.0/8", "::1"]);
    for url in ["http://10.9.8.7/", "http://10.9.8.7:99/", "http://[::ffff:10.0.0.1]/", "http://[::1]:8080/"] {
        assert_eq!(judge(&scope, url), Ok(()), "{url}");
    }
    assert!(judge(&scope, "http://192.168.0.1/").is_err());
}

#[test]
fn allow_private_opens_private_addresses_but_not_multicast() {
    let scope = Scope::new(Vec::new(), Private::Allow);
    for url in ["http://localhost/", "http://10.0.0.1/", "http://[fd00::1]/", "http://[2002:7f00:1::]/"] {
        assert_eq!(judge(&scope, url), Ok(()), "{url}");
    }
    for url in ["http://224.0.0.1/", "http://255.255.255.255/", "http://[ff02::1]/", "ftp://10.0.0.1/"] {
        assert!(judge(&scope, url).is_err(), "{url}");
    }
}

#[test]
fn a_refusal_names_the_address_and_the_switch() {
    let scope = scope(&[]);
    let say = |host: &str, port, ip: &str| scope.check_addr(host, port, ip.parse().unwrap()).unwrap_err().to_string();
    assert_eq!(
        say("10.0.0.1", Some(80), "10.0.0.1"),
        "10.0.0.1 is a private address; --allow 10.0.0.1:80 would permit it"
    );
    assert_eq!(
        say("a.test", None, "::ffff:10.0.0.1"),
        "a.test resolves to [::ffff:10.0.0.1], a private address (it stands for 10.0.0.1); \
         --allow ::ffff:10.0.0.1 would permit it"
    );
    assert_eq!(
        say("a.test", Some(443), "198.18.3.4"),
        "a.test resolves to 198.18.3.4, a benchmarking address; proxies in fake-IP mode answer every name with such \
         an address; --allow 198.18.0.0/15 would permit it"
    );
}

#[test]
fn what_a_refusal_advises_does_permit() {
    for ip in ["10.0.0.1", "::1", "fe80::1", "::ffff:10.0.0.1", "198.18.0.1", "2002:7f00:1::"] {
        let ip: IpAddr = ip.parse().unwrap();
        for port in [Some(8080), None] {
            let text = scope(&[]).check_addr("a.test", port, ip).unwrap_err().to_string();
            let advised = text.split("--allow ").nth(1).unwrap().split(' ').next().unwrap();
            assert!(scope(&[advised]).check_addr("a.test", port, ip).is_ok(), "{text}");
        }
    }
}

#[test]
fn allow_is_parsed_or_refused() {
    let name = |host: &str, port| Allow::Name { host: host.to_owned(), port };
    let cases: [(&str, Allow); 6] = [
        ("example.test:80", name("example.test", 80)),
        ("EXAMPLE.test.:80", name("example.test", 80)),
        ("127.0.0.1:8080", Allow::Socket { ip: [127, 0, 0, 1].into(), port: 8080 }),
        ("[::1]:8080", Allow::Socket { ip: "::1".parse().unwrap(), port: 8080 }),
        ("192.168.3.4/16", Allow::Net("192.168.0.0/16".parse().unwrap())),
        ("[fd00::1]", Allow::Net("fd00::1/128".parse().unwrap())),
    ];
    for (text, expected) in cases {
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }
    for text in
        ["", "example.test", ":80", "example.test:", "example.test:0", "example.test:99999", "10.0.0.0/33", "a b:1"]
    {
        assert!(text.parse::<Allow>().is_err(), "{text}");
    }
}
