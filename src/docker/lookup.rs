//! Finds what a person named: by name, then by the beginning of an id, or else the nearest name to suggest.

use std::sync::Arc;

/// Longest name, in bytes, that is compared for likeness: the comparison takes the product of both lengths.
const MAX_COMPARED: usize = 256;

/// What looking something up by name or id came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// Just one.
    Found(Arc<T>),
    /// Several, each as `name (first twelve of the id)`.
    Ambiguous(Vec<String>),
    /// None.
    NotFound {
        /// The name that is most like the wanted one, where one is like it at all.
        nearest: Option<String>,
    },
}

/// Looks for `wanted` among (id, name, thing).
pub(crate) fn find<'a, T: 'a>(
    candidates: impl Iterator<Item = (&'a str, &'a str, &'a Arc<T>)> + Clone,
    wanted: &str,
) -> Lookup<T> {
    let by_name = candidates.clone().filter(|(_, name, _)| *name == wanted);
    if let Some(found) = one_of(by_name) {
        return found;
    }
    let is_id = !wanted.is_empty() && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = wanted.to_ascii_lowercase();
    let by_id = candidates.clone().filter(|(full, _, _)| is_id && full.starts_with(&id));
    if let Some(found) = one_of(by_id) {
        return found;
    }
    Lookup::NotFound { nearest: nearest(candidates.map(|(_, name, _)| name), wanted) }
}

fn one_of<'a, T: 'a>(found: impl Iterator<Item = (&'a str, &'a str, &'a Arc<T>)>) -> Option<Lookup<T>> {
    let found: Vec<_> = found.collect();
    match found.as_slice() {
        [] => None,
        [(_, _, only)] => Some(Lookup::Found(Arc::clone(only))),
        several => {
            let names = several.iter().map(|(id, name, _)| format!("{name} ({})", id.get(..12).unwrap_or(id)));
            Some(Lookup::Ambiguous(names.collect()))
        }
    }
}

/// The name with the fewest typing mistakes between it and `wanted`, if at most a third of the letters are wrong.
pub fn nearest<'a>(names: impl Iterator<Item = &'a str>, wanted: &str) -> Option<String> {
    if wanted.len() > MAX_COMPARED {
        return None;
    }
    let tolerated = (wanted.chars().count() / 3).max(1);
    names
        .filter(|name| name.len() <= MAX_COMPARED)
        .map(|name| (strsim::damerau_levenshtein(name, wanted), name))
        .filter(|(mistakes, _)| *mistakes <= tolerated)
        .min()
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(wanted: &str) -> Lookup<u8> {
        let things = [Arc::new(1), Arc::new(2), Arc::new(3), Arc::new(4)];
        let named = [
            ("ab12ffffffffffff", "my_bridge", &things[0]),
            ("ab13ffffffffffff", "web", &things[1]),
            ("cd00ffffffffffff", "ab1", &things[2]),
            ("ef00ffffffffffff", "web2", &things[3]),
        ];
        find(named.into_iter(), wanted)
    }

    #[test]
    fn a_name_comes_before_an_id() {
        assert_eq!(look("ab1"), Lookup::Found(Arc::new(3)));
        assert_eq!(look("ab12"), Lookup::Found(Arc::new(1)));
        assert_eq!(look("E"), Lookup::Found(Arc::new(4)));
        assert_eq!(look("ab"), Lookup::Ambiguous(vec!["my_bridge (ab12ffffffff)".into(), "web (ab13ffffffff)".into()]));
    }

    #[test]
    fn a_mistyped_name_gets_a_suggestion() {
        assert_eq!(look("my-brigde"), Lookup::NotFound { nearest: Some("my_bridge".into()) });
        assert_eq!(look("database"), Lookup::NotFound { nearest: None });
        assert_eq!(look(""), Lookup::NotFound { nearest: None });
        assert_eq!(look(&"x".repeat(100_000)), Lookup::NotFound { nearest: None });
    }
}
