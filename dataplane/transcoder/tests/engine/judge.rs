//! FFmpeg's command line as the judge of what the engine made.

use std::path::Path;
use std::process::Command;

use streamgate_contract::job_files::{init_name, segment_name};
use streamgate_contract::plan::TrackPlan;

use crate::pod::Files;

/// Init and all segments of a track in one file.
pub fn joined(track: &TrackPlan, files: &Files) -> tempfile::NamedTempFile {
    let mut bytes = files[&init_name(&track.id)].clone();
    for number in 0..track.starts.len() as u32 - 1 {
        bytes.extend(&files[&segment_name(&track.id, number)]);
    }
    let file = tempfile::Builder::new().suffix(".mp4").tempfile().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn command(program: &str, arguments: &[&str], file: &std::path::Path) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(file)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && errors.is_empty(),
        "{program}: {errors}"
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Packet times in presentation order.
pub fn times(file: &std::path::Path) -> Vec<i64> {
    let arguments = [
        "-v",
        "error",
        "-show_entries",
        "packet=pts",
        "-of",
        "csv=p=0",
    ];
    let text = command("ffprobe", &arguments, file);
    let number = |line: &str| line.trim_end_matches(',').parse().unwrap();
    let mut times: Vec<i64> = text.lines().map(number).collect();
    times.sort_unstable();
    times
}

/// Decodes everything; any complaint of the decoder is an error.
pub fn decoded_frames(file: &std::path::Path) -> usize {
    let arguments = [
        "-v",
        "error",
        "-err_detect",
        "explode",
        "-count_frames",
        "-show_entries",
        "stream=nb_read_frames",
        "-of",
        "csv=p=0",
    ];
    command("ffprobe", &arguments, file)
        .trim()
        .trim_end_matches(',')
        .parse()
        .unwrap()
}

/// Times of the pictures as a player shows them, in seconds from the first.
pub fn shown(file: &Path) -> Vec<f64> {
    let arguments = [
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "frame=best_effort_timestamp_time",
        "-of",
        "csv=p=0",
    ];
    let text = command("ffprobe", &arguments, file);
    let number = |line: &str| line.trim_end_matches(',').parse().unwrap();
    let mut times: Vec<f64> = text
        .lines()
        .filter(|line| !line.is_empty())
        .map(number)
        .collect();
    times.sort_by(f64::total_cmp);
    let first = times[0];
    times.iter().map(|t| t - first).collect()
}

/// PSNR in dB of all pictures of `made` against those of `source`, paired by number, after
/// `filters` and scaling to the size of `made`. FFmpeg turns the source by itself.
pub fn psnr(source: &Path, filters: &str, made: &Path, (width, height): (u32, u32)) -> f64 {
    let graph = format!(
        "[0:v]{filters},scale={width}:{height}:flags=bicubic,setsar=1,format=yuv420p,\
         settb=1/1000,setpts=N[a];[1:v]settb=1/1000,setpts=N[b];[a][b]psnr=stats_file=-"
    );
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(source)
        .arg("-i")
        .arg(made)
        .args(["-lavfi", &graph, "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = text
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("mse_avg:"));
    let errors: Vec<f64> = errors.map(|n| n.parse().unwrap()).collect();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!errors.is_empty(), "{}: {complaint}", source.display());
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    10.0 * (255.0_f64.powi(2) / mean).log10()
}

/// Loudest sample in dB of full scale.
pub fn peak(file: &Path) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(file)
        .args(["-map", "0:a:0", "-af", "volumedetect", "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let (_, rest) = text.split_once("max_volume: ").unwrap();
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// When the pictures of a file begin, in milliseconds of its own clock.
pub fn first_picture(file: &Path) -> u64 {
    let arguments = ["-v", "error", "-select_streams", "v:0", "-show_entries"];
    let arguments = [&arguments[..], &["stream=start_time", "-of", "csv=p=0"]].concat();
    let seconds: f64 = command("ffprobe", &arguments, file).trim().parse().unwrap();
    (seconds * 1_000.0).round() as u64
}

/// Cues of a text stream as FFmpeg reads them: start and end in milliseconds, and text without tags.
pub fn cues(input: &[&str], map: &str) -> Vec<(u64, u64, String)> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(input)
        .args(["-map", map, "-f", "webvtt", "-"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    read_cues(std::str::from_utf8(&output.stdout).unwrap())
}

/// Cues of a WebVTT file, the words alone.
pub fn read_cues(text: &str) -> Vec<(u64, u64, String)> {
    let blocks = text.trim_end().split("\n\n");
    let cue = |block: &str| {
        let (times, words) = block.split_once('\n')?;
        let (start, end) = times.split_once(" --> ")?;
        let end = end.split(' ').next()?;
        let mut plain = String::new();
        let mut tag = false;
        for c in words.chars() {
            match c {
                '<' => tag = true,
                '>' if tag => tag = false,
                c if !tag => plain.push(c),
                _ => {}
            }
        }
        let lines: Vec<&str> = plain.lines().map(str::trim).collect();
        let words = lines.join("\n").replace("&amp;", "&");
        Some((milliseconds(start), milliseconds(end), words))
    };
    blocks.filter_map(cue).collect()
}

fn milliseconds(time: &str) -> u64 {
    let (rest, fraction) = time.split_once('.').unwrap();
    let add = |sum: u64, part: &str| sum * 60 + part.parse::<u64>().unwrap();
    rest.split(':').fold(0, add) * 1_000 + fraction.parse::<u64>().unwrap()
}

/// Captions that ride in the pictures (CEA-608), as SubRip.
pub fn captions(file: &Path) -> String {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i"])
        .arg(format!("movie={}[out+subcc]", file.display()))
        .args(["-map", "0:s", "-f", "srt", "-"])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}
