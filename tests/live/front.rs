//! What stands between bridgetap and the daemon in these tests: it notes each request, lets nothing through but what
//! reads, and may speak TLS.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::runtime::Builder;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::lab::{daemon, output};

/// The longest head of a request that is taken.
const MAX_HEAD: usize = 64 << 10;

/// The first lines of all requests.
#[derive(Clone, Default)]
pub struct Asked(Arc<Mutex<Vec<String>>>);

impl Asked {
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no panic").clone()
    }
}

/// Listens at a Unix socket until the tests end.
pub fn plain(socket: &Path) -> Asked {
    let asked = Asked::default();
    let (noted, listener) = (asked.clone(), std::os::unix::net::UnixListener::bind(socket).expect("a socket"));
    listener.set_nonblocking(true).expect("a socket");
    forever(async move {
        let listener = UnixListener::from_std(listener).expect("a socket");
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, noted.clone()));
        }
    });
    asked
}

/// Listens at a port of this machine with TLS, as the certificates say. Gives the port.
pub fn tls(certificates: &Certificates) -> (u16, Asked) {
    let (asked, acceptor) = (Asked::default(), TlsAcceptor::from(Arc::new(certificates.server())));
    let (noted, listener) = (asked.clone(), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let port = listener.local_addr().expect("an address").port();
    listener.set_nonblocking(true).expect("a socket");
    forever(async move {
        let listener = TcpListener::from_std(listener).expect("a socket");
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, noted) = (acceptor.clone(), noted.clone());
            tokio::spawn(async move {
                if let Ok(client) = acceptor.accept(client).await {
                    serve(client, noted).await;
                }
            });
        }
    });
    (port, asked)
}

fn forever(work: impl Future<Output = ()> + Send + 'static) {
    thread::spawn(|| Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(work));
}

/// One connection: requests are looked at one by one, and none that reads has a body.
async fn serve(client: impl AsyncRead + AsyncWrite + Send + 'static, asked: Asked) {
    let Ok(server) = UnixStream::connect(daemon()).await else { return };
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (split(client), server.into_split());
    let answers = tokio::spawn(async move {
        let _ = copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    });
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
        bytes.extend_from_slice(&buffer[..length]);
        while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head: Vec<u8> = bytes.drain(..end + 4).collect();
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            let reads = line.starts_with("GET ");
            asked.0.lock().expect("no panic").push(line);
            if !reads || to_server.write_all(&head).await.is_err() {
                return answers.abort();
            }
        }
        assert!(bytes.len() < MAX_HEAD, "a request without an end");
    }
    answers.abort();
}

/// An authority, and what it has signed: as `dockerd --tlsverify` and its clients have them.
pub struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// Made by openssl, for 127.0.0.1 and for a client.
    pub fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().expect("a folder") };
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
        this.openssl(
            &[&["req", "-x509", "-subj", "/CN=lab", "-keyout", "ca-key.pem", "-out", "ca.pem"], &key[..]].concat(),
        );
        for (name, usage) in [("server", "serverAuth"), ("client", "clientAuth")] {
            let (file, request) = (format!("{name}-key.pem"), format!("{name}.csr"));
            let subject = format!("/CN={name}");
            this.openssl(&[&["req", "-subj", &subject, "-keyout", &file, "-out", &request], &key[..5]].concat());
            let extensions = format!("subjectAltName=IP:127.0.0.1\nextendedKeyUsage={usage}\n");
            std::fs::write(this.path("extensions"), extensions).expect("written");
            let sign = ["x509", "-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"];
            let signed = format!("{name}-cert.pem");
            this.openssl(&[&sign[..], &["-days", "2", "-extfile", "extensions", "-out", &signed]].concat());
        }
        std::fs::rename(this.path("client-cert.pem"), this.path("cert.pem")).expect("renamed");
        std::fs::rename(this.path("client-key.pem"), this.path("key.pem")).expect("renamed");
        this
    }

    fn openssl(&self, arguments: &[&str]) {
        output(Command::new("openssl").current_dir(self.folder.path()).args(arguments));
    }

    /// The folder of the client's, as `DOCKER_CERT_PATH` has it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn server(&self) -> ServerConfig {
        let certificate = |name: &str| CertificateDer::from_pem_file(self.path(name)).expect("a certificate");
        let mut authorities = RootCertStore::empty();
        authorities.add(certificate("ca.pem")).expect("an authority");
        let clients = WebPkiClientVerifier::builder(Arc::new(authorities)).build().expect("a verifier");
        let key = PrivateKeyDer::from_pem_file(self.path("server-key.pem")).expect("a key");
        let config = ServerConfig::builder().with_client_cert_verifier(clients);
        config.with_single_cert(vec![certificate("server-cert.pem")], key).expect("a certificate and its key")
    }
}
