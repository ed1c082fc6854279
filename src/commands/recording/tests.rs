use std::path::Path;
use std::sync::mpsc;

use super::*;
use crate::capture::file::FileSource;
use crate::capture::{Drops, Frame, LinkType, NameBlock, Next, Source, Tap};
use crate::docker::{Container, ContainerId, Directory, Endpoint, NetworkId};
use crate::host::Kept;

const A: TapId = TapId(0);
const B: TapId = TapId(1);

fn target(path: &Path, rotation: Rotation) -> Target {
    Target { path: path.to_owned(), standard: None, force: false, rotation, user: None }
}

fn interface(name: &str) -> Interface {
    let tap = Tap { interface: name.to_owned(), network: None, namespace: None, link: LinkType::ETHERNET, aside: None };
    Interface { tap, description: String::new(), filter: None, snap_len: 262_144 }
}

/// A recording of two taps, and where it says that it has ended by itself.
fn recording(target: Target) -> (Recording, mpsc::Receiver<Ended>) {
    let (tell, told) = mpsc::channel();
    let mut recording = Recording::start(target, move |ended| drop(tell.send(ended))).unwrap();
    recording.tap(A, interface("a"));
    recording.tap(B, interface("b"));
    recording.learn(News::Directory(directory(1, &["web"])));
    recording.begin().unwrap();
    (recording, told)
}

fn directory(at: u64, names: &[&str]) -> Arc<Directory> {
    let endpoint = |nth: usize| Endpoint {
        network: NetworkId("net".into()),
        addresses: vec![format!("172.18.0.{}", nth + 2).parse().unwrap()],
        mac: None,
        aliases: Vec::new(),
    };
    let container = |(nth, name): (usize, &&str)| Container {
        id: ContainerId(name.to_owned().into()),
        name: (*name).to_owned(),
        image: String::new(),
        compose: None,
        endpoints: vec![endpoint(nth)],
        published: Vec::new(),
        links: Vec::new(),
        namespace: None,
    };
    let containers = names.iter().enumerate().map(container).collect();
    Arc::new(Directory::from_listing(Vec::new(), containers, Vec::new(), Timestamp::from_nanos(at)))
}

fn send(recorder: &mut Recorder, times: &[u64], length: usize) {
    for at in times {
        let bytes = vec![*at as u8; length];
        let (at, link) = (Timestamp::from_nanos(*at), LinkType::ETHERNET);
        recorder.push(&Frame { number: 1, at, wire_len: length as u32, bytes: &bytes, link, tap: A });
    }
    recorder.send(Drops::default);
}

/// The times and interfaces of the packets of a file, its names, and its drops.
fn read(path: &Path) -> (Vec<(u64, String)>, Vec<NameBlock>, Option<Drops>) {
    let mut source = FileSource::open(path, 0).unwrap();
    let (mut packets, mut names) = (Vec::new(), Vec::new());
    loop {
        match source.next().unwrap() {
            Next::Frame(frame, tap) => packets.push((frame.at.as_nanos(), tap.interface.clone())),
            Next::Names(block) => names.push(block),
            Next::Idle(_) => {}
            Next::End => return (packets, names, source.drops()),
        }
    }
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

#[test]
fn a_file_has_the_packets_of_all_taps_in_order_and_what_was_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let (recording, told) = recording(target(&path, Rotation::default()));
    let (mut a, mut b) = (recording.recorder(A), recording.recorder(B));
    send(&mut b, &[20, 40], 60);
    send(&mut a, &[10, 30, 50], 60);
    a.end(Drops { kernel: 7, interface: 1 }, Timestamp::from_nanos(60));
    b.end(Drops::default(), Timestamp::from_nanos(60));
    let progress = Arc::clone(recording.progress());
    let outcome = recording.finish();
    assert!(!outcome.failed && outcome.lost == 0 && told.try_recv().is_err());
    let (packets, names, drops) = read(&path);
    let expected = [(10, "a"), (20, "b"), (30, "a"), (40, "b"), (50, "a")].map(|(at, tap)| (at, tap.to_owned()));
    assert_eq!(packets, expected);
    assert_eq!((names.len(), names[0].records.len()), (1, 1));
    assert_eq!(drops, Some(Drops { kernel: 7, interface: 1 }));
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((count(&progress.packets), count(&progress.files)), (5, 1));
    assert_eq!(count(&progress.bytes), std::fs::metadata(&path).unwrap().len());
}

#[test]
fn what_was_seen_long_before_the_file_begins_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let mut recording = Recording::start(target(&path, Rotation::default()), |_| {}).unwrap();
    let mut recorder = recording.recorder(A);
    // More than is kept of a tap that nobody knows: this one is only not told yet, since others are being opened.
    send(&mut recorder, &[1; 40], 60_000);
    thread::sleep(2 * IDLE);
    recording.tap(A, interface("a"));
    thread::sleep(2 * IDLE);
    recording.begin().unwrap();
    recorder.end(Drops::default(), Timestamp::from_nanos(60));
    assert_eq!(recording.finish().lost, 0);
    assert_eq!(read(&path).0.len(), 40);
}

#[test]
fn the_last_packets_of_a_tap_that_is_forgotten_are_not_the_next_ones() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let (recording, _told) = recording(target(&path, Rotation::default()));
    for _ in 0..20 {
        let other = TapId(7);
        let mut recorder = recording.recorder(other);
        recorder.push(&Frame {
            number: 1,
            at: Timestamp::from_nanos(1),
            wire_len: 60,
            bytes: &[0; 60],
            link: LinkType::ETHERNET,
            tap: other,
        });
        recorder.end(Drops::default(), Timestamp::from_nanos(60));
        recording.forget(other);
        thread::sleep(IDLE / 10);
    }
    recording.tap(TapId(7), interface("the next of that number"));
    recording.finish();
    assert!(read(&path).0.is_empty());
}

#[test]
fn what_a_starting_container_has_seen_is_kept_only_if_it_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let (recording, _told) = recording(target(&path, Rotation::default()));
    for tap in [2, 3] {
        send(&mut recording.recorder(TapId(tap)), &[u64::from(tap)], 60);
    }
    recording.tap(TapId(2), interface("wanted"));
    recording.forget(TapId(3));
    recording.finish();
    assert_eq!(read(&path).0, [(2, "wanted".to_owned())]);
}

#[test]
fn each_file_of_a_ring_is_whole_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let rotation = Rotation { bytes: Some(4096), seconds: None, files: Some(3) };
    let (recording, _told) = recording(target(&path, rotation));
    recording
        .learn(News::Host(Box::new(Kept { interfaces: Some([(3, "docker0".to_owned())].into()), ..Kept::default() })));
    let mut recorder = recording.recorder(A);
    for at in 0..40 {
        send(&mut recorder, &[at], 500);
    }
    recorder.end(Drops::default(), Timestamp::from_nanos(40));
    let outcome = recording.finish();
    assert!(!outcome.failed);
    let names = files(folder.path());
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(outcome.last, folder.path().join(&names[2]).to_string_lossy());
    let mut all = Vec::new();
    for name in &names {
        let file = folder.path().join(name);
        assert!(std::fs::metadata(&file).unwrap().len() <= 4096 + 512, "{name}: only its end may be beyond");
        let (packets, blocks, _) = read(&file);
        assert!(!packets.is_empty() && blocks[0].comment.contains("\"web\""), "{name}");
        all.extend(packets.into_iter().map(|(at, _)| at));
    }
    let kept = all.len() as u64;
    assert_eq!(all, (40 - kept..40).collect::<Vec<_>>(), "the latest are kept");
    assert!(names[2].ends_with(".pcapng") && names[2].as_str() > "lab-00003.pcapng");
}

#[test]
fn a_recording_ends_after_as_many_files_as_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab-%S.pcapng");
    let rotation = Rotation { bytes: None, seconds: Some(10), files: Some(2) };
    let (recording, told) = recording(target(&path, rotation));
    // The first file began now; what is later begins others.
    let now = wall_clock().as_nanos();
    let second = 1_000_000_000;
    let times: Vec<u64> = (0..4).map(|nth| now / (10 * second) * 10 * second + nth * 10 * second + second).collect();
    let mut recorder = recording.recorder(A);
    send(&mut recorder, &times, 60);
    recorder.end(Drops::default(), Timestamp::from_nanos(now));
    let outcome = recording.finish();
    assert!(!outcome.failed);
    assert!(matches!(told.try_recv(), Ok(Ended::Enough)));
    let packets: Vec<_> = files(folder.path()).iter().flat_map(|name| read(&folder.path().join(name)).0).collect();
    assert_eq!((files(folder.path()).len(), packets.len()), (2, 2));
}

#[test]
fn a_full_disk_is_said_and_what_was_written_stays() {
    // A device that is always full: a disk that fills up later is tried with a real one.
    let (tell, told) = mpsc::channel();
    let full = target(Path::new("/dev/full"), Rotation::default());
    let mut recording = Recording::start(full, move |ended| drop(tell.send(ended))).unwrap();
    assert!(matches!(recording.begin(), Err(WriteError::Full { .. })));
    drop(told);
}

#[test]
fn a_file_that_is_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    std::fs::write(&path, "mine").unwrap();
    let mut refused = Recording::start(target(&path, Rotation::default()), |_| {}).unwrap();
    assert!(matches!(refused.begin(), Err(WriteError::Exists { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    let forced = Target { force: true, ..target(&path, Rotation::default()) };
    let mut forced = Recording::start(forced, |_| {}).unwrap();
    forced.begin().unwrap();
    forced.finish();
    assert!(read(&path).0.is_empty());
}

#[test]
fn names_are_written_again_only_when_they_changed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let (recording, _told) = recording(target(&path, Rotation::default()));
    for (at, names) in [(2, &["web"][..]), (3, &["web"]), (4, &["web", "app"])] {
        recording.learn(News::Directory(directory(at, names)));
        // Names may take only so much room a second.
        thread::sleep(Duration::from_millis(20));
    }
    recording.finish();
    let blocks = read(&path).1;
    assert_eq!(blocks.iter().map(|block| block.records.len()).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn a_forced_recording_does_not_replace_its_own_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab-%Y.pcapng");
    let rotation = Rotation { bytes: None, seconds: Some(1), files: None };
    let (recording, _told) = recording(Target { force: true, ..target(&path, rotation) });
    let mut recorder = recording.recorder(A);
    let first = wall_clock().as_nanos() + 2_000_000_000;
    let times: Vec<u64> = (0..5).map(|second| first + second * 1_000_000_000).collect();
    send(&mut recorder, &times, 60);
    recorder.end(Drops::default(), Timestamp::from_nanos(times[4]));
    assert!(!recording.finish().failed);
    let mut packets: Vec<_> = files(folder.path()).iter().flat_map(|name| read(&folder.path().join(name)).0).collect();
    packets.sort();
    assert_eq!(packets.into_iter().map(|(at, _)| at).collect::<Vec<_>>(), times, "{:?}", files(folder.path()));
}

#[test]
fn names_that_fill_a_file_leave_room_for_packets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let rotation = Rotation { bytes: Some(4096), seconds: None, files: None };
    let (recording, _told) = recording(target(&path, rotation));
    let names: Vec<String> = (0..50).map(|nth| format!("container-with-a-long-name-{nth}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    recording.learn(News::Directory(directory(2, &names)));
    let mut recorder = recording.recorder(A);
    send(&mut recorder, &(0..100).collect::<Vec<_>>(), 100);
    recorder.end(Drops::default(), Timestamp::from_nanos(100));
    assert!(!recording.finish().failed);
    let files = files(folder.path());
    let packets: usize = files.iter().map(|name| read(&folder.path().join(name)).0.len()).sum();
    assert_eq!(packets, 100);
    assert!(files.len() < 12, "{} files of 100 packets", files.len());
}

#[test]
fn who_went_just_before_a_file_began_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let rotation = Rotation { bytes: Some(2048), seconds: None, files: None };
    let (recording, _told) = recording(target(&path, rotation));
    // Long ago for the first file, and not for the packets that are held back.
    recording.learn(News::Directory(directory(2, &["app"])));
    let now = wall_clock().as_nanos();
    let mut recorder = recording.recorder(A);
    send(&mut recorder, &[now - 2_000_000, now - 1_000_000], 1500);
    recorder.end(Drops::default(), Timestamp::from_nanos(now));
    recording.finish();
    let names = files(folder.path());
    assert_eq!(names.len(), 2);
    let blocks = read(&folder.path().join(&names[1])).1;
    assert!(blocks[0].comment.contains("\"web\"") && !blocks[1].comment.contains("\"web\""), "{blocks:?}");
}

#[test]
fn the_last_file_ends_without_a_packet_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let rotation = Rotation { bytes: None, seconds: Some(1), files: Some(1) };
    let (_recording, told) = recording(target(&path, rotation));
    assert!(matches!(told.recv_timeout(Duration::from_secs(20)), Ok(Ended::Enough)));
    assert_eq!(files(folder.path()).len(), 1);
}

#[test]
fn what_is_heard_is_written_and_what_finds_no_room_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.pcapng");
    let (recording, _told) = recording(target(&path, Rotation::default()));
    let kept = || Kept { sockets: Some(Vec::new()), ..Kept::default() };
    recording.listener()(kept());
    // As while the disk is stuck.
    recording.backlog.waiting.fetch_add(MAX_HEARD, Ordering::AcqRel);
    recording.listener()(kept());
    let outcome = recording.finish();
    assert_eq!(outcome.unheard, 1);
    assert!(read(&path).1.iter().any(|block| block.comment.starts_with("{\"bridgetap_host\"")));
}
