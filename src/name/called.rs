//! What a container is called, in each way of naming.

use std::borrow::Cow;
use std::sync::Arc;

use ahash::AHashMap;

use crate::docker::{Container, Directory, Network, NetworkId};

/// What containers are called in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// The container's own name.
    #[default]
    Container,
    /// The compose service; the container's name where it has none.
    Service,
    /// The name that the client asked for, else an alias that it has on the network.
    Alias,
    /// `container.network`, which the name service answers too.
    Fqdn,
}

/// How many containers there are of each compose service: what a name must say to be one container's.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// By service, then project.
    groups: AHashMap<String, AHashMap<String, Group>>,
}

/// The running containers of one service.
#[derive(Debug)]
struct Group {
    /// The name of one of them.
    one: String,
    others: u32,
}

impl Services {
    pub fn of(directory: &Directory) -> Self {
        let mut groups: AHashMap<String, AHashMap<String, Group>> = AHashMap::new();
        for container in directory.containers() {
            let Some((project, service)) = &container.compose else { continue };
            let projects = groups.entry(service.clone()).or_default();
            match projects.get_mut(project) {
                Some(group) => group.others += 1,
                None => drop(projects.insert(project.clone(), Group { one: container.name.clone(), others: 0 })),
            }
        }
        Self { groups }
    }

    /// `web`; `web.2` where the service has several containers, `shop/web` where several projects have such a service.
    pub fn name<'a>(&self, container: &'a Container) -> Cow<'a, str> {
        let Some((project, service)) = &container.compose else { return Cow::Borrowed(&container.name) };
        let projects = self.groups.get(service);
        // By name: one that compose made anew in its place is the same to the reader.
        let is_alone = |group: &Group| group.others == 0 && group.one == container.name;
        let is_only_one = projects.is_none_or(|projects| projects.get(project).is_none_or(is_alone));
        let is_only_project = projects.is_none_or(|projects| projects.keys().all(|other| other == project));
        let number = (!is_only_one).then(|| number(&container.name, project, service));
        match (number, is_only_project) {
            // It was given a name of its own, or was renamed.
            (Some(None), _) => Cow::Borrowed(&container.name),
            (None, true) => Cow::Borrowed(service),
            (None, false) => Cow::Owned(format!("{project}/{service}")),
            (Some(Some(number)), true) => Cow::Owned(format!("{service}.{number}")),
            (Some(Some(number)), false) => Cow::Owned(format!("{project}/{service}.{number}")),
        }
    }
}

/// `2` of `shop-web-2`, as compose names containers; compose 1 did it with `_`. Of `compose run` it is `run-4f1c0a9b3d2e`.
fn number<'a>(name: &'a str, project: &str, service: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(project)?.strip_prefix(['-', '_'])?.strip_prefix(service)?;
    rest.strip_prefix(['-', '_']).filter(|number| !number.is_empty())
}

/// The first alias that says more than the container's name and id do.
pub(super) fn alias<'a>(container: &'a Container, network: Option<&NetworkId>) -> Option<&'a str> {
    let here = container.endpoints.iter().find(|endpoint| Some(&endpoint.network) == network);
    let aliases = here.map(|endpoint| endpoint.aliases.as_slice()).unwrap_or_default();
    aliases.iter().map(String::as_str).find(|alias| {
        let is_id = alias.len() >= SHORT_ID && container.id.0.starts_with(alias);
        !is_id && *alias != container.name && !alias.is_empty()
    })
}

/// Digits of the id that Docker gives to each container as its host name and as an alias.
const SHORT_ID: usize = 12;

/// What a container is called by `by`, in the way of [`Naming::Alias`].
pub(super) fn called_by<'a>(
    by: Option<&'a Arc<Container>>,
    container: &'a Container,
    network: Option<&Arc<Network>>,
    asked_as: Option<&'a str>,
) -> &'a str {
    let link = || link(by?, container);
    let alias = || alias(container, network.map(|network| &network.id));
    asked_as.or_else(link).or_else(alias).unwrap_or(&container.name)
}

/// What `client` calls `server` by a link. On the default bridge it stands in the client's `/etc/hosts`, so that no
/// lookup ever shows it.
pub(super) fn link<'a>(client: &'a Container, server: &Container) -> Option<&'a str> {
    let links = client.links.iter().filter(|link| link.container == server.name);
    links.map(|link| link.alias.as_str()).find(|alias| *alias != server.name && !alias.is_empty())
}

/// `container.network`.
pub(super) fn fqdn<'a>(container: &'a Container, network: Option<&Arc<Network>>) -> Cow<'a, str> {
    match network {
        Some(network) => Cow::Owned(format!("{}.{}", container.name, network.name)),
        None => Cow::Borrowed(&container.name),
    }
}

/// How the Directory spells a name that was asked for: a resolver may mix upper and lower case at random, so that answers
/// are harder to forge, and names are the same in either (RFC 4343). Names that it does not know are lower case.
pub(super) fn spelled(asked: &str, holder: Option<&Container>, network: Option<&Arc<Network>>) -> String {
    let known = holder.into_iter().flat_map(|holder| {
        let endpoint = holder.endpoints.iter().find(|there| network.is_some_and(|here| here.id == there.network));
        let aliases = endpoint.into_iter().flat_map(|endpoint| &endpoint.aliases);
        aliases.chain([&holder.name]).map(String::as_str)
    });
    let network = network.map_or("", |network| &network.name);
    for known in known {
        let Some((same, rest)) = asked.split_at_checked(known.len()) else { continue };
        if !same.eq_ignore_ascii_case(known) {
            continue;
        }
        if rest.is_empty() {
            return known.to_owned();
        }
        if rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(network)) {
            return format!("{known}.{network}");
        }
    }
    asked.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::{ContainerId, Link};

    fn container(id: &str, name: &str, compose: Option<(&str, &str)>) -> Container {
        Container {
            id: ContainerId(id.into()),
            name: name.to_owned(),
            image: String::new(),
            compose: compose.map(|(project, service)| (project.to_owned(), service.to_owned())),
            endpoints: Vec::new(),
            published: Vec::new(),
            links: Vec::new(),
            namespace: None,
        }
    }

    fn names(containers: &[Container]) -> Vec<String> {
        let at = crate::time::Timestamp::ZERO;
        let services = Services::of(&Directory::from_listing(Vec::new(), containers.to_vec(), Vec::new(), at));
        containers.iter().map(|container| services.name(container).into_owned()).collect()
    }

    #[test]
    fn a_service_says_as_much_as_is_needed_to_tell_it_apart() {
        let web = |n: u32| container(&format!("w{n}"), &format!("shop-web-{n}"), Some(("shop", "web")));
        let db = container("d1", "shop_db_1", Some(("shop", "db")));
        let lone = container("l1", "lone", None);
        assert_eq!(names(&[web(1), db.clone(), lone]), ["web", "db", "lone"]);
        assert_eq!(names(&[web(1), web(2), db]), ["web.1", "web.2", "db"]);
        let old = |n: u32| container(&format!("o{n}"), &format!("old_web_{n}"), Some(("old", "web")));
        assert_eq!(names(&[web(1), old(1), old(2)]), ["shop/web", "old/web.1", "old/web.2"]);
        let run = container("r1", "shop-web-run-4f1c", Some(("shop", "web")));
        let renamed = container("x1", "front", Some(("shop", "web")));
        assert_eq!(names(&[web(1), run, renamed]), ["web.1", "web.run-4f1c", "front"]);
    }

    #[test]
    fn a_container_that_is_gone_is_told_from_those_that_are_left() {
        let web = |n: u32| container(&format!("w{n}"), &format!("shop-web-{n}"), Some(("shop", "web")));
        let at = crate::time::Timestamp::ZERO;
        let services = Services::of(&Directory::from_listing(Vec::new(), vec![web(1)], Vec::new(), at));
        let made_anew = Container { id: ContainerId("w9".into()), ..web(1) };
        let name = |container: &Container| services.name(container).into_owned();
        assert_eq!([name(&web(1)), name(&web(2)), name(&made_anew)], ["web", "web.2", "web"]);
    }

    #[test]
    fn a_link_names_the_container_that_has_the_name_now() {
        let mut client = container("c1", "client", None);
        for (to, alias) in [("db", "db"), ("db", "database"), ("cache", "store")] {
            client.links.push(Link { container: to.to_owned(), alias: alias.to_owned() });
        }
        let server = |name| container("s1", name, None);
        let alias = |name| link(&client, &server(name));
        assert_eq!([alias("db"), alias("cache"), alias("other")], [Some("database"), Some("store"), None]);
    }
}
