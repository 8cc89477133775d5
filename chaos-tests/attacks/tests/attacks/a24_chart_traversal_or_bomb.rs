//! Attack 24: a packed chart leads out of its folder when it is unpacked, by `..`, absolute paths or links, or is a bomb (design 13: a
//! chart is the only archive that Verbund unpacks).
//!
//! Expected: refused, and nothing is written outside; packed charts are altered at random besides, and none of that writes anything
//! either. `verbund workload render` runs the real helm for it; `.ci/helm` builds that. Links and bounds of an unpacked chart are in
//! `daemon/verbund/tests/chart.rs`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rand::Rng as _;
use tar::{Builder, EntryType, Header};
use verbund_kit::desk::{Desk, Said};
use verbund_kit::{helm, seeded};

const CASES: usize = 24;
/// What a bomb becomes, in bytes: more than twice of what helm takes.
const BOMB: usize = 256 << 20;
const CHART: &[u8] = b"apiVersion: v2\nname: kfz\nversion: 1.2.3\n";
const OBJECT: &[u8] = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n";

/// An entry with whatever name: the library would refuse it, so that its bytes are written into the header.
fn entry(archive: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, link: &str, content: &[u8]) {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

fn archive(more: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    entry(&mut archive, "kfz/Chart.yaml", EntryType::Regular, "", CHART);
    entry(&mut archive, "kfz/templates/object.yaml", EntryType::Regular, "", OBJECT);
    more(&mut archive);
    archive.into_inner().unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut child =
        Command::new("gzip").args(["-n", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut into, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    let writing = std::thread::spawn(move || into.write_all(&bytes));
    let packed = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    packed
}

struct Scene {
    desk: Desk,
    directory: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let scene = Self { desk: Desk::at(&directory.path().join("desk")).unwrap(), directory };
        let document = "apiVersion: verbund.de/v1\nkind: Workload\nmetadata: {name: kfz}\nspec:\n  organisation: kost\n  \
             requirements: {zone: internal, schutzbedarf: normal, confidentiality: internal, stage: production, amounts: {cpuMillis: 10}}\n  \
             mode: {parallel: {copies: 1}}\n  stopBudget: 2000\n  failover: automatic\n  chart: {path: kfz.tgz}\n";
        std::fs::write(scene.desk.path("kfz.yaml"), document).unwrap();
        scene
    }

    fn render(&self, chart: &[u8]) -> Said {
        std::fs::write(self.desk.path("kfz.tgz"), chart).unwrap();
        let file = self.desk.path("kfz.yaml").display().to_string();
        let mut command = self.desk.command(&["workload", "render", "-f", &file, "-o", "json"]);
        // Where it unpacks lies beside the desk, so that what leads out of there is seen.
        let temporary = self.directory.path().join("temporary");
        std::fs::create_dir_all(&temporary).unwrap();
        let output = command.env("TMPDIR", temporary).env("VERBUND_HELM", helm().unwrap()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// That such a chart does write where a program believes it, and that this would be seen.
    fn control(&self, three_up: &[u8]) {
        let (folder, before) = (self.directory.path().join("control/inner"), self.files());
        std::fs::create_dir_all(&folder).unwrap();
        let chart = self.desk.path("control.tgz");
        std::fs::write(&chart, three_up).unwrap();
        let unpacked = Command::new("tar").current_dir(&folder).args(["-P", "-xzf"]).arg(&chart).status().unwrap();
        assert!(unpacked.success(), "control: tar unpacks it");
        let written = self.directory.path().join("written");
        assert!(self.files().contains(&written), "control: {} is seen", written.display());
        std::fs::remove_file(written).unwrap();
        std::fs::remove_file(chart).unwrap();
        std::fs::remove_dir_all(self.directory.path().join("control")).unwrap();
        assert_eq!(self.files(), before);
    }

    /// Every file that is there.
    fn files(&self) -> Vec<PathBuf> {
        fn walk(at: &Path, into: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(at).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, into) } else { into.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(self.directory.path(), &mut found);
        found.sort();
        found
    }
}

#[test]
fn nothing_is_written_outside_of_where_a_chart_is_unpacked() {
    let scene = Scene::new();
    let good = scene.render(&packed(&archive(|_| {})));
    assert!(good.code == 0 && good.out.contains("ConfigMap"), "positive control: {good:?}");
    let before = scene.files();
    let away = scene.directory.path().join("written").display().to_string();
    let plain = EntryType::Regular;
    let up = |steps: usize| {
        let name = format!("kfz/{}written", "../".repeat(steps));
        packed(&archive(|a| entry(a, &name, plain, "", b"x")))
    };
    scene.control(&up(3));
    let cases = [
        ("one up", up(1)),
        ("two up", up(2)),
        ("three up", up(3)),
        ("four up", up(4)),
        ("up from its beginning", packed(&archive(|a| entry(a, "../../written", plain, "", b"x")))),
        ("up by the other slash", packed(&archive(|a| entry(a, "kfz\\..\\..\\..\\written", plain, "", b"x")))),
        ("an absolute path", packed(&archive(|a| entry(a, &away, plain, "", b"x")))),
        (
            "through a link of its own",
            packed(&archive(|a| {
                entry(a, "kfz/files", EntryType::Symlink, "../../..", b"");
                entry(a, "kfz/files/written", plain, "", b"x");
            })),
        ),
        (
            "a hard link",
            packed(&archive(|a| entry(a, "kfz/templates/passwd.yaml", EntryType::Link, "/etc/passwd", b""))),
        ),
    ];
    for (what, chart) in &cases {
        let said = scene.render(chart);
        assert_eq!(scene.files(), before, "{what} wrote something: {said:?}");
        assert!(!said.out.contains("root:"), "{what} read something: {said:?}");
        // Helm passes over links and cleans paths; what it made of the rest is the chart without them.
        println!("{what}: code {}: {}", said.code, said.err.lines().next().unwrap_or_default());
        assert!(
            said.code == 1 || said.out.matches("\"kind\"").count() <= good.out.matches("\"kind\"").count(),
            "{what}"
        );
    }
    // Zeros, in less than a hundredth of their size.
    let mut header = Header::new_ustar();
    header.set_path("kfz/templates/large.yaml").unwrap();
    header.set_size(BOMB as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut bomb = archive(|_| {});
    // The two empty blocks at the archive's end make way for one more entry.
    bomb.truncate(bomb.len() - 1024);
    bomb.extend_from_slice(header.as_bytes());
    let chart = zeros(&bomb, BOMB);
    let said = scene.render(&chart);
    assert_eq!(said.code, 1, "{} bytes that are {BOMB}: {said:?}", chart.len());
    assert_eq!(scene.files(), before);
}

/// `head` and so many zeros behind it, packed.
fn zeros(head: &[u8], count: usize) -> Vec<u8> {
    let mut child =
        Command::new("gzip").args(["-1", "-n", "-c"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut into, head) = (child.stdin.take().unwrap(), head.to_vec());
    let writing = std::thread::spawn(move || {
        into.write_all(&head)?;
        let block = vec![0; 1 << 20];
        (0..count >> 20).try_for_each(|_| into.write_all(&block))
    });
    let packed = child.wait_with_output().unwrap().stdout;
    writing.join().unwrap().unwrap();
    packed
}

#[test]
fn no_altered_chart_writes_anything() {
    let mut rng = seeded("attacks", "a24_chart_traversal_or_bomb::no_altered_chart_writes_anything");
    let scene = Scene::new();
    let whole = archive(|a| entry(a, "kfz/values.yaml", EntryType::Regular, "", b"a: 1\n"));
    scene.render(&packed(&whole));
    let before = scene.files();
    for case in 0..CASES {
        let mut bytes = whole.clone();
        if case % 2 == 0 {
            // In the headers, mostly, where names and kinds stand.
            for _ in 0..rng.random_range(1..6) {
                let header = 512 * rng.random_range(0..bytes.len() / 512);
                bytes[header + rng.random_range(0..160)] = rng.random();
            }
        }
        let mut chart = packed(&bytes);
        if case % 2 == 1 {
            let at = rng.random_range(0..chart.len());
            chart[at] ^= 1 << rng.random_range(0..8);
        }
        let said = scene.render(&chart);
        assert!([0, 1].contains(&said.code), "case {case}: {said:?}");
        assert_eq!(scene.files(), before, "case {case} wrote something");
    }
}
