use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc;

use super::*;

fn config(socket: &Path) -> DaemonConfig {
    let docker_host = Some(format!("unix://{}", socket.display()));
    DaemonConfig { environment: Environment { docker_host, ..Environment::default() } }
}

fn watch(socket: &Path) -> (DirectoryWatch, mpsc::Receiver<Change>) {
    let (sender, receiver) = mpsc::channel();
    (spawn(config(socket), move |change| drop(sender.send(change))), receiver)
}

#[test]
fn without_a_daemon_it_says_so_at_once_and_once() {
    let (watch, changes) = watch(Path::new("/nonexistent"));
    let error = watch.wait_first(Duration::from_secs(5)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no Docker daemon at /nonexistent: start it (systemctl start docker) or set DOCKER_HOST"
    );
    assert!(matches!(changes.recv().unwrap(), Change::Unreachable(told) if told == error));
    assert!(changes.recv_timeout(Duration::from_millis(600)).is_err(), "tried again, and not told again");
    assert_eq!(watch.current().containers().count(), 0);
}

#[test]
fn a_socket_that_nobody_serves_is_no_daemon() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    drop(UnixListener::bind(&socket).unwrap());
    let (watch, _changes) = watch(&socket);
    assert!(matches!(watch.wait_first(Duration::from_secs(5)), Err(DaemonError::NoDaemon { .. })));
}

#[test]
fn a_daemon_that_hangs_is_waited_for_no_longer_than_asked_and_dropped_quickly() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    let (watch, changes) = watch(&socket);
    assert!(matches!(watch.wait_first(Duration::from_millis(100)), Err(DaemonError::Timeout { .. })));
    drop(watch);
    // The callback goes with the thread.
    let ended = changes.recv_timeout(Duration::from_secs(1));
    assert!(matches!(ended, Err(mpsc::RecvTimeoutError::Disconnected)), "{ended:?}");
}

#[test]
fn what_answers_but_is_no_daemon_is_named() {
    use std::io::{Read, Write};
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("docker.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        }
    });
    let (watch, _changes) = watch(&socket);
    let error = watch.wait_first(Duration::from_secs(5)).unwrap_err();
    assert!(matches!(error, DaemonError::BadAnswer { .. }), "{error:?}");
}
