//! Writes the CRDs as YAML, their reference pages as Markdown, and the chart's templates:
//! `crdgen YAML_FOLDER REFERENCE_FOLDER TEMPLATES_FOLDER`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use streamgate_crds::{definitions, reference};

fn main() -> ExitCode {
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [yaml, pages, templates] = folders.as_slice() else {
        eprintln!("usage: crdgen YAML_FOLDER REFERENCE_FOLDER TEMPLATES_FOLDER");
        return ExitCode::from(2);
    };
    match write(yaml, pages, templates) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crdgen: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(yaml: &Path, pages: &Path, templates: &Path) -> Result<(), Box<dyn Error>> {
    for (file, crd) in definitions::all() {
        let text = definitions::yaml(&crd)?;
        let template = templates.join(format!("crd-{file}"));
        std::fs::write(template, definitions::template(&text))?;
        std::fs::write(yaml.join(file), text)?;
        let page = Path::new(file).with_extension("md");
        std::fs::write(pages.join(page), reference::page(&crd)?)?;
    }
    Ok(())
}
