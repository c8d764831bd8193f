//! The report of quality: what the engine says of its rungs FFmpeg says, too.

use streamgate_contract::job_files::{Event, Order};
use streamgate_contract::plan::Media;
use streamgate_contract::quality::TrackQuality;
use streamgate_contract::renditions::{GridSettings, Rendition, VideoCodec};

use crate::judge::{joined, psnr};
use crate::pod::{footage, plan_order, run};

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
    for track in &made.plan().tracks {
        let Media::Video { width, height, .. } = track.media else {
            continue;
        };
        let of_track = told.iter().find(|quality| quality.track == track.id);
        let nearness = of_track.unwrap().nearness;
        assert_eq!(nearness.pictures, 2, "{}", track.id);
        let file = joined(track, &made.files);
        let judged = psnr(&source, "null", file.path(), (width, height));
        let (said, ssim) = (nearness.psnr().unwrap(), nearness.ssim().unwrap());
        assert!((said - judged).abs() < 4.0, "{} {said} {judged}", track.id);
        assert!((0.8..0.9999).contains(&ssim), "{} {ssim}", track.id);
    }
}
