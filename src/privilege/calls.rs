//! Calls that are never needed, and with root's capabilities would be the way to everything else (seccomp(2)).
//!
//! A list of what is forbidden and not of what is allowed: the latter is another one for each C library and each version of
//! it, and a log that ends because of an update would be switched off together with its sandbox. What is here is in no
//! code of bridgetap and of what it is made of, and is refused with EPERM, so that nothing dies of it.

use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::io;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter_all_threads,
};

/// Starting programs; other processes' memory and descriptors; mounting, and files past their paths; the kernel itself;
/// the clock; and calls that do others without being seen.
const FORBIDDEN: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_mknodat,
    libc::SYS_unshare,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    KEXEC_FILE_LOAD,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_reboot,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_vhangup,
];
/// Not every C library that Rust knows has it by name (musl on aarch64); by number it is the same for all others that
/// there is a filter for (`include/uapi/asm-generic/unistd.h`).
const KEXEC_FILE_LOAD: libc::c_long = if cfg!(target_arch = "x86_64") { 320 } else { 294 };
/// The same of old, which only this architecture has: ports of the machine, and devices.
#[cfg(target_arch = "x86_64")]
const FORBIDDEN_HERE: &[libc::c_long] = &[libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt, libc::SYS_mknod];
#[cfg(not(target_arch = "x86_64"))]
const FORBIDDEN_HERE: &[libc::c_long] = &[];
/// x32 (`arch/x86/entry/syscalls/syscall_64.tbl`): this bit with the numbers above, and numbers of its own for execve,
/// ptrace, `kexec_load`, `process_vm_readv`, `process_vm_writev` and execveat.
#[cfg(target_arch = "x86_64")]
const X32: (i64, &[i64]) = (0x4000_0000, &[520, 521, 528, 539, 540, 545]);

/// Forbids them to all threads, for good; and that the process gets privileges that it has not (`PR_SET_NO_NEW_PRIVS`),
/// which comes first and is for itself where the rest cannot be had.
///
/// # Errors
/// The kernel has no filters of calls (`CONFIG_SECCOMP_FILTER`), or there is none for this architecture.
pub fn forbid() -> io::Result<()> {
    nix::sys::prctl::set_no_new_privs()?;
    let program = program(ARCH).map_err(|error| io::Error::new(io::ErrorKind::Unsupported, error))?;
    apply_filter_all_threads(&program).map_err(|error| io::Error::new(io::ErrorKind::Unsupported, error.to_string()))
}

fn program(architecture: &str) -> Result<BpfProgram, String> {
    let target = TargetArch::try_from(architecture).map_err(|error| error.to_string())?;
    let filter = rules().and_then(|rules| {
        SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32), target)
    });
    filter.and_then(BpfProgram::try_from).map_err(|error| error.to_string())
}

fn rules() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let numbers = FORBIDDEN.iter().chain(FORBIDDEN_HERE).copied();
    // Without conditions: whatever the arguments are.
    let mut rules: BTreeMap<_, _> = numbers.map(|number| (number, Vec::new())).collect();
    // Of all namespaces that CAP_SYS_ADMIN enters, network namespaces only.
    let other = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, libc::CLONE_NEWNET as u64)?;
    rules.insert(libc::SYS_setns, vec![SeccompRule::new(vec![other])?]);
    #[cfg(target_arch = "x86_64")]
    {
        let (bit, own) = X32;
        let again: Vec<_> =
            rules.keys().map(|number| number | bit).chain(own.iter().map(|number| number | bit)).collect();
        rules.extend(again.into_iter().map(|number| (number, Vec::new())));
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a thread of its own, since what starts here is of others.
    #[test]
    fn what_is_forbidden_is_refused_and_nothing_dies_of_it() {
        let Ok(program) = program(ARCH) else { return };
        let held = std::thread::spawn(move || {
            seccompiler::apply_filter(&program).unwrap();
            let started = std::process::Command::new("true").status();
            let own = std::fs::File::open("/proc/self/ns/uts").unwrap();
            let entered = nix::sched::setns(own, nix::sched::CloneFlags::empty());
            let socket = std::net::UdpSocket::bind("127.0.0.1:0");
            let thread = std::thread::spawn(|| 7).join();
            (started.map_err(|error| error.kind()), entered, socket.is_ok(), thread.unwrap())
        });
        let (started, entered, has_socket, sum) = held.join().unwrap();
        assert_eq!(started.unwrap_err(), io::ErrorKind::PermissionDenied);
        assert_eq!(entered, Err(nix::errno::Errno::EPERM));
        assert!(has_socket && sum == 7);
    }

    #[test]
    #[cfg(all(target_arch = "x86_64", target_env = "gnu"))]
    fn a_call_by_number_is_the_one_that_is_meant() {
        assert_eq!(KEXEC_FILE_LOAD, libc::SYS_kexec_file_load);
    }

    #[test]
    fn there_is_a_program_for_the_architectures_that_matter() {
        for architecture in ["x86_64", "aarch64"] {
            let program = program(architecture).unwrap();
            // BPF_MAXINSNS of the kernel.
            assert!(program.len() > FORBIDDEN.len() && program.len() < 4096, "{}", program.len());
        }
        assert!(program("m68k").is_err());
    }
}
