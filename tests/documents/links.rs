//! What one page says of another is there.

use super::repository::text;
use std::path::Path;

const PAGES: [&str; 9] = [
    "BENCHMARKS.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "OPERATING.md",
    "README.md",
    "SECURITY.md",
    "deploy/README.md",
    "templates/README.md",
    "templates/smartcar-edge/content/README.md",
];

/// How a heading is linked to on GitHub.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().replace(' ', "-")
}

fn anchors(page: &str) -> Vec<String> {
    let text = text(page);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(anchor).collect()
}

#[test]
fn link_within_the_repository_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut links = 0;
    for page in PAGES {
        let folder = Path::new(page).parent().unwrap();
        for rest in text(page).split("](").skip(1) {
            let (target, _) = rest.split_once(')').unwrap();
            if target.contains("://") {
                continue;
            }
            links += 1;
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() {
                page.to_owned()
            } else {
                folder.join(path).to_string_lossy().into_owned()
            };
            assert!(root.join(&path).exists(), "{page} links to {target}");
            if !heading.is_empty() {
                let known = anchors(&path);
                assert!(
                    known.contains(&heading.to_owned()),
                    "{page}: {target}, {known:?}"
                );
            }
        }
    }
    assert!(links > 20);
}
