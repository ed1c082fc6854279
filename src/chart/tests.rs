use super::*;
use crate::latency::random::Random;
use crate::time::Timestamp;

/// What a chart borrows.
#[derive(Default)]
struct Recorded {
    series: Vec<(String, Distribution)>,
    timeline: Timeline,
}

/// 2023-11-14, 22:13:20.
const BEGAN: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

impl Recorded {
    /// `count` times of each series, spread evenly over so many nanoseconds.
    fn of(labels: &[&str], count: u64, nanos: u64, mut latency: impl FnMut(&mut Random, usize, f64) -> u64) -> Self {
        let mut random = Random::new(7);
        let mut recorded = Self::default();
        for (number, label) in labels.iter().enumerate() {
            let mut times = Distribution::default();
            for time in 0..count {
                let share = time as f64 / count as f64;
                let took = latency(&mut random, number, share);
                times.record(took);
                recorded.timeline.record(Timestamp::from_nanos(BEGAN + (share * nanos as f64) as u64), took);
            }
            recorded.series.push(((*label).to_owned(), times));
        }
        recorded
    }

    fn panel(&self, measure: Measure) -> Panel<'_> {
        let curves = self.series.iter().map(|(label, times)| Curve { label: label.clone(), times }).collect();
        Panel { measure, curves, timeline: &self.timeline }
    }

    fn unanswered(mut self, after: impl Iterator<Item = u64>) -> Self {
        after.for_each(|after| self.timeline.unanswered(Timestamp::from_nanos(BEGAN + after)));
        self
    }
}

fn few() -> Recorded {
    Recorded::of(&["web → db:5432"], 10, SECOND / 11, |random, _, _| random.latency(3e5, 0.5))
}

fn one() -> Recorded {
    Recorded::of(&["a → b"], 1, 1, |_, _, _| 45_000)
}

/// Two humps that wander, and a while of slow ones and of some that were lost.
fn many(count: u64) -> Recorded {
    let labels = ["web → api:80", "api → db:5432", "api → cache:6379", "worker → db:5432", "web → auth.example:8443"];
    let recorded = Recorded::of(&labels, count, 600 * SECOND, |random, number, share| {
        let slow = random.share() < if (0.6..0.65).contains(&share) { 0.5 } else { 0.02 };
        let median = 2e5 * (number + 1) as f64 * (1.0 + share * 2.0);
        if slow { random.latency(median * 60.0, 0.3) } else { random.latency(median, 0.25) }
    });
    recorded.unanswered((0..30).map(|lost| (360 + lost) * SECOND))
}

const HOSTILE: [&str; 5] = [
    "<script>alert(1)</script> & \"co\"",
    "a\u{1b}[2J\u{202e}evil\nline",
    "]]>&#0;\u{0}\u{ffff}",
    "数据库 → größe",
    "",
];

fn hostile() -> Recorded {
    let long = "very-long-service-name_".repeat(4000);
    let labels: Vec<_> = HOSTILE.into_iter().chain([&*long, "y", "z", "left out", "left out too"]).collect();
    Recorded::of(&labels, 100, 3 * SECOND, |random, number, _| random.latency(1e4 * 3_f64.powi(number as i32), 0.4))
}

fn chart<'a>(title: &str, panels: impl IntoIterator<Item = Panel<'a>>) -> Chart<'a> {
    Chart { title: title.into(), zone: TimeZone::UTC, panels: panels.into_iter().collect() }
}

/// The text of an SVG, in order. It must be well-formed.
fn texts(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let texts = document.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect()
}

/// The shapes of that name and colour: the numbers of the given attributes, in pixels.
fn shapes<const N: usize>(svg: &str, name: &str, color: &str, attributes: [&str; N]) -> Vec<[f64; N]> {
    let document = roxmltree::Document::parse(svg).unwrap();
    let colored = |node: &roxmltree::Node| [node.attribute("fill"), node.attribute("stroke")].contains(&Some(color));
    let shapes = document.descendants().filter(|node| node.has_tag_name(name) && colored(node));
    let number = |text: &str| text.parse::<f64>().unwrap() / f64::from(text::px(1));
    shapes.map(|node| attributes.map(|attribute| number(node.attribute(attribute).unwrap()))).collect()
}

/// Width, height, and the pixels as red, green, blue and opacity.
fn decoded(bytes: &[u8]) -> (u32, u32, Vec<[u8; 4]>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!((info.color_type, info.bit_depth), (png::ColorType::Rgba, png::BitDepth::Eight));
    (info.width, info.height, pixels.chunks_exact(4).map(|pixel| pixel.try_into().unwrap()).collect())
}

/// Both pictures; kept where `BRIDGETAP_CHARTS` names a folder, for who wants to look at them.
fn drawn(name: &str, chart: &Chart<'_>) -> (String, Vec<u8>) {
    let (svg, png) = (svg(chart).unwrap(), png(chart).unwrap());
    if let Some(folder) = std::env::var_os("BRIDGETAP_CHARTS").map(std::path::PathBuf::from) {
        std::fs::write(folder.join(format!("{name}.svg")), &svg).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), &png).unwrap();
    }
    (svg, png)
}

#[test]
fn a_panel_says_what_it_shows() {
    let many = many(2000);
    let (svg, _) = drawn("many", &chart("bridgetap latency shop_default", [many.panel(Measure::FirstByte)]));
    let texts = texts(&svg);
    for expected in [
        "bridgetap latency shop_default",
        "first-byte: end of a request to the first byte of its answer",
        "percentile",
        "time, 2023-11-14 UTC",
        "0 %",
        "50 %",
        "99.9 %",
        "1 ms",
        "100 ms",
        "22:14",
        "22:22",
        "web → api:80 (2000 times)",
        "web → auth.example:8443 (2000 times)",
        "times in a cell",
        "30 unanswered",
    ] {
        assert!(texts.iter().any(|text| text == expected), "{expected} is not in {texts:?}");
    }
    assert!(svg.starts_with("<svg width=\"1200\" height=\"462\" viewBox=\"0 0 4800 1848\""), "{}", &svg[..80]);
}

#[test]
fn curves_are_where_their_percentiles_are() {
    let mut recorded = Recorded::default();
    let mut times = Distribution::default();
    // Half of them 1 ms, and the slowest tenth 10 ms.
    (1..=1000).for_each(|number| times.record(if number <= 900 { 1_000_000 } else { 10_000_000 }));
    recorded.series.push(("a".into(), times));
    let (svg, _) = drawn("steps", &chart("steps", [recorded.panel(Measure::Ping)]));
    let document = roxmltree::Document::parse(&svg).unwrap();
    let curve = document
        .descendants()
        .find(|node| node.has_tag_name("polyline") && node.attribute("stroke") == Some("#0072B2"));
    let points: Vec<(f64, f64)> = curve
        .and_then(|curve| curve.attribute("points"))
        .unwrap()
        .split_whitespace()
        .map(|point| point.split_once(',').unwrap())
        .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
        .collect();
    assert!(texts(&svg).iter().any(|text| text == "not known over time"));
    // Where the numbers at the axes stand.
    let label = |text: &str, side: &str| {
        let label = document.descendants().find(|node| node.text().is_some_and(|found| found.trim() == text)).unwrap();
        label.attribute(side).unwrap().parse::<f64>().unwrap()
    };
    let near = |one: f64, other: f64| (one - other).abs() <= 2.0;
    let (first, last) = (points[0], *points.last().unwrap());
    assert!(near(first.0, label("0 %", "x")) && near(first.1, label("1 ms", "y")), "{points:?}");
    assert!(near(last.0, label("99.9 %", "x")) && near(last.1, label("10 ms", "y")), "{points:?}");
    let at_p90 = points.iter().find(|(x, _)| near(*x, label("90 %", "x"))).unwrap();
    assert!(near(at_p90.1, label("1 ms", "y")), "{points:?}");
    let after_p90 = points.iter().find(|(x, _)| *x > label("90 %", "x") + 2.0).unwrap();
    assert!(near(after_p90.1, label("10 ms", "y")), "{points:?}");
}

#[test]
fn cells_are_where_and_as_dark_as_what_they_count() {
    let mut recorded = Recorded::default();
    let at = |number: u64| Timestamp::from_nanos(BEGAN + number * 10_000_000);
    (0..100).for_each(|_| recorded.timeline.record(at(0), 1_000_000));
    recorded.timeline.record(at(63), 2_000_000);
    recorded.timeline.unanswered(at(32));
    let (svg, png) = drawn("cells", &chart("cells", [recorded.panel(Measure::Ping)]));
    let rectangles = |color| shapes(&svg, "rect", color, ["x", "y", "width", "height"]);
    // The colour bar has both colours as well, a pixel wide.
    let cell = |color| rectangles(color).into_iter().find(|[_, _, width, _]| *width > 1.0).unwrap();
    let (most, least) = (cell("#440154"), cell("#FDE725"));
    // 64 columns on 504 pixels.
    assert_eq!((most[0], most[2], least[0], least[0] + least[2]), (656.0, 8.0, 1152.0, 1160.0));
    assert!(least[1] + least[3] <= most[1], "{most:?} {least:?}");
    let marks = rectangles("#D62728");
    assert_eq!((marks.len(), marks[0][0], marks[0][2]), (2, 908.0, 8.0));
    assert!(marks[0][1] + marks[0][3] <= least[1]);
    let (width, _, pixels) = decoded(&png);
    let pixel = |x: f64, y: f64| pixels[(y * 2.0) as usize * width as usize + (x * 2.0) as usize];
    assert_eq!(pixel(most[0] + 4.0, most[1] + 4.0), [0x44, 0x01, 0x54, 255]);
    assert_eq!(pixel(least[0] + 4.0, least[1] + 4.0), [0xfd, 0xe7, 0x25, 255]);
    assert_eq!(pixel(marks[0][0] + 4.0, marks[0][1] + 3.0), [0xd6, 0x27, 0x28, 255]);
    assert_eq!(pixel(least[0] - 20.0, least[1] + 4.0), [255, 255, 255, 255]);
}

#[test]
fn one_time_or_none_make_a_picture() {
    let (few, one, none) = (few(), one(), Recorded::default());
    let lost = Recorded::default().unanswered([0, 80 * SECOND].into_iter());
    let panels = [one.panel(Measure::Dns), none.panel(Measure::Arp), lost.panel(Measure::Nd), few.panel(Measure::Ping)];
    let (svg, png) = drawn("edges", &chart("edges", panels));
    let all = texts(&svg);
    assert_eq!(all.iter().filter(|text| *text == "no times").count(), 3);
    for expected in ["a → b (1 time)", "2 unanswered", "50 µs", "web → db:5432 (10 times)", "22:14:00"] {
        assert!(all.iter().any(|text| text == expected), "{expected} is not in {all:?}");
    }
    assert!(!all.iter().any(|text| text.contains("1970")), "{all:?}");
    assert_eq!(shapes(&svg, "circle", "#0072B2", ["cx"]).first().map(|[x]| *x), Some(72.0));
    let (width, height, pixels) = decoded(&png);
    assert!(svg.contains(&format!("width=\"{}\" height=\"{}\"", width / 2, height / 2)));
    assert!(pixels.contains(&[0, 114, 178, 255]) && pixels.contains(&[214, 39, 40, 255]));
    let (svg, png) = (super::svg(&chart("", [])).unwrap(), super::png(&chart("", [])).unwrap());
    assert_eq!((texts(&svg), decoded(&png).0), (vec![String::new()], 2400));
}

#[test]
fn hostile_names_stay_names() {
    let hostile = hostile();
    let (svg, png) = drawn("hostile", &chart("<b>&\u{202e}", [hostile.panel(Measure::Syn)]));
    let all = texts(&svg);
    let (escaped, from_xml) = ("a\\u{1b}[2J\\u{202e}evil\\u{a}line (100 times)", "]]>&#0;\\u{0}\\u{ffff} (100 times)");
    for expected in [
        "<b>&\\u{202e}",
        "<script>alert(1)</script> & \"co\" (100 times)",
        escaped,
        from_xml,
        "数据库 → größe (100 times)",
        "and 2 that are less busy and not drawn",
    ] {
        assert!(all.iter().any(|text| text == expected), "{expected} is not in {all:?}");
    }
    let long = all.iter().find(|text| text.contains('…')).unwrap();
    assert!(long.starts_with("very-long-service-name_") && long.len() < 120, "{long}");
    assert!(!svg.contains(['\u{1b}', '\u{202e}', '\u{0}', '\u{ffff}']) && !svg.contains("<script"));
    assert_eq!(decoded(&png).0, 2400);
}

#[test]
fn the_same_chart_has_the_same_bytes() {
    let (one, other) = (many(500), many(500));
    let charts = [&one, &other].map(|recorded| chart("same", [recorded.panel(Measure::Ack)]));
    assert_eq!(svg(&charts[0]).unwrap(), svg(&charts[1]).unwrap());
    assert_eq!(png(&charts[0]).unwrap(), png(&charts[1]).unwrap());
}

#[test]
fn all_measures_have_room_and_a_thousand_panels_do_not() {
    let recorded = one();
    let all = chart("all", Measure::ALL.map(|measure| recorded.panel(measure)));
    let (svg, png) = drawn("all", &all);
    let all = texts(&svg);
    for measure in Measure::ALL {
        assert!(all.contains(&format!("{measure}: {}", measure.words())), "{measure} is not in {all:?}");
    }
    // Nothing overlaps: the panels follow each other, and the last ends in the picture.
    let headings = shapes(&svg, "text", "#1F2328", ["y"]);
    assert!(headings.windows(2).all(|pair| pair[1][0] - pair[0][0] > 30.0), "{headings:?}");
    let (_, height, _) = decoded(&png);
    assert!(headings.last().unwrap()[0] + 350.0 < f64::from(height / 2));
    let panels = (0..1000).map(|_| recorded.panel(Measure::Ping));
    assert_eq!(super::png(&chart("", panels)), Err(ChartError::TooLarge));
}
