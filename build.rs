//! How the program is linked: addresses in it that depend on where it is loaded, of which there are 14,000, are kept packed
//! (`DT_RELR`, <https://maskray.me/blog/2021-10-31-relative-relocations-and-relr>), which is 300 KB less of it. A linker
//! that does not know how says so and does without; a C library that cannot read them comes with such a linker.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |what: &str, value: &str| std::env::var(what).is_ok_and(|is| is == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}
