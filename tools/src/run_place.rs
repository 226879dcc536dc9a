//! Where a run's kill switch, audit trail and configuration are, whether or not it runs.

use std::path::{Path, PathBuf};

use crate::cli::FileArgs;
use crate::exit::{Exit, Failure};
use crate::instance::{self, View, resolve};
use crate::siblings;

/// A run, by its segments or by its file.
pub(crate) struct Place {
    /// Its name.
    pub(crate) instance: String,
    /// Its status segment, of a living or a dead trader.
    pub(crate) view: Option<View>,
    /// Its configuration, if it is known.
    pub(crate) config: Option<PathBuf>,
    latch: Option<PathBuf>,
}

/// The file that arguments name.
///
/// # Errors
/// There is no such environment.
pub(crate) fn named_file(args: &FileArgs) -> Result<Option<PathBuf>, Failure> {
    match (&args.config, &args.environment) {
        (Some(config), _) => Ok(Some(config.clone())),
        (None, Some(name)) => siblings::config_file(name).map(Some),
        (None, None) => Ok(None),
    }
}

/// Reads a configuration as guard does.
///
/// # Errors
/// Its mistakes.
pub(crate) fn load(path: &Path) -> Result<guard::config::Config, Failure> {
    guard::config::load(path).map_err(|mistakes| {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Failure::new(Exit::Config, lines.join("\n"), "correct the file, then try again")
    })
}

impl Place {
    /// The run a command is about: of the file if one is named, else of the segments.
    ///
    /// # Errors
    /// No such run, or a file with mistakes.
    pub(crate) fn find(instance: Option<&str>, file: &FileArgs) -> Result<Self, Failure> {
        if let Some(path) = named_file(file)? {
            let config = load(&path)?;
            let latch = Some(config.kill.latch());
            let name = config.instance;
            if let Some(other) = instance.filter(|other| *other != name) {
                return Err(Failure::new(
                    Exit::Usage,
                    format!("{} is of instance `{name}`, not `{other}`", path.display()),
                    "name the run or its file, or both of one",
                ));
            }
            let view = View::open(&name).ok();
            return Ok(Self { instance: name, view, config: Some(path), latch });
        }
        let name = resolve(instance).map_err(|failure| match failure.exit {
            Exit::NoInstance => Failure::new(
                failure.exit,
                failure.what,
                "with nothing running, name its file: --config FILE or --env NAME",
            ),
            _ => failure,
        })?;
        Ok(Self::of_view(View::open(&name)?))
    }

    /// Of a run's segment.
    pub(crate) fn of_view(view: View) -> Self {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        let (config, latch) = (path(view.info.config.as_str()), path(view.info.latch.as_str()));
        Self { instance: view.instance.clone(), view: Some(view), config, latch }
    }

    /// The latch file.
    ///
    /// # Errors
    /// Nobody told where it is.
    pub(crate) fn latch(&self) -> Result<PathBuf, Failure> {
        if let Some(latch) = &self.latch {
            return Ok(latch.clone());
        }
        Err(Failure::new(
            Exit::Config,
            format!("{}: its segment does not tell where the latch is", self.instance),
            "name the configuration: --config FILE",
        ))
    }

    /// Whether its trader lives.
    pub(crate) fn is_live(&self) -> bool {
        instance::is_live(&self.instance)
    }

    /// Opens the segment again if the trader made it anew.
    pub(crate) fn refresh(&mut self) {
        if self.view.as_ref().is_none_or(View::is_stale)
            && let Ok(view) = View::open(&self.instance)
        {
            self.view = Some(view);
        }
    }

    /// The newest status.
    pub(crate) fn status(&self) -> Option<schema::Status> {
        self.view.as_ref().and_then(View::status)
    }
}
