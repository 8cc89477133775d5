//! Whole sites side by side, for looking at and for the demo.

mod options;
mod show;

use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use options::{Action, Options};
use verbund_testbed::{Space, Testbed};

/// What sites are called unless told.
const NAMES: [&str; 5] = ["mitte", "nord", "sued", "ost", "west"];

#[tokio::main]
async fn main() -> ExitCode {
    match act(Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(options: Options) -> Result<()> {
    let directory = &options.directory;
    match &options.action {
        Action::Up { sites, names } => up(&options, *sites, names).await,
        Action::Down { all } => down(&options, *all).await,
        Action::Status => show::status(directory),
        Action::Shell { site } => shell(&options, site),
        Action::Cut { a, b } => Testbed::attach(directory)?.cut(a, b),
        Action::CutOff { site } => Testbed::attach(directory)?.cut_off(site),
        Action::Lose { from, to, percent } => Testbed::attach(directory)?.lose(from, to, *percent),
        Action::Heal => Testbed::attach(directory)?.heal(),
        Action::PowerOff { site } => Testbed::attach(directory)?.find(site)?.power_off().await,
        Action::PowerOn { site } => {
            let mut testbed = Testbed::attach(directory)?;
            testbed.find(site)?.power_on().await?;
            testbed.keep()
        }
    }
}

async fn up(options: &Options, sites: u8, names: &[String]) -> Result<()> {
    let names: Vec<&str> = match names {
        [] => NAMES.into_iter().take(sites.into()).collect(),
        names => names.iter().map(String::as_str).collect(),
    };
    println!("starting {} ...", names.join(", "));
    let start = Instant::now();
    let mut testbed = Testbed::new(&options.directory).await?;
    tokio::select! {
        started = testbed.sites(&names) => { started?; }
        _ = tokio::signal::ctrl_c() => {
            println!("stopping");
            return testbed.stop().await;
        }
    }
    // Before anything is said: they stay even if nobody reads it.
    testbed.keep()?;
    println!("ready after {:.1} s\n", start.elapsed().as_secs_f64());
    show::sites(&testbed);
    show::hints(&options.directory, &testbed);
    Ok(())
}

async fn down(options: &Options, all: bool) -> Result<()> {
    let directories = if all { Testbed::directories()? } else { vec![options.directory.clone()] };
    for directory in directories {
        Testbed::attach(&directory)?.stop().await?;
        println!("stopped: {}", directory.display());
    }
    Ok(())
}

/// Becomes a shell inside the site.
fn shell(options: &Options, name: &str) -> Result<()> {
    let site = Testbed::attach(&options.directory)?.find(name)?;
    let space: &Space = &site;
    let programs = site.program("kubectl");
    let programs = programs.parent().context("kubectl lies in a directory")?;
    let path = std::env::var("PATH").unwrap_or_default();
    let shell = std::env::var("SHELL").unwrap_or_else(|_| "/bin/sh".into());
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{}", space.namespace())).arg("--").arg(shell);
    command.env("KUBECONFIG", site.kubeconfig()).env("PATH", format!("{}:{path}", programs.display()));
    Err(command.exec()).context("starting the shell")
}
