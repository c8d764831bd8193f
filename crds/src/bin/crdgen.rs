//! Writes the CRDs as YAML and their reference pages as Markdown:
//! `crdgen YAML_FOLDER REFERENCE_FOLDER`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use streamgate_crds::{definitions, reference};

fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [yaml, pages] = folders.as_slice() else {
        eprintln!("usage: crdgen YAML_FOLDER REFERENCE_FOLDER");
        return ExitCode::from(2);
    };
    match write(yaml, pages) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crdgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(yaml: &Path, pages: &Path) -> Result<(), Box<dyn Error>> {
    for (file, crd) in definitions::all() {
        std::fs::write(yaml.join(file), definitions::yaml(&crd)?)?;
        let page = Path::new(file).with_extension("md");
        std::fs::write(pages.join(page), reference::page(&crd)?)?;
    }
    Ok(())
}
