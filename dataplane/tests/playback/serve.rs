//! The same gate for players that a test cannot hold: it serves until its standard input ends.

use std::io::{BufRead, Write};

use serde_json::{Value, json};
use streamgate_contract::encryption::{ContentKey, Hex16, Protection};

use super::engine;
use super::gate::Gate;

fn say(line: &Value) {
    println!("{line}");
    std::io::stdout().flush().unwrap();
}

/// What the first line says: `clear` or the name of a scheme.
fn protection(line: &str) -> Option<Protection> {
    let scheme = serde_json::from_value(line.into()).ok()?;
    let key = ContentKey {
        id: Hex16::new(rand::random()),
        key: Hex16::new(rand::random()),
    };
    Some(Protection { scheme, key })
}

/// Reads how the output is encrypted, then commands, one a line: `whole` commits everything and closes the output, `grow` commits the
/// next segment of every track and closes after the last, `play` answers the URL of a new handle, `end` ends every session that has one.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "serves until standard input ends; the claims on players start it"]
async fn serves_until_standard_input_ends() {
    let mut lines = std::io::stdin().lock().lines().map_while(Result::ok);
    let protection = protection(&lines.next().unwrap());
    let output = tokio::task::spawn_blocking(move || engine::output(protection)).await;
    let (plan, files) = output.unwrap();
    let gate = Gate::planned(&plan, &files, protection).await;
    say(&json!({"segments": plan.grid.segments, "tracks": plan.tracks, "text": plan.text}));
    let mut committed = 0;
    for command in lines {
        let until = match command.as_str() {
            "whole" => plan.grid.segments,
            "grow" => committed + 1,
            _ => committed,
        };
        while committed < until.min(plan.grid.segments) {
            gate.commit(committed, &files).await;
            committed += 1;
            if committed == plan.grid.segments {
                gate.publish().await;
            }
        }
        match command.as_str() {
            "end" => {
                gate.end().await;
                say(&json!({"ended": true}));
            }
            "play" => say(&json!({"url": gate.playback().await})),
            _ => say(&json!({"committed": committed})),
        }
    }
}
