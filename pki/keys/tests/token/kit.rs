//! A SoftHSM2 of its own for each test.
//!
//! SoftHSM takes its configuration from a variable of the process, and a module is initialised once for a process. So each
//! test makes a token in a directory of its own and runs itself again as a child with that configuration: no test sees
//! another one's token, in whatever order they run.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use verbund_keys::{PassphraseSource, Token, TokenUri};

pub const LABEL: &str = "verbund test";
pub const PIN: &str = "27182818";
pub const SECURITY_OFFICER: &str = "31415926";
const DIRECTORY: &str = "VERBUND_TEST_TOKEN";

/// A test with a token. The body runs in a process of its own.
macro_rules! with_token {
    ($(#[$meta:meta])* $name:ident, $body:expr) => {
        with_token!($(#[$meta])* $name, "ALL", $body);
    };
    ($(#[$meta:meta])* $name:ident, $mechanisms:expr, $body:expr) => {
        $(#[$meta])*
        #[test]
        fn $name() {
            crate::kit::run(concat!(module_path!(), "::", stringify!($name)), $mechanisms, $body);
        }
    };
}

/// The token of a test.
pub struct Soft {
    pub directory: PathBuf,
}

pub fn run(test: &str, mechanisms: &str, body: fn(&Soft)) {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return body(&Soft { directory: directory.into() });
    }
    let directory = tempfile::tempdir().unwrap();
    let soft = Soft { directory: directory.path().to_owned() };
    std::fs::create_dir(soft.tokens()).unwrap();
    let configuration = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\nslots.mechanisms = {mechanisms}\n",
        soft.tokens().display()
    );
    std::fs::write(soft.configuration(), configuration).unwrap();
    std::fs::write(soft.pin_file(), PIN).unwrap();
    private(&soft.pin_file());
    soft.make_token(LABEL);
    // The path without the crate's name, as the test's harness knows it.
    let (_, name) = test.split_once("::").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    child.env(DIRECTORY, &soft.directory).env("SOFTHSM2_CONF", soft.configuration());
    let output = child.output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{name} in its own process:\n{told}");
}

pub fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The module, wherever the distribution puts it.
pub fn module() -> PathBuf {
    let known =
        ["/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/pkcs11/libsofthsm2.so"];
    let found = known.iter().map(Path::new).find(|path| path.exists());
    found.expect("SoftHSM2 is missing: .ci/prerequisites installs it").to_owned()
}

impl Soft {
    fn tokens(&self) -> PathBuf {
        self.directory.join("tokens")
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("softhsm2.conf")
    }

    pub fn pin_file(&self) -> PathBuf {
        self.directory.join("pin")
    }

    pub fn make_token(&self, label: &str) {
        self.util(&["--init-token", "--free", "--label", label, "--so-pin", SECURITY_OFFICER, "--pin", PIN]);
    }

    /// Initialises the token anew, as a person might by mistake.
    pub fn wipe(&self) {
        self.util(&["--init-token", "--token", LABEL, "--label", LABEL, "--so-pin", SECURITY_OFFICER, "--pin", PIN]);
    }

    pub fn util(&self, arguments: &[&str]) {
        let output = self.command("softhsm2-util").args(arguments).output().unwrap();
        assert!(output.status.success(), "softhsm2-util {arguments:?}: {output:?}");
    }

    /// pkcs11-tool, logged in.
    pub fn tool(&self, arguments: &[&str]) -> Output {
        let mut tool = self.command("pkcs11-tool");
        tool.arg("--module").arg(module()).args(["--token-label", LABEL, "--login", "--pin", PIN]);
        tool.args(arguments).output().unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SOFTHSM2_CONF", self.configuration());
        command
    }

    /// The one token's own directory.
    pub fn token_directory(&self) -> PathBuf {
        let mut all = std::fs::read_dir(self.tokens()).unwrap().map(|entry| entry.unwrap().path());
        let one = all.next().expect("a token");
        assert!(all.next().is_none(), "only one token");
        one
    }

    /// Takes the token away, and gives what brings it back.
    pub fn take_away(&self) -> impl FnOnce() {
        let (here, away) = (self.token_directory(), self.directory.join("away"));
        std::fs::rename(&here, &away).unwrap();
        move || std::fs::rename(away, here).unwrap()
    }

    pub fn uri(&self) -> TokenUri {
        let text = format!("pin-source=file:{}", self.pin_file().display());
        self.uri_with(&text)
    }

    pub fn uri_with(&self, query: &str) -> TokenUri {
        let label = LABEL.replace(' ', "%20");
        format!("pkcs11:token={label}?module-path={}&{query}", module().display()).parse().unwrap()
    }

    pub fn token(&self) -> Token {
        Token::open(&self.uri(), &PassphraseSource::None).unwrap()
    }
}

/// Runs a tool that must succeed; gives all that it said.
pub fn told(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {told}");
    told
}
