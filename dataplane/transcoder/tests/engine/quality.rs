//! The report of quality: what the engine says of its rungs FFmpeg says, too.

use std::path::Path;
use std::process::Command;

use streamgate_contract::job_files::{Event, Order};
use streamgate_contract::plan::{Media, Plan};
use streamgate_contract::quality::TrackQuality;
use streamgate_contract::renditions::{GridSettings, Rendition, VideoCodec};

use crate::judge::joined;
use crate::pod::{footage, plan_order, run};

/// Pictures that the engine compares of the rung in this place: one of each chunk in which it has its
/// turn, the fourth of a group that changes with the chunk.
fn compared(plan: &Plan, (rung, rungs): (u32, u32)) -> Vec<u64> {
    let grid = &plan.grid;
    let turns = rungs.min(grid.chunks());
    let frames = u64::from(grid.segment_frames * grid.segments_per_chunk);
    let all = plan.source.video.as_ref().unwrap().frames;
    let mine = (0..grid.chunks()).filter(|chunk| chunk % turns == rung % turns);
    let picture = |chunk: u32| {
        let start = u64::from(chunk) * frames;
        let groups = (all - start).min(frames).div_ceil(grid.gop_frames.into());
        start + u64::from(chunk) % groups * u64::from(grid.gop_frames) + 3
    };
    mine.map(picture).collect()
}

/// Mean squared error of brightness of these pictures, by FFmpeg.
fn judged(source: &Path, made: &Path, (width, height): (u32, u32), pictures: &[u64]) -> f64 {
    let chosen: Vec<String> = pictures.iter().map(|n| format!("eq(n,{n})")).collect();
    let same = format!("select='{}',settb=1/1000,setpts=N", chosen.join("+"));
    let scale = format!("scale={width}:{height}:flags=bicubic+accurate_rnd");
    let graph = format!("[0:v]{scale},{same}[a];[1:v]{same}[b];[a][b]psnr=stats_file=-");
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(source)
        .arg("-i")
        .arg(made)
        .args(["-lavfi", &graph, "-f", "null", "-"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let words = text.split_whitespace();
    let errors = words.filter_map(|word| word.strip_prefix("mse_y:"));
    let errors: Vec<f64> = errors.map(|n| n.parse().unwrap()).collect();
    assert_eq!(
        errors.len(),
        pictures.len(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    errors.iter().sum::<f64>() / errors.len() as f64
}

#[test]
fn every_rung_is_compared_in_every_codec() {
    let source = footage("busy.mp4");
    let mut order = plan_order(GridSettings::default());
    if let Order::Plan { request, .. } = &mut order {
        request.renditions = VideoCodec::ALL
            .map(|c| Rendition::new(360, 700, c))
            .to_vec();
    }
    let made = run(&order, &source);
    assert_eq!(made.code, 0, "{:?}", made.message);
    let told = made.events.iter().filter_map(|event| match event {
        Event::Quality(quality) => Some(quality),
        _ => None,
    });
    let told: Vec<&TrackQuality> = told.collect();
    assert_eq!(told.len(), VideoCodec::ALL.len());
    let plan = made.plan();
    for (track, rung) in plan.tracks.iter().zip(0..) {
        let Media::Video { width, height, .. } = track.media else {
            continue;
        };
        let of_track = told.iter().find(|quality| quality.track == track.id);
        let nearness = of_track.unwrap().nearness;
        let pictures = compared(&plan, (rung, VideoCodec::ALL.len() as u32));
        assert_eq!(nearness.pictures, pictures.len() as u64, "{}", track.id);
        let file = joined(track, &made.files);
        let error = judged(&source, file.path(), (width, height), &pictures);
        let judged = 10.0 * (255.0_f64.powi(2) / error).log10();
        let (said, ssim) = (nearness.psnr().unwrap(), nearness.ssim().unwrap());
        assert!((said - judged).abs() < 0.5, "{} {said} {judged}", track.id);
        assert!((0.8..0.9999).contains(&ssim), "{} {ssim}", track.id);
    }
}
