//! Lookups: the log's answers are those that the resolver's client printed.

use serde_json::Value;

use super::lab::{Lab, address, exec};
use super::watching::{Ended, Watching, between};

/// The answers as dig prints them: name, time to live, type and data; a name without its last dot.
fn printed_answers(printed: &str) -> Vec<[String; 4]> {
    let records = printed.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';'));
    let record = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!((words.len(), words[2]), (5, "IN"), "{printed}");
        [words[0].trim_end_matches('.'), words[1], words[3], words[4]].map(str::to_owned)
    };
    records.map(record).collect()
}

fn logged_answers(lookup: &Value) -> Vec<[String; 4]> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let answers = lookup["response"]["answers"].as_array().expect("answers").iter();
    answers.map(|answer| [&answer["name"], &answer["ttl"], &answer["type"], &answer["data"]].map(text)).collect()
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn answers_are_those_that_dig_printed_over_udp_and_tcp() {
    let lab = Lab::up(&["user-bridge"]);
    lab.run("digger", &["--network", "my_bridge", "--network-alias", "spade"], &["bridgetap-lab", "sleep", "100"]);
    let watching = Watching::json(&["my_bridge"]);
    let questions = [
        ("container_a A", "udp"),
        ("container_b A +tcp", "tcp"),
        ("spade A", "udp"),
        ("example.test A", "udp"),
        ("example.test A +tcp", "tcp"),
        ("nobody.test A", "udp"),
        ("example.test AAAA", "udp"),
    ];
    let mut printed = Vec::new();
    for (question, _) in questions {
        printed.push(printed_answers(&exec("digger", &format!("dig +noall +answer +nocookie {question}"))));
    }
    let reverse = exec("digger", &format!("dig +short -x {}", address("container_a", "my_bridge")));
    let ended = watching.end();
    let all = ended.filter(|object| between(object, "dns", "digger", "docker-dns"));
    assert_eq!(all.len(), questions.len() + 1, "{all:#?}");
    for (((question, transport), printed), logged) in questions.iter().zip(&printed).zip(&all) {
        assert_eq!(logged["request"]["transport"], *transport, "{question}: {logged}");
        let mut asked = question.split(' ');
        assert_eq!(
            (asked.next(), asked.next()),
            (logged["request"]["name"].as_str(), logged["request"]["type"].as_str())
        );
        assert_eq!(logged_answers(logged), *printed, "{question}: {logged}");
    }
    assert_eq!(printed.iter().map(Vec::len).collect::<Vec<_>>(), [1, 1, 1, 1, 1, 0, 0], "{printed:?}");
    assert_eq!(printed[0][0][3], address("container_a", "my_bridge"));
    assert_eq!((&all[5]["outcome"], &all[5]["response"]["rcode"]), (&"failed".into(), &"NXDOMAIN".into()));
    assert_eq!(all[6]["outcome"], "answered");
    let answer = all[7]["response"]["answers"][0]["data"].as_str().expect("a name");
    assert_eq!(answer.trim_end_matches('.'), reverse.trim().trim_end_matches('.'));
}

fn failed_lookups(ended: &Ended) -> Vec<Value> {
    ended.filter(|object| between(object, "dns", "container_1", "10.88.0.2") && object["outcome"] == "failed")
}

#[test]
#[ignore = "needs a Docker engine and root; run by .ci/run"]
fn on_the_default_bridge_a_name_is_not_found_by_the_outside_server() {
    let _lab = Lab::up(&["default-bridge"]);
    let (json, text) = (Watching::json(&["docker0"]), Watching::text(&["net:bridge"]));
    let looked_up = exec("container_1", "nslookup container_2");
    let pinged = exec("container_1", "ping -c 1 container_2");
    let (json, text) = (json.end(), text.end());
    assert!(looked_up.contains("can't find container_2: NXDOMAIN"), "{looked_up}");
    assert!(pinged.contains("bad address 'container_2'"), "{pinged}");
    let failed = failed_lookups(&json);
    assert!(failed.len() >= 2, "{}", json.text);
    for lookup in &failed {
        assert_eq!((&lookup["network"], &lookup["interface"]), (&"bridge".into(), &"docker0".into()));
        assert_eq!(lookup["response"]["rcode"], "NXDOMAIN");
        assert_eq!(lookup["request"]["name"], "container_2");
        assert_eq!(lookup["server"]["address"], "10.88.0.2");
    }
    assert!(text.text.contains("A container_2 → NXDOMAIN"), "{}", text.text);
    assert!(json.filter(|object| object["kind"] == "ping").is_empty());
}
