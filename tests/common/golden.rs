//! Comparing with files that are kept, and writing them anew with `BLESS=1`.

use std::path::PathBuf;

use super::root;

/// The folder of the files that are kept.
pub fn folder() -> PathBuf {
    root().join("tests/golden")
}

/// Whether they shall be written anew.
pub fn bless() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value == "1")
}

/// Compares with `tests/golden/NAME`, or writes it. What differs, line by line.
pub fn compare(name: &str, actual: &str) -> Result<(), String> {
    let path = folder().join(name);
    if bless() {
        std::fs::create_dir_all(folder()).unwrap();
        std::fs::write(&path, actual).unwrap();
        return Ok(());
    }
    let expected = std::fs::read_to_string(&path)
        .map_err(|error| format!("tests/golden/{name}: {error}; BLESS=1 writes it, then read it"))?;
    if expected == actual {
        Ok(())
    } else {
        Err(format!("tests/golden/{name} (-) and now (+):\n{}", diff(&expected, actual)))
    }
}

/// The lines that differ, `-` before, `+` now, with where they are, by the longest common subsequence.
pub fn diff(before: &str, now: &str) -> String {
    let (a, b): (Vec<_>, Vec<_>) = (before.split('\n').collect(), now.split('\n').collect());
    let mut common = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i][j] = if a[i] == b[j] { common[i + 1][j + 1] + 1 } else { common[i + 1][j].max(common[i][j + 1]) };
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == b.len() || (i < a.len() && common[i + 1][j] >= common[i][j + 1]) {
            lines.push(format!("{:4} -{}", i + 1, a[i]));
            i += 1;
        } else {
            lines.push(format!("{:4} +{}", j + 1, b[j]));
            j += 1;
        }
    }
    lines.join("\n")
}
