//! Arguments of `shrike top`.

use clap::Args;

pub(super) const TOP: &str = "\
Shows a run as it is, five times a second: state and everything that keeps it from adding risk, \
links and connections, books, orders, positions, P&L, the use of each limit, latency, guard's \
numbers and the alerts that are on, the processes and their builds. It looks only: no key of it \
sends a command. 80x24 is enough; a larger terminal shows more.

q quits, s shows the next symbols.

Examples:
  shrike top
  shrike top --instance paper
  shrike top --once                        one frame as text, for a log or a mail";

/// `shrike top`.
#[derive(Debug, Args)]
pub(crate) struct TopArgs {
    /// Which run; only needed when several are live
    #[arg(long, value_name = "NAME")]
    pub(crate) instance: Option<String>,
    /// Print one frame as text
    #[arg(long)]
    pub(crate) once: bool,
    /// Size of that frame [default: 140x45]
    #[arg(long, requires = "once", value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub(crate) size: Option<(u16, u16)>,
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let parts = text.split_once('x').and_then(|(width, height)| {
        let in_range = |size: &u16| (10..=500).contains(size);
        let part = |text: &str| text.parse::<u16>().ok().filter(in_range);
        Some((part(width)?, part(height)?))
    });
    parts.ok_or_else(|| "write it as 140x45, 10 to 500 each".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_two_numbers() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        for bad in ["80", "80x", "x24", "9x24", "80x501", "axb"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
