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

/// What the top rung is made of stays as it is, byte for byte.
fn top_is_the_same(all: &Files, fitted: &Files) {
    let top = |files: &Files| -> Vec<Vec<u8>> {
        let top = files.iter().filter(|(name, _)| name.starts_with("v720-"));
        top.map(|(_, bytes)| bytes.clone()).collect()
    };
    assert!(top(all).len() > 1);
    assert!(top(all) == top(fitted), "the top rung differs");
}

#[test]
fn a_lecture_goes_through_the_slowest_line_whole() {
    let (_, all) = made("lecture.mp4", Ladder::Fixed);
    let (plan, files) = made("lecture.mp4", Ladder::Auto);
    assert_eq!(pictures(&plan), ["v720"]);
    top_is_the_same(&all, &files);
}

#[test]
fn sharp_footage_that_moves_keeps_every_rung() {
    let (plan, _) = made("busy.mp4", Ladder::Auto);
    assert_eq!(pictures(&plan), ["v720", "v540", "v360", "v240"]);
}
