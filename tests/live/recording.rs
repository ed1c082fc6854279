//! `bridgetap record` and `watch -w`: what is in the file, whether other tools read it, and whether a replay tells what the
//! live log told.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::lab::{Lab, docker, exec, output};
use super::watching::{Watching, bridgetap};

/// A capture file in a folder of its own.
struct Kept {
    folder: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("lab.pcapng")
    }

    /// `bridgetap record TARGET… -w FILE`, from when it records.
    fn recording(&self, arguments: &[&str]) -> Watching {
        Watching::waiting_for(&mut self.record(arguments), "; Ctrl-C ends")
    }

    fn record(&self, arguments: &[&str]) -> Command {
        let mut command = bridgetap(&[&["record"], arguments].concat());
        command.arg("-w").arg(self.path());
        command
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = fs::read_dir(self.folder.path()).expect("a folder").flatten().collect();
        files.sort_by_key(fs::DirEntry::file_name);
        files.into_iter().map(|file| file.path()).collect()
    }
}

/// What `bridgetap replay` prints of a file, and whether it was whole.
fn replay(path: &Path, arguments: &[&str]) -> (String, bool) {
    let mut command = bridgetap(&[&["replay"], arguments].concat());
    let told = command.arg(path).output().expect("bridgetap");
    (String::from_utf8_lossy(&told.stdout).into_owned(), told.status.success())
}

/// The number of packets that capinfos finds.
fn packets(path: &Path) -> u64 {
    let found = output(Command::new("capinfos").args(["-TmQrc"]).arg(path));
    found.trim().rsplit(',').next().expect("a count").trim_matches('"').parse().expect("a number")
}

fn pings(name: &str, count: u32) {
    exec("container_b", &format!("ping -c {count} {name}"));
}

/// Records while something happens, and compares what is told live with what the file tells, line by line. Gives the log.
///
/// On a busy machine the live log may tell a container's first lookup late, or wait in vain for the other half of a
/// connection; the file does not. So it has three tries.
fn same_log(arguments: &[&str], replayed: &[&str], happens: impl Fn()) -> String {
    let mut difference = String::new();
    for _ in 0..3 {
        let kept = Kept::new();
        let recording = kept.recording(arguments);
        happens();
        let live = recording.end();
        let (told, whole) = replay(&kept.path(), replayed);
        assert!(whole && live.code == Some(0), "{}", live.said);
        if live.text == told {
            return told;
        }
        difference = format!("live:\n{}\nfrom the file:\n{told}", live.text);
        eprintln!("{difference}");
    }
    panic!("three times {difference}")
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_replay_tells_what_the_live_log_told() {
    let lab = Lab::up(&["user-bridge", "published", "host"]);
    let curl = |arguments: &[&str]| {
        let (program, arguments) = arguments.split_first().expect("a command");
        output(Command::new(program).args(arguments));
        thread::sleep(Duration::from_millis(200));
    };
    let log = same_log(&["--print", "--hops"], &["--hops"], || {
        pings("container_a", 2);
        curl(&["curl", "-s", "http://localhost:8080/"]);
        curl(&["curl", "-s", "http://[::1]:8080/"]);
        curl(&["ip", "netns", "exec", "bridgetap-outside", "curl", "-s", "http://10.88.0.1:8080/"]);
        curl(&["ip", "netns", "exec", "bridgetap-outside", "curl", "-s", "http://10.88.0.1:9090/"]);
        exec("container_a", "wget -qO- http://172.18.0.1:8080/");
        let command = ["bridgetap-lab-busybox", "sh", "-c", "ping -c 2 container_a; sleep 60"];
        lab.run("late", &["--network", "my_bridge"], &command);
        thread::sleep(Duration::from_secs(2));
        docker(&["rename", "container_a", "container_z"]);
        pings("container_z", 1);
        docker(&["rm", "-f", "late"]);
        docker(&["rename", "container_z", "container_a"]);
        pings("container_a", 1);
        // Nobody answers; the capture ends while it waits.
        let _ = exec("container_b", "sh -c 'ping -c 1 -W 1 172.18.0.99 || true'");
    });
    for part in ["late → container_a", "container_z", "localhost:", "(via :8080)", "10.88.0.2:", "no answer"] {
        assert!(log.contains(part), "{part} in {log}");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn macvlan_and_web_are_replayed_as_they_were_told() {
    let _lab = Lab::up(&["macvlan", "web"]);
    let run = |command: &str| {
        let words: Vec<_> = command.split(' ').collect();
        let _ = Command::new(words[0]).args(&words[1..]).stdout(Stdio::null()).status();
        thread::sleep(Duration::from_millis(300));
    };
    let log = same_log(&["--print", "mv1"], &[], || {
        run("docker exec mv_a ping -c 2 mv_b");
        run("docker exec mv_b ping -c 1 mv_a");
    });
    assert!(log.contains("mv_a → mv_b") && log.contains("mv_b → mv_a"), "{log}");
    let log = same_log(&["--print", "public-net-1", "private-net-1"], &[], || {
        run("curl -s http://localhost:80/");
        run("docker stop -t 1 redis-server");
        run("curl -s http://localhost:80/");
        run("docker start redis-server");
    });
    assert!(log.contains("nginx:") && log.contains("flask-app:5000"), "{log}");
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn wireshark_reads_the_file_and_knows_the_names() {
    let _lab = Lab::up(&["user-bridge"]);
    let kept = Kept::new();
    let recording = kept.recording(&["my_bridge"]);
    pings("container_a", 3);
    let ended = recording.end();
    assert_eq!((ended.code, ended.text.as_str()), (Some(0), ""), "{}", ended.said);
    let path = kept.path();
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let said = packets(&path);
    assert!(ended.said.contains(&format!("{said} packets (")), "{}", ended.said);
    assert!(ended.said.contains(", 0 dropped by the kernel"), "{}", ended.said);
    let tshark = Command::new("tshark").args(["-N", "n", "-r"]).arg(&path).output().expect("tshark");
    let (printed, complaints) = (String::from_utf8_lossy(&tshark.stdout), String::from_utf8_lossy(&tshark.stderr));
    assert!(printed.contains("container_b → container_a  ICMP"), "{printed}");
    let rest: Vec<_> = complaints.lines().filter(|line| !line.contains("Running as user \"root\"")).collect();
    assert!(tshark.status.success() && rest.is_empty(), "{complaints}");
    let info = output(Command::new("capinfos").arg(&path));
    for part in [
        "Number of interfaces in file: 3",
        "Strict time order:   True",
        "Description = network my_bridge",
        "Description = lookups of container_a",
        "Capture application: bridgetap",
    ] {
        assert!(info.contains(part), "{part} in {info}");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn what_was_flushed_survives_a_kill() {
    let _lab = Lab::up(&["user-bridge"]);
    let kept = Kept::new();
    let recording = kept.recording(&["my_bridge"]);
    pings("container_a", 2);
    thread::sleep(Duration::from_secs(1));
    recording.signal(Signal::SIGKILL);
    assert_eq!(recording.ended().code, None);
    let (told, whole) = replay(&kept.path(), &[]);
    assert!(whole && told.matches("container_b → container_a").count() >= 3, "{told}");
    assert!(told.contains("2 pings: 2 answered"), "{told}");
    // And wherever the last write was cut, what is before it is told.
    let bytes = fs::read(kept.path()).expect("a file");
    let cut = kept.folder.path().join("cut.pcapng");
    for length in (bytes.len() - 200..bytes.len()).step_by(7) {
        fs::write(&cut, &bytes[..length]).expect("written");
        assert!(replay(&cut, &[]).0.contains("ping"), "cut at {length}");
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_full_disk_is_said_and_keeps_what_was_written() {
    let _lab = Lab::up(&["user-bridge"]);
    let kept = Kept::new();
    let mount = |arguments: &[&str]| assert!(Command::new("mount").args(arguments).status().expect("mount").success());
    let disk = kept.folder.path().to_str().expect("UTF-8");
    mount(&["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]);
    let unmount = Unmount(disk.to_owned());
    let recording = kept.recording(&["my_bridge"]);
    let watching =
        Watching::begin(bridgetap(&["watch", "my_bridge", "--force", "-w"]).arg(kept.path().with_extension("2")));
    // More than fits, in packets of 1,000 bytes.
    exec("container_b", "ping -c 40 -i 0.02 -s 1000 container_a");
    let ended = recording.ended();
    assert_eq!(ended.code, Some(1), "{}", ended.said);
    assert!(ended.said.contains("lab.pcapng: the disk is full"), "{}", ended.said);
    let (told, whole) = replay(&kept.path(), &[]);
    assert!(whole && told.contains("container_b → container_a"), "{told}");
    assert!(ended.said.contains(&format!("{} packets (", packets(&kept.path()))), "{}", ended.said);
    watching.wait_said("the disk is full, or the file as long as it may be; what was written is kept; the log goes on");
    exec("container_b", "ping -c 1 -s 77 container_a");
    let log = watching.end();
    assert!(log.code == Some(1) && log.text.contains("77 bytes, ttl 64 → reply"), "{}", log.text);
    drop(unmount);
}

struct Unmount(String);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn what_cannot_be_written_is_refused_before_anything_begins() {
    let _lab = Lab::up(&["user-bridge"]);
    let kept = Kept::new();
    fs::write(kept.path(), "mine").expect("written");
    let refused = |arguments: &[&str], file: &str, why: &str| {
        let mut command = bridgetap(&[&["record", "my_bridge"], arguments].concat());
        let ended = command.arg("-w").arg(file).output().expect("bridgetap");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && said.contains(why), "{file}: {said}");
    };
    let path = kept.path();
    let path = path.to_str().expect("UTF-8");
    refused(&[], path, "there is such a file already; name another one, or replace it with --force");
    assert_eq!(fs::read(kept.path()).expect("a file"), b"mine");
    refused(&[], &format!("{path}.d/x"), "there is no folder");
    refused(&[], kept.folder.path().to_str().expect("UTF-8"), "is a folder");
    refused(&["-Z", "nobody"], &format!("{path}.2"), "the user nobody may not write there");
    refused(&["-Z", "no-such-user"], &format!("{path}.2"), "there is no such user");
    refused(&["-G", "60"], "lab-%!.pcapng", "not a name with a time in it");
    refused(&["-W", "3"], path, "-W takes -C or -G");
    assert_eq!(kept.files().len(), 1);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn files_are_another_users_and_replaced_when_forced() {
    let _lab = Lab::up(&["user-bridge"]);
    let kept = Kept::new();
    let theirs = kept.folder.path().join("theirs");
    fs::create_dir(&theirs).expect("a folder");
    let nobody = nix::unistd::User::from_name("nobody").expect("users").expect("nobody");
    nix::unistd::chown(&theirs, Some(nobody.uid), Some(nobody.gid)).expect("given away");
    fs::set_permissions(kept.folder.path(), fs::Permissions::from_mode(0o755)).expect("readable");
    for force in [&[][..], &["--force"]] {
        let file = theirs.join("lab.pcapng");
        let mut command = bridgetap(&[&["record", "my_bridge", "-Z", "nobody"], force].concat());
        let recording = Watching::waiting_for(command.arg("-w").arg(&file), "; Ctrl-C ends");
        pings("container_a", 1);
        let ended = recording.end();
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        let found = fs::metadata(&file).expect("a file");
        assert_eq!((found.uid(), found.gid()), (nobody.uid.as_raw(), nobody.gid.as_raw()));
        assert!(replay(&file, &[]).0.contains("container_b → container_a"));
    }
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn files_rotate_by_size_and_by_the_clock() {
    let _lab = Lab::up(&["user-bridge"]);
    let kept = Kept::new();
    let recording = kept.recording(&["my_bridge", "-C", "20k", "-W", "2"]);
    exec("container_b", "ping -c 60 -i 0.02 -s 1000 container_a");
    let ended = recording.end();
    let files = kept.files();
    assert!(ended.code == Some(0) && files.len() == 2, "{files:?} {}", ended.said);
    for file in &files {
        let (told, whole) = replay(file, &[]);
        assert!(whole && told.contains("container_b → container_a"), "{told}");
        // Its end, with the statistics of each interface, may be beyond.
        assert!(fs::metadata(file).expect("a file").len() < 20 * 1024 + 512);
    }
    let kept = Kept::new();
    let recording = kept.recording(&["my_bridge", "-G", "1", "-W", "3"]);
    exec("container_b", "ping -c 40 -i 0.1 container_a");
    let ended = recording.ended();
    let files = kept.files();
    assert!(ended.code == Some(0) && files.len() == 3, "{files:?} {}", ended.said);
    let all: u64 = files.iter().map(|file| packets(file)).sum();
    assert!(ended.said.contains(&format!("{all} packets (")), "{}", ended.said);
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn a_recording_can_be_piped() {
    let _lab = Lab::up(&["user-bridge"]);
    let mut recording = bridgetap(&["record", "my_bridge", "-w", "-", "--for", "4s"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("bridgetap");
    let pipe = recording.stdout.take().expect("a pipe");
    let replay = bridgetap(&["replay", "-"]).stdin(pipe).stdout(Stdio::piped()).spawn().expect("bridgetap");
    thread::sleep(Duration::from_secs(1));
    pings("container_a", 3);
    let told = replay.wait_with_output().expect("bridgetap");
    assert!(recording.wait().expect("a child").success());
    let told = String::from_utf8_lossy(&told.stdout);
    assert!(told.contains("container_b → docker-dns") && told.contains("3 pings: 3 answered"), "{told}");
    let refused = bridgetap(&["watch", "my_bridge", "-w", "-"]).output().expect("bridgetap");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("-w - is standard output, where the log goes"));
    // Nobody reads any more: the recording ends, and nobody complains.
    let mut recording =
        bridgetap(&["record", "my_bridge", "-w", "-"]).stdout(Stdio::piped()).spawn().expect("bridgetap");
    drop(recording.stdout.take());
    thread::sleep(Duration::from_secs(1));
    pings("container_a", 1);
    assert!(recording.wait().expect("a child").success());
}
