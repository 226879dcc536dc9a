//! A refused request: HTTP status, the venue's code and its message.

use std::borrow::Cow;

/// Answered as `{"code":-1121,"msg":"Invalid symbol."}` or as the `error` of a WebSocket answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) http: u16,
    /// The venue's code.
    pub(crate) code: i32,
    /// The venue's message.
    pub(crate) msg: Cow<'static, str>,
    /// Seconds until a limit's window or a ban ends, for `Retry-After`.
    pub(crate) retry_after_s: Option<u32>,
}

impl Refusal {
    /// An answer with status 400.
    pub(crate) fn bad(code: i32, msg: impl Into<Cow<'static, str>>) -> Self {
        Self { http: 400, code, msg: msg.into(), retry_after_s: None }
    }
    /// An answer with status 401.
    pub(crate) fn unauthorized(code: i32, msg: &'static str) -> Self {
        Self { http: 401, code, msg: msg.into(), retry_after_s: None }
    }
    /// A mandatory parameter that is missing, empty or not of its type.
    pub(crate) fn missing(name: &str) -> Self {
        Self::bad(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }
    /// A symbol the venue does not list.
    pub(crate) fn invalid_symbol() -> Self {
        Self::bad(-1121, "Invalid symbol.")
    }
    /// What the local venue does not do.
    pub(crate) fn unsupported(what: &str) -> Self {
        Self::bad(-4120, format!("{what} is not supported by the local venue."))
    }
    /// The core does not answer: it is overloaded or gone.
    pub(crate) fn unavailable() -> Self {
        Self { http: 503, code: -1001, msg: "Service Unavailable.".into(), retry_after_s: None }
    }
    /// The body.
    pub(crate) fn body(&self) -> String {
        serde_json::json!({ "code": self.code, "msg": self.msg }).to_string()
    }
}
