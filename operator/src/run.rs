//! The operator's life: flags, admin listener, leader election, controllers while leading.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use futures::FutureExt;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::admin::{self, Health};
use crate::apply::Applier;
use crate::context::{Context, Settings};
use crate::events::Events;
use crate::lease::{Elector, Tenure};
use crate::metrics::Metrics;
use crate::{alert_policy, streamgate, transcode_job};

/// How long passes that run may take to end after a stop.
const DRAIN: Duration = Duration::from_secs(8);
/// Pause before a leader that had to step down tries again.
const PAUSE: Duration = Duration::from_secs(1);
/// Pause between looks at whether a task has ended.
const LOOK: Duration = Duration::from_millis(50);

/// Command line of the operator.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "streamgate-operator",
    about = "Reconciles StreamGate, TranscodeJob and AlertPolicy."
)]
pub struct Flags {
    /// Repository of the data plane's image, without tag.
    #[arg(long, default_value = "streamgate-dataplane")]
    pub dataplane_image: String,
    /// Repository of the transcoder's image, without tag.
    #[arg(long, default_value = "streamgate-transcoder")]
    pub transcoder_image: String,
    /// When kubelet pulls these images.
    #[arg(long, default_value = "IfNotPresent", value_parser = ["Always", "IfNotPresent", "Never"])]
    pub image_pull_policy: String,
    /// Version, an image tag, of StreamGates that name none.
    #[arg(long, default_value = env!("CARGO_PKG_VERSION"))]
    pub default_version: String,
    /// Namespace of the operator, where its Lease is.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub namespace: String,
    /// The one namespace to look after; all when absent.
    #[arg(long)]
    pub watch_namespace: Option<String>,
    /// Name of this process in the Lease; the host's name when absent.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// Address of /livez, /readyz and /metrics.
    #[arg(long, default_value = "0.0.0.0:9090")]
    pub admin_address: SocketAddr,
}

impl Flags {
    fn settings(&self) -> Settings {
        Settings {
            dataplane_image: self.dataplane_image.clone(),
            transcoder_image: self.transcoder_image.clone(),
            image_pull_policy: self.image_pull_policy.clone(),
            default_version: self.default_version.clone(),
            watch_namespace: self.watch_namespace.clone(),
        }
    }

    /// The name others see in the Lease.
    fn identity(&self) -> anyhow::Result<String> {
        match &self.identity {
            Some(identity) => Ok(identity.clone()),
            None => std::fs::read_to_string("/proc/sys/kernel/hostname")
                .map(|name| name.trim().to_owned())
                .context("the host's name cannot be read: give --identity"),
        }
    }
}

/// Runs the operator of this process until it is told to stop.
///
/// # Errors
/// When the cluster's address or the admin address cannot be had.
pub async fn run(flags: Flags) -> anyhow::Result<()> {
    // A provider that is installed already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::try_default()
        .await
        .context("no cluster: set KUBECONFIG or run in a pod")?;
    operate(flags, client, stopped()).await
}

/// Runs an operator on this client until `stop` ends.
///
/// # Errors
/// When the admin address cannot be had.
pub async fn operate(
    flags: Flags,
    client: Client,
    stop: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let identity = flags.identity()?;
    let (metrics, health, tenure) = (Metrics::new()?, Health::default(), Tenure::default());
    let listener = admin::bind(flags.admin_address)
        .await
        .with_context(|| format!("--admin-address {} cannot be had", flags.admin_address))?;
    let admin = tokio::spawn(admin::serve(listener, health.clone(), metrics.clone()));
    let (events, publishing) = Events::new(client.clone(), &identity);
    let publishing = tokio::spawn(publishing);
    let context = Context {
        client: client.clone(),
        apply: Applier::new(client.clone(), tenure.clone(), events),
        settings: flags.settings(),
        metrics,
    };
    let elector = Elector::new(client, &flags.namespace, identity, tenure, health);
    campaign(elector, context, stop).await;
    // The last way in was dropped with the context: what was handed in is published.
    let _ = timeout(DRAIN, publishing).await;
    admin.abort();
    Ok(())
}

/// Leads whenever it can, until `stop` ends.
async fn campaign(mut elector: Elector, context: Context, stop: impl Future<Output = ()> + Send) {
    let mut stop = Box::pin(stop.fuse());
    loop {
        tokio::select! {
            () = elector.win() => {}
            () = &mut stop => return,
        }
        tracing::info!("leading");
        context.metrics.leader(true);
        let (tell, told) = watch::channel(false);
        let mut controllers = tokio::spawn(controllers(context.clone(), told));
        let stopping = tokio::select! {
            () = elector.hold() => false,
            // They end before they are told to only when one of them broke down.
            _ = wait(&mut controllers) => false,
            () = &mut stop => true,
        };
        if stopping {
            // Renewals go on while passes end: they may still write.
            let _ = tell.send(true);
            tokio::select! {
                _ = timeout(DRAIN, wait(&mut controllers)) => {}
                () = elector.hold() => {}
            }
        }
        end(controllers).await;
        context.metrics.leader(false);
        elector.release().await;
        if stopping {
            return;
        }
        tracing::warn!("not leading any more; standing by");
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits for a task without taking its end away from who asks later.
async fn wait(task: &mut JoinHandle<()>) {
    while !task.is_finished() {
        tokio::time::sleep(LOOK).await;
    }
}

async fn end(controllers: JoinHandle<()>) {
    controllers.abort();
    if let Err(error) = controllers.await
        && error.is_panic()
    {
        tracing::error!(%error, "a controller broke down");
    }
}

/// Every controller, until told to stop.
async fn controllers(context: Context, told: watch::Receiver<bool>) {
    let stop = || {
        let mut told = told.clone();
        // A teller that is gone means the same.
        async move {
            told.wait_for(|stop| *stop)
                .await
                .map(|_| ())
                .unwrap_or_default()
        }
    };
    tokio::join!(
        streamgate::run(context.clone(), stop()),
        transcode_job::run(context.clone(), stop()),
        alert_policy::run(context.clone(), stop()),
    );
}

/// SIGTERM or SIGINT.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(error) => {
                tracing::warn!(%error, "SIGTERM cannot be heard");
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
