//! The command line: flags are parsed to plain data, validated, then run.

mod analyze;
mod annotate;
mod bench;
mod bench_faces;
mod bench_live;
mod blend;
mod calibrate;
mod cameras;
mod dataset;
mod evaluate;
mod expand;
mod export;
mod generate;
mod inputs;
mod marker_input;
mod model;
mod output;
mod output_lines;
mod outputs;
mod recipe_flags;
mod report;
mod result_sinks;
mod shard;
mod small_pictures;
mod smoothing;
mod table;
mod teach;
mod thinning;
mod train;
mod verify;
mod weights;
#[cfg(feature = "window")]
mod window_taps;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use moue_capture::SourceSpec;
use moue_detect::DetectorKind;
use moue_model::DeviceChoice;

use crate::fault;
use weights::WeightsArgs;

/// Everything was done.
const DONE: u8 = 0;
/// Some inputs failed, each was named.
const SOME_FAILED: u8 = 1;
/// Nothing was done: wrong usage, or what is needed is not there.
const WRONG_USAGE: u8 = 2;
/// The program itself is at fault; Rust's own status of a panic.
const FAULT: u8 = 101;
/// Ctrl-C, as shells report it.
const INTERRUPTED: u8 = 130;

const EXAMPLES: &str = "\
Examples:
  moue                                      the window, with the camera or else the demo
  moue photo.jpg                            the window on a picture, video or folder
  moue --source camera:C920                 the window on this camera (see moue cameras)
  moue analyze holiday/ --out faces.csv     every face in a folder as one row
  moue analyze clip.mp4 --record sessions/  a recording of a video (see moue report)
  moue train faces/ --out run               a network of your own
  moue COMMAND --help                       all that a command can do

Exit status: 0 done, 1 some inputs failed (each is named), 2 wrong usage or nothing
could start, 101 a bug in the program, 130 ended by Ctrl-C.";

/// Real-time facial-expression recognition that runs on your own machine.
///
/// Without a command it opens the window.
#[derive(Debug, Parser)]
#[command(name = "moue", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    window: WindowArgs,
    /// Say more on standard error (-vv: everything)
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Read the expressions in pictures, folders, videos or a camera's frames
    Analyze(analyze::AnalyzeArgs),
    /// Measure how fast everything is on this machine
    Bench(bench::BenchArgs),
    /// The weighted mean of two networks, weight by weight
    Blend(blend::BlendArgs),
    /// Calibrate a network's probabilities on validation pictures
    Calibrate(calibrate::CalibrateArgs),
    /// List the cameras and their formats
    Cameras(cameras::CamerasArgs),
    /// Measure a network on labelled pictures
    Evaluate(evaluate::EvaluateArgs),
    /// Copy a data set and add changed copies of its training pictures
    Expand(expand::ExpandArgs),
    /// Convert a weights file
    Export(export::ExportArgs),
    /// Write manual pages and shell completions
    #[command(hide = true)]
    Generate(generate::GenerateArgs),
    /// Describe a weights file (without one: the built-in network)
    Model(model::ModelArgs),
    /// Turn a recording into one HTML page
    Report(report::ReportArgs),
    /// Turn recordings into tables for statistics programs
    Table(table::TableArgs),
    /// Learn a person's own expressions from a few pictures or clips
    Teach(teach::TeachArgs),
    /// Train a network on labelled pictures
    Train(Box<train::TrainArgs>),
    /// Check a recording: read its video again and compare row by row
    Verify(verify::VerifyArgs),
}

/// Flags of the window.
#[derive(Debug, Args)]
struct WindowArgs {
    /// A picture, a video or a folder to open, the same as --source FILE; several pictures make a list
    #[arg(value_name = "FILE", conflicts_with = "source")]
    files: Vec<PathBuf>,
    /// Where frames come from: auto, camera (or 0), camera:NAME, demo, or a file or folder
    #[arg(long, default_value = "auto", value_name = "SOURCE")]
    source: SourceSpec,
    #[command(flatten)]
    network: NetworkArgs,
    /// Face detector: auto, rustface or blazeface (default: as in the View menu)
    #[arg(long, value_name = "DETECTOR")]
    detector: Option<DetectorKind>,
    /// Neither read nor write the settings file
    #[arg(long)]
    no_settings: bool,
    /// Take markers as lines NAME[,VALUE] of a pipe (FIFO), a growing file or, with "-", of standard input
    #[arg(long, value_name = "FILE")]
    markers: Option<PathBuf>,
    /// Take markers as OSC messages /moue/marker NAME [VALUE] at this address (see docs/osc.md)
    #[cfg(feature = "osc")]
    #[arg(long, value_name = "HOST:PORT")]
    osc_in: Option<String>,
    /// Send the readings as OSC messages by UDP (see docs/osc.md)
    #[cfg(feature = "osc")]
    #[arg(long, value_name = "HOST:PORT")]
    osc: Option<String>,
}

/// Flags that choose the network and where it runs.
#[derive(Debug, Args)]
struct NetworkArgs {
    /// Weights file: safetensors or a PyTorch state dict (default: the built-in network)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    #[command(flatten)]
    read_as: WeightsArgs,
    /// Where the network runs: auto, cpu, cuda or metal
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// CPU threads for the network; 0 takes all cores
    #[arg(long, default_value_t = 0, value_name = "N")]
    threads: usize,
}

impl NetworkArgs {
    /// The weights, or the built-in ones; what had to be assumed is said.
    fn load(&self) -> anyhow::Result<moue_model::LoadedWeights> {
        self.read_as.read_or_built_in(self.weights.as_deref())
    }

    /// The weights as the window opens them.
    #[cfg(feature = "window")]
    fn choice(self) -> Option<crate::pipeline::WeightsChoice> {
        let read_as = self.read_as.options();
        let said = self.weights.is_some() || read_as.says_something();
        said.then_some(crate::pipeline::WeightsChoice { path: self.weights, read_as })
    }
}

/// The whole command line, for manual pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Runs the program with these arguments, the program's name first.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version go to standard output and are no failure; clap knows which is which.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { WRONG_USAGE } else { DONE });
        }
    };
    start_log(cli.verbose);
    fault::remember_places();
    let run = || match cli.command {
        None => window(cli.window),
        Some(Command::Analyze(args)) => analyze::run(args),
        Some(Command::Bench(args)) => bench::run(&args),
        Some(Command::Blend(args)) => blend::run(&args),
        Some(Command::Calibrate(args)) => calibrate::run(&args),
        Some(Command::Cameras(args)) => cameras::run(&args),
        Some(Command::Evaluate(args)) => evaluate::run(&args),
        Some(Command::Expand(args)) => expand::run(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Generate(args)) => generate::run(&args),
        Some(Command::Model(args)) => model::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Table(args)) => table::run(&args),
        Some(Command::Teach(args)) => teach::run(&args),
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Verify(args)) => verify::run(&args),
    };
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        complain(fault::describe("main", &*panic));
        Ok(FAULT)
    });
    ExitCode::from(result.unwrap_or_else(|e| {
        if is_broken_pipe(&e) {
            return DONE;
        }
        complain(format_args!("{e:#}"));
        WRONG_USAGE
    }))
}

#[cfg(feature = "window")]
fn window(args: WindowArgs) -> anyhow::Result<u8> {
    #[cfg(target_os = "linux")]
    start_again_without_driver_cache();
    #[cfg(feature = "osc")]
    let sender =
        args.osc.as_deref().map(crate::record::osc::OscSender::new).transpose()?.map(std::sync::Arc::new);
    #[cfg(feature = "osc")]
    let mut taps = window_taps::of(sender.as_ref())?;
    #[cfg(not(feature = "osc"))]
    let mut taps = window_taps::of()?;
    let (marked, markers) = crate::record::marker_queue();
    #[cfg(feature = "osc")]
    if let Some(address) = &args.osc_in {
        crate::record::osc_in::receive(address, marked.clone())?;
    }
    if let Some(path) = &args.markers {
        crate::record::follow_lines(path, marked)?;
    }
    taps.markers = Some(markers);
    let options = crate::app::AppOptions {
        source: files_to_open(args.files)?.unwrap_or(args.source),
        device: args.network.device,
        threads: args.network.threads,
        weights: args.network.choice(),
        detector: args.detector,
        settings: !args.no_settings,
    };
    crate::app::run(options, taps)?;
    Ok(DONE)
}

/// The files to open, where some were named. A mistyped command looks like a file too.
#[cfg(feature = "window")]
fn files_to_open(files: Vec<PathBuf>) -> anyhow::Result<Option<SourceSpec>> {
    if let Some(missing) = files.iter().find(|file| !file.exists()) {
        let command = command();
        let commands: Vec<&str> =
            command.get_subcommands().filter(|c| !c.is_hide_set()).map(clap::Command::get_name).collect();
        anyhow::bail!(
            "{}: expected a picture, a video or a folder to open, or one of the commands {}; there is no such file",
            missing.display(),
            commands.join(", ")
        );
    }
    Ok(SourceSpec::of_files(files))
}

#[cfg(not(feature = "window"))]
fn window(_args: WindowArgs) -> anyhow::Result<u8> {
    anyhow::bail!(
        "this program was built without its window; `cargo build --release` (with the feature `window`, which is on \
         by default) builds it with one, and `moue analyze` does the same in a terminal"
    )
}

/// Graphics drivers keep compiled shaders in the user's cache folder, and are told not to only by the environment in
/// which a program starts. But the window writes nothing except its settings: it starts a second time, in place.
#[cfg(all(target_os = "linux", feature = "window"))]
fn start_again_without_driver_cache() {
    use std::os::unix::process::CommandExt as _;
    // Mesa's, NVIDIA's.
    let wanted = [("MESA_SHADER_CACHE_DISABLE", "true"), ("__GL_SHADER_DISK_CACHE", "0")];
    // Variables that are set already are left as they are. The second start finds none missing.
    let missing = wanted.iter().filter(|(name, _)| std::env::var_os(name).is_none());
    let missing: Vec<_> = missing.copied().collect();
    let mut arguments = std::env::args_os();
    let (Ok(program), Some(name), false) = (std::env::current_exe(), arguments.next(), missing.is_empty())
    else {
        return;
    };
    let error = std::process::Command::new(program).arg0(name).args(arguments).envs(missing).exec();
    // Fails for example when an update replaced the file. Then the cache is accepted.
    tracing::debug!("the graphics driver may keep a cache of shaders: {error}");
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    // wgpu and its drivers report what they cannot do at every start; the program says what matters, also
    // where eframe would report an end although the other graphics interface still opens the window.
    let default = format!(
        "{level},wgpu_hal=error,wgpu_core=error,egui_wgpu=error,eframe::native::run=off,eframe::native::glow_integration=error,winit=error,zbus=error,calloop=error"
    );
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| default.into());
    // A second start (in tests) keeps the first log.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .try_init();
}

/// One line on standard error.
#[expect(clippy::print_stderr, reason = "the place where the command line speaks to its user")]
fn complain(message: impl std::fmt::Display) {
    eprintln!("moue: {}", moue_files::plain_words(&message.to_string()));
}

/// The reader of a pipe closed it, as `head` does: that is no failure.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
