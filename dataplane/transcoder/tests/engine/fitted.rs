//! Ladders fitted to their source: what looks alike is left out, what stays keeps its settings.

use streamgate_contract::job_files::Order;
use streamgate_contract::plan::Plan;
use streamgate_contract::renditions::{GridSettings, Ladder};

use crate::pod::{Files, footage, plan_order, whole_output_of};

fn made(name: &str, ladder: Ladder) -> (Plan, Files) {
    let mut order = plan_order(GridSettings::default());
    if let Order::Plan { request, .. } = &mut order {
        request.ladder = ladder;
    }
    whole_output_of(&order, &footage(name))
}

fn pictures(plan: &Plan) -> Vec<&str> {
    let tracks = plan.tracks.iter().map(|track| track.id.as_str());
    tracks.filter(|id| id.starts_with('v')).collect()
}

#[test]
fn enlarged_footage_needs_fewer_rungs() {
    let (fixed, all) = made("enlarged.mp4", Ladder::Fixed);
    assert_eq!(pictures(&fixed), ["v720", "v540", "v360", "v240"]);
    let (fitted, files) = made("enlarged.mp4", Ladder::Auto);
    assert_eq!(pictures(&fitted), ["v720", "v360", "v240"]);
    // 240 lines come out of 540 there and out of 720 here.
    let same = |name: &str| name.starts_with("v720-") || name.starts_with("v360-");
    let kept: Vec<_> = files.iter().filter(|(name, _)| same(name)).collect();
    assert_eq!(kept.len(), 4);
    for (name, bytes) in kept {
        assert!(
            all[name] == *bytes,
            "{name} differs from that of a fixed ladder"
        );
    }
}

#[test]
fn a_lecture_goes_through_the_slowest_line_whole() {
    let (plan, _) = made("lecture.mp4", Ladder::Auto);
    assert_eq!(pictures(&plan), ["v720"]);
}

#[test]
fn sharp_footage_keeps_every_rung() {
    let (plan, _) = made("edit-list.mp4", Ladder::Auto);
    assert_eq!(pictures(&plan), ["v720", "v540", "v360", "v240"]);
}
