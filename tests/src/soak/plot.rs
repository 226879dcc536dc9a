//! One picture of a run: memory of every process above, latency below.

use std::fmt::Write as _;

use crate::sample::{Latency, Sample, names};

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 30.0;
const COLOURS: [&str; 6] = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#555555"];

type Line = (String, Vec<(f64, f64)>);

/// As SVG.
pub(crate) fn svg(samples: &[Sample], latencies: &[Latency]) -> String {
    let of = |name: String| {
        let points = samples.iter().filter(|sample| sample.name == name);
        let points = points.map(|s| (s.second / 60.0, s.own_kib as f64 / 1024.0)).collect();
        (name, points)
    };
    let memory: Vec<Line> = names(samples).into_iter().map(of).collect();
    let line = |name: &str, value: fn(&Latency) -> f64| {
        (name.to_owned(), latencies.iter().map(|l| (l.second / 60.0, value(l))).collect())
    };
    let latency: Vec<Line> = vec![line("p50", |l| l.p50_us), line("p99", |l| l.p99_us)];
    let (width, height) = (LEFT + WIDTH + 90.0, 2.0 * (HEIGHT + 2.0 * TOP));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    chart(&mut out, TOP, "memory of its own, MiB, by minute", &memory);
    chart(&mut out, HEIGHT + 3.0 * TOP, "tick to order, µs, by minute", &latency);
    out.push_str("</svg>\n");
    out
}

fn chart(out: &mut String, top: f64, title: &str, lines: &[Line]) {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let x_max = points().map(|point| point.0).fold(1.0, f64::max);
    let y_max = points().map(|point| point.1).fold(1.0, f64::max) * 1.05;
    let x = |value: f64| LEFT + value / x_max * WIDTH;
    let y = |value: f64| top + HEIGHT - value / y_max * HEIGHT;
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{:.0}\">{title}</text>", top - 8.0);
    for step in 0..=4 {
        let (value, minute) = (y_max * f64::from(step) / 4.0, x_max * f64::from(step) / 4.0);
        let (at, end) = (y(value), LEFT + WIDTH);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{end}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{value:.0}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{minute:.0}</text>",
            LEFT - 6.0,
            at + 4.0,
            x(minute),
            top + HEIGHT + 15.0
        );
    }
    for (index, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[index % COLOURS.len()];
        let path: Vec<String> =
            points.iter().map(|at| format!("{:.1},{:.1}", x(at.0), y(at.1))).collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" points=\"{}\"/>\
             <text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{name}</text>",
            path.join(" "),
            LEFT + WIDTH + 8.0,
            top + 14.0 + 16.0 * index as f64
        );
    }
}
