//! The terminal as a canvas: raw mode, alternate screen, keys; put back whatever happens.

use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::exit::{Exit, Failure};
use crate::live::Live;
use crate::screen::{self, Frame};

/// A terminal in raw mode; restored when dropped (and by a hook when the program panics).
pub(crate) struct Terminal(DefaultTerminal);

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It refuses raw mode.
    pub(crate) fn take() -> Result<Self, Failure> {
        ratatui::try_init().map(Self).map_err(|error| {
            Failure::new(Exit::Unavailable, format!("the terminal: {error}"), "use --plain")
        })
    }

    /// Draws the screen.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn draw(&mut self, live: &Live, frame: &Frame) -> Result<(), Failure> {
        let drawn = self
            .0
            .draw(|target| screen::draw(target.area(), target.buffer_mut(), live, frame))
            .map(|_| ());
        drawn.map_err(|error| {
            Failure::new(Exit::Unavailable, format!("the terminal: {error}"), "use --plain")
        })
    }

    /// Whether a key asked to end, since the last look.
    pub(crate) fn is_end_asked(&self) -> bool {
        while event::poll(Duration::ZERO).unwrap_or(false) {
            if event::read().is_ok_and(|event| ends(&event)) {
                return true;
            }
        }
        false
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn ends(event: &Event) -> bool {
    let Event::Key(key) = event else { return false };
    if key.kind != KeyEventKind::Press {
        return false;
    }
    let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    is_ctrl_c || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyEvent;

    #[test]
    fn q_escape_and_control_c_end_and_others_do_not() {
        let key = |code, modifiers| Event::Key(KeyEvent::new(code, modifiers));
        assert!(ends(&key(KeyCode::Char('q'), KeyModifiers::NONE)));
        assert!(ends(&key(KeyCode::Esc, KeyModifiers::NONE)));
        assert!(ends(&key(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert!(!ends(&key(KeyCode::Char('c'), KeyModifiers::NONE)));
        assert!(!ends(&Event::Resize(80, 24)));
    }
}
