//! What integration tests share: the repository's root and a real control plane of their own.

pub mod kubelet;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use kube::config::{KubeConfigOptions, Kubeconfig};

/// The repository's root folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// A real etcd, kube-apiserver and kube-controller-manager on loopback, ended on drop.
pub struct ControlPlane {
    folder: tempfile::TempDir,
    kubeconfig: PathBuf,
}

impl ControlPlane {
    /// Starts one; takes about 5 seconds.
    ///
    /// # Errors
    /// When the tools are not built (`make tools` does that) or a program does not come up.
    pub fn start() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("streamgate-cp-")
            .tempdir()?;
        let out = cluster("up", folder.path())?;
        let last = out
            .lines()
            .last()
            .context("`cluster control-plane up` printed no path")?;
        Ok(Self {
            kubeconfig: PathBuf::from(last),
            folder,
        })
    }

    /// An administrator's client of it.
    ///
    /// # Errors
    /// When the kubeconfig cannot be read.
    pub async fn client(&self) -> Result<kube::Client> {
        // A second installation by another test of the same process is harmless.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = Kubeconfig::read_from(&self.kubeconfig)?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        Ok(kube::Client::try_from(config)?)
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        if let Err(error) = cluster("down", self.folder.path()) {
            eprintln!("the control plane did not end: {error:#}");
        }
    }
}

fn cluster(verb: &str, folder: &Path) -> Result<String> {
    let program = root().join("target/tools/bin/cluster");
    let out = Command::new(&program)
        .args(["control-plane", verb, "--dir"])
        .arg(folder)
        .output()
        .with_context(|| format!("run {}; `make tools` builds it", program.display()))?;
    if !out.status.success() {
        bail!(
            "control-plane {verb}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
    }
    Ok(String::from_utf8(out.stdout)?)
}
