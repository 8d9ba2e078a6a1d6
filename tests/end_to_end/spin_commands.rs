//! Every `spin` command of the documents, on a Spin that is on PATH.

use sha2::{Digest, Sha256};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use support::{Host, Process, eventually, free_address, repository, send, try_send};
use tempfile::TempDir;

/// What the documents say of `spin`. A block is to be typed as it is; what stands in a
/// sentence or a comment may be a part of a command.
#[derive(Debug)]
struct Documented {
    file: String,
    command: String,
    is_block: bool,
}

/// The subcommands, and how each is checked.
const SUBCOMMANDS: [(&str, Check); 11] = [
    ("up", Check::Run),
    ("new", Check::Run),
    ("templates install", Check::Run),
    ("registry push", Check::Flags("it needs a registry")),
    ("plugins install", Check::Flags("it needs a network")),
    ("aka login", Check::Not("the plugin is no part of Spin")),
    ("aka deploy", Check::Not("the plugin is no part of Spin")),
    (
        "aka cron create",
        Check::Not("the plugin is no part of Spin"),
    ),
    ("cloud login", Check::Not("the plugin is no part of Spin")),
    ("cloud deploy", Check::Not("the plugin is no part of Spin")),
    (
        "cloud variables set",
        Check::Not("the plugin is no part of Spin"),
    ),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Run as it is written, but for names that only exist elsewhere.
    Run,
    /// Spin's help knows each flag. Why no more is done.
    Flags(&'static str),
    /// Why it is not checked.
    Not(&'static str),
}

impl Documented {
    fn subcommand(&self) -> (&'static str, Check) {
        let words = self.command.strip_prefix("spin ").unwrap();
        let found = SUBCOMMANDS.iter().find(|(name, _)| {
            let rest = words.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        *found.unwrap_or_else(|| panic!("{self:?}: say in SUBCOMMANDS how it is checked"))
    }

    fn flags(&self) -> impl Iterator<Item = &str> {
        let words = self.command.split_whitespace();
        words
            .filter(|word| word.starts_with('-'))
            .map(|word| word.split_once('=').map_or(word, |(flag, _)| flag))
    }
}

/// The files of a folder and below with one of these endings.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path
            .extension()
            .is_some_and(|ending| ["md", "toml", "yaml"].iter().any(|known| ending == *known))
        {
            found.push(path);
        }
    }
}

fn documented() -> Vec<Documented> {
    let root = repository();
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "OPERATING.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "spin.toml",
    ]
    .map(|name| root.join(name))
    .into();
    for folder in ["deploy", "examples", "templates"] {
        files(&root.join(folder), &mut paths);
    }
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        let file = path.strip_prefix(&root).unwrap().display().to_string();
        read(&file, &text, &mut found);
    }
    found
}

fn read(file: &str, text: &str, found: &mut Vec<Documented>) {
    let mut is_block = false;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
            continue;
        }
        let comment = line.strip_prefix('#');
        let mut line = comment.unwrap_or(line).trim().to_owned();
        let is_command = line.starts_with("spin ") && (is_block || comment.is_some());
        let mut push = |command: &str| {
            // What follows an ellipsis or a # is not to be typed.
            let command = command.split(" #").next().unwrap();
            let command = if is_block {
                command
            } else {
                command.split('…').next().unwrap()
            };
            found.push(Documented {
                file: file.to_owned(),
                command: command.trim().to_owned(),
                is_block,
            });
        };
        if is_command {
            while let Some(part) = line.strip_suffix('\\') {
                line = format!("{part} {}", lines.next().unwrap().trim());
            }
            push(&line);
        } else if !is_block {
            let code = line.split('`').skip(1).step_by(2);
            code.filter(|code| code.starts_with("spin ")).for_each(push);
        }
    }
}

/// Whether there is a Spin to run them on.
fn is_there() -> bool {
    let is_there = Host::chosen() == Ok(Host::Spin);
    if !is_there {
        eprintln!("skipped: there is no Spin 4.1 or later on PATH, or EDGE_HOST is not spin");
    }
    is_there
}

/// Runs a command in a folder. What Spin installs for itself is in `data`.
fn shell(command: &str, folder: &Path, data: &Path) -> Output {
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("SPIN_DATA_DIR", data)
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let said = [output.stdout.clone(), output.stderr.clone()].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{command}: {said}");
    output
}

fn replaced(command: &str, from: &str, to: &str) -> String {
    assert!(command.contains(from), "{command} has no {from}");
    command.replace(from, to)
}

/// The application that a command runs.
struct Up {
    process: Process,
    address: String,
}

impl Up {
    /// Runs a `spin up` of the documents on a free port. `--build` is left out: what it
    /// builds is being tested.
    fn start(command: &str, folder: &Path) -> Self {
        let address = free_address();
        let command = replaced(command, "127.0.0.1:3000", &address).replace(" --build", "");
        let mut process = Process::start(
            Command::new("sh")
                .args(["-c", &format!("exec {command}")])
                .current_dir(folder)
                .env("SPIN_VARIABLE_MANAGEMENT_TOKENS", "a-token"),
        );
        let health = format!("http://{address}/.well-known/spin/health");
        eventually(&command, || {
            assert!(!process.has_ended(), "{command}: {}", process.said());
            let answer = try_send("GET", &health, &[], b"").ok()?;
            (answer.status == 200).then_some(())
        });
        Self { process, address }
    }

    /// Has the receiver write a line to its log, and waits until it was printed.
    fn logs_to_its_output(&self) {
        let url = format!("http://{}/webhooks", self.address);
        let verify = br#"{"eventType":"VERIFY","data":{"challenge":"a-challenge"}}"#;
        assert_eq!(send("POST", &url, &[], verify).status, 200);
        eventually("the log is on Spin's output", || {
            let said = self.process.said();
            said.contains(r#""event":"verify""#).then_some(())
        });
    }
}

/// The folders below this one that Spin writes logs of components to.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(logs(&path));
            if path.ends_with("logs") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn spin_commands_have_flags_that_spin_knows() {
    if !is_there() {
        return;
    }
    let documented = documented();
    let blocks = documented.iter().filter(|documented| documented.is_block);
    assert!(blocks.count() >= 11, "{documented:?}");
    let checked: BTreeSet<&str> = documented.iter().map(|d| d.subcommand().0).collect();
    let known: BTreeSet<&str> = SUBCOMMANDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(checked, known);
    let data = TempDir::new().unwrap();
    for documented in &documented {
        let (subcommand, check) = documented.subcommand();
        match check {
            Check::Not(why) => {
                eprintln!("not checked, since {why}: {}", documented.command);
                continue;
            }
            Check::Flags(why) if documented.is_block => {
                eprintln!("only the flags, since {why}: {}", documented.command);
            }
            Check::Flags(_) | Check::Run => {}
        }
        // What runs an application has the flags of its trigger.
        let of = if subcommand == "up" {
            "--from spin.toml"
        } else {
            ""
        };
        let help = shell(
            &format!("spin {subcommand} {of} --help"),
            &repository(),
            data.path(),
        );
        let help = String::from_utf8(help.stdout).unwrap();
        let known: BTreeSet<&str> = help
            .split_whitespace()
            .map(|word| word.trim_end_matches(','))
            .collect();
        for flag in documented.flags() {
            assert!(
                known.contains(flag),
                "{documented:?}: {flag} is not in:\n{help}"
            );
        }
    }
}

#[test]
fn spin_up_with_a_runtime_config_serves_and_writes_no_log_files() {
    if !is_there() {
        return;
    }
    let commands: Vec<Documented> = documented()
        .into_iter()
        .filter(|documented| documented.is_block && documented.file == "deploy/README.md")
        .filter(|documented| documented.subcommand().0 == "up")
        .collect();
    let [one] = &commands[..] else {
        panic!("{commands:?}");
    };
    let manifest = repository().join("spin.toml");
    let from = replaced(
        &one.command,
        "registry.example.com/smartcar-edge:0.1.0",
        manifest.to_str().unwrap(),
    );
    // Each machine of several runs the same, with the other file.
    for file in ["runtime-config.toml", "runtime-config-several.toml"] {
        let folder = TempDir::new().unwrap();
        let state = folder.path().join("state");
        let config = fs::read_to_string(repository().join("deploy").join(file)).unwrap();
        let config = replaced(&config, "/var/lib/smartcar-edge", state.to_str().unwrap());
        fs::write(folder.path().join(file), config).unwrap();
        let command = replaced(&from, "runtime-config.toml", file);
        let up = Up::start(&command, folder.path());
        up.logs_to_its_output();
        assert!(logs(folder.path()).is_empty(), "{command}");
    }
}

#[test]
fn spin_up_of_this_repository_serves() {
    if !is_there() {
        return;
    }
    let mut files = BTreeSet::new();
    for Documented { file, command, .. } in documented()
        .iter()
        .filter(|documented| documented.is_block && documented.subcommand().0 == "up")
        .filter(|documented| !documented.file.starts_with("templates/"))
        .filter(|documented| !documented.file.starts_with("deploy/"))
    {
        let state = TempDir::new().unwrap();
        let command = format!("{command} --state-dir {}", state.path().display());
        let up = Up::start(&command, &repository());
        if file == "README.md" {
            up.logs_to_its_output();
        }
        files.insert(file.clone());
    }
    assert_eq!(
        files.iter().map(String::as_str).collect::<Vec<_>>(),
        ["README.md", "examples/night-lock/README.md"]
    );
}

#[test]
fn spin_templates_are_installed_and_make_an_application_that_runs() {
    if !is_there() {
        return;
    }
    let place = TempDir::new().unwrap();
    let place = place.path();
    let root = repository();
    let repository = format!(
        "git init -q -b main repository && cp -R {}/templates repository && cd repository && git add . && \
         git -c user.name=Tests -c user.email=tests@example.com commit -q -m 'The templates'",
        root.display()
    );
    let shell = |command: &str, folder: &Path| shell(command, folder, &place.join("data"));
    shell(&repository, place);
    // Where a component is in Spin's cache, it is not fetched.
    let cache = place.join("cache/registry/wasm");
    fs::create_dir_all(&cache).unwrap();
    let digest = |name: &str| {
        let file = root.join(format!("target/wasm32-wasip2/release/{name}.wasm"));
        let bytes = fs::read(file).unwrap();
        let digest = hex::encode(Sha256::digest(&bytes));
        fs::write(cache.join(format!("sha256:{digest}")), bytes).unwrap();
        digest
    };
    let mut done = Vec::new();
    for documented in documented() {
        let Documented { file, command, .. } = &documented;
        if !file.starts_with("templates/") {
            continue;
        }
        let what = match (documented.subcommand().0, command) {
            ("templates install", command) if command.contains("--git") => {
                let url = format!("file://{}/repository", place.display());
                let command = replaced(command, "<URL of this repository>", &url);
                shell(&format!("{command} --upgrade"), place);
                "install from git"
            }
            ("templates install", command) => {
                shell(&format!("{command} --upgrade"), &place.join("repository"));
                "install from a clone"
            }
            // It asks questions; the next one is the same with the answers.
            ("new", command) if !command.contains("--accept-defaults") => "new",
            ("new", command) => {
                let mut command =
                    replaced(command, "https://…", "https://components.example.com/0.1.0");
                for (parameter, component) in [
                    ("receiver", "receiver"),
                    ("gateway", "gateway"),
                    ("relay", "relay"),
                    ("http-sink", "http_sink"),
                ] {
                    let from = format!("{parameter}-digest=…");
                    let to = format!("{parameter}-digest={}", digest(component));
                    command = replaced(&command, &from, &to);
                }
                shell(&command, place);
                "new without questions"
            }
            ("up", command) if documented.is_block => {
                let cache = place.join("cache");
                let command = format!("{command} --cache-dir {}", cache.display());
                Up::start(&command, &place.join("my-cars")).logs_to_its_output();
                "up"
            }
            _ => continue,
        };
        done.push(what);
    }
    done.sort_unstable();
    done.dedup();
    assert_eq!(
        done,
        [
            "install from a clone",
            "install from git",
            "new",
            "new without questions",
            "up"
        ]
    );
}
