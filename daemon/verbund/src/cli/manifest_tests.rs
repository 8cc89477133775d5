//! The manifest of the agent in `deploy/kubernetes` says what this program understands, and mounts what it needs.

use clap::FromArgMatches as _;
use serde_json::Value;
use verbund_agent::Enrolment;
use verbund_keys::{KdfParameters, Passphrase, PassphraseSource};

use super::{AgentCommand, AgentRun, Cli, Command, command};

const MANIFEST: &str = include_str!("../../../../deploy/kubernetes/agent.yaml");
/// What Kubernetes puts in the place of the Service's variable.
const SERVICE: &str = "10.96.12.7";

fn documents() -> Vec<Value> {
    serde_saphyr::from_multiple(MANIFEST).unwrap()
}

fn one(kind: &str) -> Value {
    documents().into_iter().find(|document| document["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"))
}

fn pod() -> Value {
    one("Deployment")["spec"]["template"]["spec"].clone()
}

fn named<'v>(list: &'v Value, key: &str, name: &str) -> &'v Value {
    let found = list.as_array().unwrap().iter().find(|one| one[key] == name);
    found.unwrap_or_else(|| panic!("{name} is not in {list}"))
}

fn parsed(args: &[String]) -> AgentRun {
    let line = std::iter::once("verbund").chain(args.iter().map(String::as_str));
    let matches = command().try_get_matches_from(line).unwrap_or_else(|error| panic!("{error}"));
    match Cli::from_arg_matches(&matches).unwrap().command {
        Command::Agent(AgentCommand::Run(run)) => *run,
        _ => panic!("{args:?} runs no agent"),
    }
}

fn arguments() -> Vec<String> {
    let service = one("Service")["metadata"]["name"].as_str().unwrap().to_uppercase().replace('-', "_");
    let variable = format!("$({service}_SERVICE_HOST)");
    let args = pod()["containers"][0]["args"].as_array().unwrap().clone();
    let args: Vec<String> = args.iter().map(|arg| arg.as_str().unwrap().replace(&variable, SERVICE)).collect();
    assert!(args.iter().all(|arg| !arg.contains("$(")), "a variable that nobody sets: {args:?}");
    args
}

#[test]
fn its_arguments_are_those_of_the_program() {
    let (pod, run) = (pod(), parsed(&arguments()));
    let container = &pod["containers"][0];
    assert!(!run.simulated && run.kubeconfig.is_none() && run.kube_context.is_none(), "the pod's own cluster");
    assert_eq!(run.guard_image.as_deref(), container["image"].as_str());
    let listen = run.guard_listen.expect("guards are answered");
    let desk = named(&container["ports"], "name", "guard-desk");
    assert_eq!((desk["containerPort"].as_u64(), desk["protocol"].as_str()), (Some(listen.port().into()), Some("UDP")));
    let service = &one("Service")["spec"]["ports"][0];
    assert_eq!((service["targetPort"].as_str(), service["protocol"].as_str()), (Some("guard-desk"), Some("UDP")));
    let desk = format!("{SERVICE}:{}", service["port"]);
    assert_eq!(run.guard_desk.iter().map(ToString::to_string).collect::<Vec<_>>(), [desk]);
    assert_eq!(pod["enableServiceLinks"], true, "else nobody sets the Service's variable");
    // The positive control: the parser does not take everything.
    let mut wrong = arguments();
    wrong.push("--config=/etc/verbund/agent.toml".to_owned());
    assert!(command().try_get_matches_from(std::iter::once("verbund".to_owned()).chain(wrong)).is_err());
}

#[test]
fn it_mounts_what_the_agent_reads_and_writes() {
    let (pod, run) = (pod(), parsed(&arguments()));
    let container = &pod["containers"][0];
    let volume = |path: &str| {
        let mount = named(&container["volumeMounts"], "mountPath", path);
        let volume = named(&pod["volumes"], "name", mount["name"].as_str().unwrap()).clone();
        (mount["readOnly"] == true, volume)
    };
    let (read_only, state) = volume(run.data_dir.to_str().unwrap());
    let claim = &state["persistentVolumeClaim"]["claimName"];
    assert!(!read_only && *claim == one("PersistentVolumeClaim")["metadata"]["name"], "{state}");
    let (read_only, enrolment) = volume(run.enrolment.unwrap().to_str().unwrap());
    assert!(read_only && enrolment["secret"]["secretName"].is_string() && enrolment["secret"]["items"].is_null());

    let variable = |name: &str| named(&container["env"], "name", name)["value"].as_str().unwrap().to_owned();
    let PassphraseSource::Credential(credential) = variable("VERBUND_PASSPHRASE_SOURCE").parse().unwrap() else {
        panic!("a pod's files are not of mode 0600, so that the passphrase comes as a credential");
    };
    let (read_only, passphrase) = volume(&variable("CREDENTIALS_DIRECTORY"));
    // Each key of the Secret is a file of its name; the handbook makes it with this one.
    assert!(read_only && passphrase["secret"]["items"].is_null(), "{passphrase}");
    let made = format!("--from-file={}=", credential.as_str());
    assert!(include_str!("../../../../deploy/docs/en/placement.md").contains(&made));
    assert_ne!(passphrase["secret"]["secretName"], enrolment["secret"]["secretName"], "the key and what opens it");
}

/// The handbook makes the Secret of these two files.
#[test]
fn the_handbook_names_the_files_of_an_agents_folder() {
    let folder = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new("a passphrase of some length").unwrap();
    let cheap = KdfParameters { memory_kib: 8 * 1024, passes: 1, lanes: 1 };
    Enrolment::make_key(folder.path(), &passphrase, cheap).unwrap();
    let files = ["agent.json", "keys/agent.key"];
    assert!(folder.path().join(files[1]).is_file());
    for handbook in [
        include_str!("../../../../deploy/docs/de/platzierung.md"),
        include_str!("../../../../deploy/docs/en/placement.md"),
    ] {
        for file in files {
            assert!(handbook.contains(&format!("--from-file=DIR/{file}")), "{file}");
        }
        let pod = pod();
        for volume in pod["volumes"].as_array().unwrap() {
            let Some(secret) = volume["secret"]["secretName"].as_str() else { continue };
            assert!(handbook.contains(&format!("create secret generic {secret} ")), "{secret}");
        }
    }
}
