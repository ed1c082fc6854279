//! Containers that do not run: the Directory has none of them, but who names one wants to hear what became of it.

use jiff::Timestamp;

use bollard::models::ContainerState;

use crate::docker::connect::Environment;
use crate::docker::directory::ContainerId;
use crate::docker::error::DaemonError;
use crate::docker::listing::Daemon;

/// A container that does not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Its name.
    pub name: String,
    /// When it stopped; `None` of one that was created and never started.
    pub at: Option<Timestamp>,
    /// What its process ended with: 0 to 255, and 128 more than the number of the signal that killed it.
    pub exit_code: i64,
    /// Killed because its memory was used up.
    pub out_of_memory: bool,
    /// Why it could not be started, in the daemon's words; as hostile as any.
    pub error: String,
}

/// What there is beside the running containers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoppedContainers {
    /// The one that was asked for.
    pub wanted: Option<Stopped>,
    /// The names of all.
    pub names: Vec<String>,
}

/// Asks the daemon for the container `wanted`, by its name or the beginning of its id, among those that do not run.
///
/// Waits for the daemon's answer, some seconds at most: for the start of the program.
///
/// # Errors
/// The daemon cannot be asked.
pub fn ask(environment: &Environment, wanted: &str) -> Result<StoppedContainers, DaemonError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| DaemonError::NoThread { detail: error.to_string() })?;
    runtime.block_on(async {
        let daemon = Daemon::connect(&environment.endpoint()?).await?;
        let listed = daemon.list_stopped().await?;
        let found = find(&listed, wanted);
        let wanted = match found {
            Some((name, id)) => daemon.state(id).await?.map(|state| stopped(name, state)),
            None => None,
        };
        Ok(StoppedContainers { wanted, names: listed.into_iter().map(|(name, _)| name).collect() })
    })
}

fn find<'a>(listed: &'a [(String, ContainerId)], wanted: &str) -> Option<&'a (String, ContainerId)> {
    let is_id = !wanted.is_empty() && wanted.bytes().all(|byte| byte.is_ascii_hexdigit());
    let id = wanted.to_ascii_lowercase();
    let mut by_id = listed.iter().filter(|(_, full)| is_id && full.0.starts_with(&id));
    let only = by_id.next().filter(|_| by_id.next().is_none());
    listed.iter().find(|(name, _)| name == wanted).or(only)
}

fn stopped(name: &str, state: ContainerState) -> Stopped {
    // The daemon has year 1 for what never was.
    let at = state.finished_at.and_then(|text| text.parse::<Timestamp>().ok()).filter(|at| *at > Timestamp::UNIX_EPOCH);
    Stopped {
        name: name.to_owned(),
        at,
        exit_code: state.exit_code.unwrap_or_default(),
        out_of_memory: state.oom_killed.unwrap_or_default(),
        error: state.error.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_state_is_understood() {
        let state = ContainerState {
            finished_at: Some("2026-11-21T07:53:02.123456789Z".into()),
            exit_code: Some(137),
            oom_killed: Some(true),
            error: Some("why".into()),
            ..ContainerState::default()
        };
        let found = stopped("web", state);
        assert_eq!((found.name.as_str(), found.exit_code, found.error.as_str()), ("web", 137, "why"));
        assert_eq!(
            (found.at.map(|at| at.to_string()).as_deref(), found.out_of_memory),
            (Some("2026-11-21T07:53:02.123456789Z"), true)
        );
        let never = ContainerState { finished_at: Some("0001-01-01T00:00:00Z".into()), ..ContainerState::default() };
        assert_eq!(stopped("new", never).at, None);
    }

    #[test]
    fn one_is_found_by_name_or_a_beginning_of_its_id() {
        let listed = [
            ("ab".to_owned(), ContainerId("cd00".into())),
            ("web".to_owned(), ContainerId("ab01".into())),
            ("db".to_owned(), ContainerId("ab02".into())),
        ];
        let look = |wanted| find(&listed, wanted).map(|(name, _)| name.as_str());
        assert_eq!(look("ab"), Some("ab"));
        assert_eq!(look("AB02"), Some("db"));
        assert_eq!((look("ab0"), look(""), look("we")), (None, None, None));
    }
}
