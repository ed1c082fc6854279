//! What the kernel has: by its own configuration, or else by its modules. Nothing is tried, since that would load them.

use std::env;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;

use super::facts::first_line;
use crate::doctor::{Feature, Kernel};

/// Longest configuration that is read, in bytes; one of a distribution has 300 KiB.
const MAX_CONFIG: u64 = 4 << 20;

/// The kernel of this machine.
pub(super) fn kernel() -> Kernel {
    let release = first_line("/proc/sys/kernel/osrelease").unwrap_or_default();
    let config = config(&release);
    let modules = Path::new("/lib/modules").join(&release);
    let list = |name: &str| fs::read_to_string(modules.join(name)).unwrap_or_default();
    let known = Known { config, builtin: list("modules.builtin"), loadable: list("modules.dep") };
    let feature = |option, module: &str| {
        if Path::new("/sys/module").join(module).exists() { Feature::Present } else { known.feature(option, module) }
    };
    let there = |path: &str, feature| if Path::new(path).exists() { Feature::Present } else { feature };
    Kernel {
        machine: env::consts::ARCH.to_owned(),
        packet: there("/proc/net/packet", known.feature("CONFIG_PACKET", "af_packet")),
        namespaces: there("/proc/self/ns/net", known.feature("CONFIG_NET_NS", "net_ns")),
        conntrack: feature("CONFIG_NF_CT_NETLINK", "nf_conntrack_netlink"),
        vxlan: feature("CONFIG_VXLAN", "vxlan"),
        macvlan: feature("CONFIG_MACVLAN", "macvlan"),
        ipvlan: feature("CONFIG_IPVLAN", "ipvlan"),
        release,
    }
}

/// What is known of how it was built; each is empty where it is not there.
struct Known {
    /// As `/proc/config.gz` has it.
    config: String,
    /// `modules.builtin`: the paths of what would be modules.
    builtin: String,
    /// `modules.dep`.
    loadable: String,
}

impl Known {
    fn feature(&self, option: &str, module: &str) -> Feature {
        let set = |value: &str| self.config.lines().any(|line| line == format!("{option}={value}"));
        let file = format!("/{module}.ko");
        if set("y") || self.builtin.lines().any(|line| line.ends_with(&file)) {
            return Feature::Present;
        }
        if self.loadable.lines().any(|line| line.split(':').next().is_some_and(|path| path.contains(&file))) {
            return Feature::Loadable;
        }
        match (set("m"), self.config.is_empty() && self.builtin.is_empty()) {
            // Its module may be in no folder that is seen from here.
            (true, _) => Feature::Loadable,
            (false, true) => Feature::Unknown,
            (false, false) => Feature::Absent,
        }
    }
}

fn config(release: &str) -> String {
    let mut text = String::new();
    let read = File::open("/proc/config.gz")
        .and_then(|file| GzDecoder::new(file).take(MAX_CONFIG).read_to_string(&mut text))
        .or_else(|_| {
            text.clear();
            File::open(format!("/boot/config-{release}"))?.take(MAX_CONFIG).read_to_string(&mut text)
        });
    if read.is_ok() { text } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_is_told_by_configuration_or_modules() {
        let known = |config: &str, builtin: &str, loadable: &str| Known {
            config: config.into(),
            builtin: builtin.into(),
            loadable: loadable.into(),
        };
        let vxlan = |known: Known| known.feature("CONFIG_VXLAN", "vxlan");
        assert_eq!(vxlan(known("CONFIG_VXLAN=y\n", "", "")), Feature::Present);
        assert_eq!(vxlan(known("CONFIG_VXLAN=m\n", "", "")), Feature::Loadable);
        assert_eq!(vxlan(known("# CONFIG_VXLAN is not set\n", "", "")), Feature::Absent);
        assert_eq!(vxlan(known("CONFIG_VXLAN_OTHER=y\n", "", "")), Feature::Absent);
        assert_eq!(vxlan(known("", "kernel/drivers/net/vxlan.ko\n", "")), Feature::Present);
        let modules = "kernel/drivers/net/vxlan/vxlan.ko.zst: kernel/net/udp_tunnel.ko.zst\n";
        assert_eq!(vxlan(known("", "kernel/fs/ext4.ko\n", modules)), Feature::Loadable);
        assert_eq!(vxlan(known("", "kernel/fs/ext4.ko\n", "")), Feature::Absent);
        assert_eq!(vxlan(known("", "", "")), Feature::Unknown);
    }
}
