//! Lists of the monitor, page by page, and the making of silences.

use std::sync::Arc;

use streamgate_crds::alert_policy::{AlertState, Severity};

use super::Monitor;
use super::silences::{InvalidSilence, checked};
use super::view::{Active, Seen};
use crate::ports::catalog::CatalogError;
use crate::ports::catalog::alarms::{AlertChange, ChangesOf, Silence};
use crate::ports::clock::UnixSeconds;
use crate::services::metadata::cursor::InvalidCursor;

/// Silences at most.
const MAX_SILENCES: u32 = 1_000;
/// Seconds for which a silence that ended is still listed.
const LISTED: UnixSeconds = 86_400;

/// Why a list is not given.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The cursor is none of this list.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Why a silence is not made or removed.
#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    /// It is not one.
    #[error(transparent)]
    Invalid(#[from] InvalidSilence),
    /// There are as many as there may be.
    #[error("there are {MAX_SILENCES} silences; remove some")]
    TooMany,
    /// There is no such one.
    #[error("there is no silence of this name")]
    None,
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Which alerts are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertsOf {
    /// In this state.
    pub state: Option<AlertState>,
    /// As bad as this.
    pub severity: Option<Severity>,
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this policy.
    pub policy: Option<String>,
    /// Silenced or not.
    pub silenced: Option<bool>,
}

impl AlertsOf {
    fn takes(&self, alert: &Active) -> bool {
        self.state.is_none_or(|state| state == alert.state)
            && self.severity.is_none_or(|bad| bad == alert.severity)
            && self.rule.as_ref().is_none_or(|rule| *rule == alert.rule)
            && self.policy.as_ref().is_none_or(|p| *p == alert.policy)
            && self
                .silenced
                .is_none_or(|silenced| silenced != alert.silenced_by.is_empty())
    }
}

/// A page of a list.
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Cursor of the page behind it, if there is one.
    pub next: Option<String>,
}

/// Place of an alert: those that changed last first, and among them by identifier.
fn place(alert: &Active) -> (i64, i64) {
    (-alert.since, alert.id.cast_signed())
}

impl Monitor {
    /// Now.
    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// Now, in milliseconds.
    pub fn now_milliseconds(&self) -> i64 {
        self.clock.now_milliseconds()
    }

    /// Every policy as it was evaluated last.
    pub fn policies_seen(&self) -> Vec<Arc<Seen>> {
        self.view.policies()
    }

    /// Alerts that are pending or fire, those that changed last first.
    ///
    /// # Errors
    /// When the cursor is none of this list.
    pub fn alerts(
        &self,
        of: &AlertsOf,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Active>, ListError> {
        let list = format!("alerts {of:?}");
        let numbers = cursor.map(|cursor| self.cursor_key.read(&list, cursor));
        let after = match numbers.transpose()?.as_deref() {
            Some(&[since, id]) => Some((since, id)),
            _ => None,
        };
        let silences = self.silences.holding(self.clock.now());
        let policies = self.view.policies();
        let alerts = policies.iter().flat_map(|seen| seen.all_alerts(&silences));
        let alerts = alerts.filter(|a| of.takes(a) && after.is_none_or(|after| place(a) > after));
        let mut items: Vec<Active> = alerts.collect();
        items.sort_by_key(place);
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more).map(place);
        let next = last.map(|(since, id)| self.cursor_key.sign(&list, &[since, id]));
        Ok(Page { items, next })
    }

    /// When alerts began and ended to fire, the newest first.
    ///
    /// # Errors
    /// When the cursor is none of this list, or the catalog fails.
    pub async fn past(
        &self,
        mut of: ChangesOf,
        cursor: Option<&str>,
    ) -> Result<Page<AlertChange>, ListError> {
        let list = format!("past {} {:?} {:?}", of.severity, of.rule, of.policy);
        let numbers = cursor.map(|cursor| self.cursor_key.read(&list, cursor));
        of.before = numbers.transpose()?.and_then(|n| n.first().copied());
        let limit = of.limit;
        // One more than is shown: is there another page?
        of.limit = limit.saturating_add(1);
        let mut items = self.alarms.changes(&of).await?;
        let more = items.len() > limit as usize;
        items.truncate(limit as usize);
        let last = items.last().filter(|_| more).map(|change| change.place);
        let next = last.map(|place| self.cursor_key.sign(&list, &[place]));
        Ok(Page { items, next })
    }

    /// Every silence, the newest first.
    ///
    /// # Errors
    /// When the catalog fails.
    pub async fn all_silences(&self) -> Result<Vec<Silence>, CatalogError> {
        self.alarms.silences().await
    }

    /// Makes a silence; it holds when this returns. One that begins in the past begins now.
    ///
    /// # Errors
    /// When it is not valid, there are too many, or the catalog fails.
    pub async fn silence(&self, wish: Silence) -> Result<Silence, SilenceError> {
        let now = self.clock.now();
        let silence = Silence {
            id: hex::encode(rand::random::<[u8; 16]>()),
            starts_at: wish.starts_at.max(now),
            created_at: now,
            ..wish
        };
        let silence = checked(silence, now)?.silence;
        self.alarms.forget_silences(now - LISTED).await?;
        if !self.alarms.add_silence(&silence, MAX_SILENCES).await? {
            return Err(SilenceError::TooMany);
        }
        self.learn_silences().await?;
        Ok(silence)
    }

    /// Removes a silence; it holds no more when this returns.
    ///
    /// # Errors
    /// When there is no such one, or the catalog fails.
    pub async fn unsilence(&self, id: &str) -> Result<(), SilenceError> {
        if !self.alarms.delete_silence(id).await? {
            return Err(SilenceError::None);
        }
        self.learn_silences().await?;
        Ok(())
    }
}
