//! `sulfit report`: pages that open in a browser without a network, figures with their numbers, and what is said about
//! folders that hold no result.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::predict::small_fit;
use crate::predict::sulfit;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a command wrote to stderr.
fn complaint(arguments: &[&str]) -> String {
    let output = sulfit(arguments);
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Results of a small fit, a prediction and a ranking from it, and of a simulation of the main example.
fn results() -> &'static [PathBuf; 4] {
    static FOLDERS: OnceLock<(tempfile::TempDir, [PathBuf; 4])> = OnceLock::new();
    let (_, folders) = FOLDERS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let out = |name: &str| folder.path().join(name);
        let (prediction, ranking, simulation) =
            (out("prediction"), out("ranking"), out("simulation"));
        let fit = small_fit().to_owned();
        for (command, file, out) in [
            (
                "predict",
                "tests/files/good/small_predict.toml",
                &prediction,
            ),
            ("rank", "tests/files/good/small_rank.toml", &ranking),
        ] {
            let arguments = [command, file, "--fit", text(&fit), "--out", text(out)];
            let output = sulfit(&arguments);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "{said}");
        }
        let file = "experiments/star_lcnc.toml";
        let output = sulfit(&["simulate", file, "--out", text(&simulation)]);
        assert!(output.status.success());
        (folder, [fit, prediction, ranking, simulation])
    });
    folders
}

/// The page about all results.
fn page_of_all() -> String {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let [fit, prediction, ranking, simulation] = results().each_ref().map(|path| text(path));
    let all = [
        "report",
        fit,
        prediction,
        ranking,
        simulation,
        "--out",
        text(&page),
    ];
    let output = sulfit(&all);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::read_to_string(&page).unwrap()
}

#[test]
fn a_page_is_one_file_of_less_than_three_megabytes_that_asks_for_nothing() {
    let html = page_of_all();
    assert!(html.len() < 3_000_000, "{} bytes", html.len());
    let own = &html[..html.find("<script>").unwrap()];
    for outside in ["src=\"", "href=\"http", "@import", "url("] {
        assert!(!own.contains(outside), "{outside}");
    }
    for title in [
        "Data and fit",
        "Techniques",
        "Parameters",
        "Identifiability",
        "Predictions",
        "Capacity over loading and rate",
        "Degree of rate control",
        "Ranking",
        "Reliability",
        "Provenance",
    ] {
        assert!(html.contains(title), "{title}");
    }
    // Told apart: what was measured and what was not.
    assert!(html.contains("\"source\":\"measured\""));
    assert!(html.contains("\"source\":\"model\""));
}

#[test]
fn figures_come_as_pictures_and_numbers_and_a_summary_links_them() {
    let folder = tempfile::tempdir().unwrap();
    let [fit, _, ranking, simulation] = results().each_ref().map(|path| text(path));
    for result in [fit, ranking, simulation] {
        let figures = folder.path().join("figures");
        let summary = folder.path().join("report.md");
        for (format, out) in [("figures", &figures), ("md", &summary)] {
            let arguments = ["report", result, "--format", format, "--out", text(out)];
            let output = sulfit(&arguments);
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let summary = std::fs::read_to_string(&summary).unwrap();
        let links: Vec<&str> = summary
            .split("(figures/")
            .skip(1)
            .map(|rest| &rest[..rest.find(')').unwrap()])
            .collect();
        assert!(!links.is_empty());
        for link in links {
            let picture = std::fs::read_to_string(figures.join(link)).unwrap();
            assert!(
                picture.starts_with("<svg role=\"img\" aria-label="),
                "{link}"
            );
            let numbers = figures.join(link.replace(".svg", ".csv"));
            let numbers = std::fs::read_to_string(numbers).unwrap();
            assert!(numbers.lines().count() > 1, "{link}");
        }
        assert!(summary.contains("## Provenance"));
        std::fs::remove_dir_all(&figures).unwrap();
    }
}

#[test]
fn what_is_missing_is_told_and_the_rest_shown() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    let result = small_fit().join("result.json");
    std::fs::copy(&result, copy.join("result.json")).unwrap();
    std::fs::write(copy.join("cycles-some-cell.parquet"), "damaged").unwrap();
    let output = sulfit(&["report", text(&copy)]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let html = std::fs::read_to_string(copy.join("report.html")).unwrap();
    assert!(html.contains("cycles-some-cell.parquet is left out"));
    assert!(html.contains("Parameters"));
}

#[test]
fn folders_without_a_readable_result_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = complaint(&["report", text(folder.path())]);
    assert!(
        said.contains("found no result, expected a folder with one of result.json"),
        "{said}"
    );
    let said = complaint(&["report", "no/such/folder"]);
    assert!(said.contains("no/such/folder: found no result"), "{said}");
    let path = folder.path().join("result.json");
    std::fs::write(&path, r#"{"version": "99.0.0"}"#).unwrap();
    let said = complaint(&["report", text(folder.path())]);
    assert!(
        said.contains("written by sulfit 99.0.0, expected"),
        "{said}"
    );
    std::fs::write(&path, "{}").unwrap();
    let said = complaint(&["report", text(folder.path())]);
    assert!(said.contains("missing field"), "{said}");
    let said = complaint(&["report", text(small_fit()), "--out", text(folder.path())]);
    assert!(
        said.contains("found a folder, expected the name of a file"),
        "{said}"
    );
    assert!(!folder.path().join("report.html").exists());
}

/// A browser of this machine.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    names.into_iter().find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    })
}

/// What is asked of a page: every chart has points, tells values under the pointer, tables sort, nothing complains.
const QUESTIONS: &str = r#"<script>
window.addEventListener("load", async () => {
  const found = { errors: window.complaints, charts: 0, empty: [], silent: [], script_ms: sulfit.script_ms };
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));
  const answer = document.createElement("pre");
  answer.id = "found";
  try {
    await ask();
  } catch (error) {
    found.errors.push(String(error.stack));
  }
  answer.textContent = JSON.stringify(found);
  document.body.append(answer);
  async function ask() {
  sulfit.drawAll();
  for (const [id, chart] of sulfit.drawn) {
    found.charts += 1;
    const series = chart.getOption().series.filter((s) => s.data.length > 0 && s.type !== "custom");
    if (series.length === 0) { found.empty.push(id); continue; }
    const selected = chart.getOption().legend?.[0]?.selected ?? {};
    const index = chart.getOption().series.findIndex((s) => s.data.length > 0 && s.type !== "custom" && selected[s.name] !== false);
    const data = chart.getOption().series[index].data;
    const first = data[Math.floor(data.length / 2)];
    const place = chart.convertToPixel({ seriesIndex: index }, first.value || first);
    const root = chart.getZr().painter.getViewportRoot();
    const box = root.getBoundingClientRect();
    const at = { clientX: box.left + place[0], clientY: box.top + place[1], bubbles: true };
    root.dispatchEvent(new MouseEvent("mousemove", at));
    await pause(30);
    const tip = [...chart.getDom().querySelectorAll("div")].map((d) => d.innerText || "").join(" ");
    if (!/\d/.test(tip)) found.silent.push(id);
    root.dispatchEvent(new MouseEvent("mouseout", at));
  }
  const table = document.querySelector("table.sortable");
  const button = table.querySelector("th button");
  const column = () => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent);
  button.click();
  const rising = column();
  button.click();
  const falling = column();
  found.rows = rising.length;
  found.sorts = rising.length > 1 && rising.join() === [...falling].reverse().join() && rising.join() !== falling.join();
  const details = document.querySelector("details.numbers");
  details.open = true;
  await pause(50);
  found.numbers = details.querySelectorAll("tbody tr").length;
  found.requests = performance.getEntriesByType("resource").map((r) => r.name);
  found.overflow = document.documentElement.scrollWidth - innerWidth;
  document.getElementById("theme").click();
  }
});
</script>"#;

/// Before everything else: what goes wrong is kept.
const LISTENER: &str = r#"<script>
window.complaints = [];
addEventListener("error", (e) => complaints.push(String(e.message)));
addEventListener("securitypolicyviolation", (e) => complaints.push("request: " + e.blockedURI));
for (const kind of ["error", "warn"]) console[kind] = (...words) => complaints.push(kind + ": " + words.join(" "));
</script>"#;

/// What a browser finds in a page at a width.
fn seen(browser: &str, html: &str, width: u32) -> serde_json::Value {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let head = html.find("<style>").unwrap();
    let end = html.rfind("</body>").unwrap();
    let (before, rest) = html.split_at(head);
    let (middle, after) = rest.split_at(end - head);
    let asked = format!("{before}{LISTENER}{middle}{QUESTIONS}{after}");
    std::fs::write(&page, asked).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--window-size={width},1000"))
        .arg("--virtual-time-budget=60000")
        .arg(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let answer = dom.split("<pre id=\"found\">").nth(1);
    let answer =
        answer.unwrap_or_else(|| panic!("no answer: {}", String::from_utf8_lossy(&output.stderr)));
    let answer = answer.split("</pre>").next().unwrap();
    let answer = answer
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">");
    serde_json::from_str(&answer).unwrap()
}

#[test]
fn a_browser_draws_every_chart_tells_values_and_sorts_tables() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium on this machine");
        return;
    };
    let html = page_of_all();
    for width in [1280, 500] {
        let found = seen(browser, &html, width);
        let list = |name: &str| found[name].as_array().unwrap().clone();
        for name in ["errors", "empty", "silent", "requests"] {
            assert!(
                list(name).is_empty(),
                "width {width}, {name}: {:?}",
                list(name)
            );
        }
        assert!(found["charts"].as_u64().unwrap() >= 15, "{found}");
        assert_eq!(found["sorts"], true, "{found}");
        assert!(found["numbers"].as_u64().unwrap() > 0, "{found}");
        assert!(found["overflow"].as_f64().unwrap() <= 0.0, "{found}");
        println!(
            "width {width}: {} charts, {} ms",
            found["charts"], found["script_ms"]
        );
    }
}
