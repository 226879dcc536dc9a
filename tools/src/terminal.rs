//! The terminal as a canvas: raw mode, alternate screen, keys; put back whatever happens.

use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;

use crate::exit::{Exit, Failure};
use crate::live::Live;
use crate::screen::{self, Frame};

/// What a key or the terminal itself asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// q, Escape, Ctrl-C.
    End,
    /// s: the next symbols.
    Symbols,
    /// The terminal has another size.
    Resized,
}

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
        self.draw_with(|area, buffer| screen::draw(area, buffer, live, frame))
    }

    /// Draws what is given.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn draw_with(&mut self, draw: impl Fn(Rect, &mut Buffer)) -> Result<(), Failure> {
        let drawn = self.0.draw(|target| draw(target.area(), target.buffer_mut())).map(|_| ());
        drawn.map_err(|error| {
            Failure::new(Exit::Unavailable, format!("the terminal: {error}"), "use --plain")
        })
    }

    /// Whether a key asked to end, since the last look.
    pub(crate) fn is_end_asked(&self) -> bool {
        while event::poll(Duration::ZERO).unwrap_or(false) {
            if event::read().is_ok_and(|event| asked(&event) == Some(Key::End)) {
                return true;
            }
        }
        false
    }

    /// What is asked next, waiting for it; a terminal that cannot be asked any more is the end.
    pub(crate) fn key(&self, wait: Duration) -> Option<Key> {
        match event::poll(wait) {
            Ok(true) => event::read().map_or(Some(Key::End), |event| asked(&event)),
            Ok(false) => None,
            Err(_) => Some(Key::End),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn asked(event: &Event) -> Option<Key> {
    let key = match event {
        Event::Key(key) if key.kind == KeyEventKind::Press => key,
        Event::Resize(..) => return Some(Key::Resized),
        _ => return None,
    };
    let is_ctrl_c = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        _ if is_ctrl_c => Some(Key::End),
        KeyCode::Char('q') | KeyCode::Esc => Some(Key::End),
        KeyCode::Char('s') => Some(Key::Symbols),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::crossterm::event::KeyEvent;

    #[test]
    fn q_escape_and_control_c_end_and_others_do_not() {
        let key = |code, modifiers| asked(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Key::End));
        assert_eq!(key(KeyCode::Esc, KeyModifiers::NONE), Some(Key::End));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::End));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
        assert_eq!(key(KeyCode::Char('s'), KeyModifiers::NONE), Some(Key::Symbols));
        assert_eq!(asked(&Event::Resize(80, 24)), Some(Key::Resized));
    }
}
