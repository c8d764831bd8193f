//! Writes the CRDs as YAML into the folder given as the only argument.

use std::path::PathBuf;
use std::process::ExitCode;

use streamgate_crds::definitions;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: crdgen FOLDER");
        return ExitCode::from(2);
    };
    for (file, crd) in definitions::all() {
        let written = definitions::yaml(&crd)
            .map_err(|e| e.to_string())
            .and_then(|text| std::fs::write(folder.join(file), text).map_err(|e| e.to_string()));
        if let Err(error) = written {
            eprintln!("crdgen: {file}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
