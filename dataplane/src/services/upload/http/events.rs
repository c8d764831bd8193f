//! News of an upload as server-sent events (WHATWG HTML, 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::headers::parse_id;
use super::{Service, render};
use crate::error::Problem;
use crate::extract::Named;
use crate::layers::authenticate::Caller;
use crate::services::upload::events::News;

/// A comment after so long without news keeps proxies from closing the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// One answer tells news for so long; whoever wants more asks again, as browsers do by themselves.
const LONGEST: Duration = Duration::from_secs(60);

/// News of one upload.
pub async fn events(
    State(service): Service,
    caller: Caller,
    Named(id): Named<String>,
) -> Result<Response, Problem> {
    let who = caller.signed_in()?;
    let news = service.news(who, parse_id(&id)?).await?;
    let news = news.take_until(tokio::time::sleep(LONGEST));
    let events = news.map(|news| Ok::<_, Infallible>(event(&news)));
    let alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

fn event(news: &News) -> Event {
    let (name, status) = match news {
        News::Progress(status) => ("progress", Some(status)),
        News::Complete(status) => ("complete", Some(status)),
        News::Gone => ("gone", None),
    };
    let shown = status.map(|status| render::shown(status));
    // Plain values, which always have a text.
    let text = serde_json::to_string(&shown).unwrap_or_default();
    Event::default().event(name).data(text)
}
