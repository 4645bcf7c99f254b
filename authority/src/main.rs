//! `mcps-authority`: the trust authority as a service.

mod cli;
mod hook;

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use mcps_authority::store::Db;
use mcps_authority::{Config, Running, add_operator, api, open_founded, serve};
use mcps_core::clock::{Clock as _, SystemClock};
use mcps_core::random::SystemRandom;
use mcps_core::trust::TrustBundle;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use cli::{AddOperator, Command, Examine, LogFormat, Serve};

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match cli::parse().command {
        Command::Serve(args) => run(&args).await,
        Command::AddOperator(args) => add(&args).await,
        Command::Keys(command) => command.run(&SystemClock, &SystemRandom).await,
        Command::Examine(args) => match examine(&args).await {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::from(CHANGED),
            Err(error) => Err(error),
        },
        Command::Care(command) => command.run().await,
        Command::Hook(command) => hook::run(&command).await,
        Command::Openapi => print_openapi(),
        Command::Manual(manual) => {
            let done = manual.run(cli::tree(), &mut io::stdout());
            done.map_err(anyhow::Error::from)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "mcps-authority: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Something is not as it was written; the code of `mcps` for what does not verify.
const CHANGED: u8 = 6;

/// The database of an authority, and its key set.
async fn opened(config: &Config) -> anyhow::Result<(Db, TrustBundle)> {
    let db = open_founded(config).await?;
    let founding = db.founding().await?.context("there is no authority here")?;
    let bundle = TrustBundle::parse(&founding.bundle)?;
    bundle.verify(bundle.signer())?;
    Ok((db, bundle))
}

/// Prints what an examination finds; `false` when something was changed.
async fn examine(args: &Examine) -> anyhow::Result<bool> {
    let (db, bundle) = opened(&args.config()?).await?;
    let report = mcps_authority::examine::examine(&db, &bundle).await?;
    let mut out = io::stdout().lock();
    let findings = report.findings.iter().map(ToString::to_string);
    if args.output.is_json() {
        let findings: Vec<String> = findings.collect();
        let report = serde_json::json!({
            "authority": bundle.authority(),
            "root_kid": bundle.signer().as_str(),
            "records": report.records, "checkpoints": report.checkpoints,
            "passports": report.passports, "events": report.events,
            "wrong": report.wrong, "findings": findings,
        });
        writeln!(out, "{report:#}")?;
    } else {
        let mcps_authority::examine::Report {
            records,
            checkpoints,
            passports,
            events,
            wrong,
            ..
        } = &report;
        let (name, root) = (bundle.authority(), bundle.signer());
        writeln!(out, "authority {name}, root key {root}")?;
        writeln!(
            out,
            "as written: {records} records, {checkpoints} checkpoints, {passports} passports, {events} events"
        )?;
        for finding in findings {
            writeln!(out, "{finding}")?;
        }
        match wrong {
            0 => writeln!(out, "nothing was changed")?,
            _ => writeln!(out, "{wrong} things are not as they were written")?,
        }
    }
    Ok(report.wrong == 0)
}

async fn add(args: &AddOperator) -> anyhow::Result<()> {
    let (grants, until) = (args.grants()?, args.until(SystemClock.now()));
    let (config, held) = (args.config()?, grants.text());
    let key = add_operator(
        &config,
        &args.name,
        grants,
        until,
        &SystemClock,
        &SystemRandom,
    );
    let key = key.await?;
    writeln!(io::stdout(), "{}", key.reveal())?;
    let name = &args.name;
    writeln!(
        io::stderr(),
        "This is the key of operator {name} ({held}), shown this once and stored only as a hash."
    )?;
    Ok(())
}

async fn run(args: &Serve) -> anyhow::Result<()> {
    start_logging(args.log_format, &args.log);
    #[cfg(feature = "kill-points")]
    if let Some(point) = &args.kill_at {
        mcps_authority::kill::arm(point).map_err(anyhow::Error::msg)?;
    }
    let config = args.config()?;
    let (data_dir, key_file) = (config.data_dir.clone(), config.operator_key_file.clone());
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let running = serve(config, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    // Whoever started us may have stopped reading; the log and the ready file say the same.
    if let Err(error) = announce(&running, &data_dir, key_file.as_deref()) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "nobody reads the start messages: {error}"
        );
    }
    if let Some(path) = &args.ready_file {
        write_ready(path, &running.url())
            .with_context(|| format!("cannot write --ready-file {}", path.display()))?;
    }
    let told = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = told, "{told}: finishing the requests under way");
    running.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

/// The first line is for programs, the rest for people.
fn announce(running: &Running, data_dir: &Path, key_file: Option<&Path>) -> io::Result<()> {
    let url = running.url();
    let (name, engine) = (&running.name, running.engine);
    let addr = running.addr.to_string();
    tracing::info!(addr, url, authority = name, engine, "listening on {url}");
    let mut out = io::stdout().lock();
    writeln!(out, "listening on {url}")?;
    if let Some(addr) = running.order_addr {
        writeln!(out, "orders at {}://{addr}", running.scheme)?;
    }
    let data_dir = data_dir.display();
    writeln!(out, "authority {name} ({engine}), data in {data_dir}")?;
    writeln!(out, "root key {}", running.root_kid)?;
    if let Some(addr) = running.metrics_addr {
        writeln!(out, "metrics on http://{addr}/metrics")?;
    }
    if let Some(key) = &running.operator_key {
        let [keys, root] = &running.custody;
        writeln!(
            out,
            "\nFirst start: made the passport, status, feed and audit keys in {keys}, the root key in {root}."
        )?;
        writeln!(
            out,
            "Back them up; keep the root key somewhere safe, serving does not need it (docs/keys.md)."
        )?;
        writeln!(
            out,
            "\nThe first operator's key, shown this once and stored only as a hash:\n"
        )?;
        writeln!(out, "  {}\n", key.reveal())?;
        writeln!(
            out,
            "Lost it? `mcps-authority add-operator --name NAME` makes another."
        )?;
        if let Some(path) = key_file {
            writeln!(
                out,
                "It is in {} too, readable by you alone.\n",
                path.display()
            )?;
        }
        writeln!(out, "Next: list what was issued (nothing yet)")?;
        let header = "authorization: Bearer YOUR_KEY";
        writeln!(out, "  curl -H '{header}' {url}/v1/passports")?;
        writeln!(out, "  curl {url}/.well-known/mcps-trust")?;
    }
    out.flush()
}

/// Whoever waits for the file never sees half of it.
fn write_ready(path: &Path, url: &str) -> io::Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    fs::write(&partial, format!("{url}\n"))?;
    fs::rename(&partial, path)
}

fn print_openapi() -> anyhow::Result<()> {
    io::stdout()
        .lock()
        .write_all(api::openapi_json()?.as_bytes())?;
    Ok(())
}

/// Logs go to standard error, so that standard output stays for the start messages.
fn start_logging(format: LogFormat, filter: &str) {
    let filter = EnvFilter::builder().parse_lossy(filter);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
}
