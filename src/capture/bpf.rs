//! Capture filters run here and not by the kernel: on the frames of a file.
//!
//! libpcap compiles them. Running them is ours, because the pcap crate takes the captured length for the length on the
//! wire, and `greater 1000` would be wrong for every frame that a snap length cut.

use pcap::{BpfInstruction, Capture, Linktype};

use super::LinkType;
use super::open::said;

/// One instruction of the classic BPF machine (the kernel's `Documentation/networking/filter.rst`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub code: u16,
    pub jump_true: u8,
    pub jump_false: u8,
    pub k: u32,
}

/// Words of memory that a program has.
const MEMORY: usize = 16;
/// More steps than the longest program has: `protochain` is a loop, which a hostile packet must not keep running.
const MAX_STEPS: usize = 65_536;
/// Loads from here on ask the Linux kernel for what is not in the packet (`SKF_AD_OFF`).
const KERNEL_DATA: u32 = 0xffff_f000;

/// A capture filter, compiled for one link type.
#[derive(Clone, Debug)]
pub struct Program {
    instructions: Vec<Instruction>,
}

impl Program {
    /// Compiles an expression of pcap-filter(7) for frames of that link type. An error is in libpcap's words.
    ///
    /// Names must not be in it: libpcap would ask its resolver for them.
    pub fn compile(expression: &str, link: LinkType) -> Result<Self, String> {
        let instructions = compile(expression, link, true)?;
        let asks_kernel = |at: &Instruction| at.code & 0xe7 == 0x20 && at.k >= KERNEL_DATA;
        if instructions.iter().any(asks_kernel) {
            return Err("it asks for what a file of this link type does not hold, such as inbound".to_owned());
        }
        Ok(Self { instructions })
    }

    /// Whether no frame can get through.
    pub fn is_empty(&self) -> bool {
        self.instructions.is_empty()
    }

    /// Whether it lets a frame through, of which `bytes` were captured and which had `wire_len` bytes on the wire.
    pub fn matches(&self, bytes: &[u8], wire_len: u32) -> bool {
        let mut machine = Machine { bytes, wire_len, a: 0, x: 0, memory: [0; MEMORY] };
        let mut at = 0_usize;
        for _ in 0..MAX_STEPS {
            let Some(instruction) = self.instructions.get(at) else { return false };
            match machine.step(*instruction) {
                Some(Step::On(jump)) => at = at.wrapping_add(1).wrapping_add_signed(jump),
                Some(Step::Return(length)) => return length > 0,
                None => return false,
            }
        }
        false
    }
}

/// Whether an expression compiles for a link type, also where only a live interface could run it.
pub fn check(expression: &str, link: LinkType) -> Result<(), String> {
    compile(expression, link, false).map(drop)
}

fn compile(expression: &str, link: LinkType, optimize: bool) -> Result<Vec<Instruction>, String> {
    // Only raw IP is numbered otherwise in files than in handles.
    let number = if link == LinkType::RAW { 12 } else { i32::from(link.0) };
    let handle = Capture::dead(Linktype(number)).map_err(|error| said(&error))?;
    match handle.compile(expression, optimize) {
        Ok(program) => Ok(instructions(program.get_instructions())),
        // Whatever it is: no packet fits it.
        Err(error) if rejects_all(&error) => Ok(Vec::new()),
        Err(error) => Err(said(&error)),
    }
}

/// Whether the optimiser found out that no packet fits the filter, which to libpcap is an error.
pub(super) fn rejects_all(error: &pcap::Error) -> bool {
    said(error).contains("rejects all packets")
}

/// The crate keeps the fields of its instructions to itself, but shows them: `code jt jf k`.
pub(super) fn instructions(compiled: &[BpfInstruction]) -> Vec<Instruction> {
    compiled.iter().map(|instruction| read(&instruction.to_string())).collect()
}

fn read(shown: &str) -> Instruction {
    let mut fields = shown.split(' ').map(|field| field.parse::<u32>().unwrap_or_default());
    let mut next = || fields.next().unwrap_or_default();
    Instruction { code: next() as u16, jump_true: next() as u8, jump_false: next() as u8, k: next() }
}

enum Step {
    /// To the next instruction and so many further.
    On(isize),
    /// So many bytes are wanted.
    Return(u32),
}

struct Machine<'a> {
    bytes: &'a [u8],
    wire_len: u32,
    a: u32,
    x: u32,
    memory: [u32; MEMORY],
}

impl Machine<'_> {
    /// Does one instruction; `None` where it loads from beyond the packet or is none, which ends with a no.
    fn step(&mut self, instruction: Instruction) -> Option<Step> {
        let Instruction { code, k, .. } = instruction;
        match code & 0x07 {
            0 => self.a = self.load(code, k)?,
            1 => self.x = if code & 0xe0 == 0xa0 { u32::from(self.byte(k)? & 0x0f) * 4 } else { self.load(code, k)? },
            2 => *self.memory.get_mut(k as usize)? = self.a,
            3 => *self.memory.get_mut(k as usize)? = self.x,
            4 => self.a = self.calculate(code, k)?,
            5 => return self.jump(instruction),
            6 => return Some(Step::Return(if code & 0x18 == 0x10 { self.a } else { k })),
            _ if code & 0x80 == 0 => self.x = self.a,
            _ => self.a = self.x,
        }
        Some(Step::On(0))
    }

    fn load(&self, code: u16, k: u32) -> Option<u32> {
        let at = match code & 0xe0 {
            0x00 => return Some(k),
            0x20 => k,
            0x40 => k.checked_add(self.x)?,
            0x60 => return self.memory.get(k as usize).copied(),
            0x80 => return Some(self.wire_len),
            _ => return None,
        };
        match code & 0x18 {
            0x00 => self.field::<4>(at).map(u32::from_be_bytes),
            0x08 => self.field::<2>(at).map(u16::from_be_bytes).map(u32::from),
            0x10 => self.byte(at).map(u32::from),
            _ => None,
        }
    }

    fn field<const N: usize>(&self, at: u32) -> Option<[u8; N]> {
        self.bytes.get(at as usize..)?.first_chunk::<N>().copied()
    }

    fn byte(&self, at: u32) -> Option<u8> {
        self.bytes.get(at as usize).copied()
    }

    fn calculate(&self, code: u16, k: u32) -> Option<u32> {
        let (a, by) = (self.a, if code & 0x08 == 0 { k } else { self.x });
        Some(match code & 0xf0 {
            0x00 => a.wrapping_add(by),
            0x10 => a.wrapping_sub(by),
            0x20 => a.wrapping_mul(by),
            0x30 => a.checked_div(by)?,
            0x40 => a | by,
            0x50 => a & by,
            0x60 => a.checked_shl(by).unwrap_or(0),
            0x70 => a.checked_shr(by).unwrap_or(0),
            0x80 => a.wrapping_neg(),
            0x90 => a.checked_rem(by)?,
            0xa0 => a ^ by,
            _ => return None,
        })
    }

    fn jump(&self, instruction: Instruction) -> Option<Step> {
        let Instruction { code, jump_true, jump_false, k } = instruction;
        let with = if code & 0x08 == 0 { k } else { self.x };
        let holds = match code & 0xf0 {
            // libpcap jumps back with it, where the kernel would not.
            0x00 => return Some(Step::On(k.cast_signed() as isize)),
            0x10 => self.a == with,
            0x20 => self.a > with,
            0x30 => self.a >= with,
            0x40 => self.a & with != 0,
            _ => return None,
        };
        Some(Step::On(isize::from(if holds { jump_true } else { jump_false })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPRESSIONS: [&str; 12] = [
        "tcp",
        "udp port 53",
        "host 172.18.0.2 and not port 80",
        "net 172.18.0.0/16 or ip6",
        "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
        "ip[2:2] - ((ip[0] & 0xf) << 2) > 40",
        "ip6 protochain 6",
        "vlan 5 and ip",
        "ip[8] % 3 == 1 or ip[8] / 2 ^ 1 == 3",
        "ether multicast",
        "portrange 1-1024",
        "icmp[icmptype] == icmp-echo",
    ];

    fn frames() -> Vec<Vec<u8>> {
        let (macs, v6) = ([[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]], [0xfd; 16]);
        let build = || etherparse::PacketBuilder::ethernet2(macs[0], macs[1]);
        let mut frames = vec![Vec::new(), vec![0; 13], vec![0xff; 60]];
        let mut add = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            write(&mut bytes);
            frames.push(bytes);
        };
        add(&|out| build().ipv4([172, 18, 0, 3], [172, 18, 0, 2], 64).udp(40000, 53).write(out, b"hello").unwrap());
        add(&|out| {
            build().ipv4([172, 18, 0, 2], [10, 0, 0, 1], 63).tcp(80, 5, 1, 9).syn().write(out, &[7; 99]).unwrap();
        });
        add(&|out| build().ipv6(v6, v6, 64).tcp(80, 5, 1, 9).write(out, &[7; 99]).unwrap());
        add(&|out| {
            build().single_vlan(5.try_into().unwrap()).ipv4([1; 4], [2; 4], 6).udp(1, 2).write(out, b"x").unwrap();
        });
        add(&|out| build().ipv4([1; 4], [2; 4], 62).icmpv4_echo_request(1, 2).write(out, b"x").unwrap());
        frames
    }

    #[test]
    fn it_decides_as_libpcap_does() {
        let handle = Capture::dead(Linktype(1)).unwrap();
        let (mut yes, mut no) = (0, 0);
        for expression in EXPRESSIONS {
            let ours = Program::compile(expression, LinkType::ETHERNET).unwrap();
            let theirs = handle.compile(expression, true).unwrap();
            for frame in frames() {
                // Every cut too: what is beyond the packet ends the program.
                for length in 0..=frame.len() {
                    let bytes = &frame[..length];
                    let decided = ours.matches(bytes, length as u32);
                    assert_eq!(decided, theirs.filter(bytes), "{expression} on {bytes:?}");
                    if decided { yes += 1 } else { no += 1 }
                }
            }
        }
        assert!(yes > 500 && no > 500, "{yes} and {no}");
    }

    #[test]
    fn a_length_is_that_on_the_wire() {
        let program = Program::compile("greater 1000", LinkType::ETHERNET).unwrap();
        assert!(program.matches(&[0; 60], 1500));
        assert!(!program.matches(&[0; 60], 60));
    }

    #[test]
    fn what_a_file_does_not_hold_is_refused() {
        assert!(Program::compile("inbound", LinkType::ETHERNET).unwrap_err().contains("inbound"));
        assert_eq!(check("inbound", LinkType::ETHERNET), Ok(()));
        assert!(Program::compile("tcp and", LinkType::ETHERNET).unwrap_err().contains("syntax error"));
    }

    #[test]
    fn what_no_packet_can_be_lets_none_through() {
        let program = Program::compile("tcp and udp", LinkType::ETHERNET).unwrap();
        assert!(program.is_empty());
        assert!(frames().iter().all(|frame| !program.matches(frame, frame.len() as u32)));
    }

    #[test]
    fn raw_ip_is_raw_ip() {
        let program = Program::compile("udp", LinkType::RAW).unwrap();
        assert!(program.matches(&frames()[3][14..], 60));
    }

    #[test]
    fn a_loop_without_end_ends() {
        let program =
            Program { instructions: vec![Instruction { code: 0x05, jump_true: 0, jump_false: 0, k: u32::MAX }] };
        assert!(!program.matches(&[], 0));
    }
}
