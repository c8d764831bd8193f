//! What FFmpeg and a strict parser find behind a handle.

use std::process::Command;

use m3u8_rs::{
    MasterPlaylist, MediaPlaylist, VariantStream, parse_master_playlist_res,
    parse_media_playlist_res,
};
use streamgate_contract::plan::{Media, Plan};

use super::engine;
use super::gate::Gate;

/// Frames of the clip.
const FRAMES: usize = 600;
/// Length of a frame in seconds.
const FRAME: f64 = 0.04;

/// Output of a program that must succeed and complain of nothing.
fn output(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program)
        .args(["-v", "error"])
        .args(arguments)
        .output();
    let done = done.unwrap_or_else(|e| panic!("{program} is missing: {e}"));
    let complaints = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && complaints.is_empty(),
        "{program}: {complaints}"
    );
    String::from_utf8(done.stdout).unwrap()
}

async fn text(url: &str) -> String {
    let response = reqwest::get(url).await.unwrap();
    assert_eq!(response.status(), 200);
    response.text().await.unwrap()
}

async fn master(url: &str) -> MasterPlaylist {
    parse_master_playlist_res(text(url).await.as_bytes()).unwrap()
}

async fn media(url: &str) -> MediaPlaylist {
    parse_media_playlist_res(text(url).await.as_bytes()).unwrap()
}

/// Times of every frame in order of presentation, decoded from the playlist.
fn times(url: &str, stream: &str) -> Vec<f64> {
    let show = [
        "-select_streams",
        stream,
        "-show_entries",
        "frame=pts_time",
        "-of",
        "csv=p=0",
        url,
    ];
    let text = output("ffprobe", &show);
    let number = |line: &str| line.trim_end_matches(',').parse().unwrap();
    text.lines().filter(|l| !l.is_empty()).map(number).collect()
}

fn rungs(master: &MasterPlaylist) -> impl Iterator<Item = &VariantStream> {
    master.variants.iter().filter(|variant| !variant.is_i_frame)
}

/// Each range of a list of I-frames is, behind the init segment, one picture that needs no other.
async fn every_iframe_stands_alone(url: &str, master: &MasterPlaylist, plan: &Plan) {
    let lists = master.variants.iter().filter(|variant| variant.is_i_frame);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("iframe.mp4");
    let mut seen = 0;
    for variant in lists {
        let list = media(&url.replace("master.m3u8", &variant.uri)).await;
        assert_eq!(list.segments.len(), plan.grid.segments as usize);
        let mut init = Vec::new();
        for segment in &list.segments {
            if let Some(map) = &segment.map {
                init = part(&url.replace("master.m3u8", &map.uri), None).await;
            }
            let range = segment.byte_range.as_ref().unwrap();
            let head = part(
                &url.replace("master.m3u8", &segment.uri),
                Some(range.length),
            )
            .await;
            std::fs::write(&file, [init.clone(), head].concat()).unwrap();
            let show = ["-show_entries", "frame=pict_type", "-of", "csv=p=0"];
            let frames = output("ffprobe", &[&show[..], &[file.to_str().unwrap()]].concat());
            assert_eq!(frames.trim_end_matches([',', '\n']), "I", "{}", segment.uri);
            seen += 1;
        }
    }
    assert_eq!(seen, 4 * plan.grid.segments);
}

/// The first bytes of a file, or all.
async fn part(url: &str, bytes: Option<u64>) -> Vec<u8> {
    let request = reqwest::Client::new().get(url);
    let request = match bytes {
        Some(bytes) => request.header("range", format!("bytes=0-{}", bytes - 1)),
        None => request,
    };
    let response = request.send().await.unwrap();
    assert!(response.status().is_success());
    response.bytes().await.unwrap().to_vec()
}

/// Every rung has each frame once, one frame length apart, over all seams.
fn every_rung_has_every_frame(url: &str, master: &MasterPlaylist) {
    assert_eq!(rungs(master).count(), 4);
    for variant in rungs(master) {
        let times = times(&url.replace("master.m3u8", &variant.uri), "v");
        assert_eq!(times.len(), FRAMES, "{}", variant.uri);
        // FFmpeg 5.1 learns from the second fragment by how much B-frames are ahead and moves what
        // follows; the first I-frame has a fragment of its own and keeps its time.
        assert!(times[0] < times[1]);
        for (number, time) in times.iter().enumerate().skip(1) {
            let expected = times[1] + (number - 1) as f64 * FRAME;
            let uri = &variant.uri;
            assert!((time - expected).abs() < 1e-4, "{uri} {number}: {time}");
        }
    }
}

/// As many as the plan presents and one of priming in front, without gap or overlap.
fn every_audio_frame_follows_the_last(times: &[f64], plan: &Plan) {
    const SAMPLES: u64 = 1_024;
    let audio = plan.tracks.last().unwrap();
    let presented = audio.starts.last().unwrap().div_ceil(SAMPLES);
    assert_eq!(times.len() as u64, presented + 1);
    let frame = SAMPLES as f64 / f64::from(audio.timescale);
    let over = presented as f64 * frame - FRAMES as f64 * FRAME;
    assert!(
        (0.0..frame).contains(&over),
        "{over} s longer than the picture"
    );
    for (number, time) in times.iter().enumerate() {
        let expected = times[0] + number as f64 * frame;
        assert!((time - expected).abs() < 1e-4, "frame {number}: {time}");
    }
}

/// Every EXTINF is the plan's length of the segment, and they add up.
async fn every_length_is_true(url: &str, plan: &Plan) {
    for track in &plan.tracks {
        let list = media(&url.replace("master.m3u8", &format!("{}.m3u8", track.id))).await;
        assert!(list.end_list);
        assert_eq!(list.segments.len(), track.starts.len() - 1);
        for (segment, bounds) in list.segments.iter().zip(track.starts.windows(2)) {
            let length = (bounds[1] - bounds[0]) as f64 / f64::from(track.timescale);
            let said = f64::from(segment.duration);
            assert!(
                (said - length).abs() < 2e-6,
                "{} {said} {length}",
                segment.uri
            );
            assert!(said.round() as u64 <= list.target_duration);
        }
    }
}

/// What is measured is not above what the encoder was told, audio included.
fn rates_are_measured(master: &MasterPlaylist, plan: &Plan) {
    let caps = plan.tracks.iter().filter_map(|track| match track.media {
        Media::Video { max_kbps, .. } => Some(u64::from(max_kbps) * 1_000),
        Media::Audio { .. } => None,
    });
    for (variant, cap) in rungs(master).zip(caps) {
        let average = variant.average_bandwidth.unwrap();
        assert!(average <= variant.bandwidth, "{}", variant.uri);
        assert!(
            variant.bandwidth <= (cap + 128_000) * 11 / 10,
            "{}",
            variant.uri
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_plays_every_rung_to_the_end_in_ffmpeg() {
    let (plan, files) = tokio::task::spawn_blocking(|| engine::output(None))
        .await
        .unwrap();
    let gate = Gate::with(&plan, &files).await;
    let url = gate.playback().await;
    let master = master(&url).await;
    every_rung_has_every_frame(&url, &master);
    every_length_is_true(&url, &plan).await;
    rates_are_measured(&master, &plan);
    every_iframe_stands_alone(&url, &master, &plan).await;

    // All rungs and the audio at once, decoded to the end.
    output(
        "ffmpeg",
        &[
            "-nostdin", "-xerror", "-i", &url, "-map", "0", "-f", "null", "-",
        ],
    );

    every_audio_frame_follows_the_last(&times(&url, "a:0"), &plan);

    // DASH counts the same segments.
    let manifest = url.replace("master.m3u8", "manifest.mpd");
    output(
        "ffmpeg",
        &[
            "-nostdin", "-xerror", "-i", &manifest, "-map", "0", "-f", "null", "-",
        ],
    );
    for rung in 0..rungs(&master).count() {
        let times = times(&manifest, &format!("v:{rung}"));
        assert_eq!(times.len(), FRAMES, "rung {rung} of the manifest");
    }

    let forged = url.replacen("/v/", "/v/x", 1);
    assert_eq!(reqwest::get(&forged).await.unwrap().status(), 401);
}
