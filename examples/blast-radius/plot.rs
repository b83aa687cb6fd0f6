//! The plot: for each fault, how much slower the others became, beside the noise of the machine.

use std::path::Path;

use svg::Document;
use svg::node::element::{Circle, Line, Rectangle, Style, Text};

use cofferdam_testing::Failed;
use cofferdam_testing::blast_radius::{MAX_RATIO, Outcome};

const WIDTH: f64 = 860.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 66.0;
const ROW: f64 = 18.0;

/// The logarithmic axis; larger and smaller values are drawn at its ends.
const FROM: f64 = 0.25;
const TO: f64 = 4.0;

/// Styles for light and dark pages.
const STYLE: &str = "
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.small { fill: #59636e; font-size: 11px }
.title { font-size: 14px; font-weight: 600 }
.grid { stroke: #d1d9e0 } .limit { stroke: #cf222e; stroke-dasharray: 4 3 } .band { fill: #818b98; opacity: .18 }
.off { fill: #0969da } .on { fill: none; stroke: #bc4c00; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 } .grid { stroke: #3d444d } .limit { stroke: #ff7b72 }
  .off { fill: #4493f8 } .on { stroke: #f0883e }
}";

/// Writes `blast-radius.svg` into `folder`.
pub(crate) fn write(outcomes: &[Outcome], folder: &Path) -> Result<(), Failed> {
    let failed = |error| format!("{}: {error}", folder.display());
    std::fs::create_dir_all(folder).map_err(failed)?;
    Ok(svg::save(folder.join("blast-radius.svg"), &draw(outcomes)).map_err(failed)?)
}

fn draw(outcomes: &[Outcome]) -> Document {
    let mut rows: Vec<String> = Vec::new();
    for outcome in outcomes {
        let name = row(outcome);
        if !rows.contains(&name) {
            rows.push(name);
        }
    }
    let bottom = TOP + ROW * rows.len() as f64;
    let height = bottom + 34.0;
    let mut plot = Document::new()
        .set("viewBox", (0, 0, WIDTH as i64, height as i64))
        .set("role", "img")
        .set("aria-label", "How much slower the modules on other vaults become while one vault fails")
        .add(Style::new(STYLE))
        .add(text(0.0, 16.0, "title", "p99 of the four other modules with a fault, over without one"))
        .add(Circle::new().set("class", "off").set("cx", 6).set("cy", 33).set("r", 4.5))
        .add(text(16.0, 37.0, "", "cache off"))
        .add(Circle::new().set("class", "on").set("cx", 86).set("cy", 33).set("r", 4.5))
        .add(text(96.0, 37.0, "", "cache on"))
        .add(
            Rectangle::new()
                .set("class", "band")
                .set("x", 160)
                .set("y", 26)
                .set("width", 26)
                .set("height", 14),
        )
        .add(text(
            192.0,
            37.0,
            "",
            "nine in ten of the same ratios with no fault at all: the machine's noise",
        ));
    let (low, high) = noise(outcomes);
    plot = plot.add(
        Rectangle::new()
            .set("class", "band")
            .set("x", x(low))
            .set("y", TOP - 6.0)
            .set("width", x(high) - x(low))
            .set("height", bottom - TOP + 6.0),
    );
    for at in [0.25, 0.5, 1.0, 2.0, 4.0] {
        plot = plot
            .add(vertical("grid", at, bottom))
            .add(text(x(at), bottom + 16.0, "small", &tick(at)).set("text-anchor", "middle"));
    }
    plot = plot.add(vertical("limit", MAX_RATIO, bottom)).add(text(
        x(MAX_RATIO) + 4.0,
        bottom + 30.0,
        "small",
        &format!("promised: at most ×{MAX_RATIO}"),
    ));
    for (index, name) in rows.iter().enumerate() {
        let y = TOP + ROW * (index as f64 + 0.5);
        plot = plot.add(text(LEFT - 12.0, y + 4.0, "", name).set("text-anchor", "end"));
        for outcome in outcomes.iter().filter(|outcome| row(outcome) == *name) {
            let class = if outcome.cache { "on" } else { "off" };
            plot = plot.add(
                Circle::new()
                    .set("class", class)
                    .set("cx", x(outcome.comparison.ratio()))
                    .set("cy", y)
                    .set("r", 4.5),
            );
        }
    }
    plot
}

fn row(outcome: &Outcome) -> String {
    format!("{} × {}", outcome.target, outcome.fault)
}

/// The label below a line; the last one also covers everything above it.
fn tick(at: f64) -> String {
    if at < TO { format!("×{at}") } else { format!("≥ ×{at}") }
}

/// The range that contains nine of ten controls.
fn noise(outcomes: &[Outcome]) -> (f64, f64) {
    let mut controls: Vec<f64> = outcomes.iter().map(|outcome| outcome.comparison.noise()).collect();
    controls.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (controls.len().saturating_sub(1) as f64 * share).round() as usize;
        controls.get(index).copied().unwrap_or(1.0)
    };
    (at(0.05), at(0.95))
}

fn x(ratio: f64) -> f64 {
    let share = (ratio.clamp(FROM, TO) / FROM).log2() / (TO / FROM).log2();
    ((LEFT + share * (WIDTH - LEFT - RIGHT)) * 10.0).round() / 10.0
}

fn vertical(class: &str, at: f64, bottom: f64) -> Line {
    Line::new().set("class", class).set("x1", x(at)).set("x2", x(at)).set("y1", TOP - 6.0).set("y2", bottom)
}

fn text(x: f64, y: f64, class: &str, text: &str) -> Text {
    Text::new(text).set("x", x).set("y", y).set("class", class)
}
