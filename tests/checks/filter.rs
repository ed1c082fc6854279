//! Capture filters: the expression, its names, and the program that libpcap makes of it.

use std::cell::OnceCell;

use bridgetap::capture::{LinkType, Program};
use bridgetap::docker::{Directory, Inspection};
use bridgetap::filter::{CaptureFilter, FilterError};
use unicode_width::UnicodeWidthStr;

use super::output::assert_text;

/// No expression here takes libpcap longer.
const LONGEST: usize = 300;
const INSPECTED: &str = r#"[
  {"Id": "aaaa1111", "Name": "/web", "Config": {"Image": "nginx", "Labels": {}}, "State": {"Running": true},
   "NetworkSettings": {"Networks": {"my_net": {"NetworkID": "cccc3333", "IPAddress": "172.18.0.2",
     "IPPrefixLen": 16, "Gateway": "172.18.0.1", "MacAddress": "02:42:ac:12:00:02", "GlobalIPv6Address": "fd00::2"}}}},
  {"Id": "cccc3333", "Name": "my_net", "Driver": "bridge", "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]},
   "Options": {}, "Containers": {}}
]"#;

thread_local! {
    static DIRECTORY: OnceCell<Directory> = const { OnceCell::new() };
}

/// An expression up to the first NUL, then a packet.
pub fn filter(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let text = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let packet = parts.next().unwrap_or_default();
    if text.len() > LONGEST {
        return;
    }
    DIRECTORY.with(|directory| {
        let directory = directory.get_or_init(|| {
            let mut inspection = Inspection::default();
            inspection.add(INSPECTED).unwrap();
            inspection.directory()
        });
        if let Err(error) = used(&text, packet, directory) {
            assert_error(&error);
        }
    });
}

fn used(text: &str, packet: &[u8], directory: &Directory) -> Result<(), FilterError> {
    let mut filter = CaptureFilter::parse(text)?;
    filter.resolve(directory, Some("the daemon is away"))?;
    assert!(!filter.follow(directory), "nothing has changed");
    filter.check()?;
    let owner = directory.container_by_name("web").map(AsRef::as_ref);
    assert!(owner.is_some());
    for text in [filter.text(None), filter.text(owner)] {
        for link in [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW] {
            if let Ok(program) = Program::compile(&text, link) {
                let matches = program.matches(packet, packet.len() as u32);
                assert!(!matches || !program.is_empty());
            }
        }
    }
    Ok(())
}

fn assert_error(error: &FilterError) {
    let [shown, pointer] = error.pointer();
    let text = error.to_string();
    for text in [&shown, &pointer] {
        assert_text(text.as_bytes(), false, "a pointer");
        assert!(text.width() <= 80 && !text.contains('\n'), "{text}");
    }
    assert!(pointer.contains('^'), "{pointer}");
    assert!(!text.is_empty() && text.len() < 2000, "{text}");
    assert!(error.expression.get(error.span.clone()).is_some(), "{error:?}");
}
