//! Which container a process belongs to, by its control group.

/// The hexadecimal digits of a container's id.
const DIGITS: usize = 64;

/// The id of the container whose process has this `/proc/PID/cgroup` (`cgroups(7)`), in versions 1 and 2, by whichever
/// driver:
///
/// - `/docker/<id>` (Docker with cgroupfs), `/kubepods/…/<id>` (containerd);
/// - `/system.slice/docker-<id>.scope`, `libpod-<id>.scope`, `cri-containerd-<id>.scope`, `crio-<id>.scope` (systemd).
///
/// Of containers within containers it is the outermost, which is the one that this machine's daemon knows. `except` is
/// the container that the program itself runs in: what it sees below is inside of that.
pub fn container_of<'a>(cgroup: &'a str, except: Option<&str>) -> Option<&'a str> {
    let paths = cgroup.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    paths.flat_map(|path| path.split('/')).filter_map(id).find(|id| Some(*id) != except)
}

/// The id in one part of the path.
fn id(part: &str) -> Option<&str> {
    // containerd's systemd driver on cgroup v1: `kubepods-pod1.slice:cri-containerd:<id>`.
    let part = part.rsplit(':').next()?;
    let (kind, id) = match part.strip_suffix(".scope") {
        Some(scope) => scope.rsplit_once('-')?,
        None => ("", part),
    };
    // conmon watches a container of Podman or CRI-O from outside.
    let is_monitor = kind.ends_with("conmon");
    let is_id = id.len() == DIGITS && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_id && !is_monitor).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "20c2b24ef429b6cbf60b7b56658b2de6c07d7400f609b8d32ee9a67be125da2d";
    const B: &str = "aaaaaaaabbbbbbbbccccccccddddddddaaaaaaaabbbbbbbbccccccccdddddddd";

    #[test]
    fn every_driver_s_spelling_is_read() {
        for cgroup in [
            format!("9:name=systemd:/docker/{A}\n8:pids:/docker/{A}\n0::/docker/{A}\n"),
            format!("0::/system.slice/docker-{A}.scope\n"),
            format!("0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container\n"),
            format!("0::/machine.slice/libpod-{A}.scope\n"),
            format!("0::/kubepods.slice/kubepods-besteffort.slice/kubepods-pod1_2.slice/cri-containerd-{A}.scope\n"),
            format!("11:memory:/kubepods/burstable/pod0f8f7a3c-43a1-11ea-9cc4-0242ac110002/{A}\n"),
            format!("0::/../../docker/{A}/init.scope\n"),
            format!("1:name=systemd:/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:{A}\n"),
            format!("3:cpuset,cpu:/\n2:net_cls:/docker/{A}\n"),
        ] {
            assert_eq!(container_of(&cgroup, None), Some(A), "{cgroup}");
        }
    }

    #[test]
    fn what_is_no_container_has_none() {
        for cgroup in [
            "",
            "0::/\n",
            "0::/system.slice/docker.service\n",
            "0::/user.slice/user-1000.slice/session-3.scope\n",
            "4:memory:/process_api/70579b23c3946c6962445d1e87f4dd76\n",
            &format!("0::/machine.slice/libpod-conmon-{A}.scope\n"),
            &format!("0::/docker/{}\n", &A[1..]),
            &format!("0::/docker/{}\n", A.to_uppercase()),
            &format!("no colons /docker/{A}"),
        ] {
            assert_eq!(container_of(cgroup, None), None, "{cgroup}");
        }
    }

    #[test]
    fn of_containers_in_containers_it_is_the_one_that_this_daemon_knows() {
        let cgroup = format!("0::/docker/{A}/docker/{B}\n");
        assert_eq!(container_of(&cgroup, None), Some(A));
        assert_eq!(container_of(&cgroup, Some(A)), Some(B));
        assert_eq!(container_of(&format!("0::/docker/{A}\n"), Some(A)), None);
    }
}
