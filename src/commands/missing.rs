//! What to say of a target that cannot be watched: what it could be instead, when it stopped, or where it is.

use super::targets::{Kind, Subject, Target, Unresolved};
use crate::capture::wall_clock;
use crate::docker::{DaemonConfig, DaemonEndpoint, Directory, Stopped, stopped};

/// Why a target is not there, and what to do about it. May ask the daemon once more, for containers that do not run.
pub(super) fn why(
    target: &Target,
    unresolved: &Unresolved,
    directory: &Directory,
    interfaces: &[String],
    config: &DaemonConfig,
) -> String {
    let Target { name, kind } = target;
    if let Unresolved::Ambiguous(forms) = unresolved {
        return ambiguous(name, forms);
    }
    let others = match kind {
        None | Some(Kind::Container) => stopped::ask(&config.environment, name).unwrap_or_default(),
        _ => stopped::StoppedContainers::default(),
    };
    if let Some(stopped) = others.wanted {
        let start = format!("start it with docker start {}, or wait for it with --wait", stopped.name);
        return format!("{}; {start}", what_became_of(&stopped));
    }
    let what = target.what();
    match target.nearest(directory, interfaces, &others.names) {
        Some(near) => format!("{name}: no such {what}; did you mean {near}?"),
        None => format!("{name}: no such {what}; {}, and --wait waits for it", listing(*kind)),
    }
}

/// `web could be net:web or container:web; write one of them`.
pub(super) fn ambiguous(name: &str, forms: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<_> = forms.iter().take(SHOWN).map(String::as_str).collect();
    let more = match forms.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" or one of {more} more"),
    };
    format!("{name} could be {}{more}: write one of these", shown.join(" or "))
}

fn listing(kind: Option<Kind>) -> &'static str {
    match kind {
        None => "docker network ls, docker ps and ip link show those there are",
        Some(Kind::Network) => "docker network ls shows those there are",
        Some(Kind::Container | Kind::Service) => "docker ps shows those there are",
        Some(Kind::Interface) => "ip link shows those there are",
    }
}

/// `web stopped 5 minutes ago, at 2026-11-21T07:53:02Z, with exit code 137`.
fn what_became_of(stopped: &Stopped) -> String {
    let Stopped { name, at, exit_code, out_of_memory, error } = stopped;
    let Some(at) = at else {
        let failed = if error.is_empty() { String::new() } else { format!(": {error}") };
        return format!("{name} was created and never started{failed}");
    };
    let now = i64::try_from(wall_clock().as_nanos() / 1_000_000_000).unwrap_or(i64::MAX);
    let why = if *out_of_memory { ", out of memory" } else { "" };
    let seconds = at.as_second();
    let when = jiff::Timestamp::from_second(seconds).unwrap_or(*at);
    format!("{name} stopped {} ago, at {when}, with exit code {exit_code}{why}", span(now.saturating_sub(seconds)))
}

/// `5 minutes`: one unit is enough.
fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds >= *length).unwrap_or((1, "second"));
    let count = seconds / length;
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// Whether a thing cannot be watched by itself, and what to name instead.
pub(super) fn unwatchable(subject: &Subject, directory: &Directory) -> Option<String> {
    match subject {
        Subject::Network(network) if network.driver == "null" => {
            let is_on = |id: &&crate::docker::NetworkId| **id == network.id;
            let on_it = directory
                .containers()
                .find(|container| container.endpoints.iter().map(|endpoint| &endpoint.network).any(|id| is_on(&id)));
            let instead = on_it.map_or_else(
                || "name one of its containers when there is one".to_owned(),
                |container| format!("name a container on it, as in container:{}", container.name),
            );
            let name = &network.name;
            Some(format!("{name} connects nothing: each container on it has only its own loopback; {instead}"))
        }
        _ => None,
    }
}

/// Where the daemon's networks are, when they are not here; nothing where they are.
///
/// A daemon with no bridge at all gives no sign; then it is by its address. Otherwise the address means little: a
/// socket may be forwarded from another machine, and a port may be a proxy to this one's.
pub(super) fn elsewhere(directory: &Directory, interfaces: &[String], config: &DaemonConfig) -> Option<String> {
    let endpoint = config.environment.endpoint().ok()?;
    let mut bridges = directory.networks().filter_map(|network| network.interface.as_ref()).peekable();
    let has_bridges = bridges.peek().is_some();
    let are_here = bridges.any(|bridge| interfaces.contains(bridge));
    let is_here = are_here || directory.containers().any(|container| container.namespace.is_some());
    if is_here || (!has_bridges && endpoint.may_be_local()) {
        return None;
    }
    let there = match &endpoint {
        DaemonEndpoint::Unix(_) => {
            "run bridgetap on the machine of dockerd itself (in a container: docker run --network host --pid host)"
                .to_owned()
        }
        _ => format!("run bridgetap there (ssh {} sudo bridgetap watch)", endpoint.host().unwrap_or_default()),
    };
    Some(format!(
        "the networks of the Docker daemon at {endpoint} are not on this machine, and captures are local: {there}, or \
         name an interface of this machine, as in if:eth0"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_has_one_unit() {
        let spans = [-5, 0, 1, 59, 60, 3_599, 7_200, 86_400, 200_000].map(span);
        let expected = [
            "0 seconds",
            "0 seconds",
            "1 second",
            "59 seconds",
            "1 minute",
            "59 minutes",
            "2 hours",
            "1 day",
            "2 days",
        ];
        assert_eq!(spans, expected);
    }

    #[test]
    fn a_stopped_container_has_its_time_and_its_exit_code() {
        let at = Some("2020-01-01T00:00:00.5Z".parse().unwrap());
        let stopped = Stopped { name: "web".into(), at, exit_code: 137, out_of_memory: true, error: String::new() };
        let said = what_became_of(&stopped);
        assert!(said.starts_with("web stopped ") && said.contains(" days ago, at 2020-01-01T00:00:00Z"), "{said}");
        assert!(said.ends_with("with exit code 137, out of memory"), "{said}");
        let never = Stopped { at: None, error: "no such file".into(), ..stopped };
        assert_eq!(what_became_of(&never), "web was created and never started: no such file");
    }

    #[test]
    fn many_forms_are_cut_short() {
        let forms: Vec<_> = (0..20).map(|number| format!("container:c{number}")).collect();
        let said = ambiguous("c", &forms);
        assert!(said.contains("container:c7 or one of 12 more: write one of these") && !said.contains("c8"), "{said}");
    }
}
